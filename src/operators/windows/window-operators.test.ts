import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputTag } from '../../connector/index.ts';
import { ValueStateDescriptor } from '../../state/index.ts';
import { OperatorHarness, VirtualClock, verifyOperator } from '../../testing/index.ts';
import type { StreamOperator } from '../operator.ts';
import { createWindowOperator } from './create-window-operator.ts';
import { SessionWindowOperator } from './session-window-operator.ts';
import { EventTimeSessionWindows, ProcessingTimeSessionWindows } from './session-windows.ts';
import { SliceWindowOperator } from './slice-window-operator.ts';
import { SlidingEventTimeWindows, SlidingProcessingTimeWindows } from './sliding-windows.ts';
import { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from './tumbling-windows.ts';
import type { TimeWindow } from './window.ts';
import type { WindowAssigner } from './window-assigner.ts';
import { internalProcessFunction, type ProcessWindowContext, type RichProcessWindowFunction } from './window-functions.ts';
import type { WindowContents, WindowOperation } from './window-operation.ts';
import { WindowOperator } from './window-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const SUM: WindowContents = {
  kind: 'AGGREGATE',
  aggregateFunction: {
    createAccumulator: () => 0,
    add: (reading: Reading, sum: number) => sum + reading.value,
    merge: (a: number, b: number) => a + b,
    getResult: (sum: number) => sum,
  },
};
/** Changes its first argument, as many reductions written in JavaScript do. */
const CHANGING_SUM: WindowContents = {
  kind: 'REDUCE',
  reduceFunction: (a: { key: string; value: number }, b: Reading) => {
    a.value += b.value;
    return a;
  },
};

const describe = internalProcessFunction(
  (key: string, { window }: ProcessWindowContext<TimeWindow>, [result]: readonly unknown[]) => [
    `${key} ${window}: ${JSON.stringify(result)}`,
  ],
);

const operation = (assigner: WindowAssigner<any, any>, options: Partial<WindowOperation> = {}): WindowOperation => ({
  assigner,
  trigger: assigner.getDefaultTrigger(),
  allowedLatenessMs: 0,
  contents: SUM,
  windowFunction: describe,
  ...options,
});
const definitionOf = (create: () => StreamOperator) => ({ create, keySelectors: [(reading: Reading) => reading.key] });
const record = (key: string, value: number, timestamp = Number.NEGATIVE_INFINITY) => ({ value: { key, value }, timestamp });
const openHarness = (options: WindowOperation, create: (o: WindowOperation) => StreamOperator = createWindowOperator) =>
  OperatorHarness.open<Reading, unknown>(definitionOf(() => create(options)));

const EVERY_OPERATOR = [
  createWindowOperator,
  (options: WindowOperation): StreamOperator => createWindowOperator(options, { keepsStateOffHeap: true }),
  (options: WindowOperation): StreamOperator => new WindowOperator(options),
];

test('the fast operators are chosen where they do the same, and the general one elsewhere', () => {
  const choose = (assigner: WindowAssigner<any, any>, options: Partial<WindowOperation> = {}) =>
    createWindowOperator(operation(assigner, options)).constructor;
  const elements: Partial<WindowOperation> = { contents: { kind: 'ELEMENTS' } };
  const clearing: Partial<WindowOperation> = { windowFunction: { process: () => {}, clear: () => {} } };
  assert.equal(choose(TumblingEventTimeWindows.of(10)), SliceWindowOperator);
  assert.equal(choose(TumblingEventTimeWindows.of(10), elements), SliceWindowOperator);
  assert.equal(choose(SlidingEventTimeWindows.of(10, 5)), SliceWindowOperator);
  assert.equal(choose(SlidingProcessingTimeWindows.of(10, 3)), SliceWindowOperator);
  assert.equal(choose(SlidingEventTimeWindows.of(10, 5), elements), WindowOperator);
  assert.equal(choose(SlidingEventTimeWindows.of(5, 10)), WindowOperator);
  assert.equal(choose(TumblingEventTimeWindows.of(10), clearing), WindowOperator);
  assert.equal(choose(EventTimeSessionWindows.withGap(10), elements), SessionWindowOperator);
  assert.equal(choose(EventTimeSessionWindows.withGap(10), clearing), WindowOperator);
  assert.equal(choose(ProcessingTimeSessionWindows.withGap(10)), WindowOperator);
});

