/**
 * What tests do with topics, from the outside: create, delete, add partitions, produce, read.
 *
 * Every call connects anew, so that it works after a broker was restarted. `readTopic` sees everything that is in a topic's log,
 * records of open and aborted transactions too; what is *committed* is told by `readCommitted`, in `kafka-reader.ts`.
 */
import {
  Admin,
  Connection,
  compatibilityPartitioner,
  fetchV12,
  IS_CONTROL,
  ListOffsetTimestamps,
  listOffsetsV9,
  type MessageRecord,
  produceV11,
} from '@platformatic/kafka';
import type { KafkaListener } from './kafka.ts';

export interface TopicOptions {
  /** Default: 1. */
  readonly partitions?: number;
  /** The brokers of each partition, the leader first; instead of `partitions`. */
  readonly assignments?: readonly (readonly number[])[];
  /** The topic's configuration, such as `{ 'cleanup.policy': 'compact' }`. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface RecordToProduce {
  /** Default: by the hash of the key, or in turns. */
  readonly partition?: number;
  readonly key?: string;
  /** A record without a value is a tombstone. */
  readonly value?: string;
  readonly timestampMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ReadRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
}

export interface ProduceSettings {
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
}

let created = 0;

function clientOptions({ bootstrapServers }: Pick<KafkaListener, 'bootstrapServers'>) {
  return { clientId: 'millrace-test', bootstrapBrokers: [bootstrapServers], retries: 20, retryDelay: 250 };
}

async function withAdmin<T>(kafka: KafkaListener, run: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin(clientOptions(kafka));
  try {
    return await run(admin);
  } finally {
    await admin.close();
  }
}

/** Creates a topic whose name begins with `prefix` and is new on this broker; returns the name. */
export async function createTopic(kafka: KafkaListener, prefix: string, options: TopicOptions = {}): Promise<string> {
  const topic = `${prefix}-${process.pid}-${Date.now()}-${++created}`;
  const { partitions = 1, assignments, config = {} } = options;
  const layout =
    assignments === undefined
      ? { partitions, replicas: 1 }
      : {
          partitions: -1,
          replicas: -1,
          assignments: assignments.map((brokers, partition) => ({ partition, brokers: [...brokers] })),
        };
  const configs = Object.entries(config).map(([name, value]) => ({ name, value }));
  await withAdmin(kafka, (admin) => admin.createTopics({ topics: [topic], ...layout, configs }));
  await partitionsAnswer(kafka, topic, assignments?.length ?? partitions);
  return topic;
}

export async function deleteTopic(kafka: KafkaListener, topic: string): Promise<void> {
  await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
}

/** Adds partitions to a topic, so that it has `count`. */
export async function addPartitions(kafka: KafkaListener, topic: string, count: number): Promise<void> {
  await withAdmin(kafka, (admin) => admin.createPartitions({ topics: [{ name: topic, count, assignments: null }] }));
  await partitionsAnswer(kafka, topic, count);
}

/** Resolves when all leaders know their partitions; a moment before, they would refuse records. */
async function partitionsAnswer(kafka: KafkaListener, topic: string, count: number): Promise<void> {
  const { leaderPorts } = await clusterOf(kafka, topic);
  if (leaderPorts.length < count) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return partitionsAnswer(kafka, topic, count);
  }
  for (const [partition, port] of leaderPorts.entries()) {
    await withConnection(port, (connection) => offsetAt(connection, topic, partition, ListOffsetTimestamps.LATEST));
  }
}

/** The offsets that a consumer group has committed, by partition. */
export async function committedOffsets(kafka: KafkaListener, groupId: string, topic: string): Promise<Map<number, bigint>> {
  const [group] = await withAdmin(kafka, (admin) => admin.listConsumerGroupOffsets({ groups: [groupId] }));
  const partitions = group?.topics.find(({ name }) => name === topic)?.partitions ?? [];
  return new Map(partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]));
}

/**
 * Writes records, outside of any transaction; resolves when the broker has them. Nothing is sent twice: only what the broker refused is
 * repeated, and a lost connection is an error.
 */
