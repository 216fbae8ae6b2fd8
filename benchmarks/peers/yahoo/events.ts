/**
 * Ad events as the original benchmark writes them, put into Kafka's records directly, and the truth about them: views per campaign and
 * window of 10 s.
 *
 * The same seed gives the same ids and the same draws. An event is three pieces of bytes that exist already, so that a
 * generator takes little of the processor away from what it measures.
 */
import { ADS_PER_CAMPAIGN, CAMPAIGNS, WINDOW_MS } from './settings.ts';
import { ViewCounts } from './view-counts.ts';

const USERS = 100;
const PAGES = 100;
const AD_TYPES = ['banner', 'modal', 'sponsored-search', 'mail', 'mobile'] as const;
const EVENT_TYPES = ['view', 'click', 'purchase'] as const;
const VARIANTS = AD_TYPES.length * EVENT_TYPES.length;
const TAIL = '", "ip_address": "1.2.3.4"}';
const TIME_DIGITS = 13;

/** No event is longer. */
export const MAX_EVENT_BYTES = 320;

export class AdEvents {
  readonly campaigns: readonly string[];
  /** Ad `i` is of campaign `i / ADS_PER_CAMPAIGN`. */
  readonly ads: readonly string[];
  readonly views: ViewCounts;
  private readonly heads: readonly Buffer[];
  private readonly bodies: readonly Buffer[];
  private readonly bodyOfLast: Buffer;
  private readonly tail = latin1(`${' '.repeat(TIME_DIGITS)}${TAIL}`);
  private tailOfMs = -1;
  private state: number;

  constructor(seed = 1) {
    this.state = seed >>> 0 || 1;
    const id = (): string => this.uuid();
    this.campaigns = Array.from({ length: CAMPAIGNS }, id);
    this.ads = Array.from({ length: CAMPAIGNS * ADS_PER_CAMPAIGN }, id);
    this.views = new ViewCounts(this.campaigns);
    const users = Array.from({ length: USERS }, id);
    const pages = Array.from({ length: PAGES }, id);
    this.heads = users.flatMap((user) => pages.map((page) => latin1(`{"user_id": "${user}", "page_id": "${page}", "ad_id": "`)));
    const body = (ad: string, adType: string, eventType: string): Buffer =>
      latin1(`${ad}", "ad_type": "${adType}", "event_type": "${eventType}", "event_time": "`);
    this.bodies = this.ads.flatMap((ad) =>
      AD_TYPES.flatMap((adType) => EVENT_TYPES.map((eventType) => body(ad, adType, eventType))),
    );
    this.bodyOfLast = body(id(), AD_TYPES[0], 'view');
  }

  campaignOfAd(ad: number): string {
    return this.campaigns[Math.floor(ad / ADS_PER_CAMPAIGN)] as string;
  }

  /** Writes the next event, and counts it if it is a view. @returns the position behind it */
  write(target: Buffer, position: number, eventMs: number): number {
    const draw = this.next();
    const variant = draw % VARIANTS;
    const ad = Math.floor(draw / VARIANTS) % this.ads.length;
    const head = Math.floor(draw / (VARIANTS * this.ads.length)) % this.heads.length;
    if (variant % EVENT_TYPES.length === 0) this.views.add(Math.floor(ad / ADS_PER_CAMPAIGN), eventMs);
    return this.put(target, position, this.heads[head] as Buffer, this.bodies[ad * VARIANTS + variant] as Buffer, eventMs);
  }

  /**
   * Writes an event that counts nowhere and lies behind all windows of the others: event time has passed them once it was read. It is a view
   * of an ad that nobody knows, for engines may look at the time of views only.
   */
  writeLast(target: Buffer, position: number, newestMs: number): number {
    return this.put(target, position, this.heads[0] as Buffer, this.bodyOfLast, newestMs + 100 * WINDOW_MS);
  }

  private put(target: Buffer, position: number, head: Buffer, body: Buffer, eventMs: number): number {
    target.set(head, position);
    target.set(body, position + head.length);
    const at = position + head.length + body.length;
    if (eventMs !== this.tailOfMs) {
      this.tail.write(String(eventMs), 0, TIME_DIGITS, 'latin1');
      this.tailOfMs = eventMs;
    }
    target.set(this.tail, at);
    return at + this.tail.length;
  }

  /** xorshift32 */
  private next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }

  private uuid(): string {
    const hex = Array.from({ length: 4 }, () => this.next().toString(16).padStart(8, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