test('each key and window fires once the watermark has reached its last millisecond', async () => {
  for (const create of EVERY_OPERATOR) {
    const { output } = await verifyOperator({
      definition: () => definitionOf(() => create(operation(TumblingEventTimeWindows.of(10)))),
      input: [record('a', 1, 3), record('b', 2, -1), record('a', 4, 9), { watermark: 8 }, record('a', 8, 10), { watermark: 9 }],
      expected: ['b -10,0: 2', 'a 0,10: 5', 'a 10,20: 8'],
    });
    assert.deepEqual(output[0], { value: 'b -10,0: 2', timestamp: -1 });
    assert.deepEqual(output[1], { watermark: 8 });
    assert.deepEqual(output[2], { value: 'a 0,10: 5', timestamp: 9 });
  }
});

test('results of sliding windows do not change when later windows use the same slices', async () => {
  for (const create of EVERY_OPERATOR) {
    const assigner = SlidingEventTimeWindows.of(30, 10);
    const harness = await openHarness(operation(assigner, { contents: CHANGING_SUM, windowFunction: undefined }), create);
    for (const [value, timestamp] of [
      [1, 5],
      [2, 15],
      [4, 25],
    ] as const) {
      harness.processElement({ key: 'a', value }, timestamp);
      harness.processElement({ key: 'a', value: 10 * value }, timestamp);
      harness.processWatermark(timestamp + 4);
    }
    harness.processWatermark(100);
    assert.deepEqual(
      harness.takeValues(),
      [11, 33, 77, 66, 44].map((value) => ({ key: 'a', value })),
    );
    await harness.close();
  }
});

test('late records within the allowed lateness fire again, later ones are dropped and counted', async () => {
  for (const create of EVERY_OPERATOR) {
    const harness = await openHarness(operation(TumblingEventTimeWindows.of(10), { allowedLatenessMs: 5 }), create);
    harness.processElement({ key: 'a', value: 1 }, 5);
    harness.processWatermark(9);
    assert.deepEqual(harness.takeValues(), ['a 0,10: 1']);
    harness.processElement({ key: 'a', value: 2 }, 6);
    harness.processElement({ key: 'b', value: 4 }, 7);
    assert.deepEqual(harness.takeValues(), ['a 0,10: 3', 'b 0,10: 4']);
    harness.processWatermark(13);
    harness.processElement({ key: 'a', value: 8 }, 1);
    assert.deepEqual(harness.takeValues(), ['a 0,10: 11']);
    harness.processWatermark(14);
    assert.deepEqual(harness.stateLeft(), { entries: {}, eventTimers: 0, processingTimers: 0 });
    harness.processElement({ key: 'a', value: 16 }, 9);
    harness.processElement({ key: 'a', value: 32 }, -50);
    assert.deepEqual(harness.takeValues(), []);
    assert.equal(harness.metric('numLateRecordsDropped'), 2);
    await harness.close();
  }
});

test('late records go to the side output with their timestamps if there is one, and are not counted', async () => {
  const tag = new OutputTag<Reading>('late');
  for (const assigner of [
    TumblingEventTimeWindows.of(10),
    SlidingEventTimeWindows.of(10, 5),
    EventTimeSessionWindows.withGap(9),
  ]) {
    for (const create of EVERY_OPERATOR) {
      const options = operation(assigner, { lateDataOutputTag: tag });
      const harness = await OperatorHarness.open<Reading, unknown>(
        definitionOf(() => create(options)),
        { sideOutputs: [tag] },
      );
      harness.processWatermark(100);
      harness.processElement({ key: 'a', value: 1 }, 80);
      assert.deepEqual(harness.takeSideOutput(tag), [{ value: { key: 'a', value: 1 }, timestamp: 80 }]);
      assert.equal(harness.metric('numLateRecordsDropped'), 0);
      await harness.close();
    }
  }
});

test('a sliding record that is late for some of its windows still counts in the others', async () => {
  for (const create of EVERY_OPERATOR) {
    await verifyOperator({
      definition: () => definitionOf(() => create(operation(SlidingEventTimeWindows.of(30, 10)))),
      input: [{ watermark: 25 }, record('a', 1, 8), record('a', 2, 21)],
      expected: ['a 0,30: 3', 'a 10,40: 2', 'a 20,50: 2'],
    });
  }
});

