/** The second thread of the benchmark `exchange`: takes records from a ring or from messages, and reports their sum. */
import { parentPort, workerData } from 'node:worker_threads';
import { ElementBatch, RemoteBell, RingChannelReader } from '../../src/network/index.ts';
import { ExchangeLoop } from './exchange-loop.ts';
import { type PageView, weigh } from './exchange-record.ts';

export interface ConsumerData {
  readonly ownBell: SharedArrayBuffer;
  readonly producerBell: SharedArrayBuffer;
}

export type ToConsumer =
  | { readonly type: 'RING'; readonly ring: SharedArrayBuffer }
  | { readonly type: 'BATCH'; readonly records: readonly PageView[]; readonly timestamps: Float64Array }
  | { readonly type: 'END' };

export type FromConsumer = { readonly type: 'TAKEN' } | { readonly type: 'SUM'; readonly sum: number };

const { ownBell, producerBell } = workerData as ConsumerData;
const port = parentPort as NonNullable<typeof parentPort>;
const loop = new ExchangeLoop(ownBell);
const peer = new RemoteBell(producerBell);
let sum = 0;

port.on('message', (message: ToConsumer) => {
  switch (message.type) {
    case 'RING':
      read(message.ring);
      break;
    case 'BATCH':
      for (const record of message.records) sum += weigh(record);
      send({ type: 'TAKEN' });
      break;
    case 'END':
      finish();
  }
});

function read(ring: SharedArrayBuffer): void {
  const reader = new RingChannelReader(ring, { doorbell: loop.doorbell, peer });
  reader.onData = () => loop.wake();
  loop.step = () => {
    const element = reader.poll();
    if (element === undefined) return 'WAIT';
    if (element instanceof ElementBatch) {
      for (let i = 0; i < element.length; i++) sum += weigh(element.values[i] as PageView);
      reader.recycle(element);
      return 'MORE';
    }
    reader.close();
    finish();
    return 'DONE';
  };
  loop.wake();
}

function finish(): void {
  send({ type: 'SUM', sum });
  sum = 0;
}

function send(message: FromConsumer): void {
  port.postMessage(message);
}
