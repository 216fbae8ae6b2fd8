/**
 * The records of the large-state jobs: a function of their number, so that any run, and the check of its result, sees the same.
 *
 * Every key comes once in each visit, in an order that differs from visit to visit: so each comes back only after all of the
 * others, and state that does not fit in memory is read from disk. Record i has the time i, in milliseconds.
 */

export interface Workload {
  readonly keys: number;
  /** How often each key comes. */
  readonly visits: number;
  /** Characters, of one byte each. */
  readonly payloadChars: number;
}

export interface Item {
  readonly key: number;
  readonly index: number;
  readonly amount: number;
  readonly payload: string;
}

/** Primes, so that multiples of them modulo a smaller number of keys reach every key. */
const STRIDES = [104_395_301, 15_485_863, 86_028_121, 32_452_843, 122_949_823, 49_979_687, 67_867_967, 141_650_939] as const;
const TEXT_CHARS = 8192;
const TEXT = textOf(TEXT_CHARS * 2);

export function recordCount({ keys, visits }: Workload): number {
  return keys * visits;
}

export function keyOf(index: number, { keys }: Workload): number {
  const visit = Math.floor(index / keys);
  return ((index % keys) * (STRIDES[visit % STRIDES.length] as number) + visit) % keys;
}

/** 0 to 999. */
export function amountOf(index: number): number {
  return (Math.imul(index + 1, 0x9e3779b1) >>> 8) % 1000;
}

/** The same for the same seed. At most 8192 characters. */
export function payloadOf(seed: number, chars: number): string {
  const start = Math.imul(seed + 1, 0x85ebca6b) >>> 19;
  return TEXT.slice(start, start + chars);
}

export function itemAt(index: number, workload: Workload): Item {
  return {
    key: keyOf(index, workload),
    index,
    amount: amountOf(index),
    payload: payloadOf(index, workload.payloadChars),
  };
}

/** One number for several integers, in order. */
export function hashOf(...numbers: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const number of numbers) {
    hash = Math.imul(hash ^ (number | 0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  }
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** What is left of a stream of results in whatever order. */
export interface Digest {
  readonly count: number;
  /** Modulo 2^32. */
  readonly sum: number;
}

export const NO_RESULTS: Digest = { count: 0, sum: 0 };

export function addTo({ count, sum }: Digest, result: number): Digest {
  return { count: count + 1, sum: (sum + result) >>> 0 };
}

function textOf(chars: number): string {
  const codes = Array.from({ length: chars }, (_, i) => 97 + ((Math.imul(i + 7, 0x9e3779b1) >>> 13) % 26));
  let text = '';
  for (const code of codes) text += String.fromCharCode(code);
  return text;
}
