import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Accumulator,
  AverageAccumulator,
  DoubleMaximum,
  DoubleMinimum,
  Histogram,
  IntCounter,
  ListAccumulator,
} from './accumulators.ts';

const CASES: readonly { name: string; create: () => Accumulator<number, unknown>; of123: unknown; of123And9: unknown }[] = [
  { name: 'IntCounter', create: () => new IntCounter(), of123: 6, of123And9: 15 },
  { name: 'DoubleMinimum', create: () => new DoubleMinimum(), of123: 1, of123And9: 1 },
  { name: 'DoubleMaximum', create: () => new DoubleMaximum(), of123: 3, of123And9: 9 },
  { name: 'AverageAccumulator', create: () => new AverageAccumulator(), of123: 2, of123And9: 3.75 },
  { name: 'ListAccumulator', create: () => new ListAccumulator<number>(), of123: [1, 2, 3], of123And9: [1, 2, 3, 9] },
  {
    name: 'Histogram',
    create: () => new Histogram(),
    of123: new Map([1, 2, 3].map((n) => [n, 1])),
    of123And9: new Map([1, 2, 3, 9].map((n) => [n, 1])),
  },
];

for (const { name, create, of123, of123And9 } of CASES) {
  test(`${name}: a clone has the content, and changes of either do not show in the other`, () => {
    const accumulator = create();
    for (const n of [1, 2, 3]) accumulator.add(n);
    const clone = accumulator.clone();
    assert.deepEqual(clone.getLocalValue(), of123);
    clone.add(9);
    assert.deepEqual(clone.getLocalValue(), of123And9);
    assert.deepEqual(accumulator.getLocalValue(), of123);
    accumulator.resetLocal();
    assert.deepEqual(clone.getLocalValue(), of123And9);
    assert.deepEqual(accumulator.getLocalValue(), create().getLocalValue());
  });

  test(`${name}: merging counts what both have`, () => {
    const one = create();
    const other = create();
    for (const n of [1, 2, 3]) one.add(n);
    other.add(9);
    one.merge(other);
    assert.deepEqual(one.getLocalValue(), of123And9);
  });
}
