/**
 * Builds Kafka record batches (magic 2): records are written once, from the caller's bytes to their place in the batch, which is
 * handed over as it is (unless it is compressed). Between batches a writer holds no memory.
 *
 * The header depends on the producer's identity and sequence number, which are known only when the batch is sent, so it is written
 * last. Size limits are the caller's: `bytes` and `sizeOf` say what a batch has and what a record would add.
 */
import { invariant } from '../../../common/index.ts';
import { type BatchCodecs, COMPRESSION_TYPES, type CompressionType } from './batch-codecs.ts';
import * as layout from './batch-layout.ts';
import { BatchMemory } from './batch-memory.ts';
import type { KafkaHeader } from './kafka-header.ts';

/** Who writes a batch. */
export interface BatchIdentity {
  /** -1 for none, as the next two. */
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Sequence number of the first record; wraps around to 0 behind 2^31 - 1. */
  readonly baseSequence: number;
  readonly isTransactional: boolean;
}

/** A producer that is not idempotent. */
export const NO_PRODUCER: BatchIdentity = { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false };

export interface KafkaBatchWriterOptions {
  readonly codecs: BatchCodecs;
  /** `none` by default. */
  readonly compression?: CompressionType;
  /** Memory that a batch is begun with; it grows. Best as large as batches become. 16 KiB by default. */
  readonly initialBytes?: number;
  /** Where memory comes from; without it, each batch has its own. */
  readonly memory?: BatchMemory;
}

const NO_HEADERS: readonly KafkaHeader[] = [];
const EMPTY = new Uint8Array(0);
const NO_MEMORY = new BatchMemory(0);
/** Two lengths of up to five bytes each, an offset of up to five, a timestamp of up to ten, attributes, the count of headers. */
const RECORD_OVERHEAD = 5 + 1 + 10 + 5 + 5 + 5 + 5;
/** Shorter parts are copied by a loop: a call to `set` with a view made for it costs more. */
const LOOP_MAX_BYTES = 32;
const MAX_INT32 = 2_147_483_647;
const encoder = new TextEncoder();

