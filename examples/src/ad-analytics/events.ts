/**
 * Ad events as in Yahoo's streaming benchmark: JSON lines about 100 campaigns of 10 ads each.
 *
 * The same options give the same bytes. Events are one millisecond of event time apart and up to 5 s out of order. Some
 * lines are malformed (cut off, no JSON, a time that is none, an ad that is missing), and some events are minutes late: at
 * least `MIN_LATENESS_MS` behind the newest event before them, the others at most `MAX_DISORDER_MS`.
 * Campaigns are not equally popular, so that a ranking shows something.
 *
 * Lines are put together from pieces of bytes that exist already: with all random draws that takes two thirds of the time of
 * `JSON.stringify` without any.
 */

export interface Ad {
  readonly ad_id: string;
  readonly campaign_id: string;
}

export interface AdEventOptions {
  /** Lines in all, malformed and late ones included. */
  readonly events: number;
  readonly seed?: number;
  /** Of all lines; 0.005 by default. */
  readonly malformedShare?: number;
  /** Of all lines; 0.005 by default. */
  readonly lateShare?: number;
  /** The index of the first event that may be late; 1 by default. */
  readonly firstLateEvent?: number;
  readonly chunkBytes?: number;
}

export interface AdEvents {
  readonly ads: readonly Ad[];
  /** The lines, cut into chunks of whole lines. Every chunk is memory of its own. */
  readonly chunks: Iterable<Uint8Array>;
}

export const MAX_DISORDER_MS = 5_000;
export const MIN_LATENESS_MS = 120_000;

const MAX_LATENESS_MS = 600_000;
const CAMPAIGNS = 100;
const ADS_PER_CAMPAIGN = 10;
const AD_TYPES = ['banner', 'modal', 'sponsored-search', 'mail', 'mobile'];
const EVENT_TYPES = ['view', 'click', 'purchase'];
const FIRST_EVENT_MS = Date.UTC(2025, 0, 1);
const MAX_LINE_BYTES = 512;

export function adEvents(options: AdEventOptions): AdEvents {
  const { events, seed = 1, malformedShare = 0.005, lateShare = 0.005, firstLateEvent = 1, chunkBytes = 1 << 20 } = options;
  const random = randomBits(seed);
  const users = Array.from({ length: 100 }, () => uuid(random));
  const pages = Array.from({ length: 100 }, () => uuid(random));
  const campaigns = Array.from({ length: CAMPAIGNS }, () => uuid(random));
  const ads = campaigns.flatMap((campaign_id) =>
    Array.from({ length: ADS_PER_CAMPAIGN }, () => ({ ad_id: uuid(random), campaign_id })),
  );

  // {"user_id": "…", "page_id": "…", "ad_id": "  |  …", "ad_type": "…", "event_type": "…", "event_time": "  |  1735…  |  ", "ip_address": …
  const heads = users.flatMap((user) => pages.map((page) => ascii(`{"user_id": "${user}", "page_id": "${page}", "ad_id": "`)));
  const bodies = ads.flatMap(({ ad_id }) =>
    AD_TYPES.flatMap((adType) =>
      EVENT_TYPES.map((eventType) => ascii(`${ad_id}", "ad_type": "${adType}", "event_type": "${eventType}", "event_time": "`)),
    ),
  );
  const tail = ascii('", "ip_address": "1.2.3.4"}\n');
  const variants = AD_TYPES.length * EVENT_TYPES.length;
  const malformedBelow = malformedShare * 2 ** 32;
  const lateBelow = malformedBelow + lateShare * 2 ** 32;

  function* chunks(): Generator<Uint8Array> {
    let chunk = new Uint8Array(Math.max(chunkBytes, MAX_LINE_BYTES));
    let length = 0;
    for (let i = 0; i < events; i++) {
      if (length + MAX_LINE_BYTES > chunk.length) {
        yield chunk.subarray(0, length);
        chunk = new Uint8Array(chunk.length);
        length = 0;
      }
      const start = length;
      const head = heads[random() % heads.length] as Uint8Array;
      chunk.set(head, length);
      length += head.length;
      const campaign = Math.floor((Math.min(random(), random()) / 2 ** 32) * CAMPAIGNS);
      const ad = campaign * ADS_PER_CAMPAIGN + (random() % ADS_PER_CAMPAIGN);
      const body = bodies[ad * variants + (random() % variants)] as Uint8Array;
      chunk.set(body, length);
      length += body.length;
      // The first event is a good one: before it there is no time to be late to.
      const fate = i === 0 ? 2 ** 32 : random();
      const behindMs =
        fate >= malformedBelow && fate < lateBelow && i >= firstLateEvent
          ? MIN_LATENESS_MS + MAX_DISORDER_MS + 1 + (random() % (MAX_LATENESS_MS - MIN_LATENESS_MS))
          : random() % (MAX_DISORDER_MS + 1);
      length = writeMilliseconds(chunk, length, FIRST_EVENT_MS + i - behindMs);
      chunk.set(tail, length);
      length += tail.length;
      if (fate < malformedBelow) length = spoil(chunk, start, length, random());
    }
    if (length > 0) yield chunk.subarray(0, length);
  }
  return { ads, chunks: { [Symbol.iterator]: chunks } };
}

/** Turns the good line in `chunk[start .. end)` into a malformed one. @returns its end */
function spoil(chunk: Uint8Array, start: number, end: number, bits: number): number {
  const line = Buffer.from(chunk.buffer, start, end - start).toString('latin1');
  const spoiled = [
    () => `${line.slice(0, 10 + ((bits >>> 2) % (line.length - 20)))}\n`,
    () => '<html><body><h1>503 Service Unavailable</h1></body></html>\n',
    () => line.replace(/"event_time": "\d+"/, '"event_time": "unknown"'),
    () => line.replace(/"ad_id": "[^"]+", /, ''),
  ][bits & 3] as () => string;
  const bytes = ascii(spoiled());
  chunk.set(bytes, start);
  return start + bytes.length;
}

/** Thirteen digits. */
function writeMilliseconds(chunk: Uint8Array, at: number, ms: number): number {
  const high = Math.floor(ms / 1e7);
  writeDigits(chunk, at, high, 6);
  writeDigits(chunk, at + 6, ms - high * 1e7, 7);
  return at + 13;
}

function writeDigits(chunk: Uint8Array, at: number, value: number, digits: number): void {
  let left = value | 0;
  for (let i = at + digits - 1; i >= at; i--) {
    const rest = (left / 10) | 0;
    chunk[i] = 48 + left - rest * 10;
    left = rest;
  }
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** 32 random bits a call: Marsaglia's xorshift with a multiplication behind it. */
function randomBits(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.imul(state, 0x85ebca6b) >>> 0;
  };
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 4 }, () => random().toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
