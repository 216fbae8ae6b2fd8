/** Window join and coGroup in whole jobs, by example and against a nested loop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Collector,
  CountEvictor,
  CountTrigger,
  type DataStream,
  EventTimeSessionWindows,
  GlobalWindows,
  IntCounter,
  PurgingTrigger,
  type RuntimeContext,
  SlidingEventTimeWindows,
  StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../../src/index.ts';

interface Item {
  readonly key: string;
  readonly at: number;
  readonly id: string;
}
const keyOf = (item: Item): string => item.key;
const item = (id: string, key: string, at: number): Item => ({ id, key, at });

function environment(): StreamExecutionEnvironment {
  return StreamExecutionEnvironment.getExecutionEnvironment();
}

/** No record is late, in whatever order the two streams are read. */
function stream(env: StreamExecutionEnvironment, items: readonly Item[]): DataStream<Item> {
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Item>(1_000_000).withTimestampAssigner((i) => i.at);
  return env.fromCollection(items).assignTimestampsAndWatermarks(strategy);
}

const lefts = [item('l1', 'a', 1), item('l2', 'a', 12), item('l3', 'b', 3)];
const rights = [item('r1', 'a', 9), item('r2', 'a', 5), item('r3', 'c', 3), item('r4', 'a', 10)];

test('a join emits the pairs of a key and window, with the last time of the window', async () => {
  const env = environment();
  const joined = stream(env, lefts)
    .join(stream(env, rights))
    .where(keyOf)
    .equalTo(keyOf)
    .window(TumblingEventTimeWindows.of(10))
    .apply((left, right) => `${left.id}-${right.id}`)
    .process<string>({ processElement: (pair, context, out) => out.collect(`${pair}@${context.timestamp()}`) });
  assert.deepEqual(await joined.executeAndCollect(), ['l1-r1@9', 'l1-r2@9', 'l2-r4@19']);
});

test('a join function may emit any number of results, and a rich one is opened and closed', async () => {
  const env = environment();
  const left = stream(env, lefts);
  const right = stream(env, rights);
  const window = TumblingEventTimeWindows.of(10);
  const pairs = new IntCounter();
  const calls: string[] = [];
  const rich = {
    open: (context: RuntimeContext) => {
      calls.push('open');
      context.addAccumulator('pairs', pairs);
    },
    join: (l: Item, r: Item, out: Collector<string>) => {
      pairs.add();
      out.collect(l.id);
      out.collect(r.id);
    },
    close: () => void calls.push('close'),
  };
  left.join(right).where(keyOf).equalTo(keyOf).window(window).apply<string>(rich).discard();
  left
    .join(right)
    .where(keyOf)
    .equalTo(keyOf)
    .window(window)
    .apply<number>((l, r, out) => out.collect(l.at + r.at))
    .discard();
  const { accumulators } = await env.execute();
  assert.deepEqual(accumulators, { pairs: 3 });
  assert.deepEqual(calls, ['open', 'close']);
});

test('a coGroup sees the records of both streams, also where one has none', async () => {
  const env = environment();
  const groups = stream(env, lefts)
    .coGroup(stream(env, rights))
    .where(keyOf)
    .equalTo(keyOf)
    .window(TumblingEventTimeWindows.of(10))
    .apply((first, second) => [`${first.map((i) => i.id).join()}|${second.map((i) => i.id).join()}`]);
  assert.deepEqual((await groups.executeAndCollect()).sort(), ['l1|r1,r2', 'l2|r4', 'l3|', '|r3']);
});

test('triggers and evictors see the records of both streams', async () => {
  const env = environment();
  const groups = stream(env, lefts)
    .coGroup(stream(env, rights))
    .where(() => 'all')
    .equalTo(() => 'all')
    .window(GlobalWindows.create())
    .trigger(PurgingTrigger.of(CountTrigger.of(7)))
    .evictor(CountEvictor.of(6))
    .apply((first, second) => [first.length + second.length]);
  assert.deepEqual(await groups.executeAndCollect(), [6]);
});

test('a stream can be joined with itself', async () => {
  const env = environment();
  const items = stream(env, [item('x', 'a', 1), item('y', 'a', 2)]);
  const pairs = items
    .join(items)
    .where(keyOf)
    .equalTo(keyOf)
    .window(TumblingEventTimeWindows.of(10))
    .apply((l, r) => l.id + r.id);
  assert.deepEqual((await pairs.executeAndCollect()).sort(), ['xx', 'xy', 'yx', 'yy']);
});

test('a late record joins with what its window holds, within the allowed lateness', async () => {
  const env = environment();
  const strategy = WatermarkStrategy.forGenerator<Item>(() => ({
    onEvent: (_item, timestamp, output) => output.emitWatermark(timestamp),
    onPeriodicEmit: () => {},
  })).withTimestampAssigner((i) => i.at);
  // The two sides are read in turn; records of neither side move time on for both before a late one comes.
  const time = (...times: number[]): Item[] => times.map((at) => item('-', 'a', at));
  const records = [item('l1', 'a', 1), item('r1', 'a', 2), ...time(15, 16, 17, 18), item('l2', 'a', 3)];
  const all = env
    .fromCollection([...records, ...time(21, 22, 23, 24), item('l3', 'a', 4)])
    .assignTimestampsAndWatermarks(strategy);
  const pairs = all
    .filter((i) => i.id.startsWith('l'))
    .join(all.filter((i) => i.id.startsWith('r')))
    .where(keyOf)
    .equalTo(keyOf)
    .window(TumblingEventTimeWindows.of(10))
    .allowedLateness(10)
    .apply((l, r) => l.id + r.id);
  // The first firing, and another one when l2 comes; l3 comes when the window is gone.
  assert.deepEqual(await pairs.executeAndCollect(), ['l1r1', 'l1r1', 'l2r1']);
});

