/**
 * Which partition a record goes to.
 *
 * The default does what Kafka's Java client does, so that a key goes to the same partition whoever writes it: by the hash of the
 * key. Without a key, records go to one partition until a batch's worth of bytes is there, then to another that is
 * drawn at random: batches are then full, and partitions get equally much.
 */
import { MillraceError, type Random } from '../../../common/index.ts';
import { partitionOfKey } from './murmur2.ts';

/**
 * @param key the bytes of the record's key, valid during the call only; `null` if it has none
 * @param partitionCount how many partitions the topic has now
 * @returns the partition, from 0 to `partitionCount - 1`
 */
export type Partitioner<T> = (record: T, key: Uint8Array | null, partitionCount: number, topic: string) => number;

/** Chooses partitions for the records of one topic. */
export class PartitionChooser<T> {
  readonly #topic: string;
  readonly #own: Partitioner<T> | undefined;
  readonly #batchBytes: number;
  readonly #random: Random;
  #sticky = -1;
  #stickyBytes = 0;

  constructor(topic: string, own: Partitioner<T> | undefined, batchBytes: number, random: Random) {
    this.#topic = topic;
    this.#own = own;
    this.#batchBytes = batchBytes;
    this.#random = random;
  }

  /** @param valueBytes size of the record's value */
  choose(record: T, key: Uint8Array | null, valueBytes: number, partitionCount: number): number {
    if (this.#own !== undefined) {
      const partition = this.#own(record, key, partitionCount, this.#topic);
      if (Number.isInteger(partition) && partition >= 0 && partition < partitionCount) return partition;
      throw new MillraceError(
        'USER_FUNCTION_FAILED',
        `The partitioner of the Kafka sink returned ${String(partition)} for a record of topic '${this.#topic}', which has the partitions 0 to ${partitionCount - 1}.`,
        { context: { topic: this.#topic } },
      );
    }
    if (key !== null) return partitionOfKey(key, partitionCount);
    if (this.#sticky < 0 || this.#sticky >= partitionCount || this.#stickyBytes >= this.#batchBytes) this.#move(partitionCount);
    this.#stickyBytes += valueBytes;
    return this.#sticky;
  }

  #move(partitionCount: number): void {
    this.#stickyBytes = 0;
    if (partitionCount === 1) {
      this.#sticky = 0;
      return;
    }
    const others = this.#sticky < 0 || this.#sticky >= partitionCount ? partitionCount : partitionCount - 1;
    const drawn = Math.floor(this.#random.next() * others);
    this.#sticky = others < partitionCount && drawn >= this.#sticky ? drawn + 1 : drawn;
  }
}
