/**
 * Fetches the partitions of one reader ahead of it, within bounds.
 *
 * One loop for each broker keeps one long poll under way, for those of the broker's partitions that have room. What waits for the
 * reader is bounded by `bufferBytes`, shared out to brokers and partitions; a partition whose share is used up is left out of
 * the polls until the reader has caught up, and so backpressure reaches the broker. While partitions are left out, polls are
 * short: a poll that waits for a quiet partition must not hold back one that has become hungry. The order of the partitions
 * turns with each poll, because a broker fills its answer in the order of the request.
 *
 * A second kind of loop, one for all, deals with partitions whose leader is not known: new ones, and those of a broker that was
 * lost or leads them no longer. It asks the cluster again and again, with growing pauses, for as long as that may help: a broker
 * may be down for as long as it wants. What cannot be mended fails the reader: a topic that is gone, or an offset that is.
 */
import { type Clock, type Logger, MillraceError, toError } from '../../../common/index.ts';
import {
  type FetchedPartition,
  type IsolationLevel,
  isRetriable,
  isRetriableKafkaError,
  type KafkaClient,
  kafkaError,
} from '../client/index.ts';
import { FetchSignal, pause } from './fetch-signal.ts';
import type { KafkaPartition } from './kafka-partition.ts';
import { splitIdOf } from './kafka-source-split.ts';
import type { OffsetResetStrategy } from './offsets-initializer.ts';

export interface KafkaFetcherOptions {
  readonly isolationLevel: IsolationLevel;
  readonly onOffsetOutOfRange: OffsetResetStrategy;
  /** What may wait for the reader. */
  readonly bufferBytes: number;
  /** What one answer may hold of one partition. */
  readonly partitionFetchBytes: number;
  readonly fetchMinBytes: number;
  readonly fetchMaxWaitMs: number;
}

export interface KafkaFetcherDependencies {
  readonly client: KafkaClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** There is something new to deliver. */
  readonly onFetched: () => void;
  readonly onFailure: (error: MillraceError) => void;
  readonly countBytes: (bytes: number) => void;
}

/** Of a poll while partitions are left out. */
const SHORT_WAIT_MS = 10;
const MAX_ANSWER_BYTES = 50 * 1024 * 1024;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;
/** How long a topic may be unknown to the cluster before it counts as deleted: brokers that start know them late. */
const MISSING_FOR_MS = 10_000;
const WARN_AGAIN_MS = 30_000;

export class KafkaFetcher {
  readonly #options: KafkaFetcherOptions;
  readonly #client: KafkaClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #dependencies: KafkaFetcherDependencies;
  readonly #partitions = new Map<string, KafkaPartition>();
  readonly #abort = new AbortController();
  /** Raised when partitions need a leader. */
  readonly #lost = new FetchSignal();
  /** By broker: raised when a partition may have got room. */
  readonly #brokers = new Map<number, FetchSignal>();
  readonly #loops = new Set<Promise<void>>();
  #warnedMs = Number.NEGATIVE_INFINITY;
  #rotation = 0;

  constructor(options: KafkaFetcherOptions, dependencies: KafkaFetcherDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#client = dependencies.client;
    this.#clock = dependencies.clock;
    this.#logger = dependencies.logger;
    this.#run(this.#findLeaders());
  }

  add(partitions: readonly KafkaPartition[]): void {
    for (const partition of partitions) this.#partitions.set(partition.splitId, partition);
    this.#lost.raise();
  }

  remove(partition: KafkaPartition): void {
    this.#partitions.delete(partition.splitId);
    this.wake();
  }

