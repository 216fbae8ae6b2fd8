/**
 * Bytes to strings, by the fastest way that the platform has.
 *
 * Node's Buffer decodes a short span in about 70 ns where a TextDecoder takes 105 (UTF-8) or 170 (Latin-1); it is used
 * where it is found. Invalid UTF-8 becomes U+FFFD, a byte order mark stays. The strings are flat copies: none keeps a
 * chunk alive, as a `substring` of a decoded chunk would (V8 keeps the parent of every substring of 13 characters and
 * more).
 */
type Slice = (this: Uint8Array, start: number, end: number) => string;

const buffer = (globalThis as { Buffer?: { prototype: { latin1Slice?: Slice; utf8Slice?: Slice } } }).Buffer?.prototype;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** Decodes `bytes[start .. end)` as UTF-8. */
export const utf8Text: (bytes: Uint8Array, start: number, end: number) => string =
  buffer?.utf8Slice === undefined
    ? (bytes, start, end) => decoder.decode(bytes.subarray(start, end))
    : (
        (slice) => (bytes: Uint8Array, start: number, end: number) =>
          slice.call(bytes, start, end)
      )(buffer.utf8Slice);

/** Decodes `bytes[start .. end)`, all of them below 128. */
export const asciiText: (bytes: Uint8Array, start: number, end: number) => string =
  buffer?.latin1Slice === undefined
    ? utf8Text
    : (
        (slice) => (bytes: Uint8Array, start: number, end: number) =>
          slice.call(bytes, start, end)
      )(buffer.latin1Slice);

export const utf8Bytes = (text: string): Uint8Array => encoder.encode(text);

/** A part of the input for an error message: quoted, and cut after 40 characters. */
export function excerpt(bytes: Uint8Array, start: number, end: number): string {
  const text = utf8Text(bytes, start, Math.min(end, start + 160));
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
