/** What the original's `-c` and `-g` find out: whether every count is right, and how late each came. */
import type { Redis } from 'ioredis';
import { WINDOW_MS } from './events.ts';

/** Views by campaign and window start: `counts.get(campaign)?.get(startMs)`. */
export type Counts = Map<string, Map<number, number>>;

/** Counts the views in `lines` anew, without the engine. */
export async function recount(lines: AsyncIterable<string>, campaignOfAd: ReadonlyMap<string, string>): Promise<Counts> {
  const counts: Counts = new Map();
  for await (const line of lines) {
    const { ad_id, event_type, event_time } = JSON.parse(line) as Record<'ad_id' | 'event_type' | 'event_time', string>;
    if (event_type !== 'view') continue;
    const campaign = campaignOfAd.get(ad_id);
    if (campaign === undefined) continue;
    const startMs = Math.floor(Number(event_time) / WINDOW_MS) * WINDOW_MS;
    let windows = counts.get(campaign);
    if (windows === undefined) counts.set(campaign, (windows = new Map()));
    windows.set(startMs, (windows.get(startMs) ?? 0) + 1);
  }
  return counts;
}

export interface WindowResult {
  readonly campaign: string;
  readonly windowStartMs: number;
  readonly seenCount: number;
  readonly timeUpdatedMs: number;
}

/** All results that are in Redis, found as the original finds them: by the lists of windows. */
export async function readResults(redis: Redis): Promise<WindowResult[]> {
  const results: WindowResult[] = [];
  for (const campaign of await redis.smembers('campaigns')) {
    const list = await redis.hget(campaign, 'windows');
    if (list === null) continue;
    for (const start of await redis.lrange(list, 0, -1)) {
      const id = await redis.hget(campaign, start);
      const { seen_count, time_updated } = id === null ? {} : await redis.hgetall(id);
      results.push({
        campaign,
        windowStartMs: Number(start),
        seenCount: Number(seen_count),
        timeUpdatedMs: Number(time_updated),
      });
    }
  }
  return results;
}

export interface Comparison {
  readonly correct: number;
  /** One line each. */
  readonly differences: readonly string[];
}

export function compare(results: readonly WindowResult[], expected: Counts): Comparison {
  const differences: string[] = [];
  const seen = new Set<string>();
  let correct = 0;
  for (const { campaign, windowStartMs, seenCount } of results) {
    const name = `campaign ${campaign}, window ${windowStartMs}`;
    if (seen.has(name)) differences.push(`${name}: is listed twice`);
    seen.add(name);
    const wanted = expected.get(campaign)?.get(windowStartMs);
    if (wanted === seenCount) correct++;
    else differences.push(`${name}: seen ${seenCount}, but should be ${wanted ?? 'absent'}`);
  }
  for (const [campaign, windows] of expected) {
    for (const [startMs, wanted] of windows) {
      const name = `campaign ${campaign}, window ${startMs}`;
      if (!seen.has(name)) differences.push(`${name}: no entry, but should be ${wanted}`);
    }
  }
  return { correct, differences };
}

export interface Latencies {
  readonly windows: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Time of the last update less the window's start: the 10 seconds of the window are in every figure, as in the original. */
export function latenciesOf(results: readonly WindowResult[]): Latencies | undefined {
  const sorted = results.map((result) => result.timeUpdatedMs - result.windowStartMs).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
  return { windows: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
