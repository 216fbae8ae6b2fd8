/**
 * Records of six fields from one thread to another: through a ring with the generated codec, and as messages of a
 * thousand objects each; and on one thread, through a local channel and by a call.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  createDoorbell,
  createRing,
  ElementBatch,
  LocalChannel,
  RemoteBell,
  RingChannelWriter,
} from '../../src/network/index.ts';
import { alternate, speedRatio } from './alternate.ts';
import type { Benchmark } from './benchmark.ts';
import type { ConsumerData, FromConsumer, ToConsumer } from './exchange-consumer.ts';
import { ExchangeLoop } from './exchange-loop.ts';
import { type PageView, pageView, weigh } from './exchange-record.ts';

const MESSAGE_RECORDS = 1000;
/** Messages on their way: enough that the consumer never waits, and memory stays bounded. */
const MESSAGES_IN_FLIGHT = 8;
const PORTION = 1024;

export const exchange: Benchmark = {
  name: 'exchange',
  description: 'records of six fields to another thread: through a ring, as messages, and without leaving the thread',
  async run({ rounds, scale }) {
    const records = Math.ceil(3_000_000 * scale);
    const data: ConsumerData = { ownBell: createDoorbell(), producerBell: createDoorbell() };
    const worker = new Worker(new URL('./exchange-consumer.ts', import.meta.url), { workerData: data });
    const loop = new ExchangeLoop(data.producerBell);
    const peer = new RemoteBell(data.ownBell);
    try {
      const comparison = await alternate(
        [
          { name: 'ring', run: () => throughRing(worker, loop, peer, records) },
          { name: 'messages', run: () => throughMessages(worker, records) },
          { name: 'local channel', run: () => throughLocalChannel(records) },
          { name: 'no exchange', run: () => withoutExchange(records) },
        ],
        { units: records, rounds, warmupRounds: 2 },
      );
      return {
        name: 'exchange',
        comparisons: { 'six fields': comparison },
        figures: [
          { name: 'ring / messages', value: speedRatio(comparison, 'ring', 'messages'), target: { min: 5 } },
          { name: 'ring / local channel', value: speedRatio(comparison, 'ring', 'local channel') },
        ],
      };
    } finally {
      await worker.terminate();
    }
  },
};

async function throughRing(worker: Worker, loop: ExchangeLoop, peer: RemoteBell, records: number): Promise<number> {
  const ring = createRing();
  const writer = new RingChannelWriter(ring, { doorbell: loop.doorbell, peer });
  writer.onAvailable = () => loop.wake();
  send(worker, { type: 'RING', ring });
  let next = 0;
  loop.step = () => {
    if (!writer.isAvailable) return 'WAIT';
    for (const end = Math.min(records, next + PORTION); next < end; next++) writer.write(pageView(next), next);
    if (next < records) return 'MORE';
    writer.writeEvent({ type: 'END_OF_DATA' });
    writer.close();
    return 'DONE';
  };
  loop.wake();
  return sumFrom(worker);
}

async function throughMessages(worker: Worker, records: number): Promise<number> {
  let inFlight = 0;
  let taken: (() => void) | undefined;
  const onMessage = (message: FromConsumer): void => {
    if (message.type !== 'TAKEN') return;
    inFlight--;
    taken?.();
  };
  worker.on('message', onMessage);
  for (let next = 0; next < records; ) {
    const batch: PageView[] = [];
    const timestamps = new Float64Array(MESSAGE_RECORDS);
    for (const end = Math.min(records, next + MESSAGE_RECORDS); next < end; next++) {
      timestamps[batch.length] = next;
      batch.push(pageView(next));
    }
    send(worker, { type: 'BATCH', records: batch, timestamps });
    inFlight++;
    while (inFlight >= MESSAGES_IN_FLIGHT) await new Promise<void>((resolve) => (taken = resolve));
  }
  send(worker, { type: 'END' });
  const sum = await sumFrom(worker);
  worker.off('message', onMessage);
  return sum;
}

function throughLocalChannel(records: number): number {
  const channel = new LocalChannel();
  let sum = 0;
  const read = (): void => {
    for (let element = channel.poll(); element instanceof ElementBatch; element = channel.poll()) {
      for (let i = 0; i < element.length; i++) sum += weigh(element.values[i] as PageView);
      channel.recycle(element);
    }
  };
  for (let next = 0; next < records; ) {
    for (const end = Math.min(records, next + PORTION); next < end; next++) channel.write(pageView(next), next);
    read();
  }
  return sum;
}

function withoutExchange(records: number): number {
  let sum = 0;
  for (let next = 0; next < records; next++) sum += weigh(pageView(next));
  return sum;
}

async function sumFrom(worker: Worker): Promise<number> {
  for (;;) {
    const [message] = (await once(worker, 'message')) as [FromConsumer];
    if (message.type === 'SUM') return message.sum;
  }
}

function send(worker: Worker, message: ToConsumer): void {
  worker.postMessage(message);
}
