/**
 * Key groups: the unit in which keyed state is cut and moved. A key belongs to one key group for ever, and a subtask owns
 * a contiguous range of them, as in Flink.
 *
 * Invariant: the hash is part of the format of savepoints and of the partitioning between tasks. It must never change for
 * any key; `key-groups.test.ts` holds golden values. It is MurmurHash3 (x86, 32 bit; Austin Appleby, public domain), over
 * the UTF-16 code units of a string (two a block, the first in the lower half), or over the two halves of a double (the
 * lower first); a bigint hashes as its hexadecimal text. The seed is the type's tag.
 */
import { invariant, MillraceError } from '../common/index.ts';
import type { CanonicalKey } from './key-encoding.ts';

/** Both ends are part of the range. */
export interface KeyGroupRange {
  readonly start: number;
  readonly end: number;
}

/** Flink's upper bound for the number of key groups. */
export const MAX_KEY_GROUPS = 32_768;
const MIN_KEY_GROUPS = 128;

const SEED_STRING = 0x73;
const SEED_NUMBER = 0x6e;
const SEED_BIGINT = 0x69;
const SEED_BOOLEAN = 0x62;

/** The key group of a key in canonical form, at least 0 and below `maxParallelism`. */
export function keyGroupOf(key: CanonicalKey, maxParallelism: number): number {
  return hashKey(key) % maxParallelism;
}

/** The key groups of the subtask `index` (from 0) out of `parallelism`. */
export function keyGroupRange(parallelism: number, maxParallelism: number, index: number): KeyGroupRange {
  invariant(index >= 0 && index < parallelism, `subtask ${index} of ${parallelism} does not exist`);
  if (parallelism > maxParallelism) {
    throw new MillraceError(
      'INVALID_PROGRAM',
      `A parallelism of ${parallelism} is above the number of key groups, ${maxParallelism}. Lower it, or raise setMaxParallelism (which state written before cannot follow).`,
    );
  }
  return {
    start: Math.ceil((index * maxParallelism) / parallelism),
    end: Math.floor(((index + 1) * maxParallelism - 1) / parallelism),
  };
}

/** The subtask that owns a key group. */
export function operatorIndexForKeyGroup(keyGroup: number, parallelism: number, maxParallelism: number): number {
  return Math.floor((keyGroup * parallelism) / maxParallelism);
}

/** Flink's rule: half as much again as the parallelism, rounded up to a power of two, from 128 to 32768. */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = parallelism + Math.floor(parallelism / 2);
  return Math.min(Math.max(2 ** Math.ceil(Math.log2(wanted)), MIN_KEY_GROUPS), MAX_KEY_GROUPS);
}

const bits = new DataView(new ArrayBuffer(8));

/** 32 bits, unsigned; the key group is the remainder by the number of key groups. */
export function hashKey(key: CanonicalKey): number {
  switch (typeof key) {
    case 'string':
      return hashText(key, SEED_STRING);
    case 'number':
      bits.setFloat64(0, key + 0);
      return finish(mix(mix(SEED_NUMBER, bits.getInt32(4)), bits.getInt32(0)), 8);
    case 'bigint':
      return hashText(key.toString(16), SEED_BIGINT);
    case 'boolean':
      return finish(mix(SEED_BOOLEAN, key ? 1 : 0), 4);
  }
}

function hashText(text: string, seed: number): number {
  const { length } = text;
  const even = length & ~1;
  let hash = seed;
  for (let i = 0; i < even; i += 2) hash = mix(hash, text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
  if (even !== length) hash ^= scramble(text.charCodeAt(even));
  return finish(hash, 2 * length);
}

function scramble(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}

function mix(hash: number, block: number): number {
  const h = hash ^ scramble(block);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** As an unsigned 32-bit number. */
function finish(hash: number, lengthBytes: number): number {
  let h = hash ^ lengthBytes;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