test('sessions grow, merge, and end when nothing came for the gap', async () => {
  for (const create of EVERY_OPERATOR) {
    await verifyOperator({
      definition: () => definitionOf(() => create(operation(EventTimeSessionWindows.withGap(10)))),
      input: [
        record('a', 1, 0),
        record('b', 2, 3),
        record('a', 4, 20),
        record('a', 8, 10),
        { watermark: 12 },
        record('a', 16, 30),
        { watermark: 39 },
      ],
      expected: ['b 3,13: 2', 'a 0,40: 29'],
    });
  }
});

test('a session that has fired goes on if an allowed record makes it longer', async () => {
  for (const create of EVERY_OPERATOR) {
    await verifyOperator({
      definition: () => definitionOf(() => create(operation(EventTimeSessionWindows.withGap(10), { allowedLatenessMs: 50 }))),
      input: [record('a', 1, 0), { watermark: 9 }, record('a', 2, 10), record('a', 4, 4), { watermark: 19 }, { watermark: 30 }],
      expected: ['a 0,10: 1', 'a 0,20: 7'],
    });
    const { output } = await verifyOperator({
      definition: () => definitionOf(() => create(operation(EventTimeSessionWindows.withGap(10), { allowedLatenessMs: 50 }))),
      input: [record('a', 1, 0), { watermark: 9 }, record('a', 2, 10), { watermark: 19 }, { watermark: 90 }],
      expected: ['a 0,10: 1', 'a 0,20: 3'],
    });
    assert.deepEqual(output[3], { watermark: 19 });
  }
});

test('an event-time window refuses records without a timestamp', async () => {
  for (const assigner of [TumblingEventTimeWindows.of(10), EventTimeSessionWindows.withGap(10)]) {
    for (const create of EVERY_OPERATOR) {
      const harness = await openHarness(operation(assigner), create);
      assert.throws(() => harness.processElement({ key: 'a', value: 1 }), {
        code: 'INVALID_PROGRAM',
        message: /without a timestamp .* assignTimestampsAndWatermarks/,
      });
      await harness.close();
    }
  }
});

test('processing-time windows fire by the clock, and ignore watermarks', async () => {
  const harness = await openHarness(operation(TumblingProcessingTimeWindows.of(100)));
  harness.advanceProcessingTime(50);
  harness.processElement({ key: 'a', value: 1 }, 12345);
  harness.processWatermark(1_000_000);
  harness.advanceProcessingTime(99);
  harness.processElement({ key: 'a', value: 2 });
  assert.deepEqual(harness.takeValues(), []);
  harness.advanceProcessingTime(100);
  assert.deepEqual(harness.takeOutput(), [{ value: 'a 0,100: 3', timestamp: 99 }]);
  harness.processElement({ key: 'a', value: 4 });
  harness.advanceProcessingTime(1000);
  assert.deepEqual(harness.takeValues(), ['a 100,200: 4']);
  await harness.close();
});

test('a clock that is set back opens no window a second time', async () => {
  class SettableClock extends VirtualClock {
    backMs = 0;

    override currentTimeMs(): number {
      return super.currentTimeMs() - this.backMs;
    }
  }
  const clock = new SettableClock();
  const options = operation(TumblingProcessingTimeWindows.of(100));
  const harness = await OperatorHarness.open<Reading, unknown>(
    definitionOf(() => createWindowOperator(options)),
    { clock },
  );
  harness.processElement({ key: 'a', value: 1 });
  harness.advanceProcessingTime(110);
  assert.deepEqual(harness.takeValues(), ['a 0,100: 1']);
  clock.backMs = 50;
  harness.processElement({ key: 'a', value: 2 });
  harness.advanceProcessingTime(500);
  assert.deepEqual(harness.takeValues(), ['a 100,200: 2']);
  await harness.close();
});

