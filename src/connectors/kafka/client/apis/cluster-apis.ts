/**
 * Requests about the cluster itself: what a broker can, who is in it, and who coordinates what.
 */
import type { KafkaErrorName } from '../kafka-errors.ts';
import { kafkaErrorOf } from '../kafka-errors.ts';
import type { BrokerMetadata, TopicMetadata } from '../requests.ts';
import { type KafkaApi, readInts, readStructs, writeStructs } from './kafka-api.ts';

export interface ApiVersions {
  readonly error: KafkaErrorName | undefined;
  /** API key → versions. */
  readonly versions: ReadonlyMap<number, { readonly min: number; readonly max: number }>;
  /** Features of the cluster → their levels. */
  readonly features: ReadonlyMap<string, number>;
}

const FINALIZED_FEATURES = 2;

export const apiVersionsApi: KafkaApi<{ readonly softwareName: string; readonly softwareVersion: string }, ApiVersions> = {
  key: 18,
  name: 'ApiVersions',
  minVersion: 3,
  maxVersion: 3,
  // Whoever asks does not know yet what the broker speaks.
  flexibleResponse: false,
  write(writer, { softwareName, softwareVersion }) {
    writer.appendString(softwareName).appendString(softwareVersion).appendTaggedFields();
  },
  read(reader) {
    const error = kafkaErrorOf(reader.readInt16());
    const versions = new Map<number, { min: number; max: number }>();
    const features = new Map<string, number>();
    // A broker that does not know this version answers in version 0, whose rest looks different.
    if (error !== undefined) return { error, versions, features };
    readStructs(reader, (r) => versions.set(r.readInt16(), { min: r.readInt16(), max: r.readInt16() }));
    reader.readInt32(); // throttle time
    const tags = reader.readUnsignedVarInt();
    for (let i = 0; i < tags; i++) {
      const tag = reader.readUnsignedVarInt();
      const end = reader.readUnsignedVarInt() + reader.position;
      if (tag === FINALIZED_FEATURES) {
        readStructs(reader, (r) => {
          features.set(r.readString(), r.readInt16());
          r.readInt16(); // lowest level
        });
      }
      reader.position = end;
    }
    return { error, versions, features };
  },
};

export interface TopicAnswer extends Omit<TopicMetadata, 'topic'> {
  readonly topic: string | null;
  readonly error: KafkaErrorName | undefined;
}

export interface MetadataAnswer {
  readonly brokers: readonly BrokerMetadata[];
  readonly controllerId: number;
  readonly topics: readonly TopicAnswer[];
}

/** The request is a list of topics; `null` asks for all. */
export const metadataApi: KafkaApi<readonly string[] | null, MetadataAnswer> = {
  key: 3,
  name: 'Metadata',
  minVersion: 12,
  maxVersion: 12,
  write(writer, topics) {
    if (topics === null) writer.appendUnsignedVarInt(0);
    else writeStructs(writer, topics, (w, topic) => w.appendUUID(null).appendString(topic));
    // Neither creates topics nor asks for what the principal may do with them.
    writer.appendBoolean(false).appendBoolean(false).appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    const brokers = readStructs(reader, (r) => ({
      brokerId: r.readInt32(),
      host: r.readString(),
      port: r.readInt32(),
      rack: r.readNullableString() ?? undefined,
    }));
    reader.readNullableString(); // cluster id
    const controllerId = reader.readInt32();
    const topics = readStructs(reader, (r) => {
      const error = kafkaErrorOf(r.readInt16());
      const topic = r.readNullableString();
      const topicId = r.readUUID();
      const internal = r.readBoolean();
      const partitions = readStructs(r, () => {
        r.readInt16(); // Says that there is no leader, or that a replica is gone: the leader says all that matters.
        const partition = r.readInt32();
        const leader = r.readInt32();
        const leaderEpoch = r.readInt32();
        const replicas = readInts(r);
        const inSyncReplicas = readInts(r);
        readInts(r); // offline replicas
        return { partition, leader, leaderEpoch, replicas, inSyncReplicas };
      });
      partitions.sort((a, b) => a.partition - b.partition);
      r.readInt32(); // operations allowed
      return { error, topic, topicId, internal, partitions };
    });
    return { brokers, controllerId, topics };
  },
};

export type CoordinatorType = 'group' | 'transaction';

export interface CoordinatorAnswer {
  readonly key: string;
  readonly brokerId: number;
  readonly error: KafkaErrorName | undefined;
  readonly errorMessage: string | null;
}

export const findCoordinatorApi: KafkaApi<
  { readonly type: CoordinatorType; readonly key: string },
  readonly CoordinatorAnswer[]
> = {
  key: 10,
  name: 'FindCoordinator',
  minVersion: 4,
  maxVersion: 4,
  write(writer, { type, key }) {
    writer
      .appendInt8(type === 'group' ? 0 : 1)
      .appendArray([key], (w, k) => w.appendString(k), true, false)
      .appendTaggedFields();
  },
  read(reader) {
    reader.readInt32(); // throttle time
    return readStructs(reader, (r) => {
      const key = r.readString();
      const brokerId = r.readInt32();
      r.readString(); // host and port: brokers are known from the metadata
      r.readInt32();
      return { key, brokerId, error: kafkaErrorOf(r.readInt16()), errorMessage: r.readNullableString() };
    });
  },
};
