/** Draws topologies. */
import fc from 'fast-check';
import type { TimedItem } from './replayable-source.ts';
import { EXCHANGES, STEP_KINDS } from './steps.ts';
import { OUT_OF_ORDERNESS_MS, type Topology } from './topology.ts';

const step = fc.record({
  kind: fc.constantFrom(...STEP_KINDS),
  input: fc.nat(11),
  second: fc.nat(11),
  sizeMs: fc.constantFrom(8, 20, 60),
  exchange: fc.constantFrom(...EXCHANGES),
  chained: fc.boolean(),
});

/** Half of the records have one key. */
const skewedKey = fc.nat(31).map((n) => Math.max(0, n - 15));

const drawnRecord = fc.record({
  k: skewedKey,
  v: fc.nat(99),
  stepMs: fc.nat(12),
  backMs: fc.nat(OUT_OF_ORDERNESS_MS),
  gapMs: fc.constantFrom(0, 0, 0, 1, 3, 10, 30),
});

const split = (mostRecords: number): fc.Arbitrary<TimedItem[]> =>
  fc.record({ records: fc.array(drawnRecord, { maxLength: mostRecords }), startMs: fc.nat(30) }).map(({ records, startMs }) => {
    let timeMs = startMs;
    return records.map(({ k, v, stepMs, backMs, gapMs }) => {
      timeMs += stepMs;
      return { k, v, t: Math.max(0, timeMs - backMs), gapMs };
    });
  });

export interface TopologySize {
  readonly mostSteps: number;
  readonly mostRecordsOfSplit: number;
}

export function topologyArbitrary({ mostSteps, mostRecordsOfSplit }: TopologySize): fc.Arbitrary<Topology> {
  return fc.record({
    sources: fc.array(fc.array(split(mostRecordsOfSplit), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 2 }),
    steps: fc.array(step, { maxLength: mostSteps }),
    countedEnds: fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }),
    maxParallelism: fc.constantFrom(4, 7, 16, 128),
    chaining: fc.boolean(),
  });
}

const parallelism = fc.integer({ min: 1, max: 4 });

export const parallelismsArbitrary: fc.Arbitrary<number[]> = fc.oneof(
  parallelism.map((everywhere) => [everywhere]),
  fc.array(parallelism, { minLength: 2, maxLength: 5 }),
);
