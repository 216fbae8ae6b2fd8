/**
 * Yahoo's benchmark among peers: Kafka and Redis are started, a topic is filled, and the contestants run one after the other in
 * alternation, every round in another order, each alone with the broker.
 */
import { Redis } from 'ioredis';
import { startKafka } from '../../../test/services/kafka.ts';
import { startRedis } from '../../../test/services/redis.ts';
import type { Contestant } from '../contestant.ts';
import { Topics } from './broker.ts';
import { type CatchUp, type FilledTopic, measureCatchUp } from './catch-up.ts';
import { AdEvents } from './events.ts';
import { startGenerator } from './generator.ts';
import { type Latency, measureLatency } from './latency.ts';
import type { Stage } from './run-contestant.ts';
import { PARTITIONS } from './settings.ts';

export interface YahooOptions {
  readonly events: number;
  /** Of event time, between two events of the full topic. */
  readonly spacingMs: number;
  readonly rounds: number;
  /** Events a second at which latencies are measured. */
  readonly rates: readonly number[];
  /** How long a paced generator is slow, so that every contestant has started before it is not. */
  readonly slowSeconds: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly heapMb: number;
  readonly checkpointMs: number;
  readonly log: (line: string) => void;
}

export interface Outcome {
  readonly contestant: string;
  readonly about: string;
  /** Why it did not take part; undefined if it did. */
  readonly absence?: string;
  /** One for each round. */
  readonly catchUp: readonly CatchUp[];
  /** One for each rate and round. */
  readonly latency: readonly Latency[];
  /** Runs that could not be measured. */
  readonly failures: readonly string[];
}

const SEED = 20_151_218;
const FIRST_EVENT_MS = Date.UTC(2026, 0, 1);

export async function runYahoo(contestants: readonly Contestant[], options: YahooOptions): Promise<Outcome[]> {
  const { log, rounds } = options;
  const outcomes = await prepare(contestants, log);
  const present = outcomes.filter(({ absence }) => absence === undefined);
  log('starting Kafka and Redis');
  const kafka = await startKafka({ own: true, javaOptions: ['-XX:TieredStopAtLevel=4', '-Xmx1g'] });
  const redis = await startRedis({ own: true });
  const topics = new Topics(kafka.bootstrapServers);
  try {
    const { heapMb, checkpointMs } = options;

    const stage: Stage = {
      broker: kafka.bootstrapServers,
      redis: redis.address,
      topics,
      parallelism: PARTITIONS,
      checkpointMs,
      heapMb,
    };
    await storeCampaigns(redis.port);
    const full = await fill(stage, options);
    for (let round = 0; round < rounds; round++) {
      for (const { contestant, catchUp, failures } of inTurn(present, round)) {
        const title = `catch-up, round ${round + 1}, ${contestant.name}`;
        await attempt(title, failures, log, async () => {
          const measured = await measureCatchUp(contestant, stage, full);
          catchUp.push(measured);
          return describeCatchUp(measured);
        });
      }
    }
    await topics.deleteAll(full.name);
    for (const perSecond of options.rates) {
      for (let round = 0; round < rounds; round++) {
        for (const { contestant, latency, failures } of inTurn(present, round)) {
          const { slowSeconds, warmupSeconds, seconds } = options;
          const title = `${perSecond} events/s, round ${round + 1}, ${contestant.name}`;
          await attempt(title, failures, log, async () => {
            const measured = await measureLatency(contestant, stage, {
              perSecond,
              slowSeconds,
              warmupSeconds,
              seconds,
              seed: SEED,
            });
            latency.push(measured);
            return describeLatency(measured);
          });
        }
      }
    }
  } finally {
    await topics.close();
    await redis.stop();
    await kafka.stop();
  }
  return outcomes.map(({ contestant, ...rest }) => ({ contestant: contestant.name, about: contestant.about, ...rest }));
}

interface Entry {
  readonly contestant: Contestant;
  readonly absence?: string;
  readonly catchUp: CatchUp[];
  readonly latency: Latency[];
  readonly failures: string[];
}

async function prepare(contestants: readonly Contestant[], log: (line: string) => void): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const contestant of contestants) {
    log(`preparing ${contestant.name}`);
    const entry = { contestant, catchUp: [], latency: [], failures: [] };
    try {
      await contestant.prepare();
      entries.push(entry);
    } catch (error) {
      log(`${contestant.name} cannot take part: ${(error as Error).message}`);
      entries.push({ ...entry, absence: (error as Error).message });
    }
  }
  return entries;
}

/** A run that fails is told and left out: the others of a long series need not be measured anew. */
async function attempt(
  title: string,
  failures: string[],
  log: (line: string) => void,
  measure: () => Promise<string>,
): Promise<void> {
  try {
    log(`${title}: ${await measure()}`);
  } catch (error) {
    const { message, cause } = error as Error;
    const failure = `${title}: could not be measured: ${message}${cause === undefined ? '' : ` (${(cause as Error).message})`}`;
    failures.push(failure);
    log(failure);
  }
}

/** Another one begins each round: who runs behind whom should not decide. */
function inTurn<T>(all: readonly T[], round: number): T[] {
  const first = round % Math.max(1, all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}

async function storeCampaigns(port: number): Promise<void> {
  const redis = new Redis(port, '127.0.0.1');
  const events = new AdEvents(SEED);
  await redis.sadd('campaigns', ...events.campaigns);
  await redis.mset(...events.ads.flatMap((ad, i) => [ad, events.campaignOfAd(i)]));
  await redis.quit();
}

async function fill(stage: Stage, { events, spacingMs, log }: YahooOptions): Promise<FilledTopic> {
  log(`writing ${events} events`);
  const name = 'ad-events';
  await stage.topics.create(name, { partitions: PARTITIONS });
  const task = {
    mode: 'fill',
    broker: stage.broker,
    topic: name,
    seed: SEED,
    events,
    spacingMs,
    firstMs: FIRST_EVENT_MS,
  } as const;
  const { views } = await startGenerator(task).done;
  return { name, events, views };
}

function describeCatchUp(run: CatchUp): string {
  const rate = `${Math.round(run.eventsPerSecond / 1000)} k events/s, ${run.cpuSecondsPerMillion.toFixed(2)} CPU s per million`;
  const rest = `${Math.round(run.peakMegabytes)} MB, first result after ${(run.firstResultMs / 1000).toFixed(1)} s`;
  return `${rate}, ${rest}${run.fault === undefined ? '' : `; WRONG: ${run.fault}`}`;
}

function describeLatency({ windowMs, passedMs, generatorMs, cores, fault }: Latency): string {
  const of = ({ p50, p99, max }: Latency['windowMs']): string => `${p50}/${p99}/${max} ms`;
  const late = `generator late by ${generatorMs.p50.toFixed(1)}/${generatorMs.p99.toFixed(0)}/${generatorMs.max.toFixed(0)} ms`;
  return `windows ${of(windowMs)}, passed through ${of(passedMs)}, ${cores.toFixed(2)} cores, ${late}${fault === undefined ? '' : `; WRONG: ${fault}`}`;
}
