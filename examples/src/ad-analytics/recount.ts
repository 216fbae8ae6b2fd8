/**
 * The views per campaign and window once more, straight from the bytes and without any part of the engine.
 *
 * Which events are late depends on the watermark when they arrive. The job's watermark follows the newest event, 5 s and
 * at most one second behind it. Events are at most 5 s behind the newest one, so that their window is open, or two
 * minutes and more, so that it is closed, whatever the watermark's step: the rule here needs no watermark at all. Where parallel
 * readers share the file, the watermark follows the one that is behind, by less than the two minutes.
 */
import { createReadStream } from 'node:fs';
import { type Ad, MAX_DISORDER_MS } from './events.ts';

const WINDOW_MS = 10_000;

export interface Recount {
  /** Views by {@link countKey}. */
  readonly counts: ReadonlyMap<string, number>;
  readonly malformed: number;
  readonly lateViews: number;
}

export function countKey(campaignId: string, windowStartMs: number): string {
  return `${campaignId} ${windowStartMs}`;
}

export async function recount(eventsPath: string, ads: readonly Ad[]): Promise<Recount> {
  const campaignOf = new Map(ads.map(({ ad_id, campaign_id }) => [ad_id, campaign_id]));
  const counts = new Map<string, number>();
  let malformed = 0;
  let lateViews = 0;
  let newestMs = Number.NEGATIVE_INFINITY;

  const countLine = (line: string): void => {
    const event = parse(line);
    if (event === undefined) {
      malformed++;
      return;
    }
    const timeMs = Number(event.event_time);
    if (event.event_type === 'view') {
      const windowStartMs = timeMs - (timeMs % WINDOW_MS);
      if (windowStartMs + WINDOW_MS <= newestMs - MAX_DISORDER_MS) {
        lateViews++;
      } else {
        const key = countKey(campaignOf.get(event.ad_id) as string, windowStartMs);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    newestMs = Math.max(newestMs, timeMs);
  };

  let rest = '';
  for await (const chunk of createReadStream(eventsPath, { encoding: 'latin1', highWaterMark: 1 << 20 })) {
    const text = rest + chunk;
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      countLine(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
  }
  return { counts, malformed, lateViews };
}

interface ParsedEvent {
  readonly ad_id: string;
  readonly event_type: string;
  readonly event_time: string;
}

function parse(line: string): ParsedEvent | undefined {
  try {
    const { ad_id, event_type, event_time } = JSON.parse(line);
    const fits = typeof ad_id === 'string' && typeof event_type === 'string' && /^\d+$/.test(event_time);
    return fits ? { ad_id, event_type, event_time } : undefined;
  } catch {
    return undefined;
  }
}
