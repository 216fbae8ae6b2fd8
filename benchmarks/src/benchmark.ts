/** What a benchmark is, and what it reports. */
import type { Comparison } from './alternate.ts';

export interface BenchmarkOptions {
  /** Scales the amount of work; 1 is what the table in README.md was measured with, tests use a tiny one. */
  readonly scale: number;
  readonly rounds: number;
  /** Of `ad-analytics`: how many slots are compared with one; 2 by default. */
  readonly parallelism?: number;
  /** Of `recovery`: how much state there is; 20 by default. */
  readonly stateMegabytes?: number;
}

/** One figure with its target. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** What `value` should be at least (`min`) or at most (`max`). */
  readonly target?: { readonly min?: number; readonly max?: number };
  readonly unit?: string;
}

export interface BenchmarkReport {
  readonly name: string;
  readonly figures: readonly Figure[];
  readonly comparisons: Readonly<Record<string, Comparison>>;
}

export interface Benchmark {
  readonly name: string;
  readonly description: string;
  run(options: BenchmarkOptions): Promise<BenchmarkReport>;
}

/** Whether every figure meets its target. */
export function meetsTargets(report: BenchmarkReport): boolean {
  return report.figures.every((f) => f.value >= (f.target?.min ?? -Infinity) && f.value <= (f.target?.max ?? Infinity));
}
