/**
 * Offsets: those of the log by time, and those that a consumer group has committed.
 */
import { type KafkaErrorName, kafkaErrorOf } from '../kafka-errors.ts';
import type {
  CommittedOffset,
  IsolationLevel,
  ListedOffset,
  ListOffsetsPartition,
  OffsetSpec,
  TopicPartition,
} from '../requests.ts';
import { byTopic, type KafkaApi, readLong, readStructs, writeInts, writeLong, writeStructs } from './kafka-api.ts';

interface ListOffsetsCall {
  readonly isolationLevel: IsolationLevel;
  readonly partitions: readonly ListOffsetsPartition[];
}

function timestampOf(at: OffsetSpec): number {
  return at === 'latest' ? -1 : at === 'earliest' ? -2 : at.timestampMs;
}

export const listOffsetsApi: KafkaApi<
  ListOffsetsCall,
  readonly (ListedOffset & { readonly error: KafkaErrorName | undefined })[]
> = {
  key: 2,
  name: 'ListOffsets',
  minVersion: 6,
  maxVersion: 7,
  write(writer, { isolationLevel, partitions }) {
    writer.appendInt32(-1).appendInt8(isolationLevel === 'read_committed' ? 1 : 0); // -1: not a replica
    writeStructs(writer, byTopic(partitions), (w, [topic, list]) => {
      w.appendString(topic);
      writeStructs(w, list, (_, { partition, at }) => {
        w.appendInt32(partition).appendInt32(-1); // any leader epoch
        writeLong(w, timestampOf(at));
      });
    });
    writer.appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    return readStructs(reader, () => {
      const topic = reader.readString();
      return readStructs(reader, () => {
        const partition = reader.readInt32();
        const error = kafkaErrorOf(reader.readInt16());
        const timestampMs = readLong(reader);
        const offset = readLong(reader);
        return { topic, partition, error, timestampMs, offset: offset < 0 ? undefined : offset, leaderEpoch: reader.readInt32() };
      });
    }).flat();
  },
};

interface OffsetCommitCall {
  readonly groupId: string;
  readonly offsets: readonly CommittedOffset[];
}

/** For a group without members: generation -1 and no member id. */
export const offsetCommitApi: KafkaApi<
  OffsetCommitCall,
  readonly (TopicPartition & { readonly error: KafkaErrorName | undefined })[]
> = {
  key: 8,
  name: 'OffsetCommit',
  minVersion: 8,
  maxVersion: 8,
  write(writer, { groupId, offsets }) {
    writer.appendString(groupId).appendInt32(-1).appendString('').appendString(null);
    writeStructs(writer, byTopic(offsets), (w, [topic, list]) => {
      w.appendString(topic);
      writeStructs(w, list, (_, { partition, offset, metadata }) => {
        writeLong(w.appendInt32(partition), offset)
          .appendInt32(-1) // leader epoch unknown
          .appendString(metadata ?? '');
      });
    });
    writer.appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    return readStructs(reader, () => {
      const topic = reader.readString();
      return readStructs(reader, () => ({ topic, partition: reader.readInt32(), error: kafkaErrorOf(reader.readInt16()) }));
    }).flat();
  },
};

interface OffsetFetchCall {
  readonly groupId: string;
  readonly partitions: readonly TopicPartition[];
}

interface OffsetFetchAnswer {
  readonly error: KafkaErrorName | undefined;
  readonly offsets: readonly (TopicPartition & {
    readonly offset: number | undefined;
    readonly metadata: string | undefined;
    readonly error: KafkaErrorName | undefined;
  })[];
}

export const offsetFetchApi: KafkaApi<OffsetFetchCall, OffsetFetchAnswer> = {
  key: 9,
  name: 'OffsetFetch',
  minVersion: 8,
  maxVersion: 8,
  write(writer, { groupId, partitions }) {
    writeStructs(writer, [groupId], (w) => {
      w.appendString(groupId);
      writeStructs(w, byTopic(partitions), (_, [topic, list]) => {
        w.appendString(topic);
        writeInts(
          w,
          list.map((p) => p.partition),
        );
      });
    });
    writer.appendBoolean(true).appendTaggedFields(); // waits for offsets that a transaction is about to commit
  },
  read(reader) {
    reader.readInt32(); // throttle time
    const groups = readStructs(reader, () => {
      reader.readString(); // group
      const offsets = readStructs(reader, () => {
        const topic = reader.readString();
        return readStructs(reader, () => {
          const partition = reader.readInt32();
          const offset = readLong(reader);
          reader.readInt32(); // leader epoch
          const metadata = reader.readNullableString() ?? undefined;
          return { topic, partition, offset: offset < 0 ? undefined : offset, metadata, error: kafkaErrorOf(reader.readInt16()) };
        });
      }).flat();
      return { error: kafkaErrorOf(reader.readInt16()), offsets };
    });
    return groups[0] ?? { error: 'UNKNOWN_SERVER_ERROR', offsets: [] };
  },
};
