/**
 * Sends the batches of a sink to the leaders of their partitions, until the brokers have them.
 *
 * What may be sent is decided in one place, `#pump`, which runs whenever something changes: a batch became full, lingering or
 * waiting for a retry is over, an answer came, a leader is known, there is a session. Nothing is sent without a session. A batch that
 * fails in a way that can pass is sent again, as it was, until its delivery time-out; anything else fails the sink for good: the
 * error is thrown by every later call.
 */
import { type Clock, MillraceError, type TimerHandle, toError } from '../../../common/index.ts';
import type { BatchCodecs, KafkaHeader } from '../batches/index.ts';
import {
  isRetriable,
  isRetriableKafkaError,
  type KafkaClient,
  type KafkaErrorName,
  kafkaErrorName,
  staleMetadataKafkaError,
} from '../client/index.ts';
import type { BatchInFlight, PartitionQueue } from './partition-queue.ts';
import { produceError } from './produce-errors.ts';
import type { ProducerSession } from './producer-session.ts';

/** Requests that one broker may have to answer at once. */
const MAX_REQUESTS_PER_BROKER = 5;
/** A request is not begun to be larger; the brokers' limit is 100 MiB. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
const RETRY_BACKOFF_MS = 50;
const RETRY_BACKOFF_MAX_MS = 1_000;

/** What a sender needs of the brokers. */
export type SenderClient = Pick<KafkaClient, 'produce' | 'leaderOf' | 'invalidateMetadata' | 'addPartitionsToTxn'>;

export interface RecordSenderOptions {
  readonly lingerMs: number;
  readonly bufferBytes: number;
  readonly deliveryTimeoutMs: number;
  readonly clock: Clock;
  readonly codecs: BatchCodecs;
  readonly counters: SenderCounters;
  /**
   * The broker has no memory of the session's producer: gets one to go on with. Absent where that would lose records or double
   * them (in a transaction).
   */
  readonly renewSession?: (lost: ProducerSession, reason: KafkaErrorName) => Promise<ProducerSession>;
}

export interface SessionUsage {
  /** When the first record was sent, by the wall clock and by the monotonic one. */
  readonly beganAtMs: number;
  readonly beganMonotonicMs: number;
  readonly topics: ReadonlySet<string>;
}

export interface SenderCounters {
  readonly recordsSent: { inc(n?: number): void };
  readonly bytesSent: { inc(n?: number): void };
  readonly recordErrors: { inc(n?: number): void };
}

export class RecordSender {
  /** Bytes that wait to be sent or acknowledged, before compression. */
  bufferedBytes = 0;
  /** How long the last request took. */
  lastSendMs = 0;
  readonly #client: SenderClient;
  readonly #options: RecordSenderOptions;
  readonly #clock: Clock;
  /** Those that are not empty. */
  readonly #active = new Set<PartitionQueue>();
  readonly #requests = new Map<number, number>();
  #session: ProducerSession | undefined;
  #renewing: Promise<void> | undefined;
  #usage: (SessionUsage & { readonly topics: Set<string> }) | undefined;
  #available: PromiseWithResolvers<void> | undefined;
  #flushed: PromiseWithResolvers<void> | undefined;
  #lingering: TimerHandle | undefined;
  #retrying: TimerHandle | undefined;
  #retryingAtMs = Number.POSITIVE_INFINITY;
  #error: Error | undefined;
  #closed = false;

