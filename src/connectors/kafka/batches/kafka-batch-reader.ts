/**
 * Walks Kafka's record batches in the bytes of a fetch answer, without an object or a copy per record.
 *
 * Promise: every record is found once, in order, with its position in the bytes; what the broker's answer holds besides
 * is left out: records before the offset that was asked for (batches are stored whole), control batches, records of aborted transactions
 * with `read_committed`, and a last batch that was cut off. Damaged bytes raise an error that names topic, partition and offset; they
 * never crash or hang, as every length is checked against the end of its record, and every record against that of its batch.
 *
 * Aborted transactions: an entry (producer, first offset) holds from the first batch that reaches its offset until the producer's
 * next ABORT marker. A producer that aborts more than once in the same answer has an entry for each time.
 */
import { MillraceError } from '../../../common/index.ts';
import { type BatchCodecs, COMPRESSION_TYPES } from './batch-codecs.ts';
import * as layout from './batch-layout.ts';
import type { RecordBounds } from './record-bounds.ts';

export interface KafkaBatchReaderOptions {
  /** For messages. */
  readonly topic: string;
  readonly partition: number;
  readonly codecs: BatchCodecs;
  /** With `read_committed`, records of aborted transactions are left out. `read_uncommitted` by default. */
  readonly isolationLevel?: 'read_uncommitted' | 'read_committed';
  /** Whether the CRC-32C of each batch is checked; `true` by default. */
  readonly checkCrcs?: boolean;
}

type AbortedTransactions = readonly { readonly producerId: number; readonly firstOffset: number }[];

const EMPTY = new Uint8Array(0);
const NO_ABORTED: AbortedTransactions = [];
/** An attribute byte, and a byte each for timestamp, offset, key, value and headers. */
const SMALLEST_RECORD = 7;
const ABORT_MARKER = 0;

/** One reader per partition: `open` it on each answer, then read until there is nothing left. */
export class KafkaBatchReader {
  /** Bytes that the positions of the current record are about: the fetched ones, or a decompressed batch. */
  data: Uint8Array = EMPTY;
  offset = -1;
  /** Milliseconds since the epoch; the broker's if the topic stamps records itself. */
  timestamp = -1;
  /** -1, as the end, for a null key. */
  keyStart = -1;
  keyEnd = -1;
  /** -1, as the end, for a null value (a tombstone). */
  valueStart = -1;
  valueEnd = -1;
  /** For `readHeaders(reader.data, reader.headerStart)`. */
  headerStart = 0;
  /** Where to fetch next if everything before was read: behind control batches and aborted records, too. */
  nextOffset = 0;

  readonly #topic: string;
  readonly #partition: number;
  readonly #codecs: BatchCodecs;
  readonly #committedOnly: boolean;
  readonly #checkCrcs: boolean;

  #records: Uint8Array = EMPTY;
  #view: DataView = new DataView(EMPTY.buffer);
  /** Start of the batch behind the current one. */
  #nextBatch = 0;
  #aborted = NO_ABORTED;
  #abortedIndex = 0;
  readonly #abortedProducers = new Set<number>();

  // The current batch: records left, the next one's position, and what their fields are relative to.
  #left = 0;
  #cursor = 0;
  #end = 0;
  #baseOffset = 0;
  #afterBatch = 0;
  #baseTimestamp = 0;
  /** The timestamp of all records of the batch if the broker set it, otherwise NaN. */
  #appendTime = Number.NaN;

  constructor(options: KafkaBatchReaderOptions) {
    this.#topic = options.topic;
    this.#partition = options.partition;
    this.#codecs = options.codecs;
    this.#committedOnly = options.isolationLevel === 'read_committed';
    this.#checkCrcs = options.checkCrcs ?? true;
  }

  /**
   * Starts on fetched bytes; what was not read of earlier ones is dropped.
   * @param fetchOffset The offset that was asked for.
   * @param abortedTransactions As the answer names them, in order of `firstOffset`.
   */
  open(records: Uint8Array, fetchOffset: number, abortedTransactions: AbortedTransactions = NO_ABORTED): void {
    this.#records = records;
    this.#view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    this.#nextBatch = 0;
    this.#left = 0;
    this.#aborted = abortedTransactions;
    this.#abortedIndex = 0;
    this.#abortedProducers.clear();
    this.nextOffset = fetchOffset;
  }

