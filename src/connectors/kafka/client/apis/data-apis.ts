/**
 * Fetch and produce: record batches go through as they are.
 */
import type { Reader } from '@platformatic/kafka';
import { invariant } from '../../../../common/index.ts';
import { type KafkaErrorName, kafkaErrorOf } from '../kafka-errors.ts';
import type { AbortedTransaction, FetchedPartition, FetchRequest, ProducedPartition, ProduceRequest } from '../requests.ts';
import { byTopic, type KafkaApi, readLong, readStructs, writeLong, writeStructs } from './kafka-api.ts';

const MIB = 1_048_576;
const NO_SESSION_EPOCH = -1;
const NO_BYTES = new Uint8Array(0);
/** From this version on topics have ids instead of names. */
export const FETCH_BY_TOPIC_ID = 13;

/** A fetch, with the ids of its topics; without ids, version 12 must be asked for. */
export interface FetchCall extends FetchRequest {
  readonly topicIds: ReadonlyMap<string, string>;
}

export interface FetchAnswer {
  readonly error: KafkaErrorName | undefined;
  /** `topic` is the id from version 13 on. */
  readonly partitions: readonly FetchedPartition[];
}

export const fetchApi: KafkaApi<FetchCall, FetchAnswer> = {
  key: 1,
  name: 'Fetch',
  minVersion: 12,
  maxVersion: FETCH_BY_TOPIC_ID,
  write(writer, request, version) {
    writer
      .appendInt32(-1) // not a replica
      .appendInt32(request.maxWaitMs ?? 500)
      .appendInt32(request.minBytes ?? 1)
      .appendInt32(request.maxBytes ?? 50 * MIB)
      .appendInt8(request.isolationLevel === 'read_committed' ? 1 : 0)
      .appendInt32(0) // no session
      .appendInt32(NO_SESSION_EPOCH);
    writeStructs(writer, byTopic(request.partitions), (w, [topic, partitions]) => {
      if (version >= FETCH_BY_TOPIC_ID) {
        const id = request.topicIds.get(topic);
        invariant(id !== undefined, `no id of topic ${topic}`);
        w.appendUUID(id);
      } else w.appendString(topic);
      writeStructs(w, partitions, (_, { partition, fetchOffset, maxBytes }) => {
        w.appendInt32(partition).appendInt32(-1); // any leader epoch
        writeLong(w, fetchOffset)
          .appendInt32(-1) // epoch of the last record fetched: for replicas
          .appendInt64(-1n) // start of the log: for replicas
          .appendInt32(maxBytes ?? MIB);
      });
    });
    writer
      .appendUnsignedVarInt(1) // nothing to forget
      .appendString('') // no rack: always from the leader
      .appendTaggedFields();
  },
  read(reader, version, frame) {
    const bytes = reader.buffer.buffer;
    reader.readInt32(); // throttle time
    const error = kafkaErrorOf(reader.readInt16());
    reader.readInt32(); // session id
    const partitions: FetchedPartition[] = [];
    // The memory goes back when the last partition that has records in it was released.
    let users = 0;
    let giveBack: (() => void) | undefined;
    const useMemory = (): (() => void) => {
      users++;
      giveBack ??= frame.keep();
      let used = true;
      return () => {
        if (used && --users === 0) giveBack?.();
        used = false;
      };
    };
    readStructs(reader, () => {
      const topic = version >= FETCH_BY_TOPIC_ID ? reader.readUUID() : reader.readString();
      readStructs(reader, () => {
        partitions.push(readPartition(reader, topic, bytes, useMemory));
      });
    });
    return { error, partitions };
  },
};

function readPartition(reader: Reader, topic: string, bytes: Uint8Array, useMemory: () => () => void): FetchedPartition {
  const partition = reader.readInt32();
  const error = kafkaErrorOf(reader.readInt16());
  const highWatermark = readLong(reader);
  const lastStableOffset = readLong(reader);
  const logStartOffset = readLong(reader);
  const abortedTransactions: AbortedTransaction[] = readStructs(reader, (r) => ({
    producerId: readLong(r),
    firstOffset: readLong(r),
  }));
  abortedTransactions.sort((a, b) => a.firstOffset - b.firstOffset);
  reader.readInt32(); // preferred replica: only with a rack
  const size = reader.readUnsignedVarInt() - 1;
  let records: Uint8Array = NO_BYTES;
  if (size > 0) {
    // Not a Buffer, whose `slice` does not copy.
    records = new Uint8Array(bytes.buffer, bytes.byteOffset + reader.position, size);
    reader.skip(size);
  }
  const release = size > 0 ? useMemory() : undefined;
  return { topic, partition, error, records, highWatermark, lastStableOffset, logStartOffset, abortedTransactions, release };
}

export const produceApi: KafkaApi<ProduceRequest, readonly ProducedPartition[]> = {
  key: 0,
  name: 'Produce',
  minVersion: 9,
  maxVersion: 12,
  write(writer, request) {
    writer
      .appendString(request.transactionalId ?? null)
      .appendInt16(request.acks === 'leader' ? 1 : -1)
      .appendInt32(request.timeoutMs ?? 30_000);
    writeStructs(writer, byTopic(request.partitions), (w, [topic, partitions]) => {
      w.appendString(topic);
      writeStructs(w, partitions, (_, { partition, batch }) => {
        w.appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength));
      });
    });
    writer.appendTaggedFields();
  },
  read(reader) {
    const produced: ProducedPartition[] = [];
    readStructs(reader, () => {
      const topic = reader.readString();
      readStructs(reader, () => {
        const partition = reader.readInt32();
        const error = kafkaErrorOf(reader.readInt16());
        const baseOffset = readLong(reader);
        const logAppendTimeMs = readLong(reader);
        reader.readInt64(); // start of the log
        const records = readStructs(reader, (r) => ({ index: r.readInt32(), message: r.readNullableString() }));
        const message = reader.readNullableString();
        const first = records[0];
        const errorMessage = first === undefined ? message : `record ${first.index} of the batch: ${first.message ?? message}`;
        produced.push({ topic, partition, error, errorMessage: errorMessage ?? undefined, baseOffset, logAppendTimeMs });
      });
    });
    return produced;
  },
};