  constructor(client: SenderClient, options: RecordSenderOptions) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock;
  }

  /** What was sent in the session, and has begun its transaction if it is one; undefined if nothing was. */
  get usage(): SessionUsage | undefined {
    return this.#usage;
  }

  /** What is sent from now on belongs to `session`; without one, everything waits. Only when nothing is under way. */
  setSession(session: ProducerSession | undefined): void {
    this.#session = session;
    this.#usage = undefined;
    this.#pump();
  }

  append(
    queue: PartitionQueue,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly KafkaHeader[] | undefined,
  ): void {
    this.bufferedBytes += queue.append(timestampMs, key, value, headers);
    this.#active.add(queue);
    if (queue.isReady) this.#pump();
    this.#lingering ??= this.#clock.setTimer(this.#options.lingerMs, () => {
      this.#lingering = undefined;
      this.#hurry();
    });
  }

  /** Fails the sink. */
  fail(error: unknown): void {
    if (this.#error !== undefined || this.#closed) return;
    this.#error = toError(error);
    for (const { inFlight } of this.#active) this.#options.counters.recordErrors.inc(inFlight?.recordCount ?? 0);
    this.#available?.resolve();
    this.#flushed?.reject(this.#error);
    this.#flushed = undefined;
    this.#cancelTimers();
  }

  /** @throws what has failed the sink */
  throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  isAvailable(): Promise<void> | undefined {
    this.throwIfFailed();
    if (this.bufferedBytes <= this.#options.bufferBytes) return undefined;
    this.#available ??= Promise.withResolvers<void>();
    return this.#available.promise;
  }

  /** Sends everything, and resolves when the brokers have it. */
  async flush(): Promise<void> {
    this.throwIfFailed();
    if (this.#active.size === 0) return;
    this.#flushed ??= Promise.withResolvers<void>();
    const { promise } = this.#flushed;
    this.#hurry();
    await promise;
  }

  /** Drops what has not been sent. The client is not closed. */
  close(): void {
    this.#closed = true;
    this.#available?.resolve();
    this.#flushed?.reject(new MillraceError('ILLEGAL_STATE', 'The Kafka sink was closed.'));
    this.#cancelTimers();
  }

  #cancelTimers(): void {
    this.#lingering?.cancel();
    this.#retrying?.cancel();
  }

  #hurry(): void {
    for (const queue of this.#active) queue.hurry();
    this.#pump();
  }

  #pump(): void {
    const session = this.#session;
    if (session === undefined || this.#renewing !== undefined || this.#error !== undefined || this.#closed) return;
    const nowMs = this.#clock.monotonicMs();
    const byBroker = new Map<number, PartitionQueue[]>();
    const toAdd: PartitionQueue[] = [];
    for (const queue of this.#active) {
      if (!queue.isReady || queue.waits) continue;
      if (queue.retryAtMs > nowMs) this.#wakeAt(queue.retryAtMs, nowMs);
      else if (queue.leader === undefined) void this.#findLeader(queue);
      else if (session.transaction?.version === 1 && queue.addedTo !== session) toAdd.push(queue);
      else {
        const queues = byBroker.get(queue.leader);
        if (queues !== undefined) queues.push(queue);
        else byBroker.set(queue.leader, [queue]);
      }
    }
    if (toAdd.length > 0) void this.#addToTransaction(toAdd, session);
    for (const [broker, queues] of byBroker) this.#sendTo(broker, queues, session, nowMs);
  }

  #sendTo(broker: number, queues: readonly PartitionQueue[], session: ProducerSession, nowMs: number): void {
    let next = 0;
    while (next < queues.length && (this.#requests.get(broker) ?? 0) < MAX_REQUESTS_PER_BROKER) {
      const sent: PartitionQueue[] = [];
      let bytes = 0;
      // Batches that are sent again keep the session that they had, and a request has one transaction only: with transactions all have the same.
      while (next < queues.length && bytes < MAX_REQUEST_BYTES) {
        const queue = queues[next++] as PartitionQueue;
        bytes += queue.take(session, nowMs).bytes.length;
        // Behind the others, so that each has its turn when requests are full.
        this.#active.delete(queue);
        this.#active.add(queue);
        sent.push(queue);
      }
      this.#use(sent);
      this.#requests.set(broker, (this.#requests.get(broker) ?? 0) + 1);
      void this.#request(broker, sent, session);
    }
  }

  async #request(broker: number, queues: readonly PartitionQueue[], session: ProducerSession): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const { transaction } = session;
    try {
      const results = await this.#client.produce(broker, {
        partitions: queues.map(({ topic, partition, inFlight }) => ({
          topic,
          partition,
          batch: (inFlight as BatchInFlight).bytes,
        })),
        ...(transaction && { transactionalId: transaction.transactionalId, transactionVersion: transaction.version }),
      });
      this.lastSendMs = this.#clock.monotonicMs() - startMs;
      for (const queue of queues) {
        const result = results.find(({ topic, partition }) => topic === queue.topic && partition === queue.partition);
        if (result === undefined) this.#onRefused(queue, 'UNKNOWN_SERVER_ERROR', 'the broker did not answer for the partition');
        else if (result.error === undefined || result.error === 'DUPLICATE_SEQUENCE_NUMBER') this.#onAcknowledged(queue);
        else this.#onRefused(queue, result.error, result.errorMessage);
      }
    } catch (error) {
      for (const queue of queues) this.#onUnreached(queue, error);
    } finally {
      this.#requests.set(broker, (this.#requests.get(broker) as number) - 1);
    }
    this.#pump();
  }

  #onAcknowledged(queue: PartitionQueue): void {
    const { recordCount, bytes, bufferedBytes } = queue.inFlight as BatchInFlight;
    queue.acknowledged();
    this.#options.counters.recordsSent.inc(recordCount);
    this.#options.counters.bytesSent.inc(bytes.length);
    this.bufferedBytes -= bufferedBytes;
    if (queue.isEmpty) this.#active.delete(queue);
    if (this.#active.size === 0) {
      this.#flushed?.resolve();
      this.#flushed = undefined;
    }
    if (this.bufferedBytes <= this.#options.bufferBytes / 2) {
      this.#available?.resolve();
      this.#available = undefined;
    }
  }

  #onRefused(queue: PartitionQueue, error: KafkaErrorName, brokerMessage: string | undefined): void {
    queue.onWire = false;
    const batch = queue.inFlight as BatchInFlight;
    const { renewSession } = this.#options;
    const expired = this.#isExpired(batch);
    if (staleMetadataKafkaError(error)) queue.leader = undefined;
    if (renewSession !== undefined && hasForgottenProducer(error) && !expired) this.#renew(queue, error, renewSession);
    else if (isRetriableKafkaError(error) && !expired) this.#retryLater(queue);
    else this.fail(produceError({ queue, batch, error, brokerMessage, timeoutMs: this.#options.deliveryTimeoutMs }));
  }

  /** The request failed as a whole: nobody knows whether the broker has the batch. */
  #onUnreached(queue: PartitionQueue, cause: unknown): void {
    queue.onWire = false;
    queue.leader = undefined;
    this.#client.invalidateMetadata(queue.topic);
    const batch = queue.inFlight as BatchInFlight;
    if (isRetriable(cause) && !this.#isExpired(batch)) this.#retryLater(queue);
    else
      this.fail(produceError({ queue, batch, error: kafkaErrorName(cause), cause, timeoutMs: this.#options.deliveryTimeoutMs }));
  }

  #isExpired({ takenMs }: BatchInFlight): boolean {
    return this.#clock.monotonicMs() - takenMs >= this.#options.deliveryTimeoutMs;
  }

  #retryLater(queue: PartitionQueue): void {
    const { attempts } = queue.inFlight as BatchInFlight;
    const pauseMs = Math.min(RETRY_BACKOFF_MS * 2 ** Math.min(attempts - 1, 10), RETRY_BACKOFF_MAX_MS);
    queue.retryAtMs = this.#clock.monotonicMs() + pauseMs;
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (this.#retryingAtMs <= atMs) return;
    this.#retrying?.cancel();
    this.#retryingAtMs = atMs;
    this.#retrying = this.#clock.setTimer(atMs - nowMs, () => {
      this.#retryingAtMs = Number.POSITIVE_INFINITY;
      this.#pump();
    });
  }

  async #findLeader(queue: PartitionQueue): Promise<void> {
    await this.#waiting([queue], async () => {
      queue.leader = await this.#client.leaderOf(queue.topic, queue.partition, {
        timeoutMs: this.#options.deliveryTimeoutMs,
      });
    });
  }

  async #addToTransaction(queues: readonly PartitionQueue[], session: ProducerSession): Promise<void> {
    const { producerId, producerEpoch, transaction } = session;
    this.#use(queues);
    await this.#waiting(queues, async () => {
      await this.#client.addPartitionsToTxn(
        {
          transactionalId: transaction?.transactionalId as string,
          producerId,
          producerEpoch,
          partitions: queues.map(({ topic, partition }) => ({ topic, partition })),
        },
        { timeoutMs: this.#options.deliveryTimeoutMs },
      );
      for (const queue of queues) queue.addedTo = session;
    });
  }

  #use(queues: readonly PartitionQueue[]): void {
    this.#usage ??= {
      beganAtMs: this.#clock.currentTimeMs(),
      beganMonotonicMs: this.#clock.monotonicMs(),
      topics: new Set(),
    };
    for (const { topic } of queues) this.#usage.topics.add(topic);
  }

  /** Holds the queues back during `work`. */
  async #waiting(queues: readonly PartitionQueue[], work: () => Promise<void>): Promise<void> {
    for (const queue of queues) queue.waits = true;
    try {
      await work();
    } catch (error) {
      const queue = queues[0] as PartitionQueue;
      this.fail(produceError({ queue, error: kafkaErrorName(error), cause: error, timeoutMs: this.#options.deliveryTimeoutMs }));
    } finally {
      for (const queue of queues) queue.waits = false;
    }
    this.#pump();
  }

  /** The batch becomes the first one of a new session. The one before it was acknowledged, so order is kept. */
  #renew(queue: PartitionQueue, reason: KafkaErrorName, renewSession: NonNullable<RecordSenderOptions['renewSession']>): void {
    const { session: lost } = queue.inFlight as BatchInFlight;
    const restart = (): void => {
      queue.restart(this.#session as ProducerSession, this.#options.codecs);
      this.#retryLater(queue);
    };
    if (this.#session !== lost) {
      restart();
      return;
    }
    this.#renewing ??= renewSession(lost, reason).then(
      (session) => {
        this.#session = session;
        this.#renewing = undefined;
      },
      (error) => this.fail(error),
    );
    void this.#renewing.then(() => {
      if (this.#error !== undefined || this.#closed) return;
      restart();
      this.#pump();
    });
  }
}

/** Whether the broker says that it knows nothing of the batches before this one. */
function hasForgottenProducer(error: KafkaErrorName): boolean {
  return (
    error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' ||
    error === 'UNKNOWN_PRODUCER_ID' ||
    error === 'INVALID_PRODUCER_EPOCH' ||
    error === 'INVALID_PRODUCER_ID_MAPPING'
  );
}
