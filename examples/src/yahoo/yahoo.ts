/**
 * `npm run yahoo`: Yahoo's streaming benchmark end to end, with the original's switches.
 *
 * The job runs as `npm run yahoo -- job`; its slots are threads that run this file once more.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { StreamExecutionEnvironment } from 'millrace';
import { wholeNumber } from '../arguments.ts';
import { compare, latenciesOf, readResults, recount } from './check.ts';
import { yahooJob } from './job.ts';
import {
  campaignsOfAds,
  createTopic,
  emitInRealTime,
  eventsFile,
  fillRedis,
  fillTopic,
  idsIn,
  writeEventsFile,
} from './set-up.ts';

const USAGE = `Yahoo's streaming benchmark (github.com/yahoo/streaming-benchmarks). Needs a Kafka broker and a Redis that may be emptied.

  npm run yahoo -- -s [--events N]      set up: campaigns and ads into Redis, N events (10000000) into Kafka and a file
  npm run yahoo -- job --bounded        count what is in the topic, and end
  npm run yahoo -- -c                   check: count the events of the file anew, and compare with Redis

  npm run yahoo -- -n                   set up for real time: campaigns and ads into Redis, an empty topic
  npm run yahoo -- job                  count for ever (Ctrl-C ends it)
  npm run yahoo -- -r -t N [-w]         run: N events a second into Kafka, with skew if -w; for --seconds S, or for ever
  npm run yahoo -- -g                   get statistics: how long after its start each window was updated last

Options: --kafka HOST:PORT (127.0.0.1:9092), --topic NAME (ad-events), --partitions N (2), --redis HOST:PORT (127.0.0.1:6379),
  --folder PATH (for files and checkpoints), --parallelism N (2), --results-topic NAME (results go there, too, exactly once),
  --interval MS (between checkpoints, 1000), --checkpoint PATH (the job goes on from it), --flush (empties a Redis that has other data), --seed N (1)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    setup: { type: 'boolean', short: 's' },
    new: { type: 'boolean', short: 'n' },
    run: { type: 'boolean', short: 'r' },
    check: { type: 'boolean', short: 'c' },
    'get-stats': { type: 'boolean', short: 'g' },
    throughput: { type: 'string', short: 't' },
    'with-skew': { type: 'boolean', short: 'w', default: false },
    help: { type: 'boolean', short: 'h' },
    events: { type: 'string', default: '10000000' },
    seconds: { type: 'string' },
    kafka: { type: 'string', default: '127.0.0.1:9092' },
    topic: { type: 'string', default: 'ad-events' },
    partitions: { type: 'string', default: '2' },
    redis: { type: 'string', default: '127.0.0.1:6379' },
    folder: { type: 'string', default: join(tmpdir(), 'millrace-yahoo') },
    parallelism: { type: 'string', default: '2' },
    'results-topic': { type: 'string' },
    interval: { type: 'string', default: '1000' },
    checkpoint: { type: 'string' },
    bounded: { type: 'boolean', default: false },
    flush: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});
const location = { bootstrapServers: values.kafka, topic: values.topic };
const { folder } = values;
const seed = wholeNumber('--seed', values.seed);
const [redisHost = '', redisPort = ''] = values.redis.split(':');
const redisConnection = { host: redisHost, port: wholeNumber('the port of --redis', redisPort) };

if (positionals[0] === 'job') await job();
else if (values.setup) await setUp();
else if (values.new) await newRealTime();
else if (values.run) await realTime();
else if (values.check) await check();
else if (values['get-stats']) await statistics();
else {
  console.log(USAGE);
  if (!values.help) process.exitCode = 1;
}

async function job(): Promise<void> {
  const env = StreamExecutionEnvironment.getExecutionEnvironment({
    'execution.checkpointing.dir': join(folder, 'checkpoints'),
    'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
    ...(values.checkpoint !== undefined && { 'execution.state-recovery.path': values.checkpoint }),
  });
  env
    .setParallelism(wholeNumber('--parallelism', values.parallelism))
    .enableCheckpointing(wholeNumber('--interval', values.interval));
  const resultsTopic = values['results-topic'];
  yahooJob(env, {
    ...location,
    redis: redisConnection,
    bounded: values.bounded,
    ...(resultsTopic !== undefined && { resultsTopic }),
  });
  await env.execute('Yahoo streaming benchmark');
}

async function setUp(): Promise<void> {
  const events = wholeNumber('--events', values.events);
  const ids = idsIn(folder, seed);
  await withRedis((redis) => fillRedis(redis, ids, values.flush));
  await createTopic(location, wholeNumber('--partitions', values.partitions));
  const full = { ids, seed, events, firstEventMs: Date.now() };
  await writeEventsFile(folder, full);
  await fillTopic(location, full);
  console.log(`${events} events are in topic ${values.topic} and in ${join(folder, 'kafka-json.txt')}.`);
}

async function newRealTime(): Promise<void> {
  await withRedis((redis) => fillRedis(redis, idsIn(folder, seed), values.flush));
  await createTopic(location, wholeNumber('--partitions', values.partitions));
  console.log(`Topic ${values.topic} is empty; campaigns and ads are in Redis. Start the job, then the events with -r.`);
}

async function realTime(): Promise<void> {
  const perSecond = wholeNumber('-t', values.throughput ?? '');
  mkdirSync(folder, { recursive: true });
  await emitInRealTime(location, {
    ids: idsIn(folder, seed),
    seed,
    perSecond,
    withSkew: values['with-skew'],
    ...(values.seconds !== undefined && { seconds: wholeNumber('--seconds', values.seconds) }),
  });
}

async function check(): Promise<void> {
  const expected = await recount(eventsFile(folder), campaignsOfAds(idsIn(folder, seed)));
  const { correct, differences } = await withRedis(async (redis) => compare(await readResults(redis), expected));
  for (const line of differences.slice(0, 20)) console.log(`DIFFER  ${line}`);
  console.log(`${correct} windows are CORRECT, ${differences.length} DIFFER`);
  if (differences.length > 0) process.exitCode = 1;
}

async function statistics(): Promise<void> {
  const latencies = await withRedis(async (redis) => latenciesOf(await readResults(redis)));
  if (latencies === undefined) {
    console.error('There are no results in Redis yet.');
    process.exitCode = 1;
    return;
  }
  const { windows, p50Ms, p99Ms, maxMs } = latencies;
  console.log(`${windows} windows, updated last so long after their start: p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms`);
}

async function withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ ...redisConnection, lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return await work(redis);
  } catch (error) {
    console.error(`Redis at ${values.redis}: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  } finally {
    redis.disconnect();
  }
}
