import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Results } from './results.ts';

const TRUTH = [
  { campaign: 'a', windowStartMs: 0, views: 3 },
  { campaign: 'b', windowStartMs: 10_000, views: 5 },
];

function resultsOf(...lines: readonly (readonly [line: string, timestampMs: number])[]): Results {
  const results = new Results();
  for (const [line, timestampMs] of lines) results.add({ value: Buffer.from(line), timestampMs });
  return results;
}

test('results are complete when every window has its count', () => {
  const results = resultsOf(['w,a,0,3,1', 100], ['w,b,10000,5,1', 200]);
  assert.equal(results.isComplete, false, 'without the truth nothing is complete');
  results.compareWith(TRUTH);
  assert.equal(results.isComplete, true);
  assert.equal(results.fault(), undefined);
});

test('results that come after the truth is known count like those before', () => {
  const results = new Results();
  results.compareWith(TRUTH);
  for (const line of ['w,a,0,2,1', 'w,b,10000,5,1', 'w,a,0,3,1']) {
    assert.equal(results.isComplete, false);
    results.add({ value: Buffer.from(line), timestampMs: 1 });
  }
  assert.equal(results.isComplete, true);
});

test('a missing window, another count and a window too many are told', () => {
  const results = resultsOf(['w,a,0,4,1', 100], ['w,c,0,1,1', 100]);
  results.compareWith(TRUTH);
  assert.equal(results.fault(), 'of 2 windows 1 are missing and 1 have another count; 1 should not be there');
});

test('a count that was right and changes is wrong', () => {
  const results = new Results();
  results.compareWith(TRUTH);
  for (const line of ['w,a,0,3,1', 'w,b,10000,5,1', 'w,a,0,4,1']) results.add({ value: Buffer.from(line), timestampMs: 1 });
  assert.equal(results.isComplete, false);
});

test('the latency of a window ends with the first line that has its last count', () => {
  const results = resultsOf(['w,a,0,1,1', 9_000], ['w,a,0,3,1', 10_020], ['w,a,0,3,1', 11_000], ['w,b,10000,5,1', 20_500]);
  assert.deepEqual(results.windowLatenciesMs(0, 20_000), [20, 500]);
  assert.deepEqual(
    results.windowLatenciesMs(10_000, 20_000),
    [500],
    'a window that ends when the measurement begins is not in it',
  );
  assert.equal(results.finalMs, 20_500);
  assert.equal(results.firstMs, 9_000);
});

test('the latency of an event that is passed through is from its own time', () => {
  const results = resultsOf(['p,a,1000,1,1003', 1_004], ['p,a,5000,1,5003', 5_010]);
  assert.deepEqual(results.passedLatenciesMs(0, 4_999), [4]);
  assert.deepEqual(results.passedLatenciesMs(1_000, 5_000), [4, 10]);
});
