/**
 * Measures several ways of doing the same work, in turn: A B C, A B C, … Machines drift; what is compared must be
 * measured side by side, and only the ratio of medians counts. The first round warms up and is not counted.
 */
import { performance } from 'node:perf_hooks';

export interface Contestant {
  readonly name: string;
  /** Does the whole work once; returns a checksum of the result: all contestants must agree. */
  run(): Promise<number | string> | number | string;
  /** Whether the result is comparable; `false` for contestants that do another amount of work. */
  readonly sameResult?: boolean;
}

export interface Measurement {
  readonly name: string;
  /** Units (records, mostly) a second, median over the rounds. */
  readonly perSecond: number;
  readonly best: number;
  readonly worst: number;
  readonly medianMs: number;
}

export interface AlternateOptions {
  /** How many units of work one run does. */
  readonly units: number;
  readonly rounds: number;
  readonly warmupRounds?: number;
}

export interface Comparison {
  readonly measurements: readonly Measurement[];
  readonly checksum: string;
}

/** @throws Error if two contestants come to different results */
export async function alternate(contestants: readonly Contestant[], options: AlternateOptions): Promise<Comparison> {
  const times = new Map<string, number[]>(contestants.map((c) => [c.name, []]));
  let checksum: string | undefined;
  const warmup = options.warmupRounds ?? 1;
  for (let round = -warmup; round < options.rounds; round++) {
    for (const contestant of contestants) {
      globalThis.gc?.();
      const start = performance.now();
      const result = String(await contestant.run());
      const tookMs = performance.now() - start;
      if (contestant.sameResult !== false) {
        checksum ??= result;
        if (result !== checksum) throw new Error(`'${contestant.name}' came to ${result}, the others to ${checksum}`);
      }
      if (round >= 0) times.get(contestant.name)?.push(tookMs);
    }
  }
  const measurements = [...times].map(([name, all]): Measurement => {
    const sorted = [...all].sort((a, b) => a - b);
    const rate = (ms: number): number => (options.units * 1000) / ms;
    const medianMs = median(sorted);
    return { name, perSecond: rate(medianMs), best: rate(sorted[0] as number), worst: rate(sorted.at(-1) as number), medianMs };
  });
  return { measurements, checksum: checksum ?? '' };
}

export function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** The speed of `a` over that of `b`. */
export function speedRatio(comparison: Comparison, a: string, b: string): number {
  const speed = (name: string): number => {
    const found = comparison.measurements.find((m) => m.name === name);
    if (found === undefined) throw new Error(`nothing was measured for '${name}'`);
    return found.perSecond;
  };
  return speed(a) / speed(b);
}
