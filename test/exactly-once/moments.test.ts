/**
 * One small job, and the same thing happening to it at every moment of its life: what happens at its end, when some of its tasks have
 * finished and others have not, needs an exact moment to go wrong.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Adversity, type RunEnd, type RunScenario, runScenario, type Scenario } from '../simulation/scenario.ts';
import { type Faults, plannedFaults } from './faults.ts';
import type { TimedItem } from './replayable-source.ts';
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

const step = (kind: StepKind): Step => ({ kind, input: 0, second: 0, sizeMs: 20, exchange: 'REBALANCE', chained: false });

/** A short split that ends early, and one that goes on, summed up by key in windows. */
const TOPOLOGY = resolveTopology({
  sources: [[[{ k: 0, v: 1, t: 0, gapMs: 0 }], Array.from({ length: 8 }, (_, i) => ({ k: i % 3, v: i, t: 5 * i, gapMs: 3 }))]],
  steps: [step('TUMBLE'), step('TIMERS')],
  countedEnds: [false, true],
  maxParallelism: 4,
  chaining: false,
});

function scenarioOf(alignment: 'ALIGNED' | 'UNALIGNED', ends: readonly RunEnd[], seed: number): Scenario {
  return {
    seed,
    topology: TOPOLOGY,
    checkpointing: {
      intervalMs: 10,
      timeoutMs: 400,
      alignment,
      alignedTimeoutMs: 0,
      maxConcurrent: 1,
      inlineThresholdBytes: 20_480,
    },
    executors: { processPer: 'TASK', channels: 'LOCAL', messageMs: 1, workMs: 0, turnMs: 0.5, slowness: 30 },
    sinks: 'TRANSACTIONS',
    stateBackend: 'hashmap',
    bufferTimeoutMs: 0,
    autoWatermarkIntervalMs: 5,
    adversity: QUIET,
    runs: [...ends, { how: 'FINISH' } as const].map((end) => ({ parallelisms: [2], end })),
  };
}

async function mustBeRight(scenario: Scenario, faults: Faults | undefined, when: string): Promise<void> {
  const { violation } = await runScenario(scenario, faults ? { faults } : {});
  assert.equal(violation, undefined, when);
}

for (const alignment of ['ALIGNED', 'UNALIGNED'] as const) {
  test(`a job whose checkpoints are ${alignment.toLowerCase()} can be canceled at any moment, and goes on from its last one`, async () => {
    for (let afterMs = 15; afterMs <= 75; afterMs += 3) {
      for (const seed of [1, 2])
        await mustBeRight(scenarioOf(alignment, [{ how: 'CANCEL', afterMs }], seed), undefined, `${afterMs} ms`);
    }
  });
}

test('a job can be stopped with a savepoint at any moment, also if the first one fails anywhere', async () => {
  for (let afterMs = 4; afterMs <= 44; afterMs += 8) {
    for (let call = 1; call <= 40; call += 3) {
      const faults = plannedFaults([{ point: 'snapshot', call }]);
      await mustBeRight(scenarioOf('ALIGNED', [{ how: 'STOP', afterMs }], call), faults, `${afterMs} ms, snapshot ${call}`);
    }
  }
});

test('a job of which some tasks have finished can be drained at any moment after it goes on', async () => {
  const [[short]] = TOPOLOGY.sources as [[TimedItem[]]];
  const long = Array.from({ length: 200 }, (_, i): TimedItem => ({ k: i % 3, v: i, t: 5 * i, gapMs: 3 }));
  const topology = resolveTopology({
    ...TOPOLOGY,
    sources: [[short], [long]],
    steps: [step('TUMBLE'), { ...step('TUMBLE'), input: 1 }],
  });
  for (let afterMs = 0; afterMs <= 40; afterMs += 4) {
    const scenario = scenarioOf('ALIGNED', [{ how: 'STOP', afterMs: 200 }], afterMs + 1);
    const runs = [scenario.runs[0] as RunScenario, { parallelisms: [2], end: { how: 'DRAIN', afterMs } as const }];
    const executors = { ...scenario.executors, processPer: 'SLOT', channels: 'RINGS', messageMs: 20, slowness: 1 } as const;
    const failed: string[] = [];
    const trace = (event: string): void => void (event.includes('ended before it took part') && failed.push(event));
    const { violation } = await runScenario({ ...scenario, topology, executors, runs }, { trace });
    assert.deepEqual([violation, failed], [undefined, []], `${afterMs} ms`);
  }
});

test('a failure while the last checkpoint is prepared does not let sinks commit twice', async () => {
  for (let call = 1; call <= 8; call++) {
    for (const point of ['prepare', 'flush', 'commit'] as const) {
      await mustBeRight(scenarioOf('ALIGNED', [], call), plannedFaults([{ point, call }]), `${point} ${call}`);
    }
  }
});

test('what an asynchronous call puts out while a sink is being flushed is in the checkpoint', async () => {
  const topology = resolveTopology({
    ...TOPOLOGY,
    steps: [{ ...step('ASYNC_UNORDERED'), exchange: 'AUTO', chained: true }],
    countedEnds: [false],
    chaining: true,
  });
  for (let seed = 1; seed <= 30; seed++) {
    const scenario = scenarioOf('ALIGNED', [{ how: 'STOP', afterMs: 14 + seed }], seed);
    await mustBeRight(
      { ...scenario, topology, sinks: 'FILES', adversity: { ...QUIET, diskDelayMs: 10 } },
      undefined,
      `seed ${seed}`,
    );
  }
});
