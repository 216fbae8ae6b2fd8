/**
 * Whatever the parallelism and the state backend, and however often they change: keyed operators that are restored again and again do what
 * operators that never were do, key by key.
 *
 * The oracle is one operator per key that is never restored, and is told the watermarks that its key has seen: those of the
 * subtasks that it was on, which are not always at the same watermark, and begin anew with an old one after a restore.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OutputTag } from '../connector/index.ts';
import {
  AggregatingStateDescriptor,
  type ListState,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  type StateBackendType,
  StateTtlConfig,
  ValueStateDescriptor,
} from '../state/index.ts';
import { OperatorHarness, ParallelHarness, VirtualClock } from '../testing/index.ts';
import { KeyedBroadcastProcessOperator } from './broadcast-operators.ts';
import { KeyedCoProcessOperator } from './co-operators.ts';
import type {
  Collector,
  KeyedBroadcastContext,
  KeyedBroadcastProcessFunction,
  KeyedProcessContext,
  KeyedReadOnlyBroadcastContext,
  OnTimerContext,
  RichFunction,
  RuntimeContext,
} from './functions.ts';
import { IntervalJoinOperator } from './interval-join-operator.ts';
import { KeyedReduceOperator } from './keyed-reduce-operator.ts';
import type { OperatorDefinition, StreamOperator } from './operator.ts';
import { KeyedProcessOperator } from './process-operators.ts';
import { ContinuousEventTimeTrigger } from './windows/continuous-event-time-trigger.ts';
import { CountEvictor } from './windows/count-evictor.ts';
import { CountTrigger } from './windows/count-trigger.ts';
import { createWindowOperator } from './windows/create-window-operator.ts';
import { GlobalWindows } from './windows/global-windows.ts';
import { PurgingTrigger } from './windows/purging-trigger.ts';
import { EventTimeSessionWindows } from './windows/session-windows.ts';
import { SlidingEventTimeWindows } from './windows/sliding-windows.ts';
import { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from './windows/tumbling-windows.ts';
import type { WindowAssigner } from './windows/window-assigner.ts';
import { internalProcessFunction } from './windows/window-functions.ts';
import type { WindowOperation } from './windows/window-operation.ts';
import { WindowOperator } from './windows/window-operator.ts';

type Out = Collector<unknown>;

interface Item {
  readonly key: number;
  readonly id: number;
}

type Step =
  | { readonly input: 0 | 1; readonly item: Item; readonly timestamp: number }
  /** Reaches the subtasks whose bit in `reaches` is set. */
  | { readonly watermark: number; readonly reaches: number }
  | { readonly advanceMs: number }
  /** At another parallelism, on another state backend. */
  | { readonly rescale: number; readonly to: StateBackendType };

const KEYS = 7;
const MAX_PARALLELISM = 9;
const LATE = new OutputTag<Item>('late');

const stepsArbitrary: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          input: fc.constantFrom<0 | 1>(0, 0, 1),
          key: fc.nat(KEYS - 1),
          lag: fc.integer({ min: -15, max: 60 }),
        }),
      },
      { weight: 4, arbitrary: fc.record({ forward: fc.integer({ min: 0, max: 40 }), reaches: fc.nat(15) }) },
      { weight: 1, arbitrary: fc.record({ back: fc.integer({ min: 1, max: 80 }), reaches: fc.nat(15) }) },
      { weight: 1, arbitrary: fc.record({ advanceMs: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ rescale: fc.integer({ min: 1, max: 4 }), to: fc.constantFrom('hashmap', 'hashlog') }) },
    ),
    { maxLength: 70, size: 'max' },
  )
  .map((moves) => {
    let now = 0;
    return moves.map((move, id): Step => {
      if ('rescale' in move || 'advanceMs' in move) return move;
      if ('back' in move) return { watermark: now - move.back, reaches: move.reaches };
      if ('forward' in move) {
        now += move.forward;
        return { watermark: now, reaches: move.reaches };
      }
      return { input: move.input, item: { key: move.key, id }, timestamp: now + 20 - move.lag };
    });
  });

interface Case {
  readonly create: OperatorDefinition['create'];
  readonly inputs: 'ONE' | 'TWO_KEYED' | 'BROADCAST';
  /** Whether no state is left at the end of time. */
  readonly leavesNothing?: boolean;
}

/** What came out, by key. */
type Outputs = Map<number, unknown[]>;

const keyOf = (item: Item): number => item.key;
const keyOfOutput = (value: unknown): number => (Array.isArray(value) ? value[0] : (value as Item).key);

function definitionOf({ create, inputs }: Case): OperatorDefinition {
  return {
    create,
    keySelectors: inputs === 'TWO_KEYED' ? [keyOf, keyOf] : inputs === 'ONE' ? [keyOf] : [keyOf, undefined],
  };
}

