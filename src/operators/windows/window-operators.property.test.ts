/**
 * A naive model of windows, and properties that hold all operators to it: random disorder, watermarks, lateness, sizes,
 * slides, offsets, gaps, and a restore at a random place.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OutputTag } from '../../connector/index.ts';
import type { AggregateFunction } from '../../state/index.ts';
import { type HarnessOutput, OperatorHarness } from '../../testing/index.ts';
import type { StreamOperator } from '../operator.ts';
import type { OperatorStateHandles } from '../operator-snapshot.ts';
import { CountEvictor } from './count-evictor.ts';
import { CountTrigger } from './count-trigger.ts';
import { createWindowOperator } from './create-window-operator.ts';
import { GlobalWindows } from './global-windows.ts';
import { PurgingTrigger } from './purging-trigger.ts';
import { SessionWindowOperator } from './session-window-operator.ts';
import { EventTimeSessionWindows } from './session-windows.ts';
import { SliceWindowOperator } from './slice-window-operator.ts';
import { SlidingEventTimeWindows } from './sliding-windows.ts';
import { TumblingEventTimeWindows } from './tumbling-windows.ts';
import type { TimeWindow } from './window.ts';
import type { WindowAssigner } from './window-assigner.ts';
import { internalProcessFunction } from './window-functions.ts';
import type { WindowContents, WindowOperation } from './window-operation.ts';
import { WindowOperator } from './window-operator.ts';

interface Item {
  readonly key: string;
  readonly id: number;
}
type Step = { readonly item: Item; readonly timestamp: number } | { readonly watermark: number };

/** Key, window, ids in order of arrival. */
type Firing = readonly [key: string, start: number, end: number, ids: readonly number[]];

interface ModelRun {
  /** By step: what fires right after it. */
  readonly firings: readonly (readonly Firing[])[];
  readonly late: readonly Item[];
}

interface ModelWindow {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly ids: number[];
}

type WindowsOf = (timestamp: number, item: Item) => readonly (readonly [start: number, end: number])[];

function runModel(steps: readonly Step[], windowsOf: WindowsOf, merges: boolean, latenessMs: number): ModelRun {
  let windows: ModelWindow[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  const late: Item[] = [];
  const firings: Firing[][] = [];
  const firing = ({ key, start, end, ids }: ModelWindow): Firing => [key, start, end, [...ids]];
  for (const step of steps) {
    const fired: Firing[] = [];
    firings.push(fired);
    if ('watermark' in step) {
      const before = watermark;
      watermark = step.watermark;
      const due = windows.filter((w) => w.end - 1 > before && w.end - 1 <= watermark);
      fired.push(...due.sort((a, b) => a.end - b.end).map(firing));
      windows = windows.filter((w) => w.end - 1 + latenessMs > watermark);
      continue;
    }
    const { key, id } = step.item;
    let taken = false;
    for (const [start, end] of windowsOf(step.timestamp, step.item)) {
      const isPart = (w: ModelWindow): boolean =>
        w.key === key && (merges ? w.start <= end && w.end >= start : w.start === start && w.end === end);
      const parts = windows.filter(isPart);
      const merged: ModelWindow = {
        key,
        start: Math.min(start, ...parts.map((w) => w.start)),
        end: Math.max(end, ...parts.map((w) => w.end)),
        ids: [...parts.flatMap((w) => w.ids), id],
      };
      if (merged.end - 1 + latenessMs <= watermark) continue;
      taken = true;
      windows = [...windows.filter((w) => !isPart(w)), merged];
      if (merged.end - 1 <= watermark) fired.push(firing(merged));
    }
    if (!taken) late.push(step.item);
  }
  return { firings, late };
}

/** Changes and returns what it gets, in every way that it may. */
const spoiling: AggregateFunction<Item, { ids: number[] }, readonly number[]> = {
  createAccumulator: () => ({ ids: [] }),
  add(item, accumulator) {
    accumulator.ids.push(item.id);
    return accumulator;
  },
  merge(a, b) {
    if (a.ids.length > b.ids.length) {
      a.ids.push(...b.ids);
      b.ids.length = 0;
      return a;
    }
    b.ids.unshift(...a.ids);
    a.ids.length = 0;
    return b;
  },
  getResult(accumulator) {
    const { ids } = accumulator;
    accumulator.ids = [];
    return ids;
  },
};

const AGGREGATE: WindowContents = { kind: 'AGGREGATE', aggregateFunction: spoiling };
const ELEMENTS: WindowContents = { kind: 'ELEMENTS' };
const LATE = new OutputTag<Item>('late');

const emitFiring = internalProcessFunction(
  (key: string, { window }: { window: TimeWindow }, elements: readonly any[], out: { collect(value: Firing): void }) => {
    const ids = 'id' in elements[0] ? elements.map((item: Item) => item.id) : elements[0];
    out.collect([key, window.start, window.end, ids]);
  },
);

/** In an order that does not depend on the order of keys. */
const sorted = (firings: readonly Firing[]): readonly unknown[] =>
  [...firings]
    .map(([key, start, end, ids]) => [key, start, end, [...ids].sort((a, b) => a - b)])
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

async function runOperator(steps: readonly Step[], create: () => StreamOperator, restoreAt: number): Promise<ModelRun> {
  const definition = { create, keySelectors: [(item: Item) => item.key] };
  const open = (restored?: readonly OperatorStateHandles[]) =>
    OperatorHarness.open<Item, Firing>(definition, { sideOutputs: [LATE], ...(restored ? { restored } : {}) });
  let harness = await open();
  const firings: Firing[][] = [];
  const late: Item[] = [];
  for (const [i, step] of steps.entries()) {
    if ('watermark' in step) harness.processWatermark(step.watermark);
    else harness.processElement(step.item, step.timestamp);
    firings.push(harness.takeOutput().flatMap(timestampedFiring));
    late.push(...harness.takeSideOutput(LATE).map((record) => record.value));
    if (i === restoreAt) {
      const snapshot = [await harness.snapshot()];
      await harness.close();
      harness = await open(snapshot);
    } else if (i === restoreAt + 1) {
      // The state of a snapshot that is not restored must not come back.
      await harness.snapshot();
    }
  }
  await harness.finish();
  assert.deepEqual(harness.stateLeft(), { entries: {}, eventTimers: 0, processingTimers: 0 });
  await harness.close();
  return { firings, late };
}

function timestampedFiring(output: HarnessOutput<Firing>): Firing[] {
  if (!('value' in output)) return [];
  assert.equal(output.timestamp, output.value[2] - 1);
  return [output.value];
}

/** Records around a watermark that moves on, and at the end the watermark that closes all. */
const stepsArbitrary: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c'), lag: fc.integer({ min: -30, max: 45 }) }) },
      { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 0, max: 25 }) }) },
      { weight: 1, arbitrary: fc.record({ advance: fc.integer({ min: 30, max: 400 }) }) },
    ),
    { maxLength: 60, size: 'max' },
  )
  .map((moves) => {
    let now = -60;
    let started = false;
    let id = 0;
    const steps: Step[] = [];
    for (const move of moves) {
      if ('advance' in move) {
        now += move.advance;
        started = true;
        steps.push({ watermark: now });
      } else steps.push({ item: { key: move.key, id: id++ }, timestamp: now + (started ? 0 : 60) - move.lag + 15 });
    }
    return [...steps, { watermark: Number.POSITIVE_INFINITY }];
  });

