/**
 * One partition while it is read: what was fetched and waits, how far it was fetched, how far it was delivered.
 *
 * `position` is what goes into checkpoints: all records in front of it were delivered, none behind it. `fetchOffset` runs ahead of
 * it by what waits. Going back is always possible: forget what waits and fetch from `position` again.
 */
import type { FetchedPartition } from '../client/index.ts';
import { fetchedEnd } from './fetched-end.ts';
import type { KafkaSourceSplit } from './kafka-source-split.ts';

/** What one answer held for a partition. */
export interface FetchedChunk {
  readonly fetched: FetchedPartition;
  /** Records before it are not wanted. */
  readonly fetchOffset: number;
  readonly fetchedAtMs: number;
}

export class KafkaPartition {
  readonly splitId: string;
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly stopOffset: number;
  /** Offset of the next record to deliver. */
  position: number;
  /** Offset of the next record to fetch. */
  fetchOffset: number;
  /** Broker id; `undefined` until it is known, and when it is no longer sure. */
  leader: number | undefined = undefined;
  paused = false;
  /** Offset behind the last record that a reader can see now; -1 until it is known. */
  endOffset = -1;
  /** What the group has committed in this attempt; -1 before. */
  committedOffset = -1;
  bufferedBytes = 0;
  /** Attempts to fetch it that failed since the last that did not. */
  failures = 0;
  /** Since when (monotonic) the cluster has not known the partition. */
  missingSinceMs: number | undefined = undefined;
  /** The broker does not have `fetchOffset`. */
  isOutOfRange = false;
  readonly #split: KafkaSourceSplit;
  #chunks: FetchedChunk[] = [];

  constructor(split: KafkaSourceSplit) {
    this.#split = split;
    this.splitId = split.splitId;
    this.topic = split.topic;
    this.partition = split.partition;
    this.topicId = split.topicId;
    this.stopOffset = split.stopOffset ?? Number.POSITIVE_INFINITY;
    this.position = split.offset;
    this.fetchOffset = split.offset;
  }

  /** For checkpoints. */
  toSplit(): KafkaSourceSplit {
    if (this.position === this.#split.offset) return this.#split;
    const { fromEarliest: _, ...split } = this.#split;
    return { ...split, offset: this.position };
  }

  get isFromEarliest(): boolean {
    return this.#split.fromEarliest === true && this.position === this.#split.offset;
  }

  get isDone(): boolean {
    return this.position >= this.stopOffset;
  }

  /** Offsets that were dealt with in this attempt. */
  get delivered(): number {
    return Math.min(this.position, this.stopOffset) - this.#split.offset;
  }

  /** Of the record delivered last; -1 if there is none in this attempt. */
  get lastOffset(): number {
    return this.position === this.#split.offset ? -1 : this.position - 1;
  }

  get hasChunks(): boolean {
    return this.#chunks.length > 0;
  }

  /** Takes an answer in, unless it is not what comes next: the partition went elsewhere, or waits, since it was asked for. */
  accept(fetched: FetchedPartition, fetchOffset: number, fetchedAtMs: number): void {
    const end = this.paused || fetchOffset !== this.fetchOffset ? undefined : fetchedEnd(fetched.records);
    if (end === undefined) {
      fetched.release?.();
      return;
    }
    this.#chunks.push({ fetched, fetchOffset, fetchedAtMs });
    this.bufferedBytes += fetched.records.length;
    this.fetchOffset = Math.max(end, fetchOffset);
  }

  /** The next chunk; it counts as buffered until {@link chunkRead}. */
  nextChunk(): FetchedChunk | undefined {
    return this.#chunks[0];
  }

  /** The chunk was delivered, and nothing refers to its memory any more; reading goes on at `nextOffset`. */
  chunkRead(nextOffset: number): void {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.bufferedBytes -= chunk.fetched.records.length;
      chunk.fetched.release?.();
    }
    this.position = nextOffset;
  }

  /** Forgets what waits, to fetch it again later. Nothing may refer to its memory any more. */
  discard(): void {
    for (const { fetched } of this.#chunks) fetched.release?.();
    this.#chunks = [];
    this.bufferedBytes = 0;
    this.fetchOffset = this.position;
  }

  /** Fetches on at another offset; what waits is delivered before. */
  skipTo(offset: number): void {
    this.fetchOffset = offset;
    if (this.#chunks.length === 0) this.position = offset;
  }
}
