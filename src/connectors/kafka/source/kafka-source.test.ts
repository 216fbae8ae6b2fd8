import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { OutputTag } from '../../../connector/index.ts';
import { textLineFormat } from '../../../formats/index.ts';
import { type BatchCodecs, KafkaBatchWriter, loadBatchCodecs } from '../batches/index.ts';
import type { FetchedPartition } from '../client/index.ts';
import { FetchSignal } from './fetch-signal.ts';
import { KafkaSource, type KafkaSourceOptions, type MalformedKafkaRecord, OffsetsInitializer } from './index.ts';
import { KafkaPartition } from './kafka-partition.ts';

let codecs: BatchCodecs;
before(async () => {
  codecs = await loadBatchCodecs();
});

const source = (options: Partial<KafkaSourceOptions>): KafkaSource<string> =>
  KafkaSource.forValues(textLineFormat(), { bootstrapServers: 'localhost:9092', topics: 'orders', ...options });

test('options that cannot be meant are refused with the name of the option', () => {
  const wrong: [Partial<KafkaSourceOptions>, RegExp][] = [
    [{ bootstrapServers: '' }, /bootstrapServers is missing/],
    [{ topics: [] }, /topics needs at least one topic/],
    [{ topics: ['a', ''] }, /none may be empty/],
    [{ topics: ['a', 'a'] }, /a topic is named twice/],
    [{ startingOffsets: OffsetsInitializer.committedOffsets() }, /committedOffsets\(\) needs the option groupId/],
    [{ bounded: OffsetsInitializer.committedOffsets() }, /committedOffsets\(\) needs the option groupId/],
    [{ bounded: OffsetsInitializer.earliest() }, /would read nothing/],
    [{ onMalformed: 'ignore' as 'skip' }, /onMalformed takes/],
    [{ bufferBytes: 0 }, /bufferBytes must be a positive integer/],
    [{ partitionFetchBytes: 1.5 }, /partitionFetchBytes must be a positive integer/],
    [{ fetchMaxWaitMs: -1 }, /fetchMaxWaitMs must be a natural number/],
  ];
  for (const [options, message] of wrong) assert.throws(() => source(options), { code: 'INVALID_OPTION', message });
  assert.throws(() => OffsetsInitializer.offsets({ orders: 3 }), { code: 'INVALID_OPTION', message: /'orders' has 3/ });
  assert.throws(() => OffsetsInitializer.offsets({ 'orders-0': -1 }), { code: 'INVALID_OPTION' });
  assert.throws(() => OffsetsInitializer.timestamp(Number.NaN), { code: 'INVALID_OPTION' });
});

test('a source is bounded if it says where it ends, and names its side output', () => {
  assert.equal(source({}).boundedness, 'CONTINUOUS_UNBOUNDED');
  assert.equal(source({ bounded: OffsetsInitializer.latest() }).boundedness, 'BOUNDED');
  const dead = new OutputTag<MalformedKafkaRecord>('dead');
  assert.deepEqual(source({ onMalformed: dead }).sideOutputTags, [dead]);
});

function fetchedFrom(offset: number, count: number): FetchedPartition {
  const writer = new KafkaBatchWriter({ codecs });
  for (let i = 0; i < count; i++) writer.append(0, null, new Uint8Array(10));
  const records = writer.finish();
  new DataView(records.buffer, records.byteOffset).setBigInt64(0, BigInt(offset));
  const offsets = { highWatermark: 100, lastStableOffset: 100, logStartOffset: 0 };
  return { topic: 'orders', partition: 0, error: undefined, records, abortedTransactions: [], ...offsets };
}

const partitionAt = (offset: number): KafkaPartition =>
  new KafkaPartition({ splitId: 'orders-0', topic: 'orders', partition: 0, topicId: 'id', offset });

test('a partition fetches ahead of its position, and takes no answer to a question that is not asked any more', () => {
  const partition = partitionAt(10);
  partition.accept(fetchedFrom(10, 5), 10, 0);
  assert.deepEqual([partition.position, partition.fetchOffset], [10, 15]);
  assert.ok(partition.bufferedBytes > 50);
  partition.accept(fetchedFrom(10, 5), 10, 0);
  assert.equal(partition.fetchOffset, 15);
  partition.discard();
  assert.deepEqual([partition.position, partition.fetchOffset, partition.bufferedBytes], [10, 10, 0]);
  partition.accept(fetchedFrom(15, 5), 15, 0);
  assert.equal(partition.hasChunks, false);
  partition.paused = true;
  partition.accept(fetchedFrom(10, 5), 10, 0);
  assert.equal(partition.hasChunks, false);
});

test('a partition that goes on elsewhere delivers what waits before', () => {
  const partition = partitionAt(10);
  partition.accept(fetchedFrom(10, 5), 10, 0);
  partition.skipTo(50);
  assert.deepEqual([partition.position, partition.fetchOffset], [10, 50]);
  partition.accept(fetchedFrom(50, 1), 50, 0);
  partition.chunkRead(15);
  assert.equal(partition.nextChunk()?.fetchOffset, 50);
  partition.chunkRead(51);
  assert.deepEqual([partition.position, partition.bufferedBytes], [51, 0]);
  partition.skipTo(0);
  assert.deepEqual(partition.toSplit(), { splitId: 'orders-0', topic: 'orders', partition: 0, topicId: 'id', offset: 0 });
});

test('a signal that is raised before anybody waits is not lost, and counts once', async () => {
  const signal = new FetchSignal();
  signal.raise();
  signal.raise();
  await signal.wait();
  let woken = false;
  const waiting = signal.wait().then(() => {
    woken = true;
  });
  await Promise.resolve();
  assert.equal(woken, false);
  signal.raise();
  await waiting;
});
