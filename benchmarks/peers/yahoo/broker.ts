/**
 * What the generator and the measurement need of a broker, on one connection to the only node: record batches that are ready go out as
 * they are, several requests under way, and results come back with the time at which the broker has appended them.
 */
import { Admin, Connection, fetchV11, produceV7, Writer } from '@platformatic/kafka';

const PRODUCE = 0;
const PRODUCE_VERSION = 7;
const TIMEOUT_MS = 30_000;
/** What `acks` means: the leader confirms. */
const LEADER_CONFIRMS = 1;
const MAX_FETCH_BYTES = 4 << 20;
const LEADER_ATTEMPTS = 100;
const LEADER_PAUSE_MS = 100;

export interface PartitionBatch {
  readonly partition: number;
  readonly bytes: Buffer;
}

export interface AppendedValue {
  readonly value: Buffer;
  /** When the broker appended it, if the topic says so (`message.timestamp.type`); otherwise what its producer wrote. */
  readonly timestampMs: number;
}

export class Broker {
  private readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  /** @param address host:port */
  static async connect(address: string): Promise<Broker> {
    const [host = '', port = ''] = address.split(':');
    const connection = new Connection('millrace-peers', { maxInflights: 64 });
    await connection.connect(host, Number(port));
    return new Broker(connection);
  }

  produce(topic: string, batches: readonly PartitionBatch[]): Promise<void> {
    const payload = (): Writer =>
      Writer.create()
        .appendString(null, false)
        .appendInt16(LEADER_CONFIRMS)
        .appendInt32(TIMEOUT_MS)
        .appendArray(
          [topic],
          (topics, name) => {
            topics.appendString(name, false).appendArray(
              [...batches],
              (partitions, { partition, bytes }) => {
                partitions.appendInt32(partition).appendInt32(bytes.length).append(bytes);
              },
              false,
              false,
            );
          },
          false,
          false,
        );
    return new Promise((resolve, reject) => {
      this.connection.send(PRODUCE, PRODUCE_VERSION, payload, produceV7.parseResponse, false, false, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  /** Waits until the partitions of a new topic have a leader: a moment after its creation. */
  async waitForTopic(topic: string, partitions: number): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) {
      for (let attempt = 1; ; attempt++) {
        try {
          await this.fetch(topic, partition, 0n, 0);
          break;
        } catch (error) {
          if (attempt === LEADER_ATTEMPTS) throw error;
          await new Promise((resolve) => setTimeout(resolve, LEADER_PAUSE_MS));
        }
      }
    }
  }

  /** Waits up to `maxWaitMs` for something at `offset`. @returns the values from there on and the offset behind them */
  async fetch(
    topic: string,
    partition: number,
    offset: bigint,
    maxWaitMs: number,
  ): Promise<{ values: AppendedValue[]; next: bigint }> {
    const topics = [
      {
        topicId: topic,
        partitions: [
          { partition, currentLeaderEpoch: -1, fetchOffset: offset, lastFetchedEpoch: -1, partitionMaxBytes: MAX_FETCH_BYTES },
        ],
      },
    ];
    const response = await fetchV11.api.async(this.connection, maxWaitMs, 1, MAX_FETCH_BYTES, 0, 0, -1, topics, [], '');
    const values: AppendedValue[] = [];
    let next = offset;
    for (const batch of response.responses[0]?.partitions[0]?.records ?? []) {
      const appendedByBroker = (batch.attributes & 0b1000) !== 0;
      for (const record of batch.records) {
        const at = batch.firstOffset + BigInt(record.offsetDelta);
        if (at < offset || record.value === null) continue;
        const timestamp = appendedByBroker ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta;
        values.push({ value: record.value, timestampMs: Number(timestamp) });
      }
      const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
      if (end > next) next = end;
    }
    return { values, next };
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

export interface TopicSettings {
  readonly partitions: number;
  /** Whether records carry the time at which the broker appended them. */
  readonly appendTime?: boolean;
}

/** Topics that are made for one run and deleted after it, so that a long series does not fill the disk. */
export class Topics {
  private readonly admin: Admin;

  constructor(bootstrapServers: string) {
    this.admin = new Admin({ clientId: 'millrace-peers', bootstrapBrokers: [bootstrapServers] });
  }

  async create(name: string, { partitions, appendTime = false }: TopicSettings): Promise<void> {
    await this.admin.createTopics({
      topics: [name],
      partitions,
      replicas: 1,
      configs: [
        { name: 'message.timestamp.type', value: appendTime ? 'LogAppendTime' : 'CreateTime' },
        { name: 'file.delete.delay.ms', value: '1000' },
        { name: 'segment.bytes', value: String(256 << 20) },
        { name: 'retention.ms', value: '-1' },
      ],
    });
  }

  /** Deletes the topic, and all whose names contain its name: those that a contestant made for itself. */
  async deleteAll(topic: string): Promise<void> {
    const names = (await this.admin.listTopics()).filter((name) => name.includes(topic));
    if (names.length > 0) await this.admin.deleteTopics({ topics: names });
  }

  close(): Promise<void> {
    return this.admin.close();
  }
}