  /** Something was delivered, or a partition goes on: polls that waited for room look again. */
  wake(): void {
    for (const signal of this.#brokers.values()) signal.raise();
  }

  async close(): Promise<void> {
    this.#abort.abort(new MillraceError('ILLEGAL_STATE', 'The Kafka source was closed.'));
    this.#lost.raise();
    this.wake();
    await Promise.all(this.#loops);
  }

  get #isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  #run(loop: Promise<void>): void {
    const running = loop.catch((thrown) => this.#fail(thrown)).finally(() => this.#loops.delete(running));
    this.#loops.add(running);
  }

  #fail(thrown: unknown): void {
    if (this.#isClosed) return;
    const error =
      thrown instanceof MillraceError ? thrown : new MillraceError('SOURCE_FAILED', toError(thrown).message, { cause: thrown });
    this.#dependencies.onFailure(error);
  }

  // Polls

  async #pollBroker(brokerId: number, signal: FetchSignal): Promise<void> {
    while (!this.#isClosed) {
      const own = [...this.#partitions.values()].filter(({ leader }) => leader === brokerId);
      if (own.length === 0) return;
      const { wanted, isAnyLeftOut } = this.#select(own);
      if (wanted.length === 0) {
        await signal.wait();
        continue;
      }
      let fetched: readonly FetchedPartition[];
      const offsets = new Map(wanted.map((partition) => [partition.splitId, partition.fetchOffset]));
      try {
        fetched = await this.#client.fetch(
          brokerId,
          {
            partitions: wanted.map(({ topic, partition, fetchOffset }) => ({
              topic,
              partition,
              fetchOffset,
              maxBytes: this.#options.partitionFetchBytes,
            })),
            isolationLevel: this.#options.isolationLevel,
            maxWaitMs: isAnyLeftOut ? Math.min(SHORT_WAIT_MS, this.#options.fetchMaxWaitMs) : this.#options.fetchMaxWaitMs,
            minBytes: this.#options.fetchMinBytes,
            maxBytes: Math.max(1, Math.min(MAX_ANSWER_BYTES, Math.floor(this.#room(own)))),
          },
          { signal: this.#abort.signal },
        );
      } catch (error) {
        if (this.#isClosed) return;
        if (!isRetriable(error)) throw error;
        this.#warn(`Cannot fetch from broker ${brokerId} of the Kafka cluster; trying again.`, error);
        for (const partition of own) this.#failed(partition);
        return;
      }
      const fetchedAtMs = this.#clock.currentTimeMs();
      for (const answer of fetched) {
        const splitId = splitIdOf(answer.topic, answer.partition);
        const partition = this.#partitions.get(splitId);
        if (partition === undefined) answer.release?.();
        else this.#take(partition, answer, offsets.get(splitId) as number, fetchedAtMs);
      }
      this.#dependencies.onFetched();
    }
  }

  #room(own: readonly KafkaPartition[]): number {
    const share = this.#options.bufferBytes / Math.max(1, this.#brokers.size);
    return share - own.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  }

  #select(own: readonly KafkaPartition[]): { wanted: KafkaPartition[]; isAnyLeftOut: boolean } {
    const hasRoom = this.#room(own) > 0;
    const share = Math.max(this.#options.partitionFetchBytes, this.#options.bufferBytes / this.#partitions.size);
    const wanted: KafkaPartition[] = [];
    let isAnyLeftOut = false;
    const first = this.#rotation++ % own.length;
    for (let i = 0; i < own.length; i++) {
      const partition = own[(first + i) % own.length] as KafkaPartition;
      if (partition.fetchOffset >= partition.stopOffset) continue;
      if (hasRoom && !partition.paused && partition.bufferedBytes < share) wanted.push(partition);
      else isAnyLeftOut = true;
    }
    return { wanted, isAnyLeftOut };
  }

  #take(partition: KafkaPartition, answer: FetchedPartition, fetchOffset: number, fetchedAtMs: number): void {
    const { error } = answer;
    if (error === undefined) {
      partition.failures = 0;
      partition.missingSinceMs = undefined;
      partition.endOffset =
        this.#options.isolationLevel === 'read_committed' && answer.lastStableOffset >= 0
          ? answer.lastStableOffset
          : answer.highWatermark;
      this.#dependencies.countBytes(answer.records.length);
      partition.accept(answer, fetchOffset, fetchedAtMs);
    } else if (error === 'OFFSET_OUT_OF_RANGE') {
      if (fetchOffset !== partition.fetchOffset) return;
      partition.isOutOfRange = true;
      this.#loseLeader(partition);
    } else if (isRetriableKafkaError(error)) {
      this.#client.invalidateMetadata(partition.topic);
      this.#failed(partition);
    } else {
      throw kafkaError(`fetching ${partition.splitId} at offset ${fetchOffset}`, error);
    }
  }

  #loseLeader(partition: KafkaPartition): void {
    partition.leader = undefined;
    this.#lost.raise();
  }

  /** As {@link #loseLeader}; the next attempt waits, the longer the more have failed. */
  #failed(partition: KafkaPartition): void {
    partition.failures++;
    this.#loseLeader(partition);
  }

  // Leaders

  async #findLeaders(): Promise<void> {
    while (!this.#isClosed) {
      const lost = [...this.#partitions.values()].filter(({ leader }) => leader === undefined);
      if (lost.length === 0) {
        await this.#lost.wait();
        continue;
      }
      const failures = Math.max(...lost.map((partition) => partition.failures));
      if (failures > 0) {
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10));
        await pause(this.#clock, pauseMs, this.#abort.signal);
      }
      try {
        await this.#lead(lost, failures > 0);
      } catch (error) {
        if (this.#isClosed) return;
        if (!isRetriable(error)) throw error;
        for (const partition of lost) this.#failed(partition);
        this.#warn('Cannot reach the Kafka cluster; trying again.', error);
      }
    }
  }

  /** Gives partitions their leaders, and each leader a loop. */
  async #lead(lost: readonly KafkaPartition[], fresh: boolean): Promise<void> {
    const { signal } = this.#abort;
    const names = [...new Set(lost.map(({ topic }) => topic))];
    const topics = await this.#client.describeTopics(names, { allowMissing: true, fresh, signal });
    for (const partition of lost) {
      const topic = topics.get(partition.topic);
      if (topic !== undefined && topic.topicId !== partition.topicId) throw recreated(partition);
      const metadata = topic?.partitions.find((candidate) => candidate.partition === partition.partition);
      if (metadata === undefined) {
        partition.failures++;
        partition.missingSinceMs ??= this.#clock.monotonicMs();
        if (this.#clock.monotonicMs() - partition.missingSinceMs >= MISSING_FOR_MS) throw deleted(partition);
      } else if (metadata.leader < 0) {
        partition.failures++;
        this.#client.invalidateMetadata(partition.topic);
      } else {
        if (partition.isOutOfRange) await this.#reset(partition);
        partition.leader = metadata.leader;
        this.#ensureLoop(metadata.leader);
      }
    }
  }

  #ensureLoop(brokerId: number): void {
    const running = this.#brokers.get(brokerId);
    if (running !== undefined) {
      running.raise();
      return;
    }
    const signal = new FetchSignal();
    this.#brokers.set(brokerId, signal);
    this.#run(
      this.#pollBroker(brokerId, signal).finally(() => {
        this.#brokers.delete(brokerId);
        // It may have been given a partition after it had found none.
        for (const partition of this.#partitions.values()) if (partition.leader === brokerId) this.#loseLeader(partition);
      }),
    );
  }

