/** sum, min, max, minBy, maxBy on keyed streams, as Flink has them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KeyedStream, type SingleOutputStreamOperator, StreamExecutionEnvironment } from '../../src/index.ts';

interface Reading {
  readonly id: number;
  readonly celsius: number;
}

const READINGS: readonly Reading[] = [
  { id: 1, celsius: 20 },
  { id: 2, celsius: 18 },
  { id: 3, celsius: 25 },
  { id: 4, celsius: 18 },
];

function results(aggregate: (stream: KeyedStream<Reading, string>) => SingleOutputStreamOperator<Reading>): Promise<Reading[]> {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  return aggregate(env.fromCollection(READINGS).keyBy(() => 'all')).executeAndCollect();
}

const pairs = (readings: readonly Reading[]): number[][] => readings.map((r) => [r.id, r.celsius]);

test('sum, min and max change one field and keep the others of the first record', async () => {
  assert.deepEqual(pairs(await results((s) => s.sum('celsius'))), [
    [1, 20],
    [1, 38],
    [1, 63],
    [1, 81],
  ]);
  assert.deepEqual(pairs(await results((s) => s.min('celsius'))), [
    [1, 20],
    [1, 18],
    [1, 18],
    [1, 18],
  ]);
  assert.deepEqual(pairs(await results((s) => s.max('celsius'))), [
    [1, 20],
    [1, 20],
    [1, 25],
    [1, 25],
  ]);
});

test('minBy and maxBy give the whole record; of equals the first, or the last if asked for', async () => {
  assert.deepEqual(pairs(await results((s) => s.minBy('celsius'))), [
    [1, 20],
    [2, 18],
    [2, 18],
    [2, 18],
  ]);
  assert.deepEqual(pairs(await results((s) => s.minBy('celsius', false))), [
    [1, 20],
    [2, 18],
    [2, 18],
    [4, 18],
  ]);
  assert.deepEqual(pairs(await results((s) => s.maxBy('celsius'))), [
    [1, 20],
    [1, 20],
    [3, 25],
    [3, 25],
  ]);
});

test('a stream of numbers is summed without a field, and results that went out do not change', async () => {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  const sums = env
    .fromElements(1, 2, 3)
    .keyBy(() => 'all')
    .sum();
  assert.deepEqual(await sums.executeAndCollect(), [1, 3, 6]);
  const kept = await results((s) => s.sum('celsius'));
  assert.equal(new Set(kept).size, 4);
});
