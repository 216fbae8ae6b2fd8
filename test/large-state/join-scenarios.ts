/** Joins that buffer both sides. Records with an even number are the left ones. */
import { type DataStream, type KeyedCoProcessFunction, type ListState, ListStateDescriptor } from 'millrace';
import { hashOf, type Item, recordCount } from './records.ts';
import type { Scenario } from './scenario.ts';

function sides(items: DataStream<Item>): [DataStream<Item>, DataStream<Item>] {
  return [items.filter(({ index }) => index % 2 === 0), items.filter(({ index }) => index % 2 === 1)];
}

/** Left records wait for right ones that come up to two visits later, and right ones for late partners as long. */
export const intervalJoin: Scenario = {
  visits: 6,
  payloadChars: 1000,
  payloadsPerKey: 2,
  build(items, { keys }, seen) {
    const [left, right] = sides(items);
    return left
      .keyBy((item) => item.key)
      .intervalJoin(right.keyBy((item) => item.key))
      .between(-keys, keys)
      .process((a, b) => {
        seen();
        return pairOf(a, b);
      })
      .uid('large');
  },
  expect(history, add) {
    const { keys } = history.workload;
    history.forEachKey((_key, indexes) => {
      for (const left of indexes) {
        if (left % 2 === 1) continue;
        for (const right of indexes) {
          if (right % 2 === 1 && Math.abs(right - left) <= keys) add(hashOf(left, right));
        }
      }
    });
  },
};

/** Both sides are kept until time ends, and joined then. */
export const coProcess: Scenario = {
  visits: 32,
  payloadChars: 1000,
  payloadsPerKey: 32,
  build(items, workload, seen) {
    const end = recordCount(workload);
    const [left, right] = sides(items);
    let lefts: ListState<Item>;
    let rights: ListState<Item>;
    const fn: KeyedCoProcessFunction<number, Item, Item, number> = {
      open(context) {
        lefts = context.getListState(new ListStateDescriptor<Item>('lefts'));
        rights = context.getListState(new ListStateDescriptor<Item>('rights'));
      },
      processElement1(item, { timerService }) {
        seen();
        lefts.add(item);
        timerService.registerEventTimeTimer(end);
      },
      processElement2(item, { timerService }) {
        seen();
        rights.add(item);
        timerService.registerEventTimeTimer(end);
      },
      onTimer(_timestamp, _context, out) {
        const others = [...rights.get()];
        for (const a of lefts.get()) for (const b of others) out.collect(pairOf(a, b));
        lefts.clear();
        rights.clear();
      },
    };
    return left
      .keyBy((item) => item.key)
      .connect(right.keyBy((item) => item.key))
      .process(fn)
      .uid('large');
  },
  expect(history, add) {
    history.forEachKey((_key, indexes) => {
      for (const left of indexes) {
        if (left % 2 === 1) continue;
        for (const right of indexes) if (right % 2 === 1) add(hashOf(left, right));
      }
    });
  },
};

function pairOf(left: Item, right: Item): number {
  if (left.key !== right.key) throw new Error(`Records ${left.index} and ${right.index} have different keys.`);
  return hashOf(left.index, right.index);
}