async function runRescaled(steps: readonly Step[], parallelism: number, operator: Case): Promise<Outputs> {
  const harness = await ParallelHarness.open<Item, unknown, Item>(definitionOf(operator), {
    parallelism,
    maxParallelism: MAX_PARALLELISM,
    sideOutputs: [LATE],
  });
  const outputs: Outputs = new Map();
  const take = (): void => {
    for (const output of harness.takeOutput()) {
      if ('value' in output) append(outputs, keyOfOutput(output.value), [output.value, output.timestamp]);
    }
    for (const { value, timestamp } of harness.takeSideOutput(LATE)) append(outputs, value.key, ['late', value.id, timestamp]);
  };
  for (const step of steps) {
    if ('rescale' in step) await harness.rescale(step.rescale, step.to);
    else if ('advanceMs' in step) harness.advanceProcessingTime(harness.clock.currentTimeMs() + step.advanceMs);
    else if ('watermark' in step) {
      for (const [i, subtask] of harness.subtasks.entries()) {
        if (step.reaches & (1 << i)) subtask.processWatermark(step.watermark);
      }
    } else if (step.input === 0 || operator.inputs === 'ONE') harness.processElement(step.item, step.timestamp);
    else harness.processElement2(step.item, step.timestamp);
    take();
  }
  await harness.finish();
  take();
  if (operator.leavesNothing) {
    for (const subtask of harness.subtasks) {
      assert.deepEqual(subtask.stateLeft(), { entries: {}, eventTimers: 0, processingTimers: 0 });
    }
  }
  // A task that fails after its end ends a second time.
  await harness.rescale(2);
  await harness.finish();
  assert.deepEqual(harness.takeValues(), [], 'nothing is emitted a second time');
  await harness.close();
  return outputs;
}

async function runKeyByKey(steps: readonly Step[], parallelism: number, operator: Case): Promise<Outputs> {
  const clock = new VirtualClock();
  const placement = await ParallelHarness.open<Item, unknown, Item>(definitionOf(operator), {
    parallelism,
    maxParallelism: MAX_PARALLELISM,
  });
  const harnesses: OperatorHarness<Item, unknown, Item>[] = [];
  const watermarks: number[] = [];
  for (let key = 0; key < KEYS; key++) {
    watermarks.push(Number.NEGATIVE_INFINITY);
    harnesses.push(await OperatorHarness.open<Item, unknown, Item>(definitionOf(operator), { clock, sideOutputs: [LATE] }));
  }
  const outputs: Outputs = new Map();
  for (const step of steps) {
    for (const [key, harness] of harnesses.entries()) {
      if ('rescale' in step || 'advanceMs' in step) continue;
      if ('watermark' in step) {
        const subtask = placement.subtasks.indexOf(placement.subtaskOf(key));
        if (!(step.reaches & (1 << subtask)) || step.watermark <= (watermarks[key] as number)) continue;
        watermarks[key] = step.watermark;
        harness.processWatermark(step.watermark);
      } else if (step.input === 1 && operator.inputs !== 'ONE') {
        if (operator.inputs === 'BROADCAST' || step.item.key === key) harness.processElement2(step.item, step.timestamp);
      } else if (step.item.key === key) harness.processElement(step.item, step.timestamp);
    }
    if ('rescale' in step) await placement.rescale(step.rescale);
    if ('advanceMs' in step) advance(clock, harnesses, clock.currentTimeMs() + step.advanceMs);
  }
  for (const [key, harness] of harnesses.entries()) {
    await harness.finish();
    for (const output of harness.takeOutput()) {
      if ('value' in output) append(outputs, key, [output.value, output.timestamp]);
    }
    for (const { value, timestamp } of harness.takeSideOutput(LATE)) append(outputs, key, ['late', value.id, timestamp]);
    await harness.close();
  }
  await placement.close();
  return outputs;
}

function advance(clock: VirtualClock, harnesses: readonly OperatorHarness<any, any, any>[], toMs: number): void {
  const runMails = (): void => {
    for (const harness of harnesses) harness.runMails();
  };
  while (clock.nextTimerMs !== undefined && clock.nextTimerMs <= toMs) {
    clock.advanceTo(clock.nextTimerMs);
    runMails();
  }
  clock.advanceTo(toMs);
  runMails();
}

function append(outputs: Outputs, key: number, output: unknown): void {
  const known = outputs.get(key);
  if (known) known.push(output);
  else outputs.set(key, [output]);
}

const normalise = (outputs: Outputs): unknown[] =>
  [...outputs].sort(([a], [b]) => a - b).map(([key, list]) => [key, list.map((o) => JSON.stringify(o)).sort()]);

