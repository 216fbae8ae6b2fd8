import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareCounts } from './compare.ts';
import { type AdEventOptions, adEvents, MAX_DISORDER_MS, MIN_LATENESS_MS } from './events.ts';
import { recount } from './recount.ts';
import { topCampaigns } from './top-campaigns.ts';

const textOf = (options: AdEventOptions): string => Buffer.concat([...adEvents(options).chunks]).toString();

test('the same seed gives the same bytes whatever the size of the chunks, another seed gives others', () => {
  const text = textOf({ events: 500, seed: 3 });
  assert.equal(textOf({ events: 500, seed: 3, chunkBytes: 1000 }), text);
  assert.notEqual(textOf({ events: 500, seed: 4 }), text);
  assert.equal(text.split('\n').length, 501);
});

test('without malformed lines every line has the form of the original', () => {
  for (const line of textOf({ events: 200, malformedShare: 0 }).trimEnd().split('\n')) {
    const event = JSON.parse(line);
    assert.deepEqual(Object.keys(event), ['user_id', 'page_id', 'ad_id', 'ad_type', 'event_type', 'event_time', 'ip_address']);
    assert.match(event.ad_id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match(event.event_time, /^\d{13}$/);
    assert.equal(line, JSON.stringify(event).replaceAll('":"', '": "').replaceAll('","', '", "'));
  }
});

test('an event is at most 5 s behind the newest one, or more than two minutes', () => {
  let newest = Number.NEGATIVE_INFINITY;
  let late = 0;
  for (const line of textOf({ events: 20_000, malformedShare: 0, lateShare: 0.02 }).trimEnd().split('\n')) {
    const time = Number(JSON.parse(line).event_time);
    const behind = newest - time;
    assert.ok(behind <= MAX_DISORDER_MS || behind >= MIN_LATENESS_MS, `${behind} ms`);
    if (behind > MAX_DISORDER_MS) late++;
    newest = Math.max(newest, time);
  }
  assert.ok(late > 300 && late < 500, `${late} late events`);
});

test('the recount tells views, malformed lines and late views apart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-recount-'));
  const path = join(folder, 'events.jsonl');
  const line = (ad_id: unknown, event_type: string, event_time: string): string =>
    JSON.stringify({ ad_id, event_type, event_time });
  const lines = [
    line('a', 'view', '100000'),
    line('b', 'view', '99999'),
    line('a', 'click', '100001'),
    line('a', 'purchase', '115000'),
    line('a', 'view', '109999'), // its window has just ended, 5 s behind the newest
    line('a', 'view', '110000'),
    '{"ad_id": "a"',
    line('a', 'view', 'noon'),
    line(7, 'view', '110000'),
    '[]',
    'null',
  ];
  try {
    writeFileSync(path, `${lines.join('\n')}\n`);
    const { counts, malformed, lateViews } = await recount(path, [
      { ad_id: 'a', campaign_id: 'A' },
      { ad_id: 'b', campaign_id: 'B' },
    ]);
    assert.deepEqual(
      [...counts],
      [
        ['A 100000', 1],
        ['B 90000', 1],
        ['A 110000', 1],
      ],
    );
    assert.equal(malformed, 5);
    assert.equal(lateViews, 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('every kind of difference is found', () => {
  const expected = {
    counts: new Map([
      ['A 0', 1],
      ['B 0', 2],
    ]),
    malformed: 3,
    lateViews: 4,
  };
  assert.deepEqual(compareCounts(expected, expected), []);
  const found = {
    counts: new Map([
      ['B 0', 5],
      ['C 0', 6],
    ]),
    malformed: 7,
    lateViews: 8,
  };
  assert.deepEqual(compareCounts(found, expected), [
    'malformed lines: 7, but should be 3',
    'late views: 8, but should be 4',
    'A 0: no count, but should be 1',
    'B 0: 5, but should be 2',
    'C 0: 6, but should be absent',
  ]);
});

test('the table ranks campaigns by their views, with the best window of each', () => {
  const counts = new Map([
    ['A 0', 1],
    ['A 10000', 4],
    ['B 0', 15],
    ['C 0', 5],
  ]);
  const table = topCampaigns(counts, 2).map((line) => line.trim().split(/ {2,}/));
  assert.deepEqual(table, [
    ['top 2 of 3 campaigns', 'views', 'share', 'best 10 seconds'],
    ['1', 'B', '15', '60.00 %', '15 at 00:00:00'],
    ['2', 'A', '5', '20.00 %', '4 at 00:00:10'],
  ]);
});
