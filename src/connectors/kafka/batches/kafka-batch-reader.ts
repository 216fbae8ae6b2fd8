import type { CompressionCodecs } from './compression-codecs.ts';
import type { KafkaHeader } from './kafka-header.ts';

export interface KafkaBatchReaderOptions {
  /** For messages. */
  readonly topic: string;
  readonly partition: number;
  readonly codecs: CompressionCodecs;
  /** Whether records of aborted transactions are left out. */
  readonly isolationLevel?: 'read_uncommitted' | 'read_committed';
  /** Whether the CRC-32C of each batch is checked; `true` by default. */
  readonly checkCrcs?: boolean;
}

/** Columns for the positions of many records in `data`; filled by `KafkaBatchReader.readRecords`. */
export declare class RecordBounds {
  constructor(capacity: number);
  readonly capacity: number;
  /** The bytes that the positions are about. Never written again. */
  data: Uint8Array;
  length: number;
  readonly offsets: Float64Array;
  readonly timestamps: Float64Array;
  /** -1 for a null key. */
  readonly keyStarts: Int32Array;
  readonly keyEnds: Int32Array;
  /** -1 for a null value (a tombstone). */
  readonly valueStarts: Int32Array;
  readonly valueEnds: Int32Array;
  /** Where a record's headers begin, for `KafkaBatchReader.headersAt`. */
  readonly headerStarts: Int32Array;
}

/** Walks the batches of one partition; one reader per partition, opened on each fetched answer. */
export declare class KafkaBatchReader {
  constructor(options: KafkaBatchReaderOptions);
  /** Starts on bytes that were fetched. Records before `fetchOffset` are skipped. */
  open(
    records: Uint8Array,
    fetchOffset: number,
    abortedTransactions?: readonly { readonly producerId: number; readonly firstOffset: number }[],
  ): void;
  /**
   * Fills `bounds` with the next records, all of one batch; `bounds.length` is 0 if nothing is left.
   * @returns whether there were any.
   */
  readRecords(bounds: RecordBounds): boolean;
  /** Goes to the next record, whose fields then hold its positions; `false` if nothing is left. */
  next(): boolean;
  /** Bytes that the positions are about: the fetched ones, or a decompressed batch. Never written again. */
  readonly data: Uint8Array;
  readonly offset: number;
  readonly timestamp: number;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly headerStart: number;
  /** Where to fetch next, once everything before was read: behind control batches and aborted records, too. */
  readonly nextOffset: number;
  /** Copies out the headers of a record. */
  headersAt(data: Uint8Array, headerStart: number): KafkaHeader[];
}