async function check(operator: Case, numRuns = 20): Promise<void> {
  await fc.assert(
    fc.asyncProperty(stepsArbitrary, fc.integer({ min: 1, max: 4 }), async (steps, parallelism) => {
      const rescaled = await runRescaled(steps, parallelism, operator);
      assert.deepEqual(normalise(rescaled), normalise(await runKeyByKey(steps, parallelism, operator)));
    }),
    { numRuns },
  );
}

function windows(assigner: WindowAssigner<any, any>, more: Partial<WindowOperation> = {}): WindowOperation {
  return {
    assigner,
    trigger: assigner.getDefaultTrigger(),
    allowedLatenessMs: 15,
    lateDataOutputTag: LATE,
    contents: {
      kind: 'AGGREGATE',
      aggregateFunction: {
        createAccumulator: (): number[] => [],
        add: (item: Item, ids: number[]) => [...ids, item.id],
        merge: (a: number[], b: number[]) => [...a, ...b],
        getResult: (ids: number[]) => [...ids].sort((a, b) => a - b),
      },
    },
    windowFunction: internalProcessFunction((key: number, context: { window: object }, elements: readonly any[], out: Out) =>
      out.collect([key, String(context.window), elements]),
    ),
    ...more,
  };
}

const GENERAL = (operation: WindowOperation): StreamOperator => new WindowOperator(operation);
const gapOf = (item: Item): number => 3 + (item.id % 9);
const ELEMENTS = { contents: { kind: 'ELEMENTS' } } as const;
const REDUCE = {
  contents: { kind: 'REDUCE', reduceFunction: (a: Item, b: Item) => ({ key: a.key, id: a.id + b.id }) },
} as const;

for (const [name, operation] of [
  ['tumbling windows', windows(TumblingEventTimeWindows.of(20, 3))],
  ['tumbling windows without lateness', windows(TumblingEventTimeWindows.of(20), { allowedLatenessMs: 0 })],
  ['tumbling windows of elements', windows(TumblingEventTimeWindows.of(20), ELEMENTS)],
  ['sliding windows', windows(SlidingEventTimeWindows.of(30, 10))],
  ['reducing sliding windows', windows(SlidingEventTimeWindows.of(25, 10), REDUCE)],
  ['session windows', windows(EventTimeSessionWindows.withGap(8))],
  ['session windows of elements', windows(EventTimeSessionWindows.withGap(8), ELEMENTS)],
  ['reducing session windows', windows(EventTimeSessionWindows.withDynamicGap(gapOf), REDUCE)],
] as const) {
  test(`${name} go on at any parallelism, on any state backend`, () =>
    check({ create: (setting) => createWindowOperator(operation, setting), inputs: 'ONE', leavesNothing: true }));
  test(`${name} of the general operator go on at any parallelism, on any state backend`, () =>
    check({ create: () => GENERAL(operation), inputs: 'ONE', leavesNothing: true }));
}

test('windows with evictors, counts and triggers of their own go on at any parallelism, on any state backend', async () => {
  for (const operation of [
    windows(SlidingEventTimeWindows.of(30, 10), { ...ELEMENTS, evictor: CountEvictor.of(2) }),
    windows(GlobalWindows.create(), { ...ELEMENTS, trigger: PurgingTrigger.of(CountTrigger.of(3)) }),
    windows(EventTimeSessionWindows.withGap(8), { trigger: CountTrigger.of(2) }),
    windows(TumblingEventTimeWindows.of(60), { trigger: ContinuousEventTimeTrigger.of(15) }),
  ]) {
    await check({ create: () => createWindowOperator(operation), inputs: 'ONE' }, 15);
  }
});

test('processing-time windows go on at any parallelism, on any state backend', async () => {
  const operation = windows(TumblingProcessingTimeWindows.of(20));
  await check({
    create: (setting) => createWindowOperator(operation, setting),
    inputs: 'ONE',
  });
});

/** Uses every kind of state, and timers of both kinds. */
class EveryState implements RichFunction {
  private readonly ttl: StateTtlConfig | undefined;
  private value!: ReturnType<typeof statesOf>;

  constructor(ttl?: StateTtlConfig) {
    this.ttl = ttl;
  }

  open(context: RuntimeContext): void {
    this.value = statesOf(context, this.ttl);
  }

  processElement(item: Item, context: KeyedProcessContext<number>, out: Out): void {
    const { value } = this;
    const { timerService } = context;
    value.count.update((value.count.value() ?? 0) + 1);
    value.list.add(item.id);
    value.map.put(item.id % 3, item.id);
    value.sum.add(item.id);
    value.max.add(item.id);
    timerService.registerEventTimeTimer((context.timestamp() ?? 0) + 10);
    timerService.registerProcessingTimeTimer(timerService.currentProcessingTime() + 7);
    if (item.id % 5 === 0) timerService.deleteEventTimeTimer((context.timestamp() ?? 0) + 11);
    this.emit(item.key, 'element', timerService.currentWatermark(), out);
  }

