import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobProgress } from '../protocol/index.ts';
import { duration, grouped, ProgressText, short, summaryText } from './progress-text.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

const progress = (values: Partial<JobProgress>): JobProgress => ({
  recordsIn: 0,
  bytesIn: 0,
  recordsOut: 0,
  watermark: Number.NEGATIVE_INFINITY,
  runtimeMs: 1000,
  ...values,
});

const line = (values: Partial<JobProgress>): string => new ProgressText('Job').line(progress(values), NOW);

test('the line has records, rate and time; bytes, watermark and percent where they are known', () => {
  assert.equal(line({ recordsIn: 1_234_567 }), 'Job: 1,234,567 records · 1.23 M/s · 1.0 s');
  assert.equal(
    line({ recordsIn: 2000, bytesIn: 5_000_000, watermark: NOW - 2500, fraction: 0.25 }),
    'Job: 2,000 records · 2.00 k/s · 5.0 MB/s · 25 % · 3.0 s left · watermark 2026-01-02T03:04:02Z (2.5 s behind)',
  );
});

test('a watermark that is no time of day is shown as the number it is, without a lag', () => {
  assert.match(line({ watermark: 5000 }), / · watermark 5000$/);
  assert.match(line({ watermark: Date.UTC(2020, 0, 1) }), / · watermark 2020-01-01T00:00:00Z$/);
  assert.doesNotMatch(line({ watermark: Number.POSITIVE_INFINITY }), /watermark/);
});

test('the rate is that of the last seconds', () => {
  const text = new ProgressText('Job');
  text.line(progress({ recordsIn: 100_000, runtimeMs: 1000 }), NOW);
  text.line(progress({ recordsIn: 100_500, runtimeMs: 6000 }), NOW);
  assert.match(text.line(progress({ recordsIn: 101_000, runtimeMs: 11_000 }), NOW), / 100\/s /);
});

test('nothing is left to wait for at the very beginning and at the end', () => {
  assert.match(line({ fraction: 0 }), /0 %$/);
  assert.match(line({ fraction: 1 }), /100 %$/);
});

test('the summary takes the whole run', () => {
  assert.equal(
    summaryText('Job', 'finished', progress({ recordsIn: 3000, recordsOut: 12, bytesIn: 4e9, runtimeMs: 2000 })),
    "Job 'Job' finished after 2.0 s: 3,000 records in (1.50 k/s), 4.0 GB (2.0 GB/s), 12 out",
  );
});

test('numbers and durations are short', () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(grouped), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([0, 999, 1000, 999_499, 999_500, 2e9].map(short), ['0', '999', '1.00 k', '999 k', '1.00 M', '2.00 G']);
  assert.deepEqual([0, 999, 1000, 9949, 9950, 59_400, 59_500, 3_599_000, 3_723_000].map(duration), [
    '0 ms',
    '999 ms',
    '1.0 s',
    '9.9 s',
    '10 s',
    '59 s',
    '1 min 0 s',
    '59 min 59 s',
    '1 h 2 min',
  ]);
});
