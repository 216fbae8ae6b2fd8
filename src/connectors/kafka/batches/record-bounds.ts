/**
 * Columns with the positions of many records in the bytes they came in, for decoders that work on many at once. Filled by
 * `KafkaBatchReader.readRecords` and used again at the next call.
 */
export class RecordBounds {
  readonly capacity: number;
  /** The bytes that the positions are about: fetched ones, or a decompressed batch. */
  data: Uint8Array = EMPTY;
  /** How many records the columns hold. */
  length = 0;
  readonly offsets: Float64Array;
  /** Milliseconds since the epoch; -1 for none. */
  readonly timestamps: Float64Array;
  /** -1, as the end, for a null key. */
  readonly keyStarts: Int32Array;
  readonly keyEnds: Int32Array;
  /** -1, as the end, for a null value (a tombstone). */
  readonly valueStarts: Int32Array;
  readonly valueEnds: Int32Array;
  /** Where a record's headers begin, for `readHeaders`. */
  readonly headerStarts: Int32Array;

  /** @param capacity Records at most. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.offsets = new Float64Array(capacity);
    this.timestamps = new Float64Array(capacity);
    this.keyStarts = new Int32Array(capacity);
    this.keyEnds = new Int32Array(capacity);
    this.valueStarts = new Int32Array(capacity);
    this.valueEnds = new Int32Array(capacity);
    this.headerStarts = new Int32Array(capacity);
  }
}

const EMPTY = new Uint8Array(0);
