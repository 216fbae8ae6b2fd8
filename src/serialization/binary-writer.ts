/**
 * Writes binary data into a buffer that grows. Little endian.
 *
 * Invariant: bytes before `position` are written and never change. Room is made before each write, by doubling, so a
 * write costs O(1) amortised. What is written here is read by `BinaryReader` with the method of the same name.
 */
import { invariant } from '../common/index.ts';

export class BinaryWriter {
  private buffer: Uint8Array;
  private view: DataView;
  private end = 0;

  constructor(initialBytes = 256) {
    this.buffer = new Uint8Array(Math.max(16, initialBytes));
    this.view = new DataView(this.buffer.buffer);
  }

  /** Bytes written so far. */
  get position(): number {
    return this.end;
  }

  /** Takes back everything behind `position`, which must be a former position. */
  truncate(position: number): void {
    invariant(position >= 0 && position <= this.end, `a writer at ${this.end} cannot go back to ${position}`);
    this.end = position;
  }

  /** The buffer itself, of which the first `position` bytes were written: only until the next write. */
  get rawBytes(): Uint8Array {
    return this.buffer;
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array {
    return this.buffer.slice(0, this.end);
  }

  writeByte(value: number): void {
    this.reserve(1);
    this.buffer[this.end++] = value;
  }

  /** A whole number from 0 to 2^53−1, in 1 to 8 bytes of 7 bits each, the lowest first. */
  writeVarUint(value: number): void {
    this.reserve(8);
    const { buffer } = this;
    let rest = value;
    while (rest >= 0x8000_0000) {
      buffer[this.end++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    let low = rest | 0;
    while (low >= 0x80) {
      buffer[this.end++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    buffer[this.end++] = low;
  }

  writeFloat64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.end, value, true);
    this.end += 8;
  }

  /** The bytes alone, without their number. */
  writeBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
  }

  /**
   * The number of bytes, doubled, plus 1 if the bytes are not ASCII; then the bytes: UTF-8, in which a lone surrogate is
   * written as if it were a character, so that every string survives.
   */
  writeString(text: string): void {
    const { length } = text;
    this.reserve(8 + length);
    const start = this.end;
    this.writeVarUint(length * 2);
    const { buffer } = this;
    let end = this.end;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.end = start;
        this.writeWideString(text);
        return;
      }
      buffer[end++] = code;
    }
    this.end = end;
  }

  private writeWideString(text: string): void {
    let bytes = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i) as number;
      if (code >= 0x1_0000) i++;
      bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
    }
    this.writeVarUint(bytes * 2 + 1);
    this.reserve(bytes);
    const { buffer } = this;
    let end = this.end;
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i) as number;
      if (code < 0x80) {
        buffer[end++] = code;
        continue;
      }
      if (code < 0x800) {
        buffer[end++] = 0xc0 | (code >> 6);
      } else {
        if (code < 0x1_0000) {
          buffer[end++] = 0xe0 | (code >> 12);
        } else {
          i++;
          buffer[end++] = 0xf0 | (code >> 18);
          buffer[end++] = 0x80 | ((code >> 12) & 0x3f);
        }
        buffer[end++] = 0x80 | ((code >> 6) & 0x3f);
      }
      buffer[end++] = 0x80 | (code & 0x3f);
    }
    this.end = end;
  }

  private reserve(bytes: number): void {
    if (this.end + bytes > this.buffer.length) this.grow(this.end + bytes);
  }

  private grow(atLeast: number): void {
    const larger = new Uint8Array(Math.max(atLeast, this.buffer.length * 2));
    larger.set(this.buffer.subarray(0, this.end));
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}
