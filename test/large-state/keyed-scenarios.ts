/** Keyed state of functions: values, lists, maps, and a sort at the end. Functions check what they read, payloads included. */
import {
  type DataStream,
  type KeyedProcessFunction,
  type ListState,
  ListStateDescriptor,
  type MapState,
  MapStateDescriptor,
  type ValueState,
  ValueStateDescriptor,
} from 'millrace';
import { amountOf, hashOf, type Item, payloadOf, recordCount } from './records.ts';
import type { Scenario } from './scenario.ts';

interface Sum {
  readonly count: number;
  readonly amount: number;
  readonly payload: string;
}

/** Read-modify-write: the payload tells whether a value is the one that was written last. */
export const value: Scenario = {
  visits: 3,
  payloadChars: 1000,
  payloadsPerKey: 1,
  build(items, { visits, payloadChars }, seen) {
    let sums: ValueState<Sum>;
    return keyed(items, {
      open(context) {
        sums = context.getState(new ValueStateDescriptor<Sum>('sums'));
      },
      processElement({ key, amount }, _context, out) {
        seen();
        const before = sums.value() ?? { count: 0, amount: 0, payload: payloadOf(key, payloadChars) };
        check(before.payload === payloadOf(key + before.count, payloadChars), key);
        const count = before.count + 1;
        const after = { count, amount: before.amount + amount, payload: payloadOf(key + count, payloadChars) };
        sums.update(after);
        if (count === visits) out.collect(hashOf(key, after.amount));
      },
    });
  },
  expect(history, add) {
    history.forEachKey((key, indexes) => add(hashOf(key, sumOf(indexes))));
  },
};

/** A record of which one half is in a list and the other in a map; both are read at the last visit. */
export const collections: Scenario = {
  visits: 8,
  payloadChars: 1000,
  payloadsPerKey: 8,
  build(items, { keys, visits, payloadChars }, seen) {
    const half = Math.floor(payloadChars / 2);
    let list: ListState<Item>;
    let map: MapState<number, string>;
    return keyed(items, {
      open(context) {
        list = context.getListState(new ListStateDescriptor<Item>('list'));
        map = context.getMapState(new MapStateDescriptor<number, string>('map'));
      },
      processElement(item, _context, out) {
        seen();
        list.add({ ...item, payload: item.payload.slice(0, half) });
        map.put(item.index, item.payload.slice(half));
        if (item.index < (visits - 1) * keys) return;
        let hash = item.key;
        for (const { index, amount, payload } of list.get()) {
          check(`${payload}${map.get(index)}` === payloadOf(index, payloadChars), item.key);
          hash = hashOf(hash, index, amount);
        }
        out.collect(hash);
      },
    });
  },
  expect(history, add) {
    history.forEachKey((key, indexes) => {
      let hash = key;
      for (const index of indexes) hash = hashOf(hash, index, amountOf(index));
      add(hash);
    });
  },
};

/** Each key's records, sorted when time ends. */
export const sort: Scenario = {
  visits: 32,
  payloadChars: 1000,
  payloadsPerKey: 32,
  build(items, workload, seen) {
    const end = recordCount(workload);
    let buffer: ListState<Item>;
    return keyed(items, {
      open(context) {
        buffer = context.getListState(new ListStateDescriptor<Item>('buffer'));
      },
      processElement(item, { timerService }) {
        seen();
        buffer.add(item);
        timerService.registerEventTimeTimer(end);
      },
      onTimer(_timestamp, context, out) {
        let hash = context.getCurrentKey();
        for (const { index, payload } of [...buffer.get()].sort((a, b) => byAmount(a.index, b.index))) {
          check(payload === payloadOf(index, workload.payloadChars), context.getCurrentKey());
          hash = hashOf(hash, index);
        }
        buffer.clear();
        out.collect(hash);
      },
    });
  },
  expect(history, add) {
    history.forEachKey((key, indexes) => add(hashInOrder(key, [...indexes].sort(byAmount))));
  },
};

/** A timer for each record, at a time of its own, half a visit later; until then, a payload waits with it. */
export const timers: Scenario = {
  visits: 1,
  payloadChars: 1000,
  payloadsPerKey: 0.5,
  build(items, { keys, payloadChars }, seen) {
    let payloads: ValueState<string>;
    let last = -1;
    return keyed(items, {
      open(context) {
        payloads = context.getState(new ValueStateDescriptor<string>('payloads'));
      },
      processElement({ index, payload }, { timerService }) {
        seen();
        payloads.update(payload);
        timerService.registerEventTimeTimer(index + Math.ceil(keys / 2));
      },
      onTimer(timestamp, context, out) {
        const key = context.getCurrentKey();
        check(timestamp > last, key);
        check(payloads.value() === payloadOf(timestamp - Math.ceil(keys / 2), payloadChars), key);
        last = timestamp;
        payloads.clear();
        out.collect(hashOf(key, timestamp));
      },
    });
  },
  expect(history, add) {
    history.forEachKey((key, [index]) => add(hashOf(key, (index as number) + Math.ceil(history.workload.keys / 2))));
  },
};

function keyed(items: DataStream<Item>, fn: KeyedProcessFunction<number, Item, number>): DataStream<number> {
  return items
    .keyBy((item) => item.key)
    .process(fn)
    .uid('large');
}

function sumOf(indexes: Int32Array): number {
  return indexes.reduce((sum, index) => sum + amountOf(index), 0);
}

function byAmount(a: number, b: number): number {
  return amountOf(b) - amountOf(a) || a - b;
}

function hashInOrder(seed: number, indexes: readonly number[]): number {
  return indexes.reduce((hash, index) => hashOf(hash, index), seed);
}

function check(isRight: boolean, key: number): void {
  if (!isRight)
    throw new Error(`The state of key ${key} is not what was written last, or its timer fires at another time than it should.`);
}
