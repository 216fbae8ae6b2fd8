/**
 * Reads the partitions that one subtask was given: chunk by chunk, in turn, from what the fetcher has fetched ahead.
 *
 * Records are decoded when they are polled, straight from the fetched bytes; what is decoded is delivered in the same poll.
 * So a partition's position is exact at any time, and a partition that is paused simply forgets what was fetched, and fetches
 * it again when it goes on: paused partitions hold no memory.
 *
 * Checkpoints hold the positions. When one is complete, they are committed to the group, if there is one: for those who watch
 * the group, and for jobs that start from it. A commit that fails is a warning and a count, never a failure: the next makes up for it.
 */
import { MillraceError, toError } from '../../../common/index.ts';
import type { InputStatus, RecordBatch, SourceReader, SourceReaderContext } from '../../../connector/index.ts';
import { type BatchCodecs, KafkaBatchReader, loadBatchCodecs, RecordBounds } from '../batches/index.ts';
import type { CommittedOffset, IsolationLevel, KafkaClient } from '../client/index.ts';
import { KafkaFetcher, type KafkaFetcherOptions } from './kafka-fetcher.ts';
import { KafkaPartition } from './kafka-partition.ts';
import { type KafkaSourceSplit, splitIdOf } from './kafka-source-split.ts';
import { RecordDeserializer, type RecordDeserializerOptions } from './record-deserializer.ts';

export interface KafkaSourceReaderOptions<T> extends Omit<RecordDeserializerOptions<T>, 'countError'>, KafkaFetcherOptions {
  readonly createClient: () => KafkaClient;
  readonly isolationLevel: IsolationLevel;
  /** Commits to it, if it is set. */
  readonly commitToGroup: string | undefined;
  readonly checkCrcs: boolean;
  /** Whether all its partitions end. */
  readonly isBounded: boolean;
}

/** As many as a task takes at a time, at most. */
const BOUNDS_CAPACITY = 1024;
/** A job that ends waits for its last commit so long at most. */
const COMMIT_TIMEOUT_MS = 5_000;
const SCOPE = 'KafkaSourceReader';

export class KafkaSourceReader<T> implements SourceReader<T, KafkaSourceSplit> {
  readonly #context: SourceReaderContext;
  readonly #options: KafkaSourceReaderOptions<T>;
  readonly #client: KafkaClient;
  readonly #fetcher: KafkaFetcher;
  readonly #deserializer: RecordDeserializer<T>;
  readonly #bounds = new RecordBounds(BOUNDS_CAPACITY);
  /** In the order of their turns. */
  #partitions: KafkaPartition[] = [];
  #batchReaders = new Map<KafkaPartition, KafkaBatchReader>();
  #codecs: BatchCodecs | undefined;
  /** The partition whose chunk is being read, and the next record of the bounds. */
  #current: KafkaPartition | undefined;
  #nextRecord = 0;
  /** Ended, but not yet reported. */
  #ended: KafkaPartition[] = [];
  #isWaitingForFormat = false;
  #noMoreSplits = false;
  #failure: MillraceError | undefined;
  #closed = false;
  #wake: () => void = () => {};
  /** By checkpoint: what to commit when it is complete. */
  readonly #toCommit = new Map<number, CommittedOffset[]>();
  /** Final positions of partitions that ended since the last checkpoint. */
  #endedOffsets: CommittedOffset[] = [];
  /** Of complete checkpoints, by split. */
  #uncommitted = new Map<string, CommittedOffset>();
  #committing: Promise<void> | undefined;
  readonly #commitsSucceeded: { inc(n?: number): void };
  readonly #commitsFailed: { inc(n?: number): void };
  #fetchLagMs = Number.NaN;
  #recordsDone = 0;
  #recordsTotal = 0;