const latenessArbitrary = fc.constantFrom(0, 0, 7, 40);

async function check(
  steps: readonly Step[],
  operation: WindowOperation,
  model: ModelRun,
  create: (operation: WindowOperation) => StreamOperator,
  restoreAt: number,
): Promise<void> {
  const run = await runOperator(steps, () => create(operation), restoreAt);
  assert.deepEqual(run.firings.map(sorted), model.firings.map(sorted));
  assert.deepEqual(run.late, model.late);
}

function operationOf(assigner: WindowAssigner<any, any>, contents: WindowContents, latenessMs: number): WindowOperation {
  return {
    assigner,
    trigger: assigner.getDefaultTrigger(),
    allowedLatenessMs: latenessMs,
    lateDataOutputTag: LATE,
    contents,
    windowFunction: emitFiring,
  };
}

function alignedModel(sizeMs: number, slideMs: number, offsetMs: number): WindowsOf {
  return (timestamp) => {
    const windows: [number, number][] = [];
    for (let start = offsetMs - 100 * slideMs; start <= timestamp; start += slideMs) {
      if (start + sizeMs > timestamp) windows.push([start, start + sizeMs]);
    }
    return windows.reverse();
  };
}

const GENERAL = (operation: WindowOperation): StreamOperator => new WindowOperator(operation);
const STORED = (operation: WindowOperation): StreamOperator => createWindowOperator(operation, { keepsStateOffHeap: true });

test('tumbling windows fire what the model fires, in every operator', async () => {
  await fc.assert(
    fc.asyncProperty(
      stepsArbitrary,
      fc.integer({ min: 5, max: 40 }).chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 1 - size, max: size - 1 }))),
      latenessArbitrary,
      fc.constantFrom(AGGREGATE, ELEMENTS),
      fc.nat(60),
      async (steps, [sizeMs, offsetMs], latenessMs, contents, restoreAt) => {
        const model = runModel(steps, alignedModel(sizeMs, sizeMs, offsetMs), false, latenessMs);
        const operation = operationOf(TumblingEventTimeWindows.of(sizeMs, offsetMs), contents, latenessMs);
        assert.ok(createWindowOperator(operation) instanceof SliceWindowOperator);
        for (const create of [createWindowOperator, STORED, GENERAL]) await check(steps, operation, model, create, restoreAt);
      },
    ),
    { numRuns: 100 },
  );
});

