/**
 * A table from keys to cells: the store of the heap backend. What a cell is, its family decides; never `undefined`.
 *
 * A table begins as one Map and is dealt out to 64 Maps when it grows: a Map is rehashed whole when it is full, which at
 * 4 million keys stops the thread for 600 ms, and it cannot hold more than 16.7 million. The choice of the Map must be
 * cheap, not even: integers are mixed, of strings three characters count. Key groups are not used for it: they are needed
 * in snapshots only, and hashing whole keys per record took 15 to 40 % off the rate.
 */
import type { CanonicalKey } from './key-encoding.ts';

const SHARDS = 64;
const SPLIT_ABOVE = 32_768;

/** One of the Maps of a table. */
export type CellMap = Map<CanonicalKey, unknown>;

export class KeyTable {
  private maps: CellMap[] = [new Map()];
  private mask = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  find(key: CanonicalKey): unknown {
    return this.mapOf(key).get(key);
  }

  /** The Map that holds the cell of `key` if there is one: until the next insertion. Values in it may be replaced. */
  mapOf(key: CanonicalKey): CellMap {
    const shard = typeof key === 'number' ? Math.imul(key, 0x9e3779b1) >>> 26 : shardOfOther(key);
    return this.maps[shard & this.mask] as CellMap;
  }

  /** For a key that has no cell. Returns where it is now. */
  insert(key: CanonicalKey, cell: unknown): CellMap {
    if (++this.count > SPLIT_ABOVE && this.mask === 0) this.split();
    return this.mapOf(key).set(key, cell);
  }

  replaceAll(replace: (cell: unknown) => unknown): void {
    for (const map of this.maps) for (const [key, cell] of map) map.set(key, replace(cell));
  }

  delete(key: CanonicalKey): void {
    if (this.mapOf(key).delete(key)) this.count--;
  }

  /**
   * Calls `visit` with each cell that is there at the start. That of the visited key may be replaced or removed meanwhile,
   * also with a new one taking its place.
   */
  forEach(visit: (key: CanonicalKey, cell: unknown, map: CellMap) => void): void {
    for (const map of this.maps) {
      let left = map.size;
      for (const [key, cell] of map) {
        if (left-- === 0) break;
        visit(key, cell, map);
      }
    }
  }

  /** Goes over the keys while the table changes: some may be missed, and some be gone already when they are seen. */
  *keys(): Generator<CanonicalKey, void> {
    for (const map of this.maps) yield* map.keys();
  }

  private split(): void {
    const before = this.maps[0] as CellMap;
    this.maps = Array.from({ length: SHARDS }, () => new Map());
    this.mask = SHARDS - 1;
    for (const [key, cell] of before) this.mapOf(key).set(key, cell);
  }
}

/** Apart, so that lookups of numbers are inlined. */
function shardOfOther(key: string | bigint | boolean): number {
  if (typeof key !== 'string') return typeof key === 'bigint' ? Number(BigInt.asUintN(6, key)) : 0;
  const { length } = key;
  if (length < 2) return length === 0 ? 0 : key.charCodeAt(0);
  return key.charCodeAt(length - 1) * 31 + key.charCodeAt(length >> 1) * 17 + key.charCodeAt(length - 2);
}
