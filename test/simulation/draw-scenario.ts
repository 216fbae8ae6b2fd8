/**
 * Draws a scenario from a seed: a job, a cluster, and what goes wrong.
 *
 * Each seed draws which kinds of trouble it has, so that some are rare and others come together; with all of them at once, jobs would
 * hardly get anywhere.
 */
import fc from 'fast-check';
import { FAULT_POINTS, type FaultPoint } from '../exactly-once/faults.ts';
import { resolveTopology } from '../exactly-once/topology.ts';
import { parallelismsArbitrary, topologyArbitrary } from '../exactly-once/topology-arbitrary.ts';
import type { Adversity, CheckpointingScenario, RunScenario, Scenario } from './scenario.ts';
import type { ExecutorsOptions } from './simulated-executors.ts';

const sometimes = <T>(value: fc.Arbitrary<T>, otherwise: T): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(otherwise), weight: 3 }, { arbitrary: value, weight: 2 });

const momentsMs = (most: number): fc.Arbitrary<number[]> => fc.array(fc.nat(400), { minLength: 1, maxLength: most });

const failureRates: fc.Arbitrary<Partial<Record<FaultPoint, number>>> = fc
  .array(fc.tuple(fc.constantFrom(...FAULT_POINTS), fc.constantFrom(0.002, 0.01, 0.05)), { maxLength: 3 })
  .map((rates) => Object.fromEntries(rates));

const adversity: fc.Arbitrary<Adversity> = fc.record({
  healedAfterMs: fc.constantFrom(200, 500, 1000),
  failureRates,
  diskFailureRate: sometimes(fc.constantFrom(0.001, 0.01, 0.05), 0),
  diskDelayMs: fc.constantFrom(0, 0.5, 5, 20),
  diskFull: sometimes(
    fc.record({ fromMs: fc.nat(300), lastsMs: fc.nat(150) }).map(({ fromMs, lastsMs }) => [{ fromMs, toMs: fromMs + lastsMs }]),
    [],
  ),
  lossRate: sometimes(fc.constantFrom(0.01, 0.05), 0),
  losesProcessAtMs: sometimes(momentsMs(3), []),
  savepointsAtMs: sometimes(momentsMs(3), []),
});

export const checkpointingArbitrary: fc.Arbitrary<CheckpointingScenario> = fc.record({
  intervalMs: fc.constantFrom(10, 25, 60),
  timeoutMs: fc.constantFrom(400, 1000),
  alignment: fc.constantFrom('ALIGNED', 'UNALIGNED', 'ALIGNED_WITH_TIMEOUT'),
  alignedTimeoutMs: fc.constantFrom(1, 5),
  maxConcurrent: fc.constantFrom(1, 1, 3),
  inlineThresholdBytes: fc.constantFrom(0, 0, 200, 20_480),
});

export const executorsArbitrary: fc.Arbitrary<ExecutorsOptions> = fc.record({
  processPer: fc.constantFrom('SLOT', 'TASK'),
  channels: fc.constantFrom('LOCAL', 'RINGS'),
  messageMs: fc.constantFrom(0, 1, 5, 20),
  workMs: fc.constantFrom(0, 0.1, 0.3),
  turnMs: fc.constantFrom(0.1, 1),
  slowness: fc.constantFrom(1, 5, 20),
});

/** A run that something ends; then the job goes on at another parallelism. */
export const changeArbitrary: fc.Arbitrary<RunScenario> = fc.record({
  parallelisms: parallelismsArbitrary,
  end: fc.record({ how: fc.constantFrom('STOP', 'CANCEL', 'CRASH', 'CRASH'), afterMs: fc.nat(200) }),
});

export const lastRunArbitrary: fc.Arbitrary<RunScenario> = fc.record({
  parallelisms: parallelismsArbitrary,
  end: fc.constant({ how: 'FINISH' as const }),
});

/** All of a scenario but its runs and what goes wrong. */
export const jobArbitrary = {
  seed: fc.nat(),
  topology: topologyArbitrary({ mostSteps: 6, mostRecordsOfSplit: 30 }).map(resolveTopology),
  checkpointing: checkpointingArbitrary,
  executors: executorsArbitrary,
  sinks: fc.constantFrom('TRANSACTIONS' as const, 'FILES' as const),
  stateBackend: fc.constantFrom('hashmap' as const, 'hashlog' as const),
  bufferTimeoutMs: fc.constantFrom(0, 10),
  autoWatermarkIntervalMs: fc.constantFrom(5, 20),
};

/**
 * What is chained depends on parallelisms, and records that were in flight between two operators find no channel once these are
 * chained: such a checkpoint is refused. So jobs whose checkpoints may be unaligned chain nothing if they go on at other parallelisms.
 */
export function withStableChannels(scenario: Scenario): Scenario {
  const { runs, checkpointing, topology } = scenario;
  if (runs.length === 1 || checkpointing.alignment === 'ALIGNED') return scenario;
  return { ...scenario, topology: { ...topology, chaining: false } };
}

export const scenarioArbitrary: fc.Arbitrary<Scenario> = fc
  .record({
    ...jobArbitrary,
    adversity,
    runs: fc
      .tuple(sometimes(fc.array(changeArbitrary, { minLength: 1, maxLength: 3 }), []), lastRunArbitrary)
      .map(([changes, last]) => [...changes, last]),
  })
  .map(withStableChannels);

export function drawScenario(seed: number): Scenario {
  const [scenario] = fc.sample(scenarioArbitrary, { seed, numRuns: 1 });
  return { ...(scenario as Scenario), seed };
}
