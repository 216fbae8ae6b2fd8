/** Long windows with many keys: reduced, aggregated, and buffered until they fire. */
import { type AggregateFunction, EventTimeSessionWindows, SlidingEventTimeWindows, TumblingEventTimeWindows } from 'millrace';
import { amountOf, hashOf, type Item, payloadOf, recordCount } from './records.ts';
import type { Scenario } from './scenario.ts';

interface Accumulator {
  amount: number;
  /** Of the newest record. */
  payload: string;
  index: number;
}

/** Two windows; each key comes twice in each. */
export const tumbling: Scenario = {
  visits: 4,
  payloadChars: 1000,
  payloadsPerKey: 1,
  build(items, workload, seen) {
    return items
      .keyBy((item) => item.key)
      .window(TumblingEventTimeWindows.of(recordCount(workload) / 2))
      .reduce(
        (a, b) => {
          seen();
          return { ...b, amount: a.amount + b.amount };
        },
        (key, { window }, [sum]) => [hashOf(key, window.start, sum.amount, sum.index, lastChar(sum.payload))],
      )
      .uid('large');
  },
  expect(history, add) {
    const size = recordCount(history.workload) / 2;
    history.forEachKey((key, indexes) => {
      for (const start of [0, size]) addWindow(history.workload.payloadChars, key, indexes, start, start + size, add);
    });
  },
};

/** Of each window, all slices are in state until the last of it: four with half of the keys each. */
export const sliding: Scenario = {
  visits: 4,
  payloadChars: 1000,
  payloadsPerKey: 2,
  build(items, workload, seen) {
    const { size, slide } = slidingOf(workload.keys);
    const aggregate: AggregateFunction<Item, Accumulator, Accumulator> = {
      createAccumulator: () => ({ amount: 0, payload: '', index: -1 }),
      add({ amount, payload, index }, sum) {
        seen();
        sum.amount += amount;
        if (index > sum.index) {
          sum.payload = payload;
          sum.index = index;
        }
        return sum;
      },
      merge: (a, b) => ({ ...(a.index > b.index ? a : b), amount: a.amount + b.amount }),
      getResult: (sum) => sum,
    };
    return items
      .keyBy((item) => item.key)
      .window(SlidingEventTimeWindows.of(size, slide))
      .aggregate(aggregate, (key, { window }, [sum]) => [hashOf(key, window.start, sum.amount, sum.index, lastChar(sum.payload))])
      .uid('large');
  },
  expect(history, add) {
    const { size, slide } = slidingOf(history.workload.keys);
    history.forEachKey((key, indexes) => {
      for (let start = slide - size; start < recordCount(history.workload); start += slide) {
        addWindow(history.workload.payloadChars, key, indexes, start, start + size, add);
      }
    });
  },
};

/** Sessions that buffer their records; a key's are as long as it comes back within the time of one visit and a half. */
export const session: Scenario = {
  visits: 4,
  payloadChars: 1000,
  payloadsPerKey: 2,
  build(items, { keys }) {
    return items
      .keyBy((item) => item.key)
      .window(EventTimeSessionWindows.withGap(gapOf(keys)))
      .process((key, { window }, elements) => {
        const sorted = [...elements].sort((a, b) => a.index - b.index);
        let hash = hashOf(key, window.start, window.end);
        for (const { index, payload } of sorted) hash = hashOf(hash, index, lastChar(payload));
        return [hash];
      })
      .uid('large');
  },
  expect(history, add) {
    const { keys, payloadChars } = history.workload;
    const gap = gapOf(keys);
    history.forEachKey((key, indexes) => {
      let session: number[] = [];
      const end = (): void => {
        let hash = hashOf(key, session[0] as number, (session[session.length - 1] as number) + gap);
        for (const index of session) hash = hashOf(hash, index, lastChar(payloadOf(index, payloadChars)));
        add(hash);
        session = [];
      };
      for (const index of indexes) {
        const before = session[session.length - 1];
        if (before !== undefined && index - before > gap) end();
        session.push(index);
      }
      end();
    });
  },
};

function slidingOf(keys: number): { readonly size: number; readonly slide: number } {
  const slide = Math.ceil(keys / 2);
  return { size: slide * 4, slide };
}

function gapOf(keys: number): number {
  return Math.ceil(keys * 1.5);
}

function lastChar(payload: string): number {
  return payload.charCodeAt(payload.length - 1);
}

function addWindow(
  payloadChars: number,
  key: number,
  indexes: Int32Array,
  start: number,
  end: number,
  add: (result: number) => void,
): void {
  let last = -1;
  let amount = 0;
  for (const index of indexes) {
    if (index < start || index >= end) continue;
    last = index;
    amount += amountOf(index);
  }
  if (last >= 0) add(hashOf(key, start, amount, last, lastChar(payloadOf(last, payloadChars))));
}
