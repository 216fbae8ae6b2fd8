/**
 * A table from keys to entries: the store of the heap backend. An entry holds all states that one key has in one family.
 *
 * A table begins as one Map and is dealt out to 64 Maps when it grows: a Map is rehashed whole when it is full, which at
 * 4 million keys stops the thread for 600 ms, and it cannot hold more than 16.7 million. The choice of the Map must be
 * cheap, not even: integers are mixed, of strings three characters count. Key groups are not used for it: hashing a whole
 * key per record costs more than the lookup that it would replace, and key groups are needed in snapshots only.
 */
import type { CanonicalKey } from './key-encoding.ts';

const SHARDS = 64;
const SPLIT_ABOVE = 32_768;

/** The first state is a field, for one indirection less on the common path; an absent state is `undefined`. */
export class KeyEntry {
  first: unknown = undefined;
  rest: unknown[] | undefined = undefined;

  isEmpty(): boolean {
    return this.first === undefined && (this.rest === undefined || this.rest.every((value) => value === undefined));
  }
}

export function readSlot(entry: KeyEntry, slot: number): unknown {
  return slot === 0 ? entry.first : entry.rest?.[slot - 1];
}

export function writeSlot(entry: KeyEntry, slot: number, value: unknown): void {
  if (slot === 0) entry.first = value;
  else writeRest(entry, slot - 1, value);
}

/** Apart, so that the common path is inlined. */
function writeRest(entry: KeyEntry, index: number, value: unknown): void {
  entry.rest ??= [];
  while (entry.rest.length < index) entry.rest.push(undefined);
  entry.rest[index] = value;
}

export class KeyTable {
  private maps: Map<CanonicalKey, KeyEntry>[] = [new Map()];
  private mask = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  find(key: CanonicalKey): KeyEntry | undefined {
    return this.mapOf(key).get(key);
  }

  /** Adds an entry for a key that has none. */
  insert(key: CanonicalKey): KeyEntry {
    if (++this.count > SPLIT_ABOVE && this.mask === 0) this.split();
    const entry = new KeyEntry();
    this.mapOf(key).set(key, entry);
    return entry;
  }

  delete(key: CanonicalKey): void {
    if (this.mapOf(key).delete(key)) this.count--;
  }

  /**
   * Calls `visit` with each entry that is there at the start. The visited entry may be removed meanwhile, also with a new
   * one taking its place.
   */
  forEach(visit: (key: CanonicalKey, entry: KeyEntry) => void): void {
    for (const map of this.maps) {
      let left = map.size;
      for (const [key, entry] of map) {
        if (left-- === 0) break;
        visit(key, entry);
      }
    }
  }

  /** Goes over the entries while the table changes: some may be missed, and some be gone already when they are seen. */
  *entries(): Generator<[CanonicalKey, KeyEntry], void> {
    for (const map of this.maps) yield* map;
  }

  private mapOf(key: CanonicalKey): Map<CanonicalKey, KeyEntry> {
    return this.maps[shardOf(key) & this.mask] as Map<CanonicalKey, KeyEntry>;
  }

  private split(): void {
    const before = this.maps[0] as Map<CanonicalKey, KeyEntry>;
    this.maps = Array.from({ length: SHARDS }, () => new Map());
    this.mask = SHARDS - 1;
    for (const [key, entry] of before) this.mapOf(key).set(key, entry);
  }
}

function shardOf(key: CanonicalKey): number {
  return typeof key === 'number' ? Math.imul(key, 0x9e3779b1) >>> 26 : shardOfOther(key);
}

/** Apart, so that lookups of numbers are inlined. */
function shardOfOther(key: string | bigint | boolean): number {
  if (typeof key !== 'string') return typeof key === 'bigint' ? Number(BigInt.asUintN(6, key)) : 0;
  const { length } = key;
  if (length < 2) return length === 0 ? 0 : key.charCodeAt(0);
  return key.charCodeAt(length - 1) * 31 + key.charCodeAt(length >> 1) * 17 + key.charCodeAt(length - 2);
}
