/**
 * Any job, at any parallelism, with any kind of checkpoint, failing anywhere and going on at any other parallelism, puts out
 * exactly what a plain function of its input does.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changeArbitrary, jobArbitrary, lastRunArbitrary, withStableChannels } from '../simulation/draw-scenario.ts';
import { type Adversity, runScenario } from '../simulation/scenario.ts';
import { FAULT_POINTS, type PlannedFault, plannedFaults } from './faults.ts';
import { parallelismsArbitrary } from './topology-arbitrary.ts';

const QUIET: Adversity = {
  healedAfterMs: 0,
  failureRates: {},
  diskFailureRate: 0,
  diskDelayMs: 0.5,
  diskFull: [],
  lossRate: 0,
  losesProcessAtMs: [],
  savepointsAtMs: [],
};

const faults: fc.Arbitrary<PlannedFault[]> = fc.array(
  fc.record({ point: fc.constantFrom(...FAULT_POINTS), call: fc.integer({ min: 1, max: 300 }) }),
  { maxLength: 4 },
);

const job = { ...jobArbitrary, adversity: fc.constant(QUIET) };
/** Fixed, so that a run of the tests says something about the change that it tests; the simulation draws anew. */
const SEED = 20_261_124;

const oneRun = fc.record({ ...job, runs: fc.tuple(lastRunArbitrary) });
const severalRuns = fc
  .record({
    ...job,
    runs: fc
      .tuple(fc.array(changeArbitrary, { minLength: 1, maxLength: 3 }), lastRunArbitrary)
      .map(([changes, last]) => [...changes, last]),
  })
  .map(withStableChannels);

test('any topology at any parallelism puts out what its records mean', async () => {
  await fc.assert(
    fc.asyncProperty(oneRun, async (scenario) => {
      assert.equal((await runScenario(scenario)).violation, undefined);
    }),
    { numRuns: 25, seed: SEED },
  );
});

test('failures anywhere change nothing of the output', async () => {
  await fc.assert(
    fc.asyncProperty(oneRun, faults, async (scenario, planned) => {
      assert.equal((await runScenario(scenario, { faults: plannedFaults(planned) })).violation, undefined);
    }),
    { numRuns: 25, seed: SEED },
  );
});

test('a job that goes on at other parallelisms puts out what it would have', async () => {
  await fc.assert(
    fc.asyncProperty(severalRuns, faults, async (scenario, planned) => {
      assert.equal((await runScenario(scenario, { faults: plannedFaults(planned) })).violation, undefined);
    }),
    { numRuns: 25, seed: SEED },
  );
});

test('a job that is drained puts out what the records mean that it had read', async () => {
  const drained = fc.record({
    parallelisms: parallelismsArbitrary,
    end: fc.record({ how: fc.constant('DRAIN' as const), afterMs: fc.nat(200) }),
  });
  const runs = fc.tuple(fc.array(changeArbitrary, { maxLength: 1 }), drained).map(([changes, last]) => [...changes, last]);
  await fc.assert(
    fc.asyncProperty(fc.record({ ...job, runs }).map(withStableChannels), async (scenario) => {
      assert.equal((await runScenario(scenario)).violation, undefined);
    }),
    { numRuns: 25, seed: SEED },
  );
});
