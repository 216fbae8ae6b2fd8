import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputTag } from '../connector/index.ts';
import { ListStateDescriptor, type ValueState, ValueStateDescriptor } from '../state/index.ts';
import { OperatorHarness, type VerifyInput, verifyOperator } from '../testing/index.ts';
import { CoFlatMapOperator, CoMapOperator, CoProcessOperator, KeyedCoProcessOperator } from './co-operators.ts';
import type { CoMapFunction, KeyedCoProcessFunction, RuntimeContext } from './functions.ts';
import type { OperatorDefinition } from './operator.ts';

interface Order {
  readonly id: string;
  readonly item?: string;
}

const byId = (order: Order): string => order.id;

test('map1 takes the first input and map2 the second, and results keep their times', async () => {
  const { output } = await verifyOperator({
    definition: () => ({
      create: () => new CoMapOperator<number, string, string>({ map1: (n) => `n${n}`, map2: (s) => `s${s}` }),
    }),
    input: [{ value: 1, timestamp: 10 }, { value: 'a', timestamp: 20, input: 1 }, { watermark: 15 }, { value: 2, timestamp: 30 }],
    expected: ['n1', 'sa', 'n2'],
  });
  assert.deepEqual(output.slice(0, 3), [{ value: 'n1', timestamp: 10 }, { value: 'sa', timestamp: 20 }, { watermark: 15 }]);
});

test('a co-flat-map may return its results, and may give them to the collector', async () => {
  await verifyOperator({
    definition: () => ({
      create: () =>
        new CoFlatMapOperator<string, number, string | number>({
          flatMap1: (line) => line.split(' '),
          flatMap2: (n, out) => {
            for (let i = 0; i < n; i++) out.collect(i);
          },
        }),
    }),
    input: [
      { value: 'a b', timestamp: 1 },
      { value: 2, timestamp: 2, input: 1 },
      { value: 0, timestamp: 3, input: 1 },
    ],
    expected: ['a', 'b', 0, 1],
  });
});

test('a co-process function sees times and watermark, and has side outputs', async () => {
  const tag = new OutputTag<string>('side');
  const harness = await OperatorHarness.open<number, string, number>(
    {
      create: () =>
        new CoProcessOperator<number, number, string>({
          processElement1: (value, context, out) =>
            out.collect(`${value}@${context.timestamp()}/${context.timerService.currentWatermark()}`),
          processElement2: (value, context) => context.output(tag, `${value}@${context.timestamp()}`),
        }),
    },
    { sideOutputs: [tag] },
  );
  harness.processElement(1);
  harness.processWatermark(5);
  harness.processElement(2, 7);
  harness.processElement2(3, 8);
  assert.deepEqual(harness.takeValues(), ['1@undefined/-Infinity', '2@7/5']);
  assert.deepEqual(harness.takeSideOutput(tag), [{ value: '3@8', timestamp: 8 }]);
  await harness.close();
});

test('a co-process function on streams without a key cannot set timers', async () => {
  const harness = await OperatorHarness.open<number, never, number>({
    create: () =>
      new CoProcessOperator<number, number, never>({
        processElement1: (value, context) => context.timerService.registerEventTimeTimer(value),
        processElement2: () => {},
      }),
  });
  assert.throws(() => harness.processElement(1, 1), /only supported on a keyed stream/);
  await harness.close();
});

test('rich functions are opened with a context and closed', async () => {
  const calls: string[] = [];
  const fn: CoMapFunction<number, number, number> = {
    open: (context) => void calls.push(`open ${context.indexOfThisSubtask}/${context.numberOfParallelSubtasks}`),
    map1: (n) => n,
    map2: (n) => n,
    close: () => void calls.push('close'),
  };
  const harness = await OperatorHarness.open({ create: () => new CoMapOperator(fn) });
  await harness.close();
  assert.deepEqual(calls, ['open 0/1', 'close']);
});

/** Pairs an order with its payment; what has no partner after 100 ms goes to a side output. */
const unpaid = new OutputTag<Order>('unpaid');
type Matcher = KeyedCoProcessFunction<string, Order, Order, string>;
class Matching implements Matcher {
  private waiting!: ValueState<Order>;
  private seen!: ValueState<number>;

