import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobProgress } from '../protocol/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { ProgressDisplay } from './progress-display.ts';

const PROGRESS: JobProgress = { recordsIn: 1, bytesIn: 0, recordsOut: 1, watermark: Number.NEGATIVE_INFINITY, runtimeMs: 500 };

function terminal() {
  const written: string[] = [];
  const stream = {
    isTTY: true,
    columns: 200,
    write(chunk: string | Uint8Array) {
      written.push(String(chunk));
      return true;
    },
  };
  return { stream, written };
}

/** Lets what waits for a progress report go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a job shorter than half a second leaves no trace', async () => {
  const { stream, written } = terminal();
  const clock = new VirtualClock();
  const job = new ProgressDisplay(stream, stream, clock).add('Short', async () => PROGRESS);
  clock.advanceBy(499);
  await settle();
  await job.end('finished');
  clock.advanceBy(10_000);
  await settle();
  assert.deepEqual(written, []);
});

test('a longer one is shown again and again, and leaves a summary', async () => {
  const { stream, written } = terminal();
  const clock = new VirtualClock();
  const job = new ProgressDisplay(stream, stream, clock).add('Long', async () => PROGRESS);
  for (const ms of [500, 200, 200]) {
    clock.advanceBy(ms);
    await settle();
  }
  assert.equal(written.filter((text) => text.includes('Long: 1 records')).length, 3);
  await job.end('was canceled');
  assert.match(written.at(-1) ?? '', /^Job 'Long' was canceled after 500 ms: .*\n$/);
  const lines = written.length;
  clock.advanceBy(10_000);
  await settle();
  assert.equal(written.length, lines);
});

test('of several jobs the one that has run longest is shown, and the others are counted', async () => {
  const { stream, written } = terminal();
  const clock = new VirtualClock();
  const display = new ProgressDisplay(stream, stream, clock);
  const first = display.add('First', async () => PROGRESS);
  const second = display.add('Second', async () => PROGRESS);
  clock.advanceBy(500);
  await settle();
  assert.match(written.at(-1) ?? '', /First: .* \(and 1 more\)$/);
  await first.end('finished');
  clock.advanceBy(200);
  await settle();
  assert.match(written.at(-1) ?? '', /Second: [^(]*$/);
  await second.end('finished');
});
