/** What is chained depends on the parallelism; the key groups of state do not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Adversity, runScenario, type Scenario } from '../simulation/scenario.ts';
import type { Step, StepKind } from './steps.ts';
import { resolveTopology } from './topology.ts';

const QUIET: Adversity = {
  healedAfterMs: Number.POSITIVE_INFINITY,
  failureRates: {},
  diskFailureRate: 0,
  diskDelayMs: 0.5,
  diskFull: [],
  lossRate: 0,
  losesProcessAtMs: [],
  savepointsAtMs: [],
};

const step = (kind: StepKind, input: number): Step => ({
  kind,
  input,
  second: 0,
  sizeMs: 20,
  exchange: 'AUTO',
  chained: true,
});

/** Keyed windows, and behind them windows over all records, which have one key group and are chained at parallelism 1. */
const TOPOLOGY = resolveTopology({
  sources: [[Array.from({ length: 40 }, (_, i) => ({ k: i % 5, v: i, t: 3 * i, gapMs: 3 }))]],
  steps: [step('TUMBLE', 0), step('WINDOW_ALL', 1)],
  countedEnds: [false],
  maxParallelism: 16,
  chaining: true,
});

test('keyed state goes on at another parallelism from a chain with windows over all records', async () => {
  for (const parallelisms of [
    [1, 2, 1],
    [3, 1, 2],
  ]) {
    for (const how of ['STOP', 'CANCEL', 'CRASH'] as const) {
      const scenario: Scenario = {
        seed: 1,
        topology: TOPOLOGY,
        checkpointing: {
          intervalMs: 10,
          timeoutMs: 400,
          alignment: 'ALIGNED',
          alignedTimeoutMs: 0,
          maxConcurrent: 1,
          inlineThresholdBytes: 20_480,
        },
        executors: { processPer: 'SLOT', channels: 'LOCAL', messageMs: 0, workMs: 0, turnMs: 0.5, slowness: 1 },
        sinks: 'TRANSACTIONS',
        stateBackend: 'hashmap',
        bufferTimeoutMs: 0,
        autoWatermarkIntervalMs: 5,
        adversity: QUIET,
        runs: parallelisms.map((parallelism, i) => ({
          parallelisms: [parallelism],
          end: i === parallelisms.length - 1 ? { how: 'FINISH' } : { how, afterMs: 40 },
        })),
      };
      assert.equal((await runScenario(scenario)).violation, undefined, `${how} at ${parallelisms}`);
    }
  }
});
