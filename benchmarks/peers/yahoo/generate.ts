/**
 * The generator, a process of its own: fills a topic as the original's set-up mode does (`fill`), or writes so many events a second, each with the
 * time at which it was due (`pace`). Event `i` goes to partition `i mod PARTITIONS`, in order of time. At the end each partition gets an
 * event that lies behind all windows, and the parent gets the views per campaign and window.
 *
 * Usage (forked by `generator.ts`): `node generate.ts '{"mode": …}'`.
 */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { Broker, type PartitionBatch } from './broker.ts';
import { AdEvents, MAX_EVENT_BYTES } from './events.ts';
import type { GeneratorMessage, GeneratorTask, Phase } from './generator.ts';
import { percentiles } from './percentiles.ts';
import { RecordBatch } from './record-batch.ts';
import { PARTITIONS } from './settings.ts';

const BATCH_BYTES = 900_000;
const MAX_UNDER_WAY = 8;
/** How often a paced generator writes: what is due since the last time. */
const TICK_MS = 2;

const task = JSON.parse(process.argv[2] as string) as GeneratorTask;
const events = new AdEvents(task.seed);
const broker = await Broker.connect(task.broker);
await broker.waitForTopic(task.topic, PARTITIONS);
const say = (message: GeneratorMessage): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
const wallMs = (): number => performance.timeOrigin + performance.now();

const underWay = new Set<Promise<void>>();

async function send(batches: PartitionBatch[]): Promise<void> {
  while (underWay.size >= MAX_UNDER_WAY) await Promise.race(underWay);
  const sent: Promise<void> = broker.produce(task.topic, batches).finally(() => underWay.delete(sent));
  underWay.add(sent);
}

/** Events `from` (inclusive) to `to` (exclusive), each at `eventMs(i)`. */
async function write(from: number, to: number, eventMs: (event: number) => number, batchBytes: number): Promise<void> {
  let event = from;
  while (event < to) {
    const batches = Array.from({ length: PARTITIONS }, () => new RecordBatch(batchBytes, MAX_EVENT_BYTES));
    while (event < to && !(batches[event % PARTITIONS] as RecordBatch).isFull) {
      const ms = eventMs(event);
      (batches[event % PARTITIONS] as RecordBatch).append((target, position) => events.write(target, position, ms));
      event++;
    }
    await send(finished(batches));
  }
}

function finished(batches: readonly RecordBatch[]): PartitionBatch[] {
  const nowMs = Math.floor(wallMs());
  return batches
    .map((batch, partition) => ({ batch, partition }))
    .filter(({ batch }) => !batch.isEmpty)
    .map(({ batch, partition }) => ({ partition, bytes: batch.finish(nowMs) }));
}

async function writeLast(newestMs: number): Promise<void> {
  const batches = Array.from({ length: PARTITIONS }, () => new RecordBatch(4096, MAX_EVENT_BYTES));
  for (const batch of batches) batch.append((target, position) => events.writeLast(target, position, newestMs));
  await send(finished(batches));
  await Promise.all(underWay);
}

if (task.mode === 'fill') {
  const { events: count, spacingMs, firstMs } = task;
  const eventMs = (event: number): number => firstMs + Math.floor(event * spacingMs);
  await write(0, count, eventMs, BATCH_BYTES);
  await writeLast(eventMs(count - 1));
  await say({ kind: 'done', events: count, views: [...events.views], late: percentiles([]) });
} else {
  let phaseStartMs = Math.ceil(wallMs());
  await say({ kind: 'started', startMs: phaseStartMs });
  let total = 0;
  let lateMs: number[] = [];
  for (const phase of task.phases) {
    lateMs = await pace(phase, phaseStartMs, total);
    phaseStartMs += phase.seconds * 1000;
    total += phase.perSecond * phase.seconds;
  }
  await writeLast(phaseStartMs);
  await say({ kind: 'done', events: total, views: [...events.views], late: percentiles(lateMs) });
}
await broker.close();
process.disconnect?.();

/** @returns for each moment of writing, how long the oldest event written had been due */
async function pace({ perSecond, seconds }: Phase, startMs: number, first: number): Promise<number[]> {
  const perMs = perSecond / 1000;
  const end = first + perSecond * seconds;
  const eventMs = (event: number): number => startMs + Math.floor((event - first) / perMs);
  const lateMs: number[] = [];
  for (let written = first; written < end; ) {
    const due = Math.min(end, first + Math.floor((wallMs() - startMs) * perMs));
    if (due > written) {
      const bytes = Math.min(BATCH_BYTES, Math.ceil((due - written) / PARTITIONS) * MAX_EVENT_BYTES + 1024);
      lateMs.push(wallMs() - eventMs(written));
      await write(written, due, eventMs, bytes);
      written = due;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  return lateMs;
}