export async function produce(
  kafka: KafkaListener,
  topic: string,
  records: readonly RecordToProduce[],
  settings: ProduceSettings = {},
): Promise<void> {
  const cluster = await clusterOf(kafka, topic);
  const byPartition = new Map<number, MessageRecord[]>();
  for (const [index, record] of records.entries()) {
    const { key, value, timestampMs, headers = {}, partition = partitionFor(key, index, cluster.leaderPorts.length) } = record;
    const list = byPartition.get(partition) ?? [];
    byPartition.set(partition, list);
    list.push({
      topic,
      partition,
      // A record without a value is a tombstone, which the client's types do not know.
      value: (value === undefined ? undefined : Buffer.from(value)) as Buffer,
      ...(key !== undefined && { key: Buffer.from(key) }),
      timestamp: BigInt(timestampMs ?? Date.now()),
      headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
    });
  }
  for (const [partition, messages] of byPartition) {
    await withConnection(cluster.leaderPorts[partition], async (connection) => {
      for (let start = 0; start < messages.length; start += 1000) {
        const options = { compression: settings.compression ?? 'none' };
        await whenReady(() => produceV11.api.async(connection, -1, 10_000, messages.slice(start, start + 1000), options));
      }
    });
  }
}

/** The partition of a key as Java's client chooses it; without a key, partitions take turns. */
function partitionFor(key: string | undefined, index: number, count: number): number {
  if (key === undefined) return index % count;
  return compatibilityPartitioner({ topic: '' }, Buffer.from(key)) % count;
}

/** The port of each partition's leader. */
async function clusterOf(kafka: KafkaListener, topic: string): Promise<{ leaderPorts: number[] }> {
  const { brokers, topics } = await withAdmin(kafka, (admin) => admin.metadata({ topics: [topic] }));
  // The listener that was asked may be another one than the broker advertises; a single broker is reached where it was asked.
  const port = (leader: number) => (brokers.size === 1 ? kafka.port : (brokers.get(leader)?.port ?? kafka.port));
  return { leaderPorts: (topics.get(topic)?.partitions ?? []).map(({ leader }) => port(leader)) };
}

async function withConnection<T>(port: number | undefined, run: (connection: Connection) => Promise<T>): Promise<T> {
  if (port === undefined) throw new Error('there is no such partition');
  const connection = new Connection('millrace-test');
  await connection.connect('127.0.0.1', port);
  try {
    return await run(connection);
  } finally {
    await connection.close();
  }
}

/** Repeats what the broker refuses because a topic that is new, or a broker that has just started, is not ready yet. */
async function whenReady<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const refused = (error as { errors?: { canRetry?: boolean }[] }).errors ?? [];
      if (attempt === 100 || refused.length === 0 || !refused.every(({ canRetry }) => canRetry)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** All records of a topic up to its end now, committed or not, by partition and offset. */
export async function readTopic(kafka: KafkaListener, topic: string): Promise<ReadRecord[]> {
  const { leaderPorts } = await clusterOf(kafka, topic);
  const found: ReadRecord[] = [];
  for (const [partition, port] of leaderPorts.entries()) {
    found.push(...(await withConnection(port, (connection) => readPartition(connection, topic, partition))));
  }
  return found;
}

async function offsetAt(connection: Connection, topic: string, partition: number, timestamp: bigint): Promise<bigint> {
  const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }];
  const { topics } = await whenReady(() => listOffsetsV9.api.async(connection, -1, 0, [{ name: topic, partitions }]));
  return topics[0]?.partitions[0]?.offset ?? 0n;
}

async function readPartition(connection: Connection, topic: string, partition: number): Promise<ReadRecord[]> {
  const end = await offsetAt(connection, topic, partition, ListOffsetTimestamps.LATEST);
  let next = await offsetAt(connection, topic, partition, ListOffsetTimestamps.EARLIEST);
  const found: ReadRecord[] = [];
  while (next < end) {
    const partitions = [
      { partition, currentLeaderEpoch: -1, fetchOffset: next, lastFetchedEpoch: -1, partitionMaxBytes: 4 << 20 },
    ];
    const request = [{ topicId: topic, partitions }];
    const response = await whenReady(() => fetchV12.api.async(connection, 500, 1, 8 << 20, 0, 0, -1, request, [], ''));
    for (const batch of response.responses[0]?.partitions[0]?.records ?? []) {
      const isControl = (batch.attributes & IS_CONTROL) !== 0;
      for (const record of isControl ? [] : batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta);
        if (offset < next) continue;
        found.push({
          partition,
          offset: Number(offset),
          timestampMs: Number(batch.firstTimestamp + record.timestampDelta),
          key: record.key?.toString(),
          value: record.value?.toString(),
        });
      }
      next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    }
  }
  return found;
}