  constructor(context: SourceReaderContext, options: KafkaSourceReaderOptions<T>) {
    const { metrics, clock, logger } = context;
    this.#context = context;
    this.#options = options;
    this.#client = options.createClient();
    this.#deserializer = new RecordDeserializer<T>({ ...options, countError: () => metrics.countError() }, this.#bounds);
    const bytesConsumed = metrics.counter(`${SCOPE}.bytesConsumedTotal`);
    this.#commitsSucceeded = metrics.counter(`${SCOPE}.commitsSucceeded`);
    this.#commitsFailed = metrics.counter(`${SCOPE}.commitsFailed`);
    this.#fetcher = new KafkaFetcher(options, {
      client: this.#client,
      clock,
      logger,
      onFetched: () => this.#wake(),
      onFailure: (error) => this.#fail(error),
      countBytes: (bytes) => bytesConsumed.inc(bytes),
    });
    metrics.gauge('pendingRecords', () =>
      this.#partitions.reduce((sum, { endOffset, position }) => sum + Math.max(0, endOffset - position), 0),
    );
    metrics.gauge('currentFetchEventTimeLag', () => this.#fetchLagMs);
    if (!options.isBounded) return;
    metrics.gauge('progressTotal', () => (this.#noMoreSplits ? this.#recordsTotal : Number.NaN));
    metrics.gauge('progressDone', () =>
      this.#partitions.reduce((sum, partition) => sum + partition.delivered, this.#recordsDone),
    );
  }

  start(): void {
    loadBatchCodecs().then(
      (codecs) => {
        this.#codecs = codecs;
        this.#wake();
      },
      (error) => this.#fail(error),
    );
  }

  addSplits(splits: readonly KafkaSourceSplit[]): void {
    const added = splits.map((split) => new KafkaPartition(split));
    const { metrics } = this.#context;
    for (const partition of added) {
      const scope = `${SCOPE}.topic.${partition.topic}.partition.${partition.partition}`;
      metrics.gauge(`${scope}.currentOffset`, () => partition.lastOffset);
      metrics.gauge(`${scope}.committedOffset`, () => partition.committedOffset);
      if (partition.stopOffset !== Number.POSITIVE_INFINITY)
        this.#recordsTotal += Math.max(0, partition.stopOffset - partition.position);
      if (partition.isDone) this.#ended.push(partition);
      else this.#partitions.push(partition);
    }
    this.#fetcher.add(added.filter((partition) => !partition.isDone));
    this.#wake();
  }

  notifyNoMoreSplits(): void {
    this.#noMoreSplits = true;
    this.#wake();
  }

  pollBatch(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    if (this.#failure !== undefined) throw this.#failure;
    this.#current ??= this.#nextPartition();
    if (this.#current !== undefined && !this.#isWaitingForFormat) this.#read(this.#current, batch, maxRecords);
    for (const partition of this.#ended.splice(0)) batch.addFinishedSplit(partition.splitId);
    if (this.#canRead) return 'MORE_AVAILABLE';
    return this.#partitions.length === 0 && this.#noMoreSplits ? 'END_OF_INPUT' : 'NOTHING_AVAILABLE';
  }

  get #canRead(): boolean {
    if (this.#isWaitingForFormat || this.#codecs === undefined) return false;
    return this.#current !== undefined || this.#partitions.some((partition) => partition.hasChunks);
  }

  /** The next partition in turn that has something, its chunk opened. */
  #nextPartition(): KafkaPartition | undefined {
    if (this.#codecs === undefined) return undefined;
    const index = this.#partitions.findIndex((partition) => partition.hasChunks);
    if (index < 0) return undefined;
    const partition = this.#partitions[index] as KafkaPartition;
    this.#partitions = [...this.#partitions.slice(index + 1), ...this.#partitions.slice(0, index + 1)];
    const chunk = partition.nextChunk();
    if (chunk === undefined) return undefined;
    const { records, abortedTransactions } = chunk.fetched;
    this.#batchReader(partition, this.#codecs).open(records, chunk.fetchOffset, abortedTransactions);
    this.#bounds.length = 0;
    this.#nextRecord = 0;
    return partition;
  }

  #batchReader(partition: KafkaPartition, codecs: BatchCodecs): KafkaBatchReader {
    let reader = this.#batchReaders.get(partition);
    if (reader === undefined) {
      const { topic } = partition;
      const { isolationLevel, checkCrcs } = this.#options;
      reader = new KafkaBatchReader({ topic, partition: partition.partition, codecs, isolationLevel, checkCrcs });
      this.#batchReaders.set(partition, reader);
    }
    return reader;
  }

  /** Moves records of the open chunk into `batch`. */
  #read(partition: KafkaPartition, batch: RecordBatch<T>, maxRecords: number): void {
    const bounds = this.#bounds;
    const reader = this.#batchReaders.get(partition) as KafkaBatchReader;
    batch.splitId = partition.splitId;
    let records = 0;
    while (records < maxRecords) {
      if (this.#nextRecord === bounds.length) {
        this.#nextRecord = 0;
        if (!reader.readRecords(bounds)) {
          this.#chunkRead(partition, Math.max(partition.position, reader.nextOffset), batch);
          return;
        }
      }
      const from = this.#nextRecord;
      let to = Math.min(bounds.length, from + maxRecords - records);
      while (to > from && (bounds.offsets[to - 1] as number) >= partition.stopOffset) to--;
      if (to === from) {
        this.#chunkRead(partition, partition.stopOffset, batch);
        return;
      }
      const behind = this.#deserializer.read(partition, from, to, batch);
      if (behind > from) {
        partition.position = (bounds.offsets[behind - 1] as number) + 1;
        this.#nextRecord = behind;
        records += behind - from;
      }
      if (behind < to) {
        this.#waitForFormat();
        return;
      }
    }
  }

  #chunkRead(partition: KafkaPartition, nextOffset: number, batch: RecordBatch<T>): void {
    const chunk = partition.nextChunk();
    if (chunk !== undefined) {
      batch.bytes += chunk.fetched.records.length;
      if (batch.length > 0 && batch.hasTimestamps)
        this.#fetchLagMs = chunk.fetchedAtMs - (batch.timestamps[batch.length - 1] as number);
    }
    partition.chunkRead(nextOffset);
    this.#current = undefined;
    this.#bounds.length = 0;
    this.#nextRecord = 0;
    if (partition.isDone) this.#end(partition);
    else this.#fetcher.wake();
  }

  #end(partition: KafkaPartition): void {
    this.#recordsDone += partition.delivered;
    this.#partitions = this.#partitions.filter((other) => other !== partition);
    this.#batchReaders.delete(partition);
    this.#fetcher.remove(partition);
    partition.discard();
    this.#ended.push(partition);
    this.#endedOffsets.push(offsetToCommit(partition));
  }

  #waitForFormat(): void {
    this.#isWaitingForFormat = true;
    this.#deserializer
      .ready()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#isWaitingForFormat = false;
        this.#wake();
      });
  }

  async isAvailable(): Promise<void> {
    while (this.#failure === undefined && !this.#closed && !this.#canRead && this.#ended.length === 0) {
      if (this.#partitions.length === 0 && this.#noMoreSplits) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  pauseOrResumeSplits(toPause: readonly string[], toResume: readonly string[]): void {
    for (const partition of this.#partitions) {
      if (toPause.includes(partition.splitId)) {
        partition.paused = true;
        partition.discard();
        if (this.#current === partition) this.#current = undefined;
      } else if (toResume.includes(partition.splitId)) {
        partition.paused = false;
      }
    }
    this.#fetcher.wake();
  }

  snapshotState(checkpointId: number): KafkaSourceSplit[] {
    if (this.#options.commitToGroup !== undefined) {
      this.#toCommit.set(checkpointId, [...this.#endedOffsets, ...this.#partitions.map(offsetToCommit)]);
    }
    return [...this.#ended, ...this.#partitions].map((partition) => partition.toSplit());
  }

  notifyCheckpointComplete(checkpointId: number): void {
    const groupId = this.#options.commitToGroup;
    const offsets = this.#toCommit.get(checkpointId);
    for (const id of this.#toCommit.keys()) if (id <= checkpointId) this.#toCommit.delete(id);
    if (groupId === undefined || offsets === undefined || offsets.length === 0) return;
    this.#endedOffsets = this.#endedOffsets.filter((ended) => !offsets.includes(ended));
    for (const offset of offsets) this.#uncommitted.set(splitIdOf(offset.topic, offset.partition), offset);
    this.#committing ??= this.#commit(groupId).finally(() => {
      this.#committing = undefined;
    });
  }

  notifyCheckpointAborted(checkpointId: number): void {
    this.#toCommit.delete(checkpointId);
  }

  /** Commits what there is until there is nothing; what comes while a request is under way goes into the next, the newest only. */
  async #commit(groupId: string): Promise<void> {
    while (this.#uncommitted.size > 0) {
      const offsets = this.#uncommitted;
      this.#uncommitted = new Map();
      try {
        await this.#client.offsetCommit(groupId, [...offsets.values()], { timeoutMs: COMMIT_TIMEOUT_MS });
      } catch (error) {
        this.#commitsFailed.inc();
        this.#context.logger.log('warn', `Cannot commit offsets to the group '${groupId}'; the next checkpoint commits anew.`, {
          error: toError(error).message,
        });
        this.#uncommitted = new Map([...offsets, ...this.#uncommitted]);
        return;
      }
      this.#commitsSucceeded.inc();
      for (const partition of this.#partitions) {
        partition.committedOffset = offsets.get(partition.splitId)?.offset ?? partition.committedOffset;
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#fetcher.close();
    await this.#committing;
    await this.#client.close();
  }

  #fail(thrown: unknown): void {
    this.#failure ??=
      thrown instanceof MillraceError ? thrown : new MillraceError('SOURCE_FAILED', toError(thrown).message, { cause: thrown });
    this.#wake();
  }
}

function offsetToCommit({ topic, partition, position }: KafkaPartition): CommittedOffset {
  return { topic, partition, offset: position };
}
