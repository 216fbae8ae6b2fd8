/** All benchmarks, in the order in which they are listed. */
import type { Benchmark } from './benchmark.ts';
import { chain } from './chain.ts';
import { keyedSum } from './keyed-sum.ts';
import { start } from './start.ts';

export const BENCHMARKS: readonly Benchmark[] = [chain, keyedSum, start];
