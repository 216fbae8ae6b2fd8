/**
 * The original's `-s` and `-n`: campaigns and ads into Redis, and a topic that is full before the job starts.
 *
 * What was written stands in files of one folder, with the original's names, for the check afterwards: `campaign-ids.txt`,
 * `ad-ids.txt`, `ad-to-campaign-ids.txt` and `kafka-json.txt`. A folder that has ids gives them again.
 */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Admin } from '@platformatic/kafka';
import type { Redis } from 'ioredis';
import { DataGeneratorSource, StreamExecutionEnvironment, WatermarkStrategy } from 'millrace';
import { KafkaSink } from 'millrace/kafka';
import { campaignOf, eventWriter, type Ids, makeIds } from './events.ts';

/** Event time between two events of a full topic. */
const STEP_MS = 10;

export interface TopicLocation {
  readonly bootstrapServers: string;
  readonly topic: string;
}

/** The ids that a folder has, or new ones, which it has then. */
export function idsIn(folder: string, seed: number): Ids {
  const path = (name: string): string => join(folder, name);
  if (existsSync(path('ad-ids.txt'))) {
    const lines = (name: string): string[] => readFileSync(path(name), 'utf8').trimEnd().split('\n');
    return { campaigns: lines('campaign-ids.txt'), ads: lines('ad-ids.txt') };
  }
  const ids = makeIds(seed);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path('campaign-ids.txt'), `${ids.campaigns.join('\n')}\n`);
  const pairs = ids.ads.map((ad, i) => `{ "${ad}": "${campaignOf(ids, i)}"}`);
  writeFileSync(path('ad-to-campaign-ids.txt'), `${pairs.join('\n')}\n`);
  writeFileSync(path('ad-ids.txt'), `${ids.ads.join('\n')}\n`);
  return ids;
}

export function campaignsOfAds({ ads, ...ids }: Ids): Map<string, string> {
  return new Map(ads.map((ad, i) => [ad, campaignOf({ ads, ...ids }, i)]));
}

/**
 * Campaigns, and the campaign of each ad, into a database that is emptied before, as in the original.
 * @throws Error if the database has other data, unless `flush`
 */
export async function fillRedis(redis: Redis, ids: Ids, flush: boolean): Promise<void> {
  if (!flush && (await redis.dbsize()) > 0 && (await redis.exists('campaigns')) === 0) {
    throw new Error('This Redis database has data that is not of this benchmark. Name an empty one, or empty it with --flush.');
  }
  await redis.flushdb();
  const pipeline = redis.pipeline();
  for (const campaign of ids.campaigns) pipeline.sadd('campaigns', campaign);
  for (const [ad, campaign] of campaignsOfAds(ids)) pipeline.set(ad, campaign);
  await pipeline.exec();
}

export async function createTopic({ bootstrapServers, topic }: TopicLocation, partitions: number): Promise<void> {
  const admin = new Admin({ clientId: 'yahoo', bootstrapBrokers: bootstrapServers.split(',') });
  try {
    if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  } finally {
    await admin.close();
  }
}

export interface FullTopic {
  readonly ids: Ids;
  readonly seed: number;
  readonly events: number;
  readonly firstEventMs: number;
}

/** Writes the events into the file that the check reads. */
export async function writeEventsFile(folder: string, { ids, seed, events, firstEventMs }: FullTopic): Promise<void> {
  const write = eventWriter(ids.ads, seed, false);
  function* chunks(): Generator<string> {
    let chunk = '';
    for (let i = 0; i < events; i++) {
      chunk += `${write(i, firstEventMs + i * STEP_MS)}\n`;
      if (chunk.length < 1 << 18) continue;
      yield chunk;
      chunk = '';
    }
    yield chunk;
  }
  await pipeline(Readable.from(chunks()), createWriteStream(join(folder, 'kafka-json.txt')));
}

export function eventsFile(folder: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(join(folder, 'kafka-json.txt')), crlfDelay: Number.POSITIVE_INFINITY });
}

/** A job that writes the same events into the topic. */
export async function fillTopic(location: TopicLocation, { ids, seed, events, firstEventMs }: FullTopic): Promise<void> {
  const write = eventWriter(ids.ads, seed, false);
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .fromSource(
      new DataGeneratorSource((i) => write(i, firstEventMs + i * STEP_MS), events),
      WatermarkStrategy.noWatermarks(),
      'Events',
    )
    .sinkTo(new KafkaSink<string>({ ...location, value: (event) => event, lingerMs: 50 }));
  await env.execute('Fill the topic');
}

export interface RealTimeOptions {
  readonly ids: Ids;
  readonly seed: number;
  readonly perSecond: number;
  readonly withSkew: boolean;
  /** For ever unless given. */
  readonly seconds?: number;
}

/** The original's `-r`: a job that writes so many events a second, with their time. */
export async function emitInRealTime(location: TopicLocation, options: RealTimeOptions): Promise<void> {
  const { ids, seed, perSecond, withSkew, seconds } = options;
  const write = eventWriter(ids.ads, seed, withSkew);
  const count = seconds === undefined ? 'unbounded' : Math.round(seconds * perSecond);
  const firstEventMs = Date.now();
  const event = (i: number): string => write(i, firstEventMs + Math.floor((i * 1000) / perSecond));
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .fromSource(new DataGeneratorSource(event, count, { ratePerSecond: perSecond }), WatermarkStrategy.noWatermarks(), 'Events')
    .sinkTo(new KafkaSink<string>({ ...location, value: (text) => text, lingerMs: 1 }));
  await env.execute('Emit events');
}
