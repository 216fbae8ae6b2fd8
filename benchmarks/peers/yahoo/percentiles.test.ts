import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, percentiles } from './percentiles.ts';

test('percentiles are values that were measured', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual(percentiles(values), { samples: 100, p50: 50, p99: 99, max: 100 });
  assert.deepEqual(percentiles([7]), { samples: 1, p50: 7, p99: 7, max: 7 });
});

test('of nothing there are no percentiles and no median', () => {
  assert.deepEqual(percentiles([]), { samples: 0, p50: Number.NaN, p99: Number.NaN, max: Number.NaN });
  assert.ok(Number.isNaN(median([])));
});

test('the median of an even number of values lies between the two in the middle', () => {
  assert.equal(median([9, 1, 4]), 4);
  assert.equal(median([9, 1, 4, 5]), 4.5);
});
