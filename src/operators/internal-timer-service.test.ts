import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorHarness, ParallelHarness, type VerifyInput, verifyOperator } from '../testing/index.ts';
import type { KeyedProcessContext, KeyedProcessFunction, OnTimerContext, TimerService } from './functions.ts';
import type { OperatorDefinition } from './operator.ts';
import { KeyedProcessOperator } from './process-operators.ts';

type Command = { readonly key: string; readonly run: (timers: TimerService) => void };

/** Runs commands on its timer service and reports each timer that fires. */
function commander(onTimer?: (timestamp: number, timers: TimerService) => void): OperatorDefinition {
  const fn: KeyedProcessFunction<string, Command, string> = {
    processElement: (command: Command, context: KeyedProcessContext<string>) => command.run(context.timerService),
    onTimer: (timestamp: number, context: OnTimerContext<string>, out) => {
      out.collect(`${context.getCurrentKey()}@${timestamp} ${context.timeDomain}`);
      onTimer?.(timestamp, context.timerService);
    },
  };
  return { create: () => new KeyedProcessOperator(fn), keySelectors: [(c: Command) => c.key] };
}

const at = (key: string, ...times: number[]): Command => ({
  key,
  run: (timers) => {
    for (const time of times) timers.registerEventTimeTimer(time);
  },
});

test('event-time timers fire when the watermark passes them, in order of time, once per key and time', async () => {
  const harness = await OperatorHarness.open<Command, string>(commander());
  harness.processElement(at('a', 30, 10, 10));
  harness.processElement(at('b', 20, 10));
  harness.processWatermark(9);
  assert.deepEqual(harness.takeValues(), []);
  harness.processWatermark(20);
  assert.deepEqual(harness.takeValues(), ['a@10 EVENT_TIME', 'b@10 EVENT_TIME', 'b@20 EVENT_TIME']);
  harness.processWatermark(100);
  assert.deepEqual(harness.takeValues(), ['a@30 EVENT_TIME']);
  await harness.close();
});

test('a deleted timer does not fire, and deleting one that does not exist is nothing', async () => {
  const harness = await OperatorHarness.open<Command, string>(commander());
  harness.processElement(at('a', 10, 20));
  harness.processElement({ key: 'a', run: (timers) => timers.deleteEventTimeTimer(10) });
  harness.processElement({ key: 'b', run: (timers) => timers.deleteEventTimeTimer(20) });
  harness.processWatermark(100);
  assert.deepEqual(harness.takeValues(), ['a@20 EVENT_TIME']);
  await harness.close();
});

test('a timer in the past fires at the next watermark', async () => {
  const harness = await OperatorHarness.open<Command, string>(commander());
  harness.processWatermark(50);
  harness.processElement(at('a', 10));
  assert.deepEqual(harness.takeValues(), []);
  harness.processWatermark(51);
  assert.deepEqual(harness.takeValues(), ['a@10 EVENT_TIME']);
  await harness.close();
});

test('a timer that a timer sets within the watermark fires with it', async () => {
  const definition = commander((timestamp, timers) => {
    if (timestamp < 30) timers.registerEventTimeTimer(timestamp + 10);
  });
  const harness = await OperatorHarness.open<Command, string>(definition);
  harness.processElement(at('a', 10));
  harness.processWatermark(25);
  assert.deepEqual(harness.takeValues(), ['a@10 EVENT_TIME', 'a@20 EVENT_TIME']);
  harness.processWatermark(30);
  assert.deepEqual(harness.takeValues(), ['a@30 EVENT_TIME']);
  await harness.close();
});

test('a processing-time timer fires when its millisecond is over', async () => {
  const harness = await OperatorHarness.open<Command, string>(commander());
  harness.processElement({
    key: 'a',
    run: (timers) => {
      timers.registerProcessingTimeTimer(2000);
      timers.registerProcessingTimeTimer(1000);
    },
  });
  harness.advanceProcessingTime(1000);
  assert.deepEqual(harness.takeValues(), []);
  harness.advanceProcessingTime(1001);
  assert.deepEqual(harness.takeValues(), ['a@1000 PROCESSING_TIME']);
  harness.advanceProcessingTime(5000);
  assert.deepEqual(harness.takeValues(), ['a@2000 PROCESSING_TIME']);
  await harness.close();
});

