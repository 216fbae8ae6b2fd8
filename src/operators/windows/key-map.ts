/**
 * A map by key that may grow large: it is dealt out to 64 Maps then, because one Map is rehashed whole when it is full
 * (which at 4 million keys stops the thread for 600 ms), and cannot hold more than 16.7 million keys.
 */
import type { CanonicalKey } from '../../state/index.ts';

const SHARDS = 64;
const SPLIT_ABOVE = 32_768;

export class KeyMap<V> {
  private maps: Map<CanonicalKey, V>[] = [new Map()];
  private only: Map<CanonicalKey, V> | undefined = this.maps[0];

  get(key: CanonicalKey): V | undefined {
    return (this.only ?? this.mapOf(key)).get(key);
  }

  set(key: CanonicalKey, value: V): void {
    if (this.only !== undefined && this.only.size >= SPLIT_ABOVE) this.split(this.only);
    (this.only ?? this.mapOf(key)).set(key, value);
  }

  delete(key: CanonicalKey): void {
    (this.only ?? this.mapOf(key)).delete(key);
  }

  /** The Maps that make up this one. */
  parts(): readonly ReadonlyMap<CanonicalKey, V>[] {
    return this.maps;
  }

  private split(all: ReadonlyMap<CanonicalKey, V>): void {
    this.maps = Array.from({ length: SHARDS }, () => new Map());
    this.only = undefined;
    for (const [key, value] of all) this.mapOf(key).set(key, value);
  }

  private mapOf(key: CanonicalKey): Map<CanonicalKey, V> {
    return this.maps[shardOf(key)] as Map<CanonicalKey, V>;
  }
}

/** Cheap, not even: 0 to 63. */
function shardOf(key: CanonicalKey): number {
  if (typeof key === 'number') return Math.imul(key, 0x9e3779b1) >>> 26;
  if (typeof key !== 'string') return typeof key === 'bigint' ? Number(BigInt.asUintN(6, key)) : 0;
  const { length } = key;
  if (length < 2) return length === 0 ? 0 : key.charCodeAt(0) & 63;
  return (key.charCodeAt(length - 1) * 31 + key.charCodeAt(length >> 1) * 17 + key.charCodeAt(length - 2)) & 63;
}