  /** The records at the fetch offset are gone, or were never there: goes where the program says, or fails. */
  async #reset(partition: KafkaPartition): Promise<void> {
    const { splitId, fetchOffset } = partition;
    const { isolationLevel, onOffsetOutOfRange } = this.#options;
    partition.isOutOfRange = false;
    const earliest = await this.#offsetOf(partition, 'earliest', 'read_uncommitted');
    const latest = await this.#offsetOf(partition, 'latest', 'read_uncommitted');
    if (fetchOffset >= earliest && fetchOffset <= latest) {
      // A broker that has just become the leader may not have known yet how far it goes.
      partition.failures++;
    } else if (partition.isFromEarliest && fetchOffset < earliest) {
      partition.skipTo(earliest);
    } else if (onOffsetOutOfRange === 'none') {
      throw outOfRange(splitId, fetchOffset, earliest, latest);
    } else {
      const offset = onOffsetOutOfRange === 'earliest' ? earliest : await this.#offsetOf(partition, 'latest', isolationLevel);
      this.#logger.log('warn', `Kafka: ${splitId} has no offset ${fetchOffset}; reading goes on at ${offset}.`, {
        onOffsetOutOfRange,
        earliest,
        latest,
      });
      partition.skipTo(offset);
    }
  }

  async #offsetOf(partition: KafkaPartition, at: 'earliest' | 'latest', isolationLevel: IsolationLevel): Promise<number> {
    const wanted = [{ topic: partition.topic, partition: partition.partition, at }];
    const [listed] = await this.#client.listOffsets(wanted, { isolationLevel, signal: this.#abort.signal });
    return listed?.offset ?? 0;
  }

  #warn(message: string, error: unknown): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#warnedMs < WARN_AGAIN_MS) return;
    this.#warnedMs = nowMs;
    this.#logger.log('warn', message, { error: toError(error).message });
  }
}

function outOfRange(splitId: string, offset: number, earliest: number, latest: number): MillraceError {
  const why =
    offset < earliest
      ? `the records before ${earliest} are gone (retention, or records were deleted), and ${earliest - offset} of them were not read`
      : `it ends at ${latest}: records were lost on the broker, or the offset was never there`;
  return new MillraceError(
    'SOURCE_FAILED',
    `Kafka: ${splitId} cannot be read at offset ${offset}: ${why}. ` +
      "If that may be, say where to go on by the option onOffsetOutOfRange: 'earliest' or 'latest'.",
    { context: { splitId, offset, earliest, latest }, recoverable: false },
  );
}

function deleted({ splitId, topic, position }: KafkaPartition): MillraceError {
  return new MillraceError(
    'SOURCE_FAILED',
    `Kafka: ${splitId}, read up to offset ${position}, is not in the cluster any more: was the topic '${topic}' deleted? ` +
      'Start the job without its checkpoint, or without the topic.',
    { context: { topic, splitId, position }, recoverable: false },
  );
}

function recreated({ splitId, topic, position }: KafkaPartition): MillraceError {
  return new MillraceError(
    'SOURCE_FAILED',
    `Kafka: the topic '${topic}' was deleted and created again; ${splitId} had been read up to offset ${position}, which means ` +
      'nothing in the new topic. Start the job without its checkpoint to read it from its beginning.',
    { context: { topic, splitId, position }, recoverable: false },
  );
}