for (const stateBackend of ['hashmap', 'hashlog'] as const) {
  test(`timers that are waiting go into snapshots and fire after a restore, ${stateBackend}`, async () => {
    const before = await OperatorHarness.open<Command, string>(commander(), { stateBackend });
    for (let time = 10; time < 60; time++) before.processElement(at('a', time));
    before.processElement({
      key: 'b',
      run: (timers) => {
        for (let time = 100; time < 150; time++) timers.registerProcessingTimeTimer(time);
      },
    });
    const restored = [await before.snapshot()];
    await before.close();
    const harness = await OperatorHarness.open<Command, string>(commander(), { restored, stateBackend });
    harness.processWatermark(100);
    harness.advanceProcessingTime(200);
    const fifty = Array.from({ length: 50 }, (_, i) => i);
    assert.deepEqual(harness.takeValues(), [
      ...fifty.map((i) => `a@${10 + i} EVENT_TIME`),
      ...fifty.map((i) => `b@${100 + i} PROCESSING_TIME`),
    ]);
    await harness.close();
  });

  test(`a key whose old subtask was ahead of the new one fires nothing for times that it knew already, ${stateBackend}`, async () => {
    const harness = await ParallelHarness.open<Command, string>(commander(), { parallelism: 2, stateBackend });
    // More timers than 'hashlog' has on the heap here.
    const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`);
    const ahead = keys.filter((key) => harness.subtaskOf(key) === harness.subtasks[0]);
    const behind = keys.filter((key) => !ahead.includes(key));
    assert.ok(ahead.length > 0 && behind.length > 0);
    harness.subtasks[0]?.processWatermark(100);
    await harness.rescale(1);
    const seen = new Map<string, number>();
    for (const key of keys) {
      harness.processElement({ key, run: (timers) => void seen.set(key, timers.currentWatermark()) });
      harness.processElement(at(key, 50));
    }
    assert.deepEqual([...seen.values()].sort(), [...behind.map(() => Number.NEGATIVE_INFINITY), ...ahead.map(() => 100)]);
    const fired = (keysThatFire: readonly string[]) => keysThatFire.map((key) => `${key}@50 EVENT_TIME`);
    harness.processWatermark(60);
    assert.deepEqual(harness.takeValues().sort(), fired(behind).sort());
    harness.processWatermark(100);
    assert.deepEqual(harness.takeValues(), []);
    harness.processWatermark(101);
    assert.deepEqual(harness.takeValues().sort(), fired(ahead).sort());
    await harness.close();
  });
}

test('whatever is registered and deleted, timers fire as a sorted set would have it', async () => {
  const step = fc.oneof(
    fc.record({ key: fc.constantFrom('a', 'b'), time: fc.nat(50), remove: fc.boolean() }),
    fc.record({ watermark: fc.nat(60) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const model = new Map<string, number>();
      const expected: string[] = [];
      let watermark = Number.NEGATIVE_INFINITY;
      const fire = (until: number): void => {
        const due = [...model].filter(([, time]) => time <= until).sort(([, x], [, y]) => x - y);
        for (const [id, time] of due) {
          expected.push(`${id[0]}@${time} EVENT_TIME`);
          model.delete(id);
        }
      };
      const input = steps.flatMap((s): VerifyInput[] => {
        if ('watermark' in s) {
          if (s.watermark <= watermark) return [];
          watermark = s.watermark;
          fire(watermark);
          return [{ watermark }];
        }
        const { key, time, remove } = s;
        model.delete(`${key}${time}`);
        if (!remove) model.set(`${key}${time}`, time);
        const run = (timers: TimerService): void =>
          remove ? timers.deleteEventTimeTimer(time) : timers.registerEventTimeTimer(time);
        return [{ value: { key, run }, timestamp: 0 }];
      });
      fire(Number.POSITIVE_INFINITY);
      const { output } = await verifyOperator({ definition: () => commander(), input });
      const values = output.flatMap((o) => ('value' in o ? [o.value as string] : []));
      const time = (s: string): number => Number(/@(\d+)/.exec(s)?.[1]);
      assert.deepEqual([...values].sort(), [...expected].sort());
      assert.deepEqual(values.map(time), expected.map(time));
    }),
    { numRuns: 40 },
  );
});
