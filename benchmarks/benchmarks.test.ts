import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BENCHMARKS } from './src/benchmarks.ts';

for (const benchmark of BENCHMARKS) {
  test(`the benchmark '${benchmark.name}' runs, and its contestants come to one result`, async () => {
    const report = await benchmark.run({ rounds: 1, scale: 0.0005 });
    assert.equal(report.name, benchmark.name);
    assert.ok(report.figures.length > 0);
    for (const { name, value } of report.figures) assert.ok(Number.isFinite(value) && value > 0, `${name} is ${value}`);
  });
}

test('every benchmark has a name of its own', () => {
  assert.equal(new Set(BENCHMARKS.map(({ name }) => name)).size, BENCHMARKS.length);
});
