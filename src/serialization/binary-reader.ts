/**
 * Reads what `BinaryWriter` wrote, and trusts none of it: every read is bounded by the end of the bytes, and no size that
 * is read leads to an allocation larger than what is left to read.
 */
import { invariant, MillraceError } from '../common/index.ts';

/** A view per reader would cost more than the 8 bytes. */
const FLOAT_BYTES = new Uint8Array(8);
const FLOAT_VIEW = new DataView(FLOAT_BYTES.buffer);
/** Calls of String.fromCharCode stay below the engine's limit of arguments. */
const CHUNK = 4096;

export class BinaryReader {
  private bytes: Uint8Array;
  private start = 0;
  private offset = 0;
  private end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** Goes on with `bytes[start .. end)`: on a hot path, one reader for many records costs less than one for each. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    invariant(
      start >= 0 && start <= end && end <= bytes.length,
      `a reader of ${bytes.length} bytes cannot read ${start} to ${end}`,
    );
    this.bytes = bytes;
    this.start = start;
    this.offset = start;
    this.end = end;
  }

  get position(): number {
    return this.offset - this.start;
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.end - this.offset;
  }

  /** The error for bytes that do not decode, with their position. */
  corrupt(what: string): MillraceError {
    return new MillraceError(
      'CORRUPT_DATA',
      `Cannot decode byte ${this.position} of ${this.end - this.start}: ${what}. The data is damaged, cut off, or of another format.`,
      { context: { position: this.position, bytes: this.end - this.start } },
    );
  }

  /** @throws MillraceError `CORRUPT_DATA`, as all reads do */
  readByte(): number {
    if (this.offset >= this.end) throw this.corrupt('the end came too early');
    return this.bytes[this.offset++] as number;
  }

  /** The next byte, which is still to be read. */
  peekByte(): number {
    if (this.offset >= this.end) throw this.corrupt('the end came too early');
    return this.bytes[this.offset] as number;
  }

  readVarUint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.readByte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw this.corrupt('a whole number is out of range');
        return value;
      }
      factor *= 128;
    }
    throw this.corrupt('a whole number does not end');
  }

  /** A number of things of which each takes at least `bytesEach` bytes, of those that are left. */
  readCount(bytesEach = 1): number {
    const count = this.readVarUint();
    if (count * bytesEach > this.remaining)
      throw this.corrupt(`${count} elements are announced, but ${this.remaining} bytes are left`);
    return count;
  }

  readFloat64(): number {
    if (this.remaining < 8) throw this.corrupt('the end came too early');
    const { bytes, offset } = this;
    for (let i = 0; i < 8; i++) FLOAT_BYTES[i] = bytes[offset + i] as number;
    this.offset = offset + 8;
    return FLOAT_VIEW.getFloat64(0, true);
  }

  /** A view of the next bytes, not a copy. */
  readBytes(length: number): Uint8Array {
    if (length > this.remaining) throw this.corrupt(`${length} bytes are announced, but ${this.remaining} are left`);
    const start = this.offset;
    this.offset += length;
    return this.bytes.subarray(start, this.offset);
  }

  readString(): string {
    const header = this.readVarUint();
    const wide = header % 2 === 1;
    const length = Math.floor(header / 2);
    if (length > this.remaining) throw this.corrupt(`a string of ${length} bytes is announced, but ${this.remaining} are left`);
    return wide ? this.readWideString(this.offset + length) : this.readAsciiString(this.offset + length);
  }

  private readAsciiString(end: number): string {
    const { bytes } = this;
    let text = '';
    if (end - this.offset <= 24) {
      while (this.offset < end) {
        const byte = bytes[this.offset] as number;
        if (byte >= 0x80) throw this.corrupt('a byte of an ASCII string is not ASCII');
        text += String.fromCharCode(byte);
        this.offset++;
      }
      return text;
    }
    for (let i = this.offset; i < end; i++) {
      if ((bytes[i] as number) >= 0x80) throw this.corrupt('a byte of an ASCII string is not ASCII');
    }
    while (this.offset < end) {
      const stop = Math.min(end, this.offset + CHUNK);
      text += String.fromCharCode.apply(null, bytes.subarray(this.offset, stop) as unknown as number[]);
      this.offset = stop;
    }
    return text;
  }

  private readWideString(end: number): string {
    let text = '';
    let units: number[] = [];
    while (this.offset < end) {
      const code = this.readCodePoint(end);
      if (code < 0x1_0000) units.push(code);
      else units.push(0xd800 | ((code - 0x1_0000) >> 10), 0xdc00 | ((code - 0x1_0000) & 0x3ff));
      if (units.length >= CHUNK) {
        text += String.fromCharCode.apply(null, units);
        units = [];
      }
    }
    return text + String.fromCharCode.apply(null, units);
  }

  private readCodePoint(end: number): number {
    const lead = this.bytes[this.offset++] as number;
    if (lead < 0x80) return lead;
    const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || this.offset + more > end) throw this.corrupt('a string is not UTF-8');
    let code = lead & (0x3f >> more);
    for (let i = 0; i < more; i++) {
      const byte = this.bytes[this.offset++] as number;
      if ((byte & 0xc0) !== 0x80) throw this.corrupt('a string is not UTF-8');
      code = (code << 6) | (byte & 0x3f);
    }
    if (code < (more === 3 ? 0x1_0000 : more === 2 ? 0x800 : 0x80) || code > 0x10_ffff)
      throw this.corrupt('a string is not UTF-8');
    return code;
  }
}
