/**
 * The results in Redis, in the original's layout: hash *campaign* has, for each window, field *start ms* → id of the window, and
 * field `windows` → id of the list of its window starts; hash *id of the window* has `seen_count` and `time_updated`.
 *
 * The original adds to `seen_count` with HINCRBY, which counts twice what is done twice. Here a window's count is set, ids are
 * made from what they name, and a window is put on its list only when it is new, all in one script, which Redis runs whole: so
 * a write that is repeated after a crash changes nothing.
 */
import { createHash } from 'node:crypto';

export interface CampaignWindow {
  readonly campaign: string;
  readonly windowStartMs: number;
  readonly views: number;
}

/** KEYS: campaign, window id, list id. ARGV: window start, count, now. */
export const WRITE_WINDOW = `
if redis.call('HSETNX', KEYS[1], ARGV[1], KEYS[2]) == 1 then
  redis.call('HSET', KEYS[1], 'windows', KEYS[3])
  redis.call('LPUSH', KEYS[3], ARGV[1])
end
redis.call('HSET', KEYS[2], 'seen_count', ARGV[2], 'time_updated', ARGV[3])
return 1`;

/** The arguments of EVAL for one result. */
export function writeWindow({ campaign, windowStartMs, views }: CampaignWindow, nowMs: number): (string | number)[] {
  const start = String(windowStartMs);
  return [WRITE_WINDOW, 3, campaign, idOf(campaign, start), idOf(campaign, 'windows'), start, views, nowMs];
}

/** A UUID made from a name (RFC 9562, version 8: the digest is SHA-256). */
export function idOf(campaign: string, name: string): string {
  const hex = createHash('sha256').update(`${campaign} ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
