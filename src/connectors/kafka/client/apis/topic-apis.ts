/**
 * Requests that make and remove topics.
 */
import { type KafkaErrorName, kafkaErrorOf } from '../kafka-errors.ts';
import type { NewPartitions, NewTopic } from '../requests.ts';
import { type KafkaApi, readStructs, writeStrings, writeStructs } from './kafka-api.ts';

export interface TopicResult {
  readonly topic: string;
  readonly error: KafkaErrorName | undefined;
  readonly errorMessage: string | null;
}

interface Timed<T> {
  readonly items: readonly T[];
  /** How long the broker may wait for the cluster to carry it out. */
  readonly timeoutMs: number;
}

export const createTopicsApi: KafkaApi<Timed<NewTopic>, readonly TopicResult[]> = {
  key: 19,
  name: 'CreateTopics',
  minVersion: 5,
  maxVersion: 5,
  write(writer, { items, timeoutMs }) {
    writeStructs(writer, items, (w, { topic, partitions, replicationFactor, configs }) => {
      w.appendString(topic)
        .appendInt32(partitions ?? -1)
        .appendInt16(replicationFactor ?? -1)
        .appendUnsignedVarInt(1); // the broker assigns replicas
      writeStructs(w, Object.entries(configs ?? {}), (_, [key, value]) => w.appendString(key).appendString(value));
    });
    writer.appendInt32(timeoutMs).appendBoolean(false).appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    return readStructs(reader, (r) => {
      const topic = r.readString();
      const error = kafkaErrorOf(r.readInt16());
      const errorMessage = r.readNullableString();
      r.readInt32(); // partitions
      r.readInt16(); // replication factor
      r.readNullableArray(() => {
        r.readString();
        r.readNullableString();
        return r.skip(3); // read-only, source, sensitive
      });
      return { topic, error, errorMessage };
    });
  },
};

export const deleteTopicsApi: KafkaApi<Timed<string>, readonly TopicResult[]> = {
  key: 20,
  name: 'DeleteTopics',
  minVersion: 5,
  maxVersion: 5,
  write(writer, { items, timeoutMs }) {
    writeStrings(writer, items).appendInt32(timeoutMs).appendTaggedFields();
  },
  read: readTopicResults,
};

export const createPartitionsApi: KafkaApi<Timed<NewPartitions>, readonly TopicResult[]> = {
  key: 37,
  name: 'CreatePartitions',
  minVersion: 2,
  maxVersion: 3,
  write(writer, { items, timeoutMs }) {
    writeStructs(writer, items, (w, { topic, totalCount }) => {
      w.appendString(topic).appendInt32(totalCount).appendUnsignedVarInt(0); // the broker assigns replicas
    });
    writer.appendInt32(timeoutMs).appendBoolean(false).appendTaggedFields();
  },
  read: readTopicResults,
};

function readTopicResults(reader: Parameters<KafkaApi<unknown, unknown>['read']>[0]): readonly TopicResult[] {
  reader.readInt32(); // throttle time
  return readStructs(reader, (r) => ({
    topic: r.readString(),
    error: kafkaErrorOf(r.readInt16()),
    errorMessage: r.readNullableString(),
  }));
}
