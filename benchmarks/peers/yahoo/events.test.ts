import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdEvents, MAX_EVENT_BYTES } from './events.ts';
import { ADS_PER_CAMPAIGN, CAMPAIGNS, WINDOW_MS } from './settings.ts';

const FIRST_MS = 1_700_000_003_000;

function written(events: AdEvents, count: number, eventMs: (event: number) => number): string[] {
  const target = Buffer.alloc(MAX_EVENT_BYTES);
  return Array.from({ length: count }, (_, i) => target.toString('latin1', 0, events.write(target, 0, eventMs(i))));
}

test('an event is written as the original writes it', () => {
  const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
  const form = new RegExp(
    `^{"user_id": "${uuid}", "page_id": "${uuid}", "ad_id": "${uuid}", "ad_type": "(banner|modal|sponsored-search|mail|mobile)", ` +
      '"event_type": "(view|click|purchase)", "event_time": "17000000[0-9]{5}", "ip_address": "1.2.3.4"}$',
  );
  const lines = written(new AdEvents(3), 1_000, (event) => FIRST_MS + event * 10);
  for (const line of lines) assert.match(line, form);
  assert.equal(JSON.parse(lines[999] as string).event_time, String(FIRST_MS + 9_990));
});

test('the truth is what a recount of the written events gives', () => {
  const events = new AdEvents(5);
  const campaignOf = new Map(events.ads.map((ad, i) => [ad, events.campaignOfAd(i)]));
  const recount = new Map<string, number>();
  for (const line of written(events, 20_000, (event) => FIRST_MS + event * 10)) {
    const { ad_id, event_type, event_time } = JSON.parse(line);
    if (event_type !== 'view') continue;
    const key = `${campaignOf.get(ad_id)} ${Number(event_time) - (Number(event_time) % WINDOW_MS)}`;
    recount.set(key, (recount.get(key) ?? 0) + 1);
  }
  const truth = new Map([...events.views].map(({ campaign, windowStartMs, views }) => [`${campaign} ${windowStartMs}`, views]));
  assert.deepEqual(truth, recount);
});

test('the same seed gives the same events, another seed other ones', () => {
  const of = (seed: number): string[] => written(new AdEvents(seed), 100, () => FIRST_MS);
  assert.deepEqual(of(1), of(1));
  assert.notDeepEqual(of(1), of(2));
});

test('all campaigns and ads are drawn', () => {
  const events = new AdEvents(1);
  const ads = new Set(written(events, 50_000, () => FIRST_MS).map((line) => JSON.parse(line).ad_id));
  assert.equal(ads.size, CAMPAIGNS * ADS_PER_CAMPAIGN);
  assert.equal([...events.views].length, CAMPAIGNS);
});

test('the last event is a view that counts nowhere, behind all windows', () => {
  const events = new AdEvents(1);
  const target = Buffer.alloc(MAX_EVENT_BYTES);
  const last = JSON.parse(target.toString('latin1', 0, events.writeLast(target, 0, FIRST_MS)));
  assert.equal(last.event_type, 'view');
  assert.ok(!events.ads.includes(last.ad_id));
  assert.ok(Number(last.event_time) > FIRST_MS + 2 * WINDOW_MS);
  assert.deepEqual([...events.views], []);
});
