import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CountTrigger,
  EventTimeSessionWindows,
  GlobalWindows,
  OutputTag,
  ProcessingTimeSessionWindows,
  SlidingEventTimeWindows,
  StreamExecutionEnvironment,
  type TimeWindow,
  type Trigger,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../index.ts';

interface Sale {
  readonly shop: string;
  readonly at: number;
  readonly amount: number;
  readonly item: string;
}

const SALES: readonly Sale[] = [
  { shop: 'north', at: 1, amount: 5, item: 'pen' },
  { shop: 'south', at: 2, amount: 7, item: 'ink' },
  { shop: 'north', at: 8, amount: 2, item: 'cap' },
  { shop: 'north', at: 12, amount: 9, item: 'pen' },
  { shop: 'south', at: 14, amount: 1, item: 'cap' },
  { shop: 'north', at: 15, amount: 9, item: 'ink' },
];

const sales = () =>
  StreamExecutionEnvironment.getExecutionEnvironment()
    .fromCollection(SALES)
    .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps<Sale>().withTimestampAssigner((sale) => sale.at));
const perShop = () =>
  sales()
    .keyBy((sale) => sale.shop)
    .window(TumblingEventTimeWindows.of(10));
const brief = (results: readonly Sale[]) => results.map(({ shop, at, amount, item }) => `${shop} ${at} ${amount} ${item}`).sort();

const AVERAGE = {
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: (sale: Sale, { sum, count }: { sum: number; count: number }) => ({ sum: sum + sale.amount, count: count + 1 }),
  merge: (a: { sum: number; count: number }, b: { sum: number; count: number }) => ({
    sum: a.sum + b.sum,
    count: a.count + b.count,
  }),
  getResult: ({ sum, count }: { sum: number; count: number }) => sum / count,
};

test('sum, min and max keep the other fields of the first record; minBy and maxBy give whole records', async () => {
  assert.deepEqual(brief(await perShop().sum('amount').executeAndCollect()), [
    'north 1 7 pen',
    'north 12 18 pen',
    'south 14 1 cap',
    'south 2 7 ink',
  ]);
  assert.deepEqual(brief(await perShop().min('amount').executeAndCollect()).slice(0, 2), ['north 1 2 pen', 'north 12 9 pen']);
  assert.deepEqual(brief(await perShop().max('amount').executeAndCollect()).slice(0, 2), ['north 1 5 pen', 'north 12 9 pen']);
  assert.deepEqual(brief(await perShop().minBy('amount').executeAndCollect()).slice(0, 2), ['north 12 9 pen', 'north 8 2 cap']);
  assert.deepEqual(brief(await perShop().maxBy('amount', false).executeAndCollect()).slice(0, 2), [
    'north 1 5 pen',
    'north 15 9 ink',
  ]);
});

test('reduce and aggregate emit one result per key and window, or what their window function makes of it', async () => {
  const most = (a: Sale, b: Sale): Sale => (b.amount > a.amount ? b : a);
  assert.deepEqual(brief(await perShop().reduce(most).executeAndCollect())[0], 'north 1 5 pen');
  const described = await perShop()
    .reduce(most, (shop, { window }, [sale]) => [`${shop} ${window.start} ${sale.item}`])
    .executeAndCollect();
  assert.deepEqual(described.sort(), ['north 0 pen', 'north 10 pen', 'south 0 ink', 'south 10 cap']);
  assert.deepEqual((await perShop().aggregate(AVERAGE).executeAndCollect()).sort(), [1, 3.5, 7, 9]);
  const averages = await perShop()
    .aggregate<{ sum: number; count: number }, number, string>(AVERAGE, {
      process: (shop, context, [average], out) => out.collect(`${shop} ${context.window.end} ${average}`),
    })
    .executeAndCollect();
  assert.deepEqual(averages.sort(), ['north 10 3.5', 'north 20 9', 'south 10 7', 'south 20 1']);
});

test('process and apply see all records of a window', async () => {
  const processed = await perShop()
    .process((shop, { window }, elements) => [`${shop} ${window.start}: ${elements.map((sale) => sale.item)}`])
    .executeAndCollect();
  assert.deepEqual(processed.sort(), ['north 0: pen,cap', 'north 10: pen,ink', 'south 0: ink', 'south 10: cap']);
  const applied = await perShop()
    .apply((shop, window, elements, out: { collect(line: string): void }) =>
      out.collect(`${shop} ${window.end}: ${elements.length}`),
    )
    .executeAndCollect();
  assert.deepEqual(applied.sort(), ['north 10: 2', 'north 20: 2', 'south 10: 1', 'south 20: 1']);
});

