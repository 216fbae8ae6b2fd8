/** The partitions of one topic, each with its queue, and the records that came before they were known, in order. */
import type { Random } from '../../../common/index.ts';
import type { KafkaHeader } from '../batches/index.ts';
import type { TopicMetadata } from '../client/index.ts';
import { PartitionQueue, type QueueWriterOptions } from './partition-queue.ts';
import { PartitionChooser, type Partitioner } from './partitioner.ts';

/** A record that waits until the partitions of its topic are known; its bytes are copies. */
export interface WaitingRecord<T> {
  readonly record: T;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[] | undefined;
}

export interface TopicQueuesOptions<T> {
  readonly partitioner: Partitioner<T> | undefined;
  readonly batchBytes: number;
  readonly writerOptions: QueueWriterOptions;
  readonly random: Random;
}

export class TopicQueues<T> {
  readonly topic: string;
  readonly waiting: WaitingRecord<T>[] = [];
  readonly #options: TopicQueuesOptions<T>;
  readonly #chooser: PartitionChooser<T>;
  readonly #queues: PartitionQueue[] = [];

  constructor(topic: string, options: TopicQueuesOptions<T>) {
    this.topic = topic;
    this.#options = options;
    this.#chooser = new PartitionChooser(topic, options.partitioner, options.batchBytes, options.random);
  }

  get isKnown(): boolean {
    return this.#queues.length > 0;
  }

  update({ partitions }: TopicMetadata): void {
    for (const { partition, leader } of partitions.slice(this.#queues.length)) {
      const queue = new PartitionQueue(this.topic, partition, this.#options.batchBytes, this.#options.writerOptions);
      if (leader >= 0) queue.leader = leader;
      this.#queues.push(queue);
    }
  }

  /** The queue of the partition that the record goes to; only if `isKnown`. */
  queueFor(record: T, key: Uint8Array | null, value: Uint8Array | null): PartitionQueue {
    return this.#queues[this.#chooser.choose(record, key, value?.length ?? 0, this.#queues.length)] as PartitionQueue;
  }
}
