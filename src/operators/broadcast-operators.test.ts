import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MillraceError } from '../common/index.ts';
import { OutputTag } from '../connector/index.ts';
import { type BroadcastState, MapStateDescriptor, type ValueState, ValueStateDescriptor } from '../state/index.ts';
import { OperatorHarness, verifyOperator } from '../testing/index.ts';
import { BroadcastProcessOperator, KeyedBroadcastProcessOperator } from './broadcast-operators.ts';
import type { BroadcastProcessFunction, KeyedBroadcastProcessFunction, RuntimeContext } from './functions.ts';
import type { OperatorDefinition } from './operator.ts';

const rules = new MapStateDescriptor<string, number>('rules');
type Rule = { readonly name: string; readonly limit: number };

const alerts: BroadcastProcessFunction<number, Rule, string> = {
  processElement(value, context, out) {
    for (const [name, limit] of context.getBroadcastState(rules).immutableEntries())
      if (value > limit) out.collect(`${value} > ${name}`);
  },
  processBroadcastElement(rule, context) {
    const state = context.getBroadcastState(rules);
    if (rule.limit < 0) state.remove(rule.name);
    else state.put(rule.name, rule.limit);
  },
};

test('what a broadcast record writes, later records of the other side read', async () => {
  await verifyOperator({
    definition: () => ({ create: () => new BroadcastProcessOperator(alerts, [rules]) }),
    input: [
      { value: 100, timestamp: 1 },
      { value: { name: 'low', limit: 5 }, timestamp: 2, input: 1 },
      { value: 7, timestamp: 3 },
      { watermark: 3 },
      { value: { name: 'high', limit: 50 }, timestamp: 4, input: 1 },
      { value: 60, timestamp: 5 },
      { value: { name: 'low', limit: -1 }, timestamp: 6, input: 1 },
      { value: 61, timestamp: 7 },
    ],
    expected: ['7 > low', '60 > low', '60 > high', '61 > high'],
  });
});

test('a write from the side that is not broadcast is refused, with the record in the error', async () => {
  for (const write of ['put', 'putAll', 'remove', 'clear'] as const) {
    const harness = await OperatorHarness.open<number, never, Rule>({
      create: () =>
        new BroadcastProcessOperator<number, Rule, never>(
          {
            processElement: (_value, context) => {
              const state = context.getBroadcastState(rules) as unknown as Record<typeof write, (...args: unknown[]) => void>;
              state[write]('x', 1);
            },
            processBroadcastElement: () => {},
          },
          [rules],
        ),
    });
    assert.throws(
      () => harness.processElement(17),
      (error: MillraceError) =>
        error.code === 'ILLEGAL_STATE' &&
        /Broadcast state 'rules' was written/.test(error.message) &&
        /record: 17/.test(error.message),
    );
    await harness.close();
  }
});

test('a state that was not named in broadcast(…) is refused by name', async () => {
  const harness = await OperatorHarness.open<number, never, Rule>({
    create: () =>
      new BroadcastProcessOperator<number, Rule, never>(
        {
          processElement: (_value, context) => void context.getBroadcastState(new MapStateDescriptor('rulez')),
          processBroadcastElement: () => {},
        },
        [rules],
      ),
  });
  assert.throws(() => harness.processElement(1), /There is no broadcast state 'rulez': the stream was broadcast with 'rules'/);
  await harness.close();
});

/** Counts per key; a broadcast record reads all counts, or resets them. An event-time timer clears a key's count. */
const resets = new OutputTag<string>('resets');
const count = new ValueStateDescriptor<number>('count');
class Counting implements KeyedBroadcastProcessFunction<string, string, 'report' | 'reset', string> {
  private count!: ValueState<number>;

  open(context: RuntimeContext): void {
    this.count = context.getState(count);
  }

  processElement: KeyedBroadcastProcessFunction<string, string, 'report' | 'reset', string>['processElement'] = (
    _value,
    context,
    out,
  ) => {
    const n = (this.count.value() ?? 0) + 1;
    this.count.update(n);
    context.timerService.registerEventTimeTimer(1000);
    out.collect(`${context.getCurrentKey()}${n}/${context.getBroadcastState(rules).get('commands') ?? 0}`);
  };