test('windows over a whole stream have one key', async () => {
  const all = () => sales().windowAll(SlidingEventTimeWindows.of(20, 10));
  assert.deepEqual(brief(await all().sum('amount').executeAndCollect()), ['north 1 14 pen', 'north 1 33 pen', 'north 12 19 pen']);
  const lines = await all()
    .process(({ window }: { window: TimeWindow }, elements) => [`${window.start}: ${elements.length}`])
    .executeAndCollect();
  assert.deepEqual(lines, ['-10: 3', '0: 6', '10: 3']);
  const counts = await all()
    .aggregate(AVERAGE, (context, [average]) => [[context.window.start, Math.round(average)] as const])
    .executeAndCollect();
  assert.deepEqual(counts, [
    [-10, 5],
    [0, 6],
    [10, 6],
  ]);
  const applied = await all()
    .apply((window, elements) => [`${window.end} ${elements.length}`])
    .executeAndCollect();
  assert.deepEqual(applied, ['10 3', '20 6', '30 3']);
});

test('count windows take so many records of a key, or the last ones at every slide', async () => {
  const bySize = await sales()
    .keyBy((sale) => sale.shop)
    .countWindow(2)
    .process((shop, _context, elements) => [`${shop} ${elements.map((sale) => sale.at)}`])
    .executeAndCollect();
  assert.deepEqual(bySize, ['north 1,8', 'south 2,14', 'north 12,15']);
  const bySlide = await sales()
    .countWindowAll(3, 2)
    .process((_context, elements) => [elements.map((sale) => sale.at).join()])
    .executeAndCollect();
  assert.deepEqual(bySlide, ['1,2', '2,8,12', '12,14,15']);
  assert.deepEqual(brief(await sales().countWindowAll(3).sum('amount').executeAndCollect()), [
    'north 1 14 pen',
    'north 12 19 pen',
  ]);
});

test('late records can be had as a side output of the result', async () => {
  const late = new OutputTag<Sale>('late');
  const windowed = StreamExecutionEnvironment.getExecutionEnvironment()
    .fromCollection([...SALES, { shop: 'north', at: 3, amount: 100, item: 'late' }])
    .assignTimestampsAndWatermarks(
      WatermarkStrategy.forGenerator<Sale>(() => ({
        onEvent: (_sale, timestamp, output) => output.emitWatermark(timestamp - 1),
        onPeriodicEmit: () => {},
      })).withTimestampAssigner((sale) => sale.at),
    )
    .keyBy((sale) => sale.shop)
    .window(TumblingEventTimeWindows.of(10))
    .sideOutputLateData(late)
    .sum('amount');
  assert.deepEqual(brief(await windowed.getSideOutput(late).executeAndCollect()), ['north 3 100 late']);
});

test('results carry the last timestamp of their window, so that windows can follow on windows', async () => {
  const total = await perShop()
    .sum('amount')
    .windowAll(TumblingEventTimeWindows.of(10))
    .process(({ window }, elements) => [`${window.start} ${elements.map((sale) => sale.amount).sort()}`])
    .executeAndCollect();
  assert.deepEqual(total, ['0 7,7', '10 1,18']);
});

test('a trigger that cannot merge is refused for sessions when the program is built', () => {
  const never = GlobalWindows.create().getDefaultTrigger() as Trigger<unknown, TimeWindow>;
  for (const assigner of [EventTimeSessionWindows.withGap(5), ProcessingTimeSessionWindows.withGap(5)]) {
    const windows = sales()
      .keyBy((sale) => sale.shop)
      .window(assigner);
    assert.throws(() => windows.trigger(never), {
      code: 'INVALID_PROGRAM',
      message: /NeverTrigger cannot be used with .*SessionWindows/,
    });
    windows.trigger(CountTrigger.of(2));
  }
});

test('a lateness that is no duration is refused', () => {
  for (const latenessMs of [-1, Number.NaN, 1.5]) {
    assert.throws(() => perShop().allowedLateness(latenessMs), { code: 'INVALID_PROGRAM', message: /allowedLateness must be/ });
  }
});

test('the plan names the assigner, and the whole window in its description', () => {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .fromCollection([1, 2])
    .keyBy((x) => x)
    .window(SlidingEventTimeWindows.of(10, 5))
    .sum()
    .discard();
  const plan = JSON.stringify(env.getExecutionPlan());
  assert.match(plan, /SlidingEventTimeWindows/);
});
