/**
 * Numbers as text in formats without number syntax of their own (CSV).
 *
 * `[+-] digits [. digits] [e [+-] digits]`, leading zeros allowed, nothing else: no spaces, no separators, no hexadecimal.
 */
import { asciiText } from './text-decoding.ts';

/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, i) => 10 ** i);

/** The number that `bytes[start .. end)` says, or NaN. */
export function readNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const sign = bytes[at];
  if (sign === 0x2d || sign === 0x2b) at++;
  const first = at;
  let mantissa = 0;
  while (at < end && isDigit(bytes[at] as number)) mantissa = mantissa * 10 + (bytes[at++] as number) - 48;
  let digits = at - first;
  let fraction = 0;
  if (at < end && bytes[at] === 0x2e) {
    const point = at++;
    while (at < end && isDigit(bytes[at] as number)) mantissa = mantissa * 10 + (bytes[at++] as number) - 48;
    fraction = at - point - 1;
    digits += fraction;
    if (fraction === 0) return Number.NaN;
  }
  if (digits === fraction) return Number.NaN;
  if (at < end) {
    if (((bytes[at] as number) | 0x20) !== 0x65) return Number.NaN;
    at++;
    if (bytes[at] === 0x2d || bytes[at] === 0x2b) at++;
    const exponent = at;
    while (at < end && isDigit(bytes[at] as number)) at++;
    if (at === exponent || at !== end) return Number.NaN;
    return Number(asciiText(bytes, start, end));
  }
  if (digits > EXACT_DIGITS) return Number(asciiText(bytes, start, end));
  // Both exact, so the quotient is the nearest double (Clinger's fast path).
  const value = fraction === 0 ? mantissa : mantissa / (POWERS_OF_TEN[fraction] as number);
  return sign === 0x2d ? -value : value;
}

/** The 64-bit integer that `bytes[start .. end)` says, or `undefined`. */
export function readBigint(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  const first = bytes[start] === 0x2d || bytes[start] === 0x2b ? start + 1 : start;
  if (first === end || end - first > 64) return undefined;
  for (let at = first; at < end; at++) if (!isDigit(bytes[at] as number)) return undefined;
  const magnitude = BigInt(asciiText(bytes, first, end));
  const value = bytes[start] === 0x2d ? -magnitude : magnitude;
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
