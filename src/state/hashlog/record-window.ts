/**
 * Reads records in the order of the log: a window of the segment at a time, so that records that are cold and side by side
 * cost one read together. What it shows is a copy, which holds until the next call, whatever happens to the log.
 */
import { OFFSET_BITS } from './record-log.ts';
import { Segment, type SegmentSource, UNIT_BYTES, UNITS_WORD } from './segment.ts';

const WINDOW_BYTES = 64 * 1024;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;

export class RecordWindow {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the record begins in `bytes`. */
  start = 0;
  /** Its size. */
  length = 0;
  private words = new Int32Array(0);
  private source: SegmentSource | undefined;
  private position = 0;
  private end = 0;

  /** By slot. */
  private readonly sources: readonly (SegmentSource | undefined)[];

  constructor(sources: readonly (SegmentSource | undefined)[]) {
    this.sources = sources;
  }

  /** Shows the record at a location. */
  open(location: number): void {
    this.openAt(this.sources[location >>> OFFSET_BITS] as SegmentSource, (location & OFFSET_MASK) * UNIT_BYTES);
  }

  openAt(source: SegmentSource, offset: number): void {
    if (source instanceof Segment && source.words !== undefined) {
      // In memory it may still change, so nothing is kept of it.
      this.load(source, offset, (source.words[(offset >>> 2) + UNITS_WORD] as number) * UNIT_BYTES);
      this.source = undefined;
      this.length = this.end - offset;
    } else {
      if (source !== this.source || offset < this.position || offset + UNIT_BYTES > this.end)
        this.load(source, offset, WINDOW_BYTES);
      this.length = (this.words[((offset - this.position) >>> 2) + UNITS_WORD] as number) * UNIT_BYTES;
      if (offset + this.length > this.end) this.load(source, offset, Math.max(WINDOW_BYTES, this.length));
    }
    this.start = offset - this.position;
  }

  /** A word of the header. */
  word(index: number): number {
    return this.words[(this.start >>> 2) + index] as number;
  }

  private load(source: SegmentSource, offset: number, atMost: number): void {
    const length = Math.min(atMost, source.used - offset);
    if (length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(length, WINDOW_BYTES));
      this.bytes = larger;
      this.words = new Int32Array(larger.buffer);
    }
    source.read(offset, this.bytes.subarray(0, length));
    this.source = source;
    this.position = offset;
    this.end = offset + length;
  }
}
