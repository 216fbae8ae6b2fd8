/**
 * A growing buffer of bytes that is filled, read out and filled again: what encoders write to.
 *
 * Invariant: `bytes[0 .. length)` is what was written since the last `reset`. The array is replaced when it grows, so a
 * view of it must not be kept over a write.
 */
const encoder = new TextEncoder();
/** Up to this many UTF-16 units, a loop over ASCII is faster than the platform's encoder. */
const SHORT = 64;

export class ByteBuffer {
  bytes: Uint8Array;
  length = 0;

  constructor(initialBytes = 8192) {
    this.bytes = new Uint8Array(initialBytes);
  }

  reset(): void {
    this.length = 0;
  }

  /** A view of what was written; valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** A copy of what was written. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  writeBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** UTF-8; lone surrogates become U+FFFD. */
  writeString(text: string): void {
    if (text.length <= SHORT && this.writeAscii(text)) return;
    this.reserve(text.length * 3);
    this.length += encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
  }

  private writeAscii(text: string): boolean {
    const { length } = text;
    this.reserve(length);
    const { bytes } = this;
    const start = this.length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[start + i] = code;
    }
    this.length = start + length;
    return true;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.view());
    this.bytes = larger;
  }
}