  /**
   * Fills `bounds` with the next records, all of one batch.
   * @returns `false` if nothing is left.
   * @throws MillraceError `CORRUPT_DATA`
   */
  readRecords(bounds: RecordBounds): boolean {
    bounds.length = 0;
    const { offsets, timestamps, keyStarts, keyEnds, valueStarts, valueEnds, headerStarts, capacity } = bounds;
    while (bounds.length === 0) {
      if (this.#left === 0 && !this.#openBatch()) return false;
      let length = 0;
      while (length < capacity && this.#left > 0) {
        if (!this.#readRecord()) continue;
        offsets[length] = this.offset;
        timestamps[length] = this.timestamp;
        keyStarts[length] = this.keyStart;
        keyEnds[length] = this.keyEnd;
        valueStarts[length] = this.valueStart;
        valueEnds[length] = this.valueEnd;
        headerStarts[length] = this.headerStart;
        length++;
      }
      bounds.length = length;
    }
    bounds.data = this.data;
    return true;
  }

  /**
   * Goes to the next record, whose positions are then in the fields.
   * @returns `false` if nothing is left.
   * @throws MillraceError `CORRUPT_DATA`
   */
  next(): boolean {
    for (;;) {
      if (this.#left === 0 && !this.#openBatch()) return false;
      if (this.#readRecord()) return true;
    }
  }

  /** Reads one record of the current batch; `false` if it lies before the offset that was asked for. */
  #readRecord(): boolean {
    const data = this.data;
    let at = this.#cursor;
    let byte: number;

    // Each block reads one zigzag varint; written out, as this is the hottest code of the source.
    let length = (byte = data[at++]!) & 127;
    for (let shift = 7; byte > 127 && shift < 35; shift += 7) length |= ((byte = data[at++]!) & 127) << shift;
    length = (length >>> 1) ^ -(length & 1);
    const end = at + length;
    if (length < SMALLEST_RECORD - 1 || end > this.#end) throw this.#damagedRecord('its length is out of bounds');

    at++; // Attributes: none is in use.
    let delta = (byte = data[at++]!) & 127;
    for (let shift = 7; byte > 127 && shift < 28; shift += 7) delta |= ((byte = data[at++]!) & 127) << shift;
    if (byte > 127) {
      // Longer ones may need more bits than shifts have.
      for (let factor = 2 ** 28; byte > 127 && at < end; factor *= 128) delta += ((byte = data[at++]!) & 127) * factor;
      delta = delta % 2 === 0 ? delta / 2 : -(delta + 1) / 2;
    } else {
      delta = (delta >>> 1) ^ -(delta & 1);
    }

    let offsetDelta = (byte = data[at++]!) & 127;
    for (let shift = 7; byte > 127 && shift < 35; shift += 7) offsetDelta |= ((byte = data[at++]!) & 127) << shift;
    offsetDelta = (offsetDelta >>> 1) ^ -(offsetDelta & 1);

    let keyLength = (byte = data[at++]!) & 127;
    for (let shift = 7; byte > 127 && shift < 35; shift += 7) keyLength |= ((byte = data[at++]!) & 127) << shift;
    keyLength = (keyLength >>> 1) ^ -(keyLength & 1);
    let keyStart = -1;
    let keyEnd = -1;
    if (keyLength >= 0) {
      keyStart = at;
      at = keyEnd = keyStart + keyLength;
    } else if (keyLength !== -1) throw this.#damagedRecord('the length of its key is negative');
    if (at >= end) throw this.#damagedRecord('its key is longer than the record');

    let valueLength = (byte = data[at++]!) & 127;
    for (let shift = 7; byte > 127 && shift < 35; shift += 7) valueLength |= ((byte = data[at++]!) & 127) << shift;
    valueLength = (valueLength >>> 1) ^ -(valueLength & 1);
    let valueStart = -1;
    let valueEnd = -1;
    if (valueLength >= 0) {
      valueStart = at;
      at = valueEnd = valueStart + valueLength;
    } else if (valueLength !== -1) throw this.#damagedRecord('the length of its value is negative');
    if (at >= end) throw this.#damagedRecord('its value is longer than the record');

    const offset = this.#baseOffset + offsetDelta;
    if (offsetDelta < 0 || offset >= this.#afterBatch) throw this.#damagedRecord('its offset is outside of its batch');
    const left = this.#left - 1;
    if (left === 0 && end !== this.#end) throw this.#damagedRecord('bytes are left behind the last record of its batch');
    this.#cursor = end;
    this.#left = left;
    if (offset < this.nextOffset) {
      if (left === 0) this.nextOffset = this.#afterBatch;
      return false;
    }
    this.offset = offset;
    this.timestamp = Number.isNaN(this.#appendTime) ? this.#baseTimestamp + delta : this.#appendTime;
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
    this.headerStart = at;
    this.nextOffset = left === 0 ? this.#afterBatch : offset + 1;
    return true;
  }

  /** Goes to the next batch that has records to read; `false` if there is none. */
  #openBatch(): boolean {
    const view = this.#view;
    const size = view.byteLength;
    for (;;) {
      const start = this.#nextBatch;
      if (size - start < layout.MAGIC + 1) return this.#endOfAnswer(start);
      const baseOffset = layout.readInt64(view, start + layout.BASE_OFFSET);
      const batchLength = view.getInt32(start + layout.BATCH_LENGTH);
      const magic = view.getInt8(start + layout.MAGIC);
      if (magic !== 2) throw this.#unknownMagic(magic, baseOffset);
      if (batchLength < layout.RECORDS - layout.LEADER_EPOCH)
        throw this.#damagedBatch(baseOffset, `its length is ${batchLength}`);
      const end = start + layout.LEADER_EPOCH + batchLength;
      if (end > size) return this.#endOfAnswer(start);
      // Before anything is believed: a damaged bit could say that the batch is not to be read.
      this.#checkCrc(start, end, baseOffset);
      const lastOffsetDelta = view.getInt32(start + layout.LAST_OFFSET_DELTA);
      if (!Number.isSafeInteger(baseOffset) || baseOffset < 0 || lastOffsetDelta < 0) {
        throw this.#damagedBatch(baseOffset, 'its offsets are out of range');
      }
      const afterBatch = baseOffset + lastOffsetDelta + 1;
      const attributes = view.getInt16(start + layout.ATTRIBUTES);
      const aborted = this.#isAborted(start, end, attributes, afterBatch - 1);
      if (aborted || (attributes & layout.CONTROL) !== 0 || afterBatch <= this.nextOffset) {
        this.nextOffset = Math.max(this.nextOffset, afterBatch);
        this.#nextBatch = end;
        continue;
      }
      const count = view.getInt32(start + layout.RECORD_COUNT);
      if (count < 0) throw this.#damagedBatch(baseOffset, `it says that it has ${count} records`);
      if (count === 0) {
        // Compaction leaves empty batches behind, for the sequence numbers in them.
        this.nextOffset = afterBatch;
        this.#nextBatch = end;
        continue;
      }
      this.#openRecords(start, end, attributes, baseOffset);
      if (count > (this.#end - this.#cursor) / SMALLEST_RECORD)
        throw this.#damagedBatch(baseOffset, `it has no room for ${count} records`);
      this.#baseOffset = baseOffset;
      this.#afterBatch = afterBatch;
      this.#baseTimestamp = layout.readInt64(view, start + layout.BASE_TIMESTAMP);
      const appendTime = (attributes & layout.LOG_APPEND_TIME) !== 0;
      this.#appendTime = appendTime ? layout.readInt64(view, start + layout.MAX_TIMESTAMP) : Number.NaN;
      this.#left = count;
      this.#nextBatch = end;
      return true;
    }
  }

  /** Sets where the records of the batch are, decompressed if need be. */
  #openRecords(start: number, end: number, attributes: number, baseOffset: number): void {
    const code = attributes & layout.COMPRESSION_MASK;
    if (code === 0) {
      this.data = this.#records;
      this.#cursor = start + layout.RECORDS;
      this.#end = end;
      return;
    }
    const type = COMPRESSION_TYPES[code];
    if (type === undefined) throw this.#damagedBatch(baseOffset, `its compression (${code}) is unknown`);
    try {
      this.data = this.#codecs.decompress(type, this.#records.subarray(start + layout.RECORDS, end));
    } catch (error) {
      throw this.#damagedBatch(baseOffset, `it cannot be decompressed (${type})`, error);
    }
    this.#cursor = 0;
    this.#end = this.data.length;
  }

  /** Follows the transactions of the answer; `true` if the records of this batch belong to an aborted one. */
  #isAborted(start: number, end: number, attributes: number, lastOffset: number): boolean {
    if (!this.#committedOnly) return false;
    const aborted = this.#aborted;
    while (this.#abortedIndex < aborted.length && aborted[this.#abortedIndex]!.firstOffset <= lastOffset) {
      this.#abortedProducers.add(aborted[this.#abortedIndex++]!.producerId);
    }
    if ((attributes & layout.TRANSACTIONAL) === 0 || this.#abortedProducers.size === 0) return false;
    const producerId = layout.readInt64(this.#view, start + layout.PRODUCER_ID);
    if ((attributes & layout.CONTROL) === 0) return this.#abortedProducers.has(producerId);
    if (this.#markerType(start, end) === ABORT_MARKER) this.#abortedProducers.delete(producerId);
    return true;
  }

  /** The type in the key of a control batch's only record: version and type, 16 bits each. */
  #markerType(start: number, end: number): number {
    const baseOffset = layout.readInt64(this.#view, start + layout.BASE_OFFSET);
    // Record length, attributes, timestamp, offset and key length are one byte each, the timestamp up to ten.
    let at = start + layout.RECORDS + 2;
    while (at < end && this.#records[at]! > 127) at++;
    at += 3;
    if (at + 4 > end) throw this.#damagedBatch(baseOffset, 'it is a control batch without a marker');
    return this.#view.getInt16(at + 2);
  }

  #checkCrc(start: number, end: number, baseOffset: number): void {
    if (!this.#checkCrcs) return;
    const stored = this.#view.getUint32(start + layout.CRC);
    const computed = this.#codecs.crc32c(this.#records.subarray(start + layout.ATTRIBUTES, end));
    if (stored !== computed) throw this.#damagedBatch(baseOffset, 'its checksum (CRC-32C) is wrong');
  }

  /** What is behind the last whole batch is left for the next fetch; if there is no whole one, fetching again would not help. */
  #endOfAnswer(start: number): false {
    if (start === 0 && this.#records.length > 0) {
      throw this.#error(
        this.nextOffset,
        `was cut off: the first batch is longer than the ${this.#records.length} bytes that were fetched`,
      );
    }
    return false;
  }

  #unknownMagic(magic: number, offset: number): MillraceError {
    if (magic !== 0 && magic !== 1) return this.#damagedBatch(offset, `its format version is ${magic}`);
    return this.#error(
      offset,
      `is in Kafka's old message format (version ${magic}), from before Kafka 0.11; ` +
        'rewrite the topic with a newer client, or start behind these records',
    );
  }

  #damagedBatch(offset: number, why: string, cause?: unknown): MillraceError {
    return this.#error(offset, `is damaged: ${why}`, cause);
  }

  #damagedRecord(why: string): MillraceError {
    return this.#error(
      this.#baseOffset,
      `is damaged: ${why} (record at byte ${this.#cursor}, offset ${this.nextOffset} or later)`,
    );
  }

  #error(offset: number, what: string, cause?: unknown): MillraceError {
    const topic = this.#topic;
    const partition = this.#partition;
    return new MillraceError(
      'CORRUPT_DATA',
      `Kafka: the record batch at offset ${offset} of "${topic}", partition ${partition}, ${what}.`,
      {
        cause,
        context: { topic, partition, offset },
      },
    );
  }
}
