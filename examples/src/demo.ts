/**
 * `npm run demo [-- --events N --parallelism P --seed S --keep]`: generates ad events into a file, runs the ad-analytics
 * job on it, and checks every count against one that was made without the engine. Exit code 1 if any differs.
 *
 * With a parallelism above 1, the job's slots are threads that run this file once more to find its functions. What must happen
 * once, they leave out; and where the files are, they learn from the environment, which they share.
 */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { StreamExecutionEnvironment } from 'millrace';
import { compareCounts, readResults } from './ad-analytics/compare.ts';
import { adEvents } from './ad-analytics/events.ts';
import { adAnalytics } from './ad-analytics/job.ts';
import { recount } from './ad-analytics/recount.ts';
import { topCampaigns } from './ad-analytics/top-campaigns.ts';
import { wholeNumber } from './arguments.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '2000000' },
    parallelism: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
  },
});
const events = wholeNumber('--events', values.events);
const parallelism = wholeNumber('--parallelism', values.parallelism);
const seed = wholeNumber('--seed', values.seed);

/**
 * Parallel readers share the events, and there is no watermark to be late for until each of them has begun. They stay within a few
 * pieces of 2 MiB of each other: this many events are 25 MB.
 */
const FIRST_LATE_EVENT = 100_000;

process.env.MILLRACE_DEMO_FOLDER ??= mkdtempSync(join(tmpdir(), 'millrace-demo-'));
const folder = process.env.MILLRACE_DEMO_FOLDER;
const eventsPath = join(folder, 'ad-events.jsonl');
const adsPath = join(folder, 'ads.json');
const outputPath = join(folder, 'output');

const env = StreamExecutionEnvironment.getExecutionEnvironment();
env.setParallelism(parallelism);
adAnalytics(env, { eventsPath, adsPath, outputPath });
if (isMainThread) {
  process.on('exit', () => {
    if (values.keep) console.log(`\nkept  ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  });
  await demo();
} else {
  await env.execute('Ad analytics');
}

async function demo(): Promise<void> {
  console.log(`Ad analytics: views of ${count(events)} ad events, per campaign and 10 seconds of event time\n`);

  let bytes = 0;
  const { ads, chunks } = adEvents({ events, seed, firstLateEvent: FIRST_LATE_EVENT });
  const generated = await timed(() =>
    endedByCtrlC(async () => {
      await writeFile(adsPath, JSON.stringify(ads));
      const counted = Readable.from(chunks).on('data', (chunk: Uint8Array) => (bytes += chunk.length));
      await pipeline(counted, createWriteStream(eventsPath));
    }),
  );
  step('generate', generated.seconds, `${count(events)} lines, ${count(Math.round(bytes / 1e6))} MB, up to 5 s out of order`);

  const ran = await timed(() => env.execute('Ad analytics'));
  const perSecond = (total: number): number => total / ran.seconds / 1e6;
  step('run', ran.seconds, `${perSecond(events).toFixed(2)} M events/s, ${count(Math.round(perSecond(bytes)))} MB/s`);

  const results = readResults(outputPath);
  const expected = await timed(() => endedByCtrlC(() => recount(eventsPath, ads)));
  step('recount', expected.seconds, 'every line once more, without the engine');

  console.log(`\n${topCampaigns(results.counts, 10).join('\n')}\n`);

  const differences = compareCounts(results, expected.value);
  if (differences.length === 0) {
    const sides = `${count(results.malformed)} malformed and ${count(results.lateViews)} late`;
    console.log(`check: ${count(results.counts.size)} window counts equal, and ${sides} events went to the side outputs`);
  } else {
    console.log(`check: ${count(differences.length)} DIFFERENCES`);
    for (const line of differences.slice(0, 20)) console.log(`  ${line}`);
    process.exitCode = 1;
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const startMs = performance.now();
  const value = await work();
  return { seconds: (performance.now() - startMs) / 1000, value };
}

/** Lets Ctrl-C end the process by way of its exit handlers. While a job runs, its host sees to that. */
async function endedByCtrlC<T>(work: () => Promise<T>): Promise<T> {
  const end = (): never => process.exit(130);
  process.on('SIGINT', end);
  try {
    return await work();
  } finally {
    process.off('SIGINT', end);
  }
}

function step(name: string, took: number, what: string): void {
  console.log(`  ${name.padEnd(9)}${took.toFixed(2).padStart(6)} s   ${what}`);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
