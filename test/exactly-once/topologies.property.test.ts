/**
 * Any job, at any parallelism, with any kind of checkpoint, failing anywhere and going on at any other parallelism, puts out
 * exactly what a plain function of its input does.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Adversity, type CheckpointingScenario, type RunScenario, runScenario } from '../simulation/scenario.ts';
import { FAULT_POINTS, type PlannedFault, plannedFaults } from './faults.ts';
import { resolveTopology } from './topology.ts';
import { parallelismsArbitrary, topologyArbitrary } from './topology-arbitrary.ts';

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

const topology = topologyArbitrary({ mostSteps: 6, mostRecordsOfSplit: 30 });

const checkpointing: fc.Arbitrary<CheckpointingScenario> = fc.record({
  intervalMs: fc.constantFrom(10, 25, 60),
  timeoutMs: fc.constant(60_000),
  alignment: fc.constantFrom('ALIGNED', 'UNALIGNED', 'ALIGNED_WITH_TIMEOUT'),
  alignedTimeoutMs: fc.constantFrom(1, 5),
  maxConcurrent: fc.constantFrom(1, 1, 3),
  inlineThresholdBytes: fc.constantFrom(0, 20_480),
});

const executors = fc.record({
  processPer: fc.constantFrom('SLOT', 'TASK'),
  messageMs: fc.constantFrom(0, 1, 5),
  workMs: fc.constantFrom(0, 0.2, 1),
  turnMs: fc.constantFrom(0.1, 1),
  slowness: fc.constantFrom(1, 5),
});

const faults = fc.array(
  fc.record({ point: fc.constantFrom(...FAULT_POINTS), call: fc.integer({ min: 1, max: 300 }) }) as fc.Arbitrary<PlannedFault>,
  { maxLength: 4 },
);

const change: fc.Arbitrary<RunScenario> = fc.record({
  parallelisms: parallelismsArbitrary,
  end: fc.record({ how: fc.constantFrom('STOP', 'CANCEL', 'CRASH'), afterMs: fc.nat(250) }),
});

const lastRun: fc.Arbitrary<RunScenario> = fc.record({
  parallelisms: parallelismsArbitrary,
  end: fc.constant({ how: 'FINISH' as const }),
});

const common = {
  seed: fc.nat(),
  topology: topology.map(resolveTopology),
  checkpointing,
  executors,
  stateBackend: fc.constantFrom('hashmap', 'hashlog'),
  bufferTimeoutMs: fc.constantFrom(0, 10),
  autoWatermarkIntervalMs: fc.constantFrom(5, 20),
  adversity: fc.constant(QUIET),
};

test('any topology at any parallelism puts out what its records mean', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record({ ...common, runs: fc.tuple(lastRun) }), async (scenario) => {
      assert.equal((await runScenario(scenario)).violation, undefined);
    }),
    { numRuns: 150 },
  );
});

test('failures anywhere change nothing of the output', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record({ ...common, runs: fc.tuple(lastRun) }), faults, async (scenario, planned) => {
      assert.equal((await runScenario(scenario, { faults: plannedFaults(planned) })).violation, undefined);
    }),
    { numRuns: 150 },
  );
});

test('a job that goes on at other parallelisms puts out what it would have', async () => {
  const runs = fc.tuple(fc.array(change, { minLength: 1, maxLength: 3 }), lastRun).map(([changes, last]) => [...changes, last]);
  await fc.assert(
    fc.asyncProperty(fc.record({ ...common, runs }), faults, async (scenario, planned) => {
      assert.equal((await runScenario(scenario, { faults: plannedFaults(planned) })).violation, undefined);
    }),
    { numRuns: 150 },
  );
});
