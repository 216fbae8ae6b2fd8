/** All benchmarks, in the order in which they are listed. */

import { adAnalytics } from './ad-analytics.ts';
import type { Benchmark } from './benchmark.ts';
import { chain } from './chain.ts';
import { checkpoint } from './checkpoint.ts';
import { decode } from './decode.ts';
import { exchange } from './exchange.ts';
import { keyedSum } from './keyed-sum.ts';
import { latency } from './latency.ts';
import { recovery } from './recovery.ts';
import { start } from './start.ts';
import { state } from './state.ts';
import { windows } from './windows.ts';

export const BENCHMARKS: readonly Benchmark[] = [
  chain,
  adAnalytics,
  keyedSum,
  windows,
  decode,
  exchange,
  state,
  checkpoint,
  latency,
  recovery,
  start,
];
