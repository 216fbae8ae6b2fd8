import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { type KafkaService, startKafka } from '../../../test/services/kafka.ts';
import { readCommitted } from '../../../test/services/kafka-reader.ts';
import { createTopic } from '../../../test/services/kafka-topics.ts';
import { type RedisService, startRedis } from '../../../test/services/redis.ts';
import { newestCheckpoint } from '../newest-checkpoint.ts';
import { recount } from './check.ts';
import type { CampaignWindow } from './layout.ts';
import { campaignsOfAds, eventsFile, idsIn } from './set-up.ts';

const PROGRAM = join(import.meta.dirname, 'yahoo.ts');
const KILLS = 5;

let kafka: KafkaService;
let redis: RedisService;
let folder: string;

before(async () => {
  [kafka, redis] = await Promise.all([startKafka({ own: true }), startRedis({ own: true })]);
  folder = mkdtempSync(join(tmpdir(), 'millrace-yahoo-'));
});

after(async () => {
  await Promise.all([kafka?.stop(), redis?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function start(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<Outcome> } {
  const services = ['--kafka', kafka.bootstrapServers, '--redis', redis.address, '--folder', folder];
  const child = spawn(process.execPath, ['--conditions=millrace-source', PROGRAM, ...args, ...services], { timeout: 170_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, output }));
  });
  return { child, ended };
}

async function run(...args: string[]): Promise<string> {
  const { code, output } = await start(...args).ended;
  assert.equal(code, 0, output);
  return output;
}

test('what the job leaves in Redis is what the check counts, and statistics can be made of it', {
  timeout: 180_000,
}, async () => {
  await run('-s', '--events', '30000');
  await run('job', '--bounded');
  assert.match(await run('-c'), /^\d{3,} windows are CORRECT, 0 DIFFER\n$/);
  assert.match(
    await run('-g'),
    /^\d{3,} windows, updated last so long after their start: p50 -?\d+ ms, p99 -?\d+ ms, max -?\d+ ms\n$/,
  );
});

test('the check finds a count that is wrong', { timeout: 60_000 }, async () => {
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.port, '127.0.0.1');
  const campaign = (await client.srandmember('campaigns')) as string;
  const list = (await client.hget(campaign, 'windows')) as string;
  const id = (await client.hget(campaign, (await client.lindex(list, 0)) as string)) as string;
  await client.hincrby(id, 'seen_count', 1);
  await client.quit();
  const { code, output } = await start('-c').ended;
  assert.match(output, /^DIFFER {2}campaign \S+, window \d+: seen \d+, but should be \d+\n\d+ windows are CORRECT, 1 DIFFER\n$/);
  assert.equal(code, 1);
});

test('a killed job and a killed broker leave exact results in Redis, and in Kafka each once', { timeout: 300_000 }, async () => {
  await run('-s', '--events', '400000', '--topic', 'crashes');
  const resultsTopic = await createTopic(kafka, 'results', { partitions: 2 });
  const job = ['job', '--bounded', '--interval', '100', '--topic', 'crashes', '--results-topic', resultsTopic];
  const checkpoints = join(folder, 'checkpoints');
  rmSync(checkpoints, { recursive: true, force: true });
  const fromNewest = (): string[] => {
    const found = newestCheckpoint(checkpoints);
    return found === undefined ? [] : ['--checkpoint', found.path];
  };
  let kills = 0;
  let hasFinished = false;
  while (kills < KILLS && !hasFinished) {
    const before = newestCheckpoint(checkpoints)?.id ?? 0;
    const { child, ended } = start(...job, ...fromNewest());
    const hasEnded = ended.then(() => true);
    // Each is let come further than the one before it.
    while ((newestCheckpoint(checkpoints)?.id ?? 0) <= before) {
      if (await Promise.race([hasEnded, new Promise((resolve) => setTimeout(resolve, 5))])) break;
    }
    child.kill('SIGKILL');
    const { code, output } = await ended;
    assert.ok(code === null || code === 0, output);
    hasFinished = code === 0;
    if (!hasFinished && ++kills === 2) {
      await kafka.kill();
      await kafka.start();
    }
  }
  assert.ok(kills >= 2, `the job was through after ${kills} kills`);
  if (!hasFinished) await run(...job, ...fromNewest());

  assert.match(await run('-c'), /^\d{4,} windows are CORRECT, 0 DIFFER\n$/);
  const expected = await recount(eventsFile(folder), campaignsOfAds(idsIn(folder, 1)));
  const results = (await readCommitted(kafka, resultsTopic)).map(({ value = '' }) => JSON.parse(value) as CampaignWindow);
  const names = new Set(results.map(({ campaign, windowStartMs }) => `${campaign} ${windowStartMs}`));
  assert.equal(names.size, results.length, 'a window has more than one result');
  for (const { campaign, windowStartMs, views } of results) assert.equal(views, expected.get(campaign)?.get(windowStartMs));
  let windows = 0;
  for (const byStart of expected.values()) windows += byStart.size;
  assert.equal(results.length, windows);
});