  onTimer(timestamp: number, context: OnTimerContext<number>, out: Out): void {
    out.collect([context.getCurrentKey(), context.timeDomain, timestamp, this.value.count.value()]);
    if (timestamp % 4 === 0) this.value.list.clear();
  }

  private emit(key: number, what: string, watermark: number, out: Out): void {
    const { count, list, map, sum, max } = this.value;
    out.collect([
      key,
      what,
      watermark,
      count.value(),
      [...(list.get() ?? [])].length > 0,
      [...map.entries()].sort(),
      sum.get(),
      max.get(),
    ]);
  }
}

function statesOf(context: RuntimeContext, ttl: StateTtlConfig | undefined) {
  const descriptors = [
    new ValueStateDescriptor<number>('count'),
    new ListStateDescriptor<number>('list'),
    new MapStateDescriptor<number, number>('map'),
    new ReducingStateDescriptor<number>('sum', (a, b) => a + b),
    new AggregatingStateDescriptor<number, number, string>('max', {
      createAccumulator: () => 0,
      add: (value, max) => Math.max(value, max),
      merge: Math.max,
      getResult: (max) => `max ${max}`,
    }),
  ] as const;
  if (ttl) for (const descriptor of descriptors) descriptor.enableTimeToLive(ttl);
  return {
    count: context.getState(descriptors[0]),
    list: context.getListState(descriptors[1]),
    map: context.getMapState(descriptors[2]),
    sum: context.getReducingState(descriptors[3]),
    max: context.getAggregatingState(descriptors[4]),
  };
}

test('process functions with every kind of state and timers go on at any parallelism, on any state backend', () =>
  check({ create: () => new KeyedProcessOperator(new EveryState()), inputs: 'ONE' }));

test('state with a time to live goes on at any parallelism, on any state backend', () =>
  check({
    create: () => new KeyedProcessOperator(new EveryState(StateTtlConfig.newBuilder(20).build())),
    inputs: 'ONE',
  }));

test('reductions go on at any parallelism, on any state backend', () =>
  check({
    create: () => new KeyedReduceOperator<Item>((a, b) => ({ key: a.key, id: a.id * 31 + b.id })),
    inputs: 'ONE',
  }));

test('functions of two keyed inputs go on at any parallelism, on any state backend', () => {
  class Both extends EveryState {
    processElement1(item: Item, context: KeyedProcessContext<number>, out: Out): void {
      this.processElement(item, context, out);
    }
    processElement2(item: Item, context: KeyedProcessContext<number>, out: Out): void {
      context.output(LATE, item);
      this.processElement({ key: item.key, id: -item.id }, context, out);
    }
  }
  return check({ create: () => new KeyedCoProcessOperator(new Both()), inputs: 'TWO_KEYED' });
});

test('interval joins go on at any parallelism, on any state backend', () =>
  check({
    create: () =>
      new IntervalJoinOperator<Item, Item, unknown>(
        { processElement: (left, right, _, out) => out.collect([left.key, left.id, right.id]) },
        { lowerBoundMs: -10, upperBoundMs: 15, leftLateTag: LATE, rightLateTag: LATE },
      ),
    inputs: 'TWO_KEYED',
  }));

test('functions with broadcast state go on at any parallelism, on any state backend', () => {
  const rules = new MapStateDescriptor<number, number>('rules');
  const seen = new ListStateDescriptor<number>('seen');
  class WithRules implements KeyedBroadcastProcessFunction<number, Item, Item, unknown> {
    private seen!: ListState<number>;
    open(context: RuntimeContext): void {
      this.seen = context.getListState(seen);
    }
    processElement(item: Item, context: KeyedReadOnlyBroadcastContext<number>, out: Out): void {
      this.seen.add(item.id);
      context.timerService.registerEventTimeTimer((context.timestamp() ?? 0) + 10);
      out.collect([item.key, [...context.getBroadcastState(rules).immutableEntries()].sort(), [...this.seen.get()]]);
    }
    processBroadcastElement(item: Item, context: KeyedBroadcastContext<number>, out: Out): void {
      context.getBroadcastState(rules).put(item.key, item.id);
      context.applyToKeyedState(seen, (key, state: ListState<number>) => {
        out.collect([key, 'broadcast', item.id, [...state.get()]]);
      });
    }
    onTimer(timestamp: number, context: KeyedReadOnlyBroadcastContext<number>, out: Out): void {
      out.collect([context.getCurrentKey(), 'timer', timestamp, context.getBroadcastState(rules).get(3)]);
    }
  }
  return check({ create: () => new KeyedBroadcastProcessOperator(new WithRules(), [rules]), inputs: 'BROADCAST' });
});
