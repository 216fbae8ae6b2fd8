/** Counts latencies in buckets of 10 µs, in memory that all threads share: exact to a bucket, and nothing to merge. */
import { sharedMemory } from './shared.ts';

const BUCKETS_PER_MS = 100;
const MAX_MS = 5_000;
const BUCKETS = BUCKETS_PER_MS * MAX_MS;

export interface LatencyReport {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface LatencyRecorder {
  record(latencyMs: number): void;
  /** Of all threads. */
  report(): LatencyReport;
}

export function latencyRecorder(name: string): LatencyRecorder {
  const buckets = new Int32Array(sharedMemory(name, (BUCKETS + 1) * 4));
  return {
    record(latencyMs) {
      Atomics.add(buckets, Math.min(BUCKETS, Math.max(0, (latencyMs * BUCKETS_PER_MS) | 0)), 1);
    },
    report() {
      const count = buckets.reduce((sum, n) => sum + n, 0);
      const at = (share: number): number => {
        let left = Math.max(1, Math.ceil(count * share));
        for (let i = 0; i <= BUCKETS; i++) {
          left -= buckets[i] as number;
          if (left <= 0) return (i + 1) / BUCKETS_PER_MS;
        }
        return Number.NaN;
      };
      return { count, p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1) };
    },
  };
}
