import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatorHarness, verifyOperator } from '../../testing/index.ts';
import { ContinuousEventTimeTrigger } from './continuous-event-time-trigger.ts';
import { ContinuousProcessingTimeTrigger } from './continuous-processing-time-trigger.ts';
import { CountTrigger } from './count-trigger.ts';
import { createWindowOperator } from './create-window-operator.ts';
import { DeltaTrigger } from './delta-trigger.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import { GlobalWindows } from './global-windows.ts';
import { ProcessingTimeoutTrigger } from './processing-timeout-trigger.ts';
import { PurgingTrigger } from './purging-trigger.ts';
import { EventTimeSessionWindows } from './session-windows.ts';
import { type Trigger, TriggerResult } from './trigger.ts';
import { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from './tumbling-windows.ts';
import type { WindowAssigner } from './window-assigner.ts';
import { internalProcessAllFunction } from './window-functions.ts';

/** Key 'a' unless the value says otherwise, as in 'b:…'. Emits the elements of a firing, joined. */
function definition(assigner: WindowAssigner<any, any>, trigger: Trigger<any, any>, allowedLatenessMs = 0) {
  return {
    create: () =>
      createWindowOperator({
        assigner,
        trigger,
        allowedLatenessMs,
        contents: { kind: 'ELEMENTS' },
        windowFunction: internalProcessAllFunction((_context: unknown, elements: readonly unknown[]) => [elements.join(' ')]),
      }),
    keySelectors: [(value: unknown) => (String(value).startsWith('b:') ? 'b' : 'a')],
  };
}

const record = (value: unknown, timestamp = Number.NEGATIVE_INFINITY) => ({ value, timestamp });

test('a count trigger fires at every so many records of a key, and keeps the contents', async () => {
  await verifyOperator({
    definition: () => definition(GlobalWindows.create(), CountTrigger.of(2)),
    input: [1, 2, 'b:1', 3, 'b:2', 4].map((value) => record(value)),
    expected: ['1 2', 'b:1 b:2', '1 2 3 4'],
    mayLeaveState: true,
  });
});

test('a purging trigger drops the contents with every firing', async () => {
  await verifyOperator({
    definition: () => definition(GlobalWindows.create(), PurgingTrigger.of(CountTrigger.of(2))),
    input: [1, 2, 3, 4, 5, 6].map((value) => record(value)),
    expected: ['1 2', '3 4', '5 6'],
    mayLeaveState: false,
  });
});

test('a purged window fires again only with records that came after', async () => {
  const trigger = PurgingTrigger.of(EventTimeTrigger.create());
  await verifyOperator({
    definition: () => definition(TumblingEventTimeWindows.of(10), trigger, 20),
    input: [record(1, 1), record(2, 2), { watermark: 9 }, record(3, 3), { watermark: 12 }, record(4, 4)],
    expected: ['1 2', '3', '4'],
  });
});

test('counts of merging sessions are added up', async () => {
  await verifyOperator({
    definition: () => definition(EventTimeSessionWindows.withGap(10), CountTrigger.of(4)),
    input: [record(1, 0), record(2, 16), record(3, 30), record(4, 8), record(5, 22)],
    // 4 joins the sessions of 1 and 2 (a count of 3), 5 joins all: 5 of 5, fired once when 4 were passed.
    expected: ['1 2 4 3 5'],
  });
});

test('a record inside of its session does not disturb the count', async () => {
  await verifyOperator({
    definition: () =>
      definition(
        EventTimeSessionWindows.withDynamicGap((value: number) => value),
        CountTrigger.of(3),
      ),
    input: [record(50, 0), record(1, 10), record(2, 20), record(3, 30)],
    expected: ['50 1 2'],
  });
});

test('a continuous event-time trigger fires at multiples of its interval and at the end', async () => {
  await verifyOperator({
    definition: () => definition(TumblingEventTimeWindows.of(100), ContinuousEventTimeTrigger.of(30)),
    input: [
      record(1, 5),
      record(2, 25),
      { watermark: 29 },
      { watermark: 30 },
      record(3, 40),
      { watermark: 61 },
      record(4, 95),
      { watermark: 99 },
    ],
    expected: ['1 2', '1 2 3', '1 2 3 4', '1 2 3 4'],
  });
});

test('a continuous trigger goes on in a merged session', async () => {
  await verifyOperator({
    definition: () => definition(EventTimeSessionWindows.withGap(20), ContinuousEventTimeTrigger.of(50)),
    input: [record(1, 0), record(2, 30), record(3, 15), { watermark: 20 }, { watermark: 50 }],
    // [0, 20) was to fire at its end, 19, and [30, 50) at 49: [0, 50) fires at both.
    expected: ['1 2 3', '1 2 3'],
  });
});

test('a continuous processing-time trigger fires as the clock passes its interval, and at the end of the window', async () => {
  const harness = await OperatorHarness.open<number, string>(
    definition(TumblingProcessingTimeWindows.of(100), ContinuousProcessingTimeTrigger.of(40)),
  );
  harness.advanceProcessingTime(10);
  harness.processElement(1);
  harness.advanceProcessingTime(39);
  assert.deepEqual(harness.takeValues(), []);
  harness.advanceProcessingTime(45);
  assert.deepEqual(harness.takeValues(), ['1']);
  harness.processElement(2);
  harness.advanceProcessingTime(130);
  assert.deepEqual(harness.takeValues(), ['1 2', '1 2']);
  assert.deepEqual(harness.stateLeft(), { entries: {}, eventTimers: 0, processingTimers: 0 });
  await harness.close();
});

test('a delta trigger fires when a record is far enough from the one that fired last', async () => {
  const trigger = DeltaTrigger.of<number>(10, (a, b) => b - a);
  await verifyOperator({
    definition: () => definition(GlobalWindows.create(), PurgingTrigger.of(trigger)),
    input: [1, 5, 11, 12, 20, 23].map((value) => record(value)),
    expected: ['1 5 11 12', '20 23'],
    mayLeaveState: true,
  });
});

test('a timeout fires what a count has not, once per timeout', async () => {
  const trigger = ProcessingTimeoutTrigger.of(PurgingTrigger.of(CountTrigger.of(3)), 100);
  const harness = await OperatorHarness.open<number, string>(definition(GlobalWindows.create(), trigger));
  harness.processElement(1);
  harness.advanceProcessingTime(50);
  harness.processElement(2);
  harness.advanceProcessingTime(101);
  assert.deepEqual(harness.takeValues(), ['1 2']);
  // The count began anew with the timeout, the contents did not.
  harness.processElement(3);
  harness.processElement(4);
  assert.deepEqual(harness.takeValues(), []);
  harness.processElement(5);
  assert.deepEqual(harness.takeValues(), ['1 2 3 4 5']);
  harness.advanceProcessingTime(1000);
  assert.deepEqual(harness.takeValues(), []);
  await harness.close();
});

test('a timeout may start anew with every record', async () => {
  const trigger = ProcessingTimeoutTrigger.of(CountTrigger.of(9), 100, { resetTimerOnNewRecord: true });
  const harness = await OperatorHarness.open<number, string>(definition(GlobalWindows.create(), trigger));
  harness.processElement(1);
  harness.advanceProcessingTime(80);
  harness.processElement(2);
  harness.advanceProcessingTime(150);
  assert.deepEqual(harness.takeValues(), []);
  harness.advanceProcessingTime(181);
  assert.deepEqual(harness.takeValues(), ['1 2']);
  await harness.close();
});

test('a global window fires at the end of the input if told to, and never otherwise', async () => {
  const assigner = GlobalWindows.createWithEndOfStreamTrigger();
  await verifyOperator({
    definition: () => definition(assigner, assigner.getDefaultTrigger()),
    input: [record(1), { watermark: 100 }, record(2)],
    expected: ['1 2'],
  });
  await verifyOperator({
    definition: () => definition(GlobalWindows.create(), GlobalWindows.create().getDefaultTrigger()),
    input: [record(1), record(2)],
    expected: [],
    mayLeaveState: true,
  });
});

test("a program's own trigger sees time and timers, and can fire early", async () => {
  /** Fires 5 ms of event time after a record, and drops a window whose record says so. */
  const own: Trigger<string, any> = {
    onElement(element, timestamp, _window, context) {
      if (element === 'drop') return TriggerResult.PURGE;
      context.registerEventTimeTimer(timestamp + 5);
      return context.getCurrentWatermark() > 1000 ? TriggerResult.FIRE : TriggerResult.CONTINUE;
    },
    onEventTime: () => TriggerResult.FIRE,
    onProcessingTime: () => TriggerResult.CONTINUE,
    clear: () => {},
    toString: () => 'own',
  };
  await verifyOperator({
    definition: () => definition(TumblingEventTimeWindows.of(100), own),
    input: [
      record('x', 1),
      { watermark: 6 },
      record('y', 8),
      record('drop', 9),
      { watermark: 20 },
      record('z', 30),
      { watermark: 40 },
    ],
    // The timer at the end of the window, which cleans up, asks the trigger too.
    expected: ['x', 'z', 'z'],
  });
});
