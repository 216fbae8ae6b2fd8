/**
 * The simulation finds nothing wrong in the engine, is the same for the same seed, and finds what is wrong in engines that are broken
 * on purpose. `npm run simulate` runs more seeds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawScenario } from './draw-scenario.ts';
import { MUTATIONS } from './mutations.ts';
import { runScenario } from './scenario.ts';

/** More than any mutation needs. */
const SEEDS = 200;

test('whatever goes wrong, a job ends and has committed exactly what it should', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { violation } = await runScenario(drawScenario(seed));
    assert.equal(violation, undefined, `npm run simulate -- --seed ${seed} --seeds 1 --trace`);
  }
});

test('a seed has one event log, and another seed has another', async () => {
  const hashes = new Set<string>();
  for (const seed of [1, 2, 3]) {
    const first = await runScenario(drawScenario(seed));
    const second = await runScenario(drawScenario(seed));
    assert.deepEqual(second, first);
    assert.ok(first.events > 50);
    hashes.add(first.hash);
  }
  assert.equal(hashes.size, 3);
});

for (const [what, mutation] of Object.entries(MUTATIONS)) {
  test(`an engine that ${what} is found`, async (t) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violation } = await runScenario(drawScenario(seed), { mutation });
      if (violation === undefined) continue;
      t.diagnostic(`seed ${seed}: ${violation}`);
      return;
    }
    assert.fail(`${SEEDS} seeds show nothing`);
  });
}
