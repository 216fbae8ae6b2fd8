/**
 * The records on their way to one partition: batches that are full, one that is filled, and at most one that is in flight.
 *
 * Invariants: batches are sent in the order in which they were filled, each with the sequence number behind the one before it;
 * a batch keeps its identity and number while it is sent again, so that the broker recognises it. With one batch in flight, order and
 * idempotence need nothing else; while it is under way, the next one grows, so that a slow broker gets larger requests and not more.
 */
import {
  type BatchCodecs,
  type BatchIdentity,
  type BatchMemory,
  KafkaBatchWriter,
  type KafkaBatchWriterOptions,
  type KafkaHeader,
  reassignBatch,
} from '../batches/index.ts';
import type { ProducerSession } from './producer-session.ts';

const MAX_SEQUENCE = 0x7fffffff;

/** A batch that was handed to a broker, and is until the broker has it. */
export interface BatchInFlight {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly recordCount: number;
  /** Before compression, as counted against the limit of buffers. */
  readonly bufferedBytes: number;
  session: ProducerSession;
  baseSequence: number;
  /** When it was taken to be sent first, and how often it was sent. */
  readonly takenMs: number;
  attempts: number;
}

export type QueueWriterOptions = KafkaBatchWriterOptions & { readonly memory: BatchMemory };

export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** The broker that leads the partition; undefined while that must be asked. */
  leader: number | undefined;
  /** Whether the leader is being asked for, or the partition is being added to the transaction. */
  waits = false;
  /** No attempt before this time; 0 if there was no failure. */
  retryAtMs = 0;
  inFlight: BatchInFlight | undefined;
  /** Whether that batch is on the wire now: otherwise it waits to be sent again. */
  onWire = false;
  /** The session that the partition was added to, for transactions of version 1. */
  addedTo: ProducerSession | undefined;
  readonly #writerOptions: QueueWriterOptions;
  readonly #batchBytes: number;
  readonly #full: KafkaBatchWriter[] = [];
  /** The batch that is filled: it has a record at least. */
  #open: KafkaBatchWriter | undefined;
  /** The batch that is filled has waited long enough. */
  #due = false;
  #session: ProducerSession | undefined;
  #nextSequence = 0;

  constructor(topic: string, partition: number, batchBytes: number, writerOptions: QueueWriterOptions) {
    this.topic = topic;
    this.partition = partition;
    this.#batchBytes = batchBytes;
    this.#writerOptions = writerOptions;
  }

  get isEmpty(): boolean {
    return this.inFlight === undefined && this.#full.length === 0 && this.#open === undefined;
  }

  /** Whether there is a batch to send now. */
  get isReady(): boolean {
    return !this.onWire && (this.inFlight !== undefined || this.#full.length > 0 || this.#due);
  }

  /** @returns by how many bytes the buffers grew */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly KafkaHeader[] | undefined,
  ): number {
    let open = this.#open;
    if (open !== undefined && open.bytes + open.sizeOf(key?.length ?? 0, value?.length ?? 0, headers) > this.#batchBytes) {
      this.#close(open);
      open = undefined;
    }
    const before = open?.bytes ?? 0;
    if (open === undefined) {
      open = new KafkaBatchWriter(this.#writerOptions);
      this.#open = open;
    }
    open.append(timestampMs, key, value, headers);
    return open.bytes - before;
  }

  /** What has been appended so far is not to wait for more. */
  hurry(): void {
    this.#due = this.#open !== undefined;
  }

  /** The batch to send: the one that was sent before, or the next one, which then is in flight. Only if `isReady`. */
  take(session: ProducerSession, nowMs: number): BatchInFlight {
    this.inFlight ??= this.#next(session, nowMs);
    this.inFlight.attempts++;
    this.onWire = true;
    return this.inFlight;
  }

  /** The broker has the batch in flight. */
  acknowledged(): void {
    const { attempts, bytes } = this.inFlight as BatchInFlight;
    // What was sent twice may still be on its way to a broker that did not answer.
    if (attempts === 1) this.#writerOptions.memory.recycle(bytes);
    this.inFlight = undefined;
    this.onWire = false;
    this.retryAtMs = 0;
  }

  /** The broker has refused the batch in flight and forgotten what was before it: it becomes the first one of `session`. */
  restart(session: ProducerSession, codecs: BatchCodecs): void {
    const batch = this.inFlight as BatchInFlight;
    batch.session = session;
    batch.baseSequence = 0;
    reassignBatch(batch.bytes, identity(session, 0), codecs);
    this.#session = session;
    this.#nextSequence = sequenceAfter(0, batch.recordCount);
  }

  #close(open: KafkaBatchWriter): void {
    this.#full.push(open);
    this.#open = undefined;
    this.#due = false;
  }

  #next(session: ProducerSession, nowMs: number): BatchInFlight {
    if (this.#full.length === 0) this.#close(this.#open as KafkaBatchWriter);
    const writer = this.#full.shift() as KafkaBatchWriter;
    if (this.#session !== session) {
      this.#session = session;
      this.#nextSequence = 0;
    }
    const { recordCount, bytes: bufferedBytes } = writer;
    const baseSequence = this.#nextSequence;
    const bytes = writer.finish(identity(session, baseSequence));
    this.#nextSequence = sequenceAfter(baseSequence, recordCount);
    return { bytes, recordCount, bufferedBytes, session, baseSequence, takenMs: nowMs, attempts: 0 };
  }
}

function identity({ producerId, producerEpoch, transaction }: ProducerSession, baseSequence: number): BatchIdentity {
  return { producerId, producerEpoch, baseSequence, isTransactional: transaction !== undefined };
}

/** Sequence numbers go on at 0 behind the largest one. */
export function sequenceAfter(sequence: number, recordCount: number): number {
  const next = sequence + recordCount;
  return next > MAX_SEQUENCE ? next - MAX_SEQUENCE - 1 : next;
}