export class KafkaBatchWriter {
  readonly #codecs: BatchCodecs;
  readonly #compression: CompressionType;
  readonly #memory: BatchMemory;
  readonly #initialBytes: number;
  #buffer = EMPTY;
  #length = layout.RECORDS;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  constructor(options: KafkaBatchWriterOptions) {
    this.#codecs = options.codecs;
    this.#compression = options.compression ?? 'none';
    this.#memory = options.memory ?? NO_MEMORY;
    this.#initialBytes = Math.max(options.initialBytes ?? 16_384, layout.RECORDS);
  }

  get recordCount(): number {
    return this.#count;
  }

  /** Size of the batch so far, its header included, before compression. */
  get bytes(): number {
    return this.#length;
  }

  /** Upper bound of what a record adds to `bytes`. */
  sizeOf(keyLength: number, valueLength: number, headers: readonly KafkaHeader[] = NO_HEADERS): number {
    let size = RECORD_OVERHEAD + keyLength + valueLength;
    for (const header of headers) size += 10 + header.key.length * 3 + (header.value?.length ?? 0);
    return size;
  }

  /**
   * Appends a record; its bytes are copied.
   * @param timestampMs Milliseconds since the epoch, an integer; -1 for none.
   */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly KafkaHeader[] = NO_HEADERS,
  ): void {
    this.appendRange(
      timestampMs,
      key ?? EMPTY,
      key === null ? -1 : 0,
      key === null ? -1 : key.length,
      value ?? EMPTY,
      value === null ? -1 : 0,
      value === null ? -1 : value.length,
      headers,
    );
  }

  /** As `append`, with key and value as parts of larger arrays; a start of -1 means null. */
  appendRange(
    timestampMs: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    headers: readonly KafkaHeader[] = NO_HEADERS,
  ): void {
    if (this.#count === 0) {
      this.#baseTimestamp = timestampMs;
      this.#maxTimestamp = timestampMs;
    } else if (timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs;
    const keyLength = keyStart < 0 ? 0 : keyEnd - keyStart;
    const valueLength = valueStart < 0 ? 0 : valueEnd - valueStart;
    this.#reserve(this.sizeOf(keyLength, valueLength, headers));

    // The length stands before the record, in as few bytes as it needs, so it is computed first.
    const delta = timestampMs - this.#baseTimestamp;
    const bodyLength =
      1 +
      varintSize(delta) +
      varintSize(this.#count) +
      (keyStart < 0 ? 1 : varintSize(keyLength) + keyLength) +
      (valueStart < 0 ? 1 : varintSize(valueLength) + valueLength) +
      (headers.length === 0 ? 1 : headersSize(headers));
    const buffer = this.#buffer;
    let at = writeVarint(buffer, this.#length, bodyLength);
    const end = at + bodyLength;
    buffer[at++] = 0;
    at = writeVarint(buffer, at, delta);
    at = writeVarint(buffer, at, this.#count);
    at = keyStart < 0 ? writeVarint(buffer, at, -1) : writeBytes(buffer, at, key, keyStart, keyEnd);
    at = valueStart < 0 ? writeVarint(buffer, at, -1) : writeBytes(buffer, at, value, valueStart, valueEnd);
    at = headers.length === 0 ? writeVarint(buffer, at, 0) : writeHeaders(buffer, at, headers);
    invariant(at === end, 'a Kafka record has another length than was computed');
    this.#length = end;
    this.#count++;
  }

  /**
   * Closes the batch. The writer is empty again.
   * @returns its bytes, which are the caller's: to give back by `BatchMemory.recycle` when they were sent, or to keep.
   */
  finish(identity: BatchIdentity = NO_PRODUCER): Uint8Array<ArrayBuffer> {
    invariant(this.#count > 0, 'a Kafka record batch without records');
    let batch: Uint8Array<ArrayBuffer>;
    if (this.#compression === 'none') {
      batch = this.#buffer.subarray(0, this.#length);
    } else {
      const records = this.#codecs.compress(this.#compression, this.#buffer.subarray(layout.RECORDS, this.#length));
      const size = layout.RECORDS + records.length;
      batch = this.#memory.take(size).subarray(0, size);
      batch.set(records, layout.RECORDS);
      this.#memory.recycle(this.#buffer);
    }
    this.#buffer = EMPTY;
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    layout.writeInt64(view, layout.BASE_OFFSET, 0);
    view.setInt32(layout.BATCH_LENGTH, batch.length - layout.LEADER_EPOCH);
    view.setInt32(layout.LEADER_EPOCH, -1);
    view.setInt8(layout.MAGIC, 2);
    view.setInt16(layout.ATTRIBUTES, COMPRESSION_TYPES.indexOf(this.#compression));
    view.setInt32(layout.LAST_OFFSET_DELTA, this.#count - 1);
    layout.writeInt64(view, layout.BASE_TIMESTAMP, this.#baseTimestamp);
    layout.writeInt64(view, layout.MAX_TIMESTAMP, this.#maxTimestamp);
    view.setInt32(layout.RECORD_COUNT, this.#count);
    reassignBatch(batch, identity, this.#codecs);
    this.#length = layout.RECORDS;
    this.#count = 0;
    return batch;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    const buffer = this.#buffer;
    if (needed <= buffer.length) return;
    const larger = this.#memory.take(Math.max(needed, buffer.length === 0 ? this.#initialBytes : buffer.length * 2));
    if (buffer.length > 0) {
      larger.set(buffer.subarray(0, this.#length));
      this.#memory.recycle(buffer);
    }
    this.#buffer = larger;
  }
}

/** Gives a finished batch another identity (after the producer's epoch was raised) and the checksum that goes with it, in place. */
export function reassignBatch(batch: Uint8Array, identity: BatchIdentity, codecs: BatchCodecs): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const attributes = view.getInt16(layout.ATTRIBUTES) & ~layout.TRANSACTIONAL;
  view.setInt16(layout.ATTRIBUTES, attributes | (identity.isTransactional ? layout.TRANSACTIONAL : 0));
  layout.writeInt64(view, layout.PRODUCER_ID, identity.producerId);
  view.setInt16(layout.PRODUCER_EPOCH, identity.producerEpoch);
  view.setInt32(layout.BASE_SEQUENCE, identity.baseSequence);
  view.setUint32(layout.CRC, codecs.crc32c(batch.subarray(layout.ATTRIBUTES)));
}

/** Bytes of a zigzag varint. */
function varintSize(value: number): number {
  let rest = value >= 0 ? value * 2 : value * -2 - 1;
  let size = 1;
  for (; rest > 127; rest = rest > MAX_INT32 ? Math.floor(rest / 128) : rest >>> 7) size++;
  return size;
}

/** Writes a zigzag varint; returns the position behind it. */
function writeVarint(buffer: Uint8Array, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : value * -2 - 1;
  while (rest > 127) {
    buffer[at++] = (rest & 127) | 128;
    rest = rest > MAX_INT32 ? Math.floor(rest / 128) : rest >>> 7;
  }
  buffer[at++] = rest;
  return at;
}

/** Writes a length and as many bytes; returns the position behind them. */
function writeBytes(buffer: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  let to = writeVarint(buffer, at, end - start);
  if (end - start > LOOP_MAX_BYTES) {
    buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), to);
    return to + end - start;
  }
  for (let i = start; i < end; i++) buffer[to++] = source[i]!;
  return to;
}

function writeHeaders(buffer: Uint8Array, at: number, headers: readonly KafkaHeader[]): number {
  let to = writeVarint(buffer, at, headers.length);
  for (const { key, value } of headers) {
    const keyBytes = encoder.encode(key);
    to = writeBytes(buffer, to, keyBytes, 0, keyBytes.length);
    to = value === null ? writeVarint(buffer, to, -1) : writeBytes(buffer, to, value, 0, value.length);
  }
  return to;
}

function headersSize(headers: readonly KafkaHeader[]): number {
  let size = varintSize(headers.length);
  for (const { key, value } of headers) {
    const keyLength = Buffer.byteLength(key);
    size += varintSize(keyLength) + keyLength + (value === null ? 1 : varintSize(value.length) + value.length);
  }
  return size;
}
