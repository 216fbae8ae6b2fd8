/**
 * Yahoo's benchmark by hand: the npm package's own consumer and producer, `JSON.parse` for each record, counts in a Map. A thread reads
 * each partition and closes its windows by the partition's own event time; the main thread adds them up and writes a window when
 * all threads have passed it. Nothing is kept for the case of a failure: this is what the work itself costs in this way.
 */
import { writeSync } from 'node:fs';
import process from 'node:process';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Consumer, Producer, stringSerializers } from '@platformatic/kafka';
import { loadCampaigns } from '../millrace/campaigns.ts';

const WINDOW_MS = 10_000;
const LINGER_MS = 5;
const MAX_WAIT_MS = 500;
const MAX_BYTES = 4 << 20;

interface Closed {
  /** Event time of the thread's partition. */
  readonly watermarkMs: number;
  readonly windows: readonly { readonly startMs: number; readonly views: ReadonlyMap<string, number> }[];
  readonly passed: readonly string[];
}

const {
  PEERS_BOOTSTRAP = '',
  PEERS_REDIS = '',
  PEERS_INPUT = '',
  PEERS_OUTPUT = '',
  PEERS_PROBE = '',
  PEERS_PARALLELISM,
} = process.env;

if (isMainThread) await collect(Number(PEERS_PARALLELISM));
else await readPartition(workerData as number);

async function readPartition(partition: number): Promise<void> {
  const campaignOf = await loadCampaigns(PEERS_REDIS);
  const consumer = new Consumer({ groupId: 'yahoo-node', clientId: 'yahoo-node', bootstrapBrokers: [PEERS_BOOTSTRAP] });
  const topic = (await consumer.metadata({ topics: [PEERS_INPUT] })).topics.get(PEERS_INPUT);
  if (topic === undefined) throw new Error(`there is no topic ${PEERS_INPUT}`);
  const node = topic.partitions[partition]?.leader ?? 0;
  const open = new Map<number, Map<string, number>>();
  let watermarkMs = 0;
  let offset = 0n;
  for (;;) {
    const position = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: offset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: MAX_BYTES,
    };
    const { responses } = await consumer.fetch({
      node,
      topics: [{ topicId: topic.id, partitions: [position] }],
      minBytes: 1,
      maxBytes: MAX_BYTES,
      maxWaitTime: MAX_WAIT_MS,
    });
    const passed: string[] = [];
    for (const batch of responses[0]?.partitions[0]?.records ?? []) {
      if (offset === 0n) writeSync(1, 'READING\n');
      for (const record of batch.records) {
        if (batch.firstOffset + BigInt(record.offsetDelta) < offset) continue;
        const event = JSON.parse((record.value as Buffer).toString());
        const eventMs = Number(event.event_time);
        if (eventMs > watermarkMs) watermarkMs = eventMs;
        if (event.event_type !== 'view') continue;
        const campaign = campaignOf.get(event.ad_id);
        if (campaign === undefined) continue;
        if (campaign === PEERS_PROBE) passed.push(`p,${campaign},${eventMs},1,${Date.now()}`);
        const startMs = eventMs - (eventMs % WINDOW_MS);
        let views = open.get(startMs);
        if (views === undefined) open.set(startMs, (views = new Map()));
        views.set(campaign, (views.get(campaign) ?? 0) + 1);
      }
      offset = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    }
    const windows = [...open]
      .filter(([startMs]) => startMs + WINDOW_MS <= watermarkMs)
      .map(([startMs, views]) => ({ startMs, views }));
    for (const { startMs } of windows) open.delete(startMs);
    parentPort?.postMessage({ watermarkMs, windows, passed } satisfies Closed);
  }
}

async function collect(threads: number): Promise<void> {
  const producer = new Producer({ clientId: 'yahoo-node', bootstrapBrokers: [PEERS_BOOTSTRAP], serializers: stringSerializers });
  const watermarksMs = Array.from({ length: threads }, () => 0);
  const open = new Map<number, Map<string, number>>();
  let lines: string[] = [];

  function add(thread: number, { watermarkMs, windows, passed }: Closed): void {
    lines.push(...passed);
    for (const { startMs, views } of windows) {
      const sum = open.get(startMs);
      if (sum === undefined) open.set(startMs, new Map(views));
      else for (const [campaign, count] of views) sum.set(campaign, (sum.get(campaign) ?? 0) + count);
    }
    watermarksMs[thread] = watermarkMs;
    const allPassedMs = Math.min(...watermarksMs);
    for (const [startMs, views] of open) {
      if (startMs + WINDOW_MS > allPassedMs) continue;
      for (const [campaign, count] of views) lines.push(`w,${campaign},${startMs},${count},${Date.now()}`);
      open.delete(startMs);
    }
  }

  for (let thread = 0; thread < threads; thread++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: thread });
    worker.on('message', (closed: Closed) => add(thread, closed));
    worker.on('error', (error) => {
      throw error;
    });
  }
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LINGER_MS));
    if (lines.length === 0) continue;
    const messages = lines.map((value) => ({ topic: PEERS_OUTPUT, partition: 0, value }));
    lines = [];
    await producer.send({ messages });
  }
}
