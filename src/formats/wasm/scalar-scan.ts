/**
 * The kernels of `structural-scan.ts` in plain JavaScript, entry by entry the same.
 *
 * Runs where WebAssembly or its SIMD is missing (about ten times slower), and is the model that the tests hold the kernels to.
 */
import { ENTRY_SHIFT, FLAG_DOUBT, FLAG_NEWLINE, FLAG_NON_ASCII, FLAG_QUOTED_NEWLINE, FLAG_SPECIAL } from './structural-scan.ts';

const SIMPLE_ESCAPES = [...'"\\/bfnrt'].map((char) => char.charCodeAt(0));

/** Writes the entries of `bytes[0 .. length)` to `entries` and returns their number. */
export function scanJsonScalar(bytes: Uint8Array, length: number, entries: Int32Array): number {
  let count = 0;
  let flags = 0;
  let escaped = false;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at] as number;
    if (byte === 0x0a || (byte === 0x22 && !escaped)) {
      entries[count++] = (at << ENTRY_SHIFT) | flags;
      flags = 0;
      escaped = false;
    } else if (byte === 0x5c) {
      flags |= FLAG_SPECIAL;
      escaped = !escaped;
    } else {
      if (byte < 0x20) flags |= FLAG_SPECIAL | FLAG_DOUBT;
      else if (byte > 0x7f) flags |= FLAG_NON_ASCII;
      if (escaped && !SIMPLE_ESCAPES.includes(byte)) flags |= FLAG_DOUBT;
      escaped = false;
    }
  }
  return count;
}

/** Writes the entries of `bytes[0 .. length)` to `entries` and returns their number. */
export function scanCsvScalar(bytes: Uint8Array, length: number, entries: Int32Array, delimiter: number, quote: number): number {
  let count = 0;
  let flags = 0;
  let inside = false;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at] as number;
    if (byte === quote) {
      flags |= FLAG_SPECIAL;
      inside = !inside;
    } else if (inside) {
      if (byte === 0x0a) flags |= FLAG_QUOTED_NEWLINE;
      else if (byte > 0x7f) flags |= FLAG_NON_ASCII;
    } else if (byte === 0x0a || byte === delimiter) {
      entries[count++] = (at << ENTRY_SHIFT) | flags | (byte === 0x0a ? FLAG_NEWLINE : 0);
      flags = 0;
    } else if (byte > 0x7f) {
      flags |= FLAG_NON_ASCII;
    }
  }
  return count;
}