test('processing-time windows that were restored fire when their time has come, or has passed', async () => {
  const options = operation(SlidingProcessingTimeWindows.of(100, 50));
  const first = await openHarness(options);
  first.processElement({ key: 'a', value: 1 });
  const restored = [await first.snapshot()];
  await first.close();
  const second = await OperatorHarness.open<Reading, unknown>(
    definitionOf(() => createWindowOperator(options)),
    { restored },
  );
  second.advanceProcessingTime(200);
  assert.deepEqual(second.takeValues(), ['a -50,50: 1', 'a 0,100: 1']);
  await second.close();
});

test('processing-time sessions end when the clock has passed their gap', async () => {
  const harness = await openHarness(operation(ProcessingTimeSessionWindows.withGap(100)));
  harness.processElement({ key: 'a', value: 1 });
  harness.advanceProcessingTime(80);
  harness.processElement({ key: 'a', value: 2 });
  harness.advanceProcessingTime(150);
  assert.deepEqual(harness.takeValues(), []);
  harness.advanceProcessingTime(200);
  assert.deepEqual(harness.takeValues(), ['a 0,180: 3']);
  assert.deepEqual(harness.stateLeft(), { entries: {}, eventTimers: 0, processingTimers: 0 });
  await harness.close();
});

test('a window function has state per window and per key, and clears the former with the window', async () => {
  const firings = new ValueStateDescriptor<number>('firings');
  const total = new ValueStateDescriptor<number>('total');
  const counting: RichProcessWindowFunction<number, string, string, TimeWindow> = {
    process(key, context, [sum], out) {
      const inWindow = context.windowState().getState(firings);
      const ofKey = context.globalState().getState(total);
      inWindow.update((inWindow.value() ?? 0) + 1);
      ofKey.update((ofKey.value() ?? 0) + 1);
      out.collect(`${key} ${context.window}: ${sum}, ${inWindow.value()} of ${ofKey.value()}, at ${context.currentWatermark()}`);
    },
    clear: (context) => context.windowState().getState(firings).clear(),
  };
  await verifyOperator({
    definition: () =>
      definitionOf(() =>
        createWindowOperator(
          operation(TumblingEventTimeWindows.of(10), { allowedLatenessMs: 3, windowFunction: internalProcessFunction(counting) }),
        ),
      ),
    input: [record('a', 1, 1), { watermark: 9 }, record('a', 2, 2), { watermark: 20 }, record('a', 4, 22)],
    expected: ['a 0,10: 1, 1 of 1, at 9', 'a 0,10: 3, 2 of 2, at 9', 'a 20,30: 4, 1 of 3, at Infinity'],
    mayLeaveState: true,
  });
});

test('windows that merge have no state per window', async () => {
  const windowFunction = internalProcessFunction((_key: string, context: ProcessWindowContext<TimeWindow>) => {
    context.windowState();
  });
  for (const create of EVERY_OPERATOR) {
    const harness = await openHarness(operation(EventTimeSessionWindows.withGap(5), { windowFunction }), create);
    harness.processElement({ key: 'a', value: 1 }, 1);
    assert.throws(() => harness.processWatermark(100), { code: 'ILLEGAL_STATE', message: /windows that merge/ });
    await harness.close();
  }
});

test('a record that was late before a restore is late after it', async () => {
  for (const assigner of [TumblingEventTimeWindows.of(10), EventTimeSessionWindows.withGap(9)]) {
    for (const create of EVERY_OPERATOR) {
      const definition = definitionOf(() => create(operation(assigner)));
      const first = await OperatorHarness.open<Reading, unknown>(definition);
      first.processWatermark(50);
      const restored = [await first.snapshot()];
      await first.close();
      const second = await OperatorHarness.open<Reading, unknown>(definition, { restored });
      second.processElement({ key: 'a', value: 1 }, 20);
      assert.equal(second.metric('numLateRecordsDropped'), 1);
      await second.close();
    }
  }
});

test('more keys than one table holds fire all', async () => {
  const harness = await openHarness(operation(SlidingEventTimeWindows.of(20, 10), { windowFunction: undefined }));
  const keys = 100_000;
  harness.processBatch(Array.from({ length: 2 * keys }, (_, i) => record(`key-${i % keys}`, 1, 5 + 10 * Math.floor(i / keys))));
  harness.processWatermark(19);
  const sums = harness.takeValues() as number[];
  assert.equal(sums.length, 2 * keys);
  assert.equal(
    sums.reduce((a, b) => a + b),
    3 * keys,
  );
  await harness.close();
});
