/**
 * The part of decoding that all line-based formats share: chunks, positions, malformed records.
 *
 * A `BlockReader` decodes the complete records of a block of bytes. The `ChunkDecoder` around it cuts chunks into
 * blocks of 64 KiB, which stay in the processor's cache between indexing and reading; doubles the block while a record
 * does not fit; refuses records over `maxRecordBytes` (an unclosed quote must not pull a whole file into memory) and
 * goes on behind the next newline; drops a byte order mark at the start of the input.
 */
import { MillraceError } from '../common/index.ts';
import type { DecoderContext, MalformedHandler, StreamDecoder } from '../connector/index.ts';

export const BLOCK_BYTES = 64 * 1024;
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface BlockReader<T> {
  /**
   * Decodes every complete record of `chunk[start .. end)`, appends to `out` and keeps `position.line`.
   * @param final nothing follows: what stands behind the last newline is a record, too.
   * @returns the number of bytes consumed; 0 if no record is complete.
   */
  read(chunk: Uint8Array, start: number, end: number, final: boolean, out: T[], position: BlockPosition): number;
  /** For checkpoints: what is needed to go on in the middle of the input. */
  snapshotState?(): unknown;
}

/** What a block reader sees of the position. */
export interface BlockPosition {
  /** 1-based line at the present position; the reader keeps it. */
  line: number;
  /**
   * Reports the record `chunk[start .. end)`, which begins on line `line`; its delimiter may be a part of it.
   * @param block index at which the block begins.
   * @param at index of the offending byte.
   */
  malformed(chunk: Uint8Array, block: number, start: number, end: number, at: number, message: string): void;
}

/** Where the decoder is, and whom it tells about malformed records. */
class InputPosition implements BlockPosition {
  /** Byte offset of the block within the source. */
  offset: number;
  /** 1-based line at the present position. */
  line: number;
  readonly source: string;
  private readonly onMalformed: MalformedHandler;

  constructor(context: DecoderContext) {
    this.offset = context.startOffset ?? 0;
    this.line = context.startLine ?? 1;
    this.source = context.source;
    this.onMalformed = context.onMalformed;
  }

  malformed(chunk: Uint8Array, block: number, start: number, end: number, at: number, message: string): void {
    let last = end;
    if (last > start && chunk[last - 1] === NEWLINE) last--;
    if (last > start && chunk[last - 1] === CARRIAGE_RETURN) last--;
    let line = this.line;
    let lineStart = start;
    for (let i = start; i < at && i < last; i++) {
      if (chunk[i] === NEWLINE) {
        line++;
        lineStart = i + 1;
      }
    }
    this.onMalformed({
      source: this.source,
      line,
      column: at - lineStart + 1,
      offset: this.offset + (start - block),
      message,
      bytes: chunk.slice(start, last),
    });
  }
}

export class ChunkDecoder<T> implements StreamDecoder<T> {
  private readonly reader: BlockReader<T>;
  private readonly position: InputPosition;
  private readonly maxRecordBytes: number;
  /** Within the rest of a record that was too long. */
  private skipping = false;

  constructor(reader: BlockReader<T>, context: DecoderContext, maxRecordBytes: number) {
    this.reader = reader;
    this.position = new InputPosition(context);
    this.maxRecordBytes = maxRecordBytes;
  }

  get line(): number {
    return this.position.line;
  }

  decode(chunk: Uint8Array, start: number, end: number, out: T[], endOfInput: boolean): number {
    let at = start;
    if (this.position.offset === 0 && end - start >= 3 && isByteOrderMark(chunk, start)) at = this.advance(at, 3);
    let blockBytes = Math.min(BLOCK_BYTES, this.maxRecordBytes);
    while (at < end) {
      if (this.skipping) {
        at = this.skipToNewline(chunk, at, end);
        continue;
      }
      const length = Math.min(end - at, blockBytes);
      const final = endOfInput && length === end - at;
      const consumed = this.reader.read(chunk, at, at + length, final, out, this.position);
      if (consumed > 0) {
        at = this.advance(at, consumed);
        blockBytes = Math.min(BLOCK_BYTES, this.maxRecordBytes);
      } else if (length >= this.maxRecordBytes) {
        this.refuse(chunk, at, at + length);
        this.skipping = true;
      } else if (length < end - at) {
        blockBytes = Math.min(blockBytes * 2, this.maxRecordBytes);
      } else {
        break;
      }
    }
    return at;
  }

  snapshotState(): unknown {
    return this.reader.snapshotState?.();
  }

  private advance(at: number, bytes: number): number {
    this.position.offset += bytes;
    return at + bytes;
  }

  private refuse(chunk: Uint8Array, start: number, end: number): void {
    const newline = chunk.indexOf(NEWLINE, start);
    const recordEnd = newline < 0 || newline > end ? end : newline;
    this.position.malformed(
      chunk,
      start,
      start,
      recordEnd,
      start,
      `The record is longer than ${this.maxRecordBytes} bytes (maxRecordBytes), or a quote in it is never closed.`,
    );
  }

  private skipToNewline(chunk: Uint8Array, at: number, end: number): number {
    const newline = chunk.indexOf(NEWLINE, at);
    if (newline < 0 || newline >= end) return this.advance(at, end - at);
    this.skipping = false;
    this.position.line++;
    return this.advance(at, newline + 1 - at);
  }
}

function isByteOrderMark(chunk: Uint8Array, at: number): boolean {
  return chunk[at] === 0xef && chunk[at + 1] === 0xbb && chunk[at + 2] === 0xbf;
}

/** Checks a `maxRecordBytes` option. */
export function checkedMaxRecordBytes(value: number | undefined): number {
  if (value === undefined) return MAX_RECORD_BYTES;
  // Positions of a block must fit into an entry of the index.
  if (Number.isInteger(value) && value >= 1 && value <= 64 * 1024 * 1024) return value;
  throw new MillraceError(
    'INVALID_OPTION',
    `The option "maxRecordBytes" must be an integer from 1 to 67108864 (64 MiB), but is ${value}.`,
  );
}
