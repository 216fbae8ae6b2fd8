/**
 * The buffer that sinks give to encoders: grows as needed, is cleared and used again.
 *
 * Short strings are copied character by character while they are ASCII (an `encodeInto` call costs more than the loop up to
 * some dozens of characters); everything else goes through `TextEncoder`.
 */
import type { ByteSink } from './format.ts';

const LOOP_MAX_CHARS = 48;
const encoder = new TextEncoder();

export class GrowingByteSink implements ByteSink {
  /** `bytes[0 .. length)` is what was written. Replaced when it grows. */
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(initialBytes = 1024) {
    this.bytes = new Uint8Array(initialBytes);
  }

  writeBytes(more: Uint8Array): void {
    this.#reserve(more.length);
    this.bytes.set(more, this.length);
    this.length += more.length;
  }

  writeString(text: string): void {
    const chars = text.length;
    this.#reserve(chars * 3);
    const bytes = this.bytes;
    let position = this.length;
    if (chars <= LOOP_MAX_CHARS) {
      let i = 0;
      for (; i < chars; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) break;
        bytes[position++] = code;
      }
      if (i === chars) {
        this.length = position;
        return;
      }
      position = this.length;
    }
    this.length = position + encoder.encodeInto(text, bytes.subarray(position)).written;
  }

  clear(): void {
    this.length = 0;
  }

  #reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}