test('the parts of a join stand in the graph: each stream tagged at its own parallelism, then one keyed window', () => {
  const env = environment();
  const pairs = stream(env, lefts)
    .map((i) => i)
    .setParallelism(3)
    .join(stream(env, rights))
    .where(keyOf)
    .equalTo(keyOf)
    .window(TumblingEventTimeWindows.of(10))
    .apply((l, r) => l.id + r.id);
  pairs.discard();
  const { nodes, edges } = env.getStreamGraph();
  const join = nodes.find((n) => n.keyed);
  const inputs = edges.filter((e) => e.target === join?.id);
  assert.deepEqual(
    inputs.map((e) => [e.partitioner, nodes.find((n) => n.id === e.source)?.parallelism]),
    [
      ['HASH', 3],
      ['HASH', 1],
    ],
  );
});

const items = (side: string): fc.Arbitrary<Item[]> =>
  fc
    .array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), at: fc.integer({ min: -30, max: 60 }) }), {
      maxLength: 25,
      size: 'max',
    })
    .map((records) => records.map((r, i) => ({ ...r, id: `${side}${i}` })));

/** Start times of the windows of a record. */
function windowsOf(at: number, sizeMs: number, slideMs: number): number[] {
  const starts: number[] = [];
  for (let start = Math.floor(at / slideMs) * slideMs; start > at - sizeMs; start -= slideMs) starts.push(start);
  return starts;
}

/** Groups by key and window: window → key → records of either side. */
function groupsOf(
  left: readonly Item[],
  right: readonly Item[],
  windows: (item: Item) => readonly (number | string)[],
): [Item[], Item[]][] {
  const groups = new Map<string, [Item[], Item[]]>();
  for (const [side, records] of [left, right].entries()) {
    for (const record of records) {
      for (const window of windows(record)) {
        const name = `${record.key}/${window}`;
        let group = groups.get(name);
        if (group === undefined) groups.set(name, (group = [[], []]));
        group[side as 0 | 1].push(record);
      }
    }
  }
  return [...groups.values()];
}

/** The sessions of a key over both streams: a record belongs to the session that its predecessors in time reach. */
function sessionsOf(left: readonly Item[], right: readonly Item[], gapMs: number): (item: Item) => string[] {
  const session = new Map<Item, string>();
  for (const key of ['a', 'b', 'c']) {
    let last = Number.NEGATIVE_INFINITY;
    let number = 0;
    for (const record of [...left, ...right].filter((r) => r.key === key).sort((x, y) => x.at - y.at)) {
      if (record.at > last + gapMs) number++;
      last = record.at;
      session.set(record, `${key}${number}`);
    }
  }
  return (record) => [session.get(record) as string];
}

test('joins and coGroups in tumbling, sliding and session windows agree with nested loops', async () => {
  await fc.assert(
    fc.asyncProperty(
      items('l'),
      items('r'),
      fc.integer({ min: 1, max: 25 }),
      fc.integer({ min: 1, max: 3 }),
      async (left, right, slide, factor) => {
        const env = environment();
        const a = stream(env, left);
        const b = stream(env, right);
        const cases = [
          { assigner: TumblingEventTimeWindows.of(slide), groups: groupsOf(left, right, (i) => windowsOf(i.at, slide, slide)) },
          {
            assigner: SlidingEventTimeWindows.of(slide * factor, slide),
            groups: groupsOf(left, right, (i) => windowsOf(i.at, slide * factor, slide)),
          },
          { assigner: EventTimeSessionWindows.withGap(slide), groups: groupsOf(left, right, sessionsOf(left, right, slide)) },
        ];
        const join = cases.map((c, n) =>
          a
            .join(b)
            .where(keyOf)
            .equalTo(keyOf)
            .window(c.assigner)
            .apply((l, r) => `join ${n} ${l.id}-${r.id}`),
        );
        const ids = (records: readonly Item[]): string =>
          records
            .map((r) => r.id)
            .sort()
            .join();
        const coGroup = cases.map((c, n) =>
          a
            .coGroup(b)
            .where(keyOf)
            .equalTo(keyOf)
            .window(c.assigner)
            .apply((first, second) => [`coGroup ${n} ${ids(first)}|${ids(second)}`]),
        );
        const [head, ...rest] = [...join, ...coGroup];
        const actual = await head!.union(...rest).executeAndCollect();
        const expected = cases.flatMap(({ groups }, n) =>
          groups.flatMap(([first, second]) => [
            ...first.flatMap((l) => second.map((r) => `join ${n} ${l.id}-${r.id}`)),
            `coGroup ${n} ${ids(first)}|${ids(second)}`,
          ]),
        );
        assert.deepEqual(actual.sort(), expected.sort());
      },
    ),
    { numRuns: 40 },
  );
});