test('sliding windows fire what the model fires, in every operator', async () => {
  await fc.assert(
    fc.asyncProperty(
      stepsArbitrary,
      fc.tuple(fc.integer({ min: 5, max: 40 }), fc.integer({ min: 4, max: 40 })),
      fc.nat(100),
      latenessArbitrary,
      fc.nat(60),
      async (steps, [sizeMs, slideMs], offset, latenessMs, restoreAt) => {
        const offsetMs = (offset % (2 * slideMs - 1)) - slideMs + 1;
        const model = runModel(steps, alignedModel(sizeMs, slideMs, offsetMs), false, latenessMs);
        const inGaps = slideMs > sizeMs;
        const operation = operationOf(SlidingEventTimeWindows.of(sizeMs, slideMs, offsetMs), AGGREGATE, latenessMs);
        assert.equal(createWindowOperator(operation) instanceof SliceWindowOperator, !inGaps);
        // Records in gaps between windows are late only if the watermark has passed them.
        const late = inGaps ? undefined : model.late;
        for (const create of [createWindowOperator, STORED, GENERAL]) {
          const run = await runOperator(steps, () => create(operation), restoreAt);
          assert.deepEqual(run.firings.map(sorted), model.firings.map(sorted));
          if (late) assert.deepEqual(run.late, late);
        }
      },
    ),
    { numRuns: 120 },
  );
});

test('session windows merge as the model merges, late records included', async () => {
  await fc.assert(
    fc.asyncProperty(
      stepsArbitrary,
      fc.integer({ min: 1, max: 30 }),
      latenessArbitrary,
      fc.constantFrom(AGGREGATE, ELEMENTS),
      fc.nat(60),
      fc.boolean(),
      async (steps, gapMs, latenessMs, contents, restoreAt, dynamic) => {
        const gapOf = (item: Item): number => (dynamic ? gapMs * (1 + (item.id % 3)) : gapMs);
        const model = runModel(steps, (timestamp, item) => [[timestamp, timestamp + gapOf(item)]], true, latenessMs);
        const assigner = dynamic ? EventTimeSessionWindows.withDynamicGap(gapOf) : EventTimeSessionWindows.withGap(gapMs);
        const operation = operationOf(assigner, contents, latenessMs);
        assert.ok(createWindowOperator(operation) instanceof SessionWindowOperator);
        for (const create of [createWindowOperator, STORED, GENERAL]) await check(steps, operation, model, create, restoreAt);
      },
    ),
    { numRuns: 100 },
  );
});

test('elements of a window come in order of arrival', async () => {
  await fc.assert(
    fc.asyncProperty(stepsArbitrary, fc.integer({ min: 4, max: 20 }), fc.nat(60), async (steps, slideMs, restoreAt) => {
      for (const sizeMs of [slideMs, 2 * slideMs]) {
        const model = runModel(steps, alignedModel(sizeMs, slideMs, 0), false, 0);
        const operation = operationOf(SlidingEventTimeWindows.of(sizeMs, slideMs), ELEMENTS, 0);
        const run = await runOperator(steps, () => createWindowOperator(operation), restoreAt);
        const byWindow = (firings: readonly Firing[]): unknown => [...firings].map((f) => JSON.stringify(f)).sort();
        assert.deepEqual(run.firings.map(byWindow), model.firings.map(byWindow));
      }
    }),
    { numRuns: 60 },
  );
});

test('count windows hold the last records of their key at every slide', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 8 }),
      fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
      fc.nat(60),
      async (keys, size, slide, restoreAt) => {
        const trigger = CountTrigger.of(slide ?? size);
        const operation: WindowOperation = {
          assigner: GlobalWindows.create(),
          trigger: slide === undefined ? PurgingTrigger.of(trigger) : trigger,
          evictor: slide === undefined ? undefined : CountEvictor.of(size),
          allowedLatenessMs: 0,
          contents: ELEMENTS,
          windowFunction: internalProcessFunction((_key: string, _context: unknown, elements: readonly Item[]) => [
            elements.map((item) => item.id).join(),
          ]),
        };
        const seen = new Map<string, number[]>();
        const expected: string[] = [];
        const definition = { create: () => createWindowOperator(operation), keySelectors: [(item: Item) => item.key] };
        let harness = await OperatorHarness.open<Item, string>(definition);
        const fired: string[] = [];
        for (const [id, key] of keys.entries()) {
          const ids = [...(seen.get(key) ?? []), id];
          seen.set(key, ids);
          if (ids.length % (slide ?? size) === 0) expected.push(ids.slice(-size).join());
          harness.processElement({ key, id });
          fired.push(...harness.takeValues());
          if (id !== restoreAt) continue;
          const restored = [await harness.snapshot()];
          await harness.close();
          harness = await OperatorHarness.open<Item, string>(definition, { restored });
        }
        await harness.close();
        assert.deepEqual(fired, expected);
      },
    ),
    { numRuns: 80 },
  );
});
