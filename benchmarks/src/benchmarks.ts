/** All benchmarks, in the order in which they are listed. */

import { adAnalytics } from './ad-analytics.ts';
import type { Benchmark } from './benchmark.ts';
import { chain } from './chain.ts';
import { keyedSum } from './keyed-sum.ts';
import { start } from './start.ts';

export const BENCHMARKS: readonly Benchmark[] = [chain, adAnalytics, keyedSum, start];
