/**
 * The contract between connectors that move bytes and formats that give them meaning.
 *
 * A decoder turns chunks of bytes into batches of records; it never sees a file or a topic. A chunk may end in the middle
 * of a record: the decoder says how much it consumed and the caller gives it the rest again, with more behind it. An
 * encoder turns one record into bytes, its delimiter included.
 */

/** A record that could not be decoded, with all that is needed to find it. */
export interface MalformedRecord {
  /** What the input calls itself: a path, usually. */
  readonly source: string;
  /** 1-based; `undefined` if the lines before were not counted, because others read that part of the input. */
  readonly line: number | undefined;
  /** 1-based, in bytes within the line. */
  readonly column: number;
  /** Byte offset of the record within the source. */
  readonly offset: number;
  readonly message: string;
  /** The record's bytes, copied, without its delimiter. */
  readonly bytes: Uint8Array;
}

/**
 * What is done with a malformed record: the callback throws, counts, or hands it on. A decoder counts lines from where it was told to
 * start, and so always knows one.
 */
export type MalformedHandler = (record: MalformedRecord & { readonly line: number }) => void;

export interface DecoderContext {
  readonly source: string;
  readonly onMalformed: MalformedHandler;
  /** Byte offset, and 1-based line, at which decoding starts; 0 and 1 unless a split starts later. */
  readonly startOffset?: number;
  readonly startLine?: number;
  /** What `snapshotState` of an earlier decoder of this input returned at that position. */
  readonly state?: unknown;
}

export interface StreamDecoder<T> {
  /** 1-based line at which the next call starts: `startLine` plus the line ends consumed so far. */
  readonly line: number;
  /**
   * Plain data that a decoder needs to go on in the middle of its input, behind what was consumed so far (the columns that
   * a CSV header named, for instance). Called before a chunk is decoded, so it must be cheap. Absent if there is none.
   */
  snapshotState?(): unknown;
  /**
   * Decodes every complete record in `chunk[start .. end)`, appending to `out`. The caller reuses the chunk's memory
   * afterwards, so records must not refer to it.
   * @param endOfInput `true` if nothing follows: what is left is then a record too, or malformed.
   * @returns the index behind the last byte consumed; the caller presents the rest again. Equal to `start` if no record
   *   is complete: the caller must then come back with a longer chunk.
   */
  decode(chunk: Uint8Array, start: number, end: number, out: T[], endOfInput: boolean): number;
}

export interface DecodingFormat<T> {
  readonly name: string;
  /**
   * A byte that ends each record and stands nowhere else, if there is one: then input can be cut behind any of them, and the
   * pieces be decoded by themselves, at once.
   */
  readonly recordEnd?: number;
  createDecoder(context: DecoderContext): StreamDecoder<T>;
}

export interface EncodingFormat<T> {
  readonly name: string;
  /** Bytes that open each file (a CSV header, for instance). */
  readonly header?: Uint8Array;
  /** Returns an encoder that appends one record, delimiter included, to `sink`. */
  createEncoder(): (value: T, sink: ByteSink) => void;
}

/** Where encoders write: a growing buffer that is reused. */
export interface ByteSink {
  writeBytes(bytes: Uint8Array): void;
  /** UTF-8. */
  writeString(text: string): void;
}