  open(context: RuntimeContext): void {
    this.waiting = context.getState(new ValueStateDescriptor<Order>('waiting'));
    this.seen = context.getState(new ValueStateDescriptor<number>('payment seen'));
  }

  processElement1: Matcher['processElement1'] = (order, context, out) => {
    if (this.seen.value() !== undefined) {
      this.seen.clear();
      out.collect(`${context.getCurrentKey()}:${order.item}`);
      return;
    }
    this.waiting.update(order);
    context.timerService.registerEventTimeTimer((context.timestamp() as number) + 100);
  };

  processElement2: Matcher['processElement2'] = (_payment, context, out) => {
    const order = this.waiting.value();
    if (order === undefined) {
      this.seen.update(context.timestamp() as number);
      context.timerService.registerEventTimeTimer((context.timestamp() as number) + 100);
      return;
    }
    this.waiting.clear();
    out.collect(`${context.getCurrentKey()}:${order.item}`);
  };

  onTimer: Matcher['onTimer'] = (_timestamp, context) => {
    const order = this.waiting.value();
    if (order !== undefined) context.output(unpaid, order);
    this.waiting.clear();
    this.seen.clear();
  };
}

test('both inputs of a keyed co-process function share state and timers per key', async () => {
  const input: VerifyInput[] = [
    { value: { id: 'a', item: 'tea' }, timestamp: 10 },
    { value: { id: 'b' }, timestamp: 20, input: 1 },
    { value: { id: 'c', item: 'milk' }, timestamp: 30 },
    { watermark: 25 },
    { value: { id: 'a' }, timestamp: 40, input: 1 },
    { value: { id: 'b', item: 'jam' }, timestamp: 50 },
    { value: { id: 'd' }, timestamp: 60, input: 1 },
    { watermark: 129 },
    { watermark: 130 },
    { value: { id: 'c' }, timestamp: 140, input: 1 },
  ];
  const { sideOutputs } = await verifyOperator({
    definition: (): OperatorDefinition => ({
      create: () => new KeyedCoProcessOperator(new Matching()),
      keySelectors: [byId, byId],
    }),
    input,
    sideOutputs: [unpaid],
    expected: ['a:tea', 'b:jam'],
  });
  assert.deepEqual(sideOutputs[unpaid.id], [{ value: { id: 'c', item: 'milk' }, timestamp: 130 }]);
});

test('processing-time timers of a keyed co-process function fire with the key and without a timestamp', async () => {
  const harness = await OperatorHarness.open<string, string, string>({
    keySelectors: [(s: string) => s, (s: string) => s],
    create: () =>
      new KeyedCoProcessOperator<string, string, string, string>({
        processElement1: (_value, context) => context.timerService.registerProcessingTimeTimer(50),
        processElement2: (_value, context) => context.timerService.deleteProcessingTimeTimer(50),
        onTimer: (timestamp, context, out) =>
          out.collect(`${context.getCurrentKey()} ${timestamp} ${context.timeDomain} ${context.timestamp()}`),
      }),
  });
  harness.processElement('a');
  harness.processElement('b');
  harness.processElement2('a');
  harness.advanceProcessingTime(60);
  assert.deepEqual(harness.takeValues(), ['b 50 PROCESSING_TIME undefined']);
  await harness.close();
});

test('state of a co-map on keyed streams belongs to the key of either input', async () => {
  const create = (): OperatorDefinition => {
    let list!: { add(value: string): void; get(): Iterable<string> };
    const fn: CoMapFunction<string, string, string> = {
      open: (context) => {
        list = context.getListState(new ListStateDescriptor<string>('seen'));
      },
      map1: (value) => {
        list.add(value);
        return [...list.get()].join('');
      },
      map2: (value) => {
        list.add(value.toUpperCase());
        return [...list.get()].join('');
      },
    };
    const key = (value: string): string => (value[0] as string).toLowerCase();
    return { create: () => new CoMapOperator(fn), keySelectors: [key, key] };
  };
  await verifyOperator({
    definition: create,
    input: [
      { value: 'a', timestamp: 1 },
      { value: 'b', timestamp: 2, input: 1 },
      { value: 'a', timestamp: 3, input: 1 },
    ],
    expected: ['a', 'B', 'aA'],
    mayLeaveState: true,
  });
});