  processBroadcastElement: KeyedBroadcastProcessFunction<string, string, 'report' | 'reset', string>['processBroadcastElement'] =
    (command, context, out) => {
      const state = context.getBroadcastState(rules);
      state.put('commands', (state.get('commands') ?? 0) + 1);
      const seen: string[] = [];
      context.applyToKeyedState(count, (key, value: ValueState<number>) => {
        seen.push(`${key}${value.value()}`);
        if (command === 'reset') value.clear();
      });
      if (command === 'report') out.collect(seen.sort().join());
      else context.output(resets, seen.sort().join());
    };

  onTimer: KeyedBroadcastProcessFunction<string, string, 'report' | 'reset', string>['onTimer'] = (timestamp, context, out) => {
    out.collect(`${context.getCurrentKey()} ${this.count.value()} at ${timestamp}, ${context.timeDomain}`);
    this.count.clear();
  };
}

test('a broadcast record visits the state of all keys, and keyed records have state and timers', async () => {
  const { sideOutputs } = await verifyOperator({
    definition: (): OperatorDefinition => ({
      create: () => new KeyedBroadcastProcessOperator(new Counting(), [rules]),
      keySelectors: [(value: string) => value, undefined],
    }),
    input: [
      { value: 'a', timestamp: 1 },
      { value: 'b', timestamp: 2 },
      { value: 'a', timestamp: 3 },
      { value: 'report', timestamp: 4, input: 1 },
      { value: 'reset', timestamp: 5, input: 1 },
      { value: 'b', timestamp: 6 },
      { watermark: 999 },
      { value: 'report', timestamp: 7, input: 1 },
    ],
    sideOutputs: [resets],
  });
  assert.deepEqual(sideOutputs.resets, [{ value: 'a2,b1', timestamp: 5 }]);
});

test('keyed counting gives these results', async () => {
  const harness = await OperatorHarness.open<string, string, string>({
    create: () => new KeyedBroadcastProcessOperator(new Counting(), [rules]),
    keySelectors: [(value: string) => value, undefined],
  });
  harness.processElement('a', 1);
  harness.processElement('b', 2);
  harness.processElement2('report', 3);
  harness.processElement('a', 4);
  harness.processElement2('reset', 5);
  harness.processElement('a', 6);
  harness.processWatermark(1000);
  assert.deepEqual(
    harness.takeOutput().filter((o) => 'value' in o),
    [
      { value: 'a1/0', timestamp: 1 },
      { value: 'b1/0', timestamp: 2 },
      { value: 'a1,b1', timestamp: 3 },
      { value: 'a2/1', timestamp: 4 },
      { value: 'a1/2', timestamp: 6 },
      { value: 'a 1 at 1000, EVENT_TIME', timestamp: 1000 },
      { value: 'b undefined at 1000, EVENT_TIME', timestamp: 1000 },
    ],
  );
  await harness.close();
});

test('a timer of the keyed side cannot write broadcast state either', async () => {
  const harness = await OperatorHarness.open<string, never, string>({
    keySelectors: [(value: string) => value, undefined],
    create: () =>
      new KeyedBroadcastProcessOperator<string, string, string, never>(
        {
          processElement: (_value, context) => context.timerService.registerEventTimeTimer(5),
          processBroadcastElement: () => {},
          onTimer: (_timestamp, context) => (context.getBroadcastState(rules) as BroadcastState<string, number>).put('x', 1),
        },
        [rules],
      ),
  });
  harness.processElement('a', 1);
  assert.throws(() => harness.processWatermark(5), /Write it in processBroadcastElement only/);
  await harness.close();
});

test('a broadcast record has no key: keyed state is refused there, not taken from the record before', async () => {
  const harness = await OperatorHarness.open<string, never, string>({
    keySelectors: [(value: string) => value, undefined],
    create: () => {
      let state: ValueState<number>;
      return new KeyedBroadcastProcessOperator<string, string, string, never>(
        {
          open: (context) => {
            state = context.getState(count);
          },
          processElement: () => state.update(1),
          processBroadcastElement: () => void state.value(),
        },
        [rules],
      );
    },
  });
  harness.processElement('a', 1);
  assert.throws(() => harness.processElement2('rule', 2), /There is no current key/);
  await harness.close();
});
