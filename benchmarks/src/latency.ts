/**
 * How long an event takes from the source to the sink, at a steady rate and with a checkpoint every second: through a hash
 * exchange and a count per key, in one slot and in two. `since due` also counts what the source itself was late.
 */
import type { Benchmark, Figure } from './benchmark.ts';
import { inFolder, runProgram } from './programs/child.ts';
import type { LatencyOutcome } from './programs/latency-job.ts';

const EVENTS_PER_SECOND = 100_000;
const KEYS = 10_000;
const CHECKPOINT_MS = 1_000;
const TARGET_P99_MS = 10;

export const latency: Benchmark = {
  name: 'latency',
  description: 'source to sink at 100 k events/s through a count per key, a checkpoint every second, in one slot and in two',
  async run({ rounds, scale }) {
    const seconds = Math.max(1, Math.round(10 * Math.min(scale, 1)));
    const perSecond = Math.ceil(EVENTS_PER_SECOND * Math.min(scale * 10, 1));
    const outcomes: Record<number, LatencyOutcome[]> = { 1: [], 2: [] };
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      for (const slots of [1, 2]) {
        const outcome = await inFolder((folder) =>
          runProgram<LatencyOutcome>('latency-job.ts', [slots, perSecond, seconds, KEYS, CHECKPOINT_MS, 'hashmap', folder]),
        );
        if (outcome.count !== perSecond * seconds)
          throw new Error(`${outcome.count} of ${perSecond * seconds} events came through`);
        outcomes[slots]?.push(outcome);
      }
    }
    return { name: 'latency', comparisons: {}, figures: [1, 2].flatMap((slots) => figures(slots, outcomes[slots] ?? [])) };
  },
};

/** Of the round with the lowest p99: whatever else the machine does only adds to a latency. */
function figures(slots: number, outcomes: readonly LatencyOutcome[]): Figure[] {
  const [best] = [...outcomes].sort((a, b) => a.sinceMade.p99Ms - b.sinceMade.p99Ms) as [LatencyOutcome];
  const { sinceMade, sinceDue } = best;
  const of = slots === 1 ? 'one slot' : `${slots} slots`;
  return [
    { name: `${of}: p50`, value: sinceMade.p50Ms, unit: 'ms' },
    { name: `${of}: p99`, value: sinceMade.p99Ms, unit: 'ms', target: { max: TARGET_P99_MS } },
    { name: `${of}: max`, value: sinceMade.maxMs, unit: 'ms' },
    { name: `${of}: p99 since due`, value: sinceDue.p99Ms, unit: 'ms' },
  ];
}
