/**
 * Reads what `BinaryWriter` wrote, and trusts none of it: every read is bounded by the end of the bytes, and no size that
 * is read leads to an allocation larger than what is left to read.
 */
import { MillraceError } from '../common/index.ts';

/** Calls of String.fromCharCode stay below the engine's limit of arguments. */
const CHUNK = 4096;

export class BinaryReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.offset;
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** The error for bytes that do not decode, with their position. */
  corrupt(what: string): MillraceError {
    return new MillraceError(
      'CORRUPT_DATA',
      `Cannot decode byte ${this.offset} of ${this.bytes.length}: ${what}. The data is damaged, cut off, or of another format.`,
      { context: { position: this.offset, bytes: this.bytes.length } },
    );
  }

  /** @throws MillraceError `CORRUPT_DATA`, as all reads do */
  readByte(): number {
    if (this.offset >= this.bytes.length) throw this.corrupt('the end came too early');
    return this.bytes[this.offset++] as number;
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
    const value = this.view.getFloat64(this.offset, true);
    this.offset += 8;
    return value;
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
