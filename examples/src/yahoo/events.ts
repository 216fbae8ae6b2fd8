/**
 * Events as Yahoo's streaming benchmark writes them (github.com/yahoo/streaming-benchmarks, data/src/setup/core.clj): one JSON
 * object each, with a space behind colons and commas and the time as a text of milliseconds.
 *
 * An event is a function of its number and the seed, so that a generator that starts again writes the same ones.
 */

export const CAMPAIGNS = 100;
export const ADS_PER_CAMPAIGN = 10;
export const WINDOW_MS = 10_000;
/** With skew, an event is at most this much before or behind its time, … */
export const SKEW_MS = 50;
/** … but for one in `LATE_ONE_IN`, which is up to this late. */
export const MAX_LATENESS_MS = 60_000;
export const LATE_ONE_IN = 100_000;

const AD_TYPES = ['banner', 'modal', 'sponsored-search', 'mail', 'mobile'] as const;
const EVENT_TYPES = ['view', 'click', 'purchase'] as const;
/** Users, and pages. */
const VISITORS = 100;

/** The ad at place i belongs to the campaign at place floor(i / 10). */
export interface Ids {
  readonly campaigns: readonly string[];
  readonly ads: readonly string[];
}

export function makeIds(seed: number): Ids {
  const random = randomBits(seed, 0x1d5);
  return {
    campaigns: Array.from({ length: CAMPAIGNS }, () => uuid(random)),
    ads: Array.from({ length: CAMPAIGNS * ADS_PER_CAMPAIGN }, () => uuid(random)),
  };
}

export function campaignOf(ids: Ids, ad: number): string {
  return ids.campaigns[Math.floor(ad / ADS_PER_CAMPAIGN)] as string;
}

/** Makes the text of event `index`, whose time is `timeMs`, moved by skew if there is some. */
export function eventWriter(ads: readonly string[], seed: number, withSkew: boolean): (index: number, timeMs: number) => string {
  const random = randomBits(seed, 0x715);
  const visitors = Array.from({ length: 2 * VISITORS }, () => uuid(random));
  return (index, timeMs) => {
    const next = randomBits(seed, index);
    const time = withSkew ? timeMs + skewOf(next) : timeMs;
    const user = visitors[next() % VISITORS];
    const page = visitors[VISITORS + (next() % VISITORS)];
    const ad = ads[next() % ads.length];
    const adType = AD_TYPES[next() % AD_TYPES.length];
    const eventType = EVENT_TYPES[next() % EVENT_TYPES.length];
    return `{"user_id": "${user}", "page_id": "${page}", "ad_id": "${ad}", "ad_type": "${adType}", "event_type": "${eventType}", "event_time": "${time}", "ip_address": "1.2.3.4"}`;
  };
}

function skewOf(next: () => number): number {
  const skew = SKEW_MS - (next() % (2 * SKEW_MS));
  return next() % LATE_ONE_IN === 0 ? skew - (next() % MAX_LATENESS_MS) : skew;
}

/** 32 random bits a call (G. Marsaglia's xorshift, 2003, with multiplications around it), another row for each `stream`. */
function randomBits(seed: number, stream: number): () => number {
  let state = Math.imul(seed ^ 0x9e3779b1, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35);
  state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.imul(state ^ (state >>> 16), 0x85ebca6b) >>> 0;
  };
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 4 }, () => random().toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
