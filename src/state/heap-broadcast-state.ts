import { type CanonicalKey, decodeKey, encodeKey } from './key-encoding.ts';
import type { BroadcastState } from './states.ts';

/** Broadcast state on the heap: a Map by canonical key, in the order in which keys were added. */
export class HeapBroadcastState<K, V> implements BroadcastState<K, V> {
  private readonly map = new Map<CanonicalKey, V>();

  get(key: K): V | undefined {
    return this.map.get(encodeKey(key));
  }

  contains(key: K): boolean {
    return this.map.has(encodeKey(key));
  }

  put(key: K, value: V): void {
    this.map.set(encodeKey(key), value);
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  remove(key: K): void {
    this.map.delete(encodeKey(key));
  }

  clear(): void {
    this.map.clear();
  }

  *entries(): Generator<[K, V], void> {
    for (const [key, value] of this.map) yield [decodeKey(key), value];
  }

  immutableEntries(): Iterable<[K, V]> {
    return this.entries();
  }

  elements(): Iterable<readonly [CanonicalKey, V]> {
    return this.map;
  }

  restoreElement([key, value]: readonly [CanonicalKey, V]): void {
    this.map.set(key, value);
  }
}
