/**
 * What a lookup has found, for a while: at most so many entries, the least recently used one leaves first.
 *
 * Promises: get and put in constant time. A `Map` keeps the order of insertion, so an entry that is used is put in anew.
 */
import type { Clock } from '../../common/index.ts';

export interface LookupCacheOptions {
  /** How many keys are kept, at most. */
  readonly maxRows: number;
  /** How long what was found may be used. Default: until it has to leave. */
  readonly expireAfterWriteMs?: number;
  /** Whether it is kept that a key is missing, too. Default: true. */
  readonly cacheMissingKey?: boolean;
}

interface Entry<V> {
  readonly value: V | undefined;
  readonly expiresMs: number;
}

export class LookupCache<V> {
  readonly #entries = new Map<string, Entry<V>>();
  readonly #options: LookupCacheOptions;
  readonly #clock: Clock;

  constructor(options: LookupCacheOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The entry; its value is undefined if the key is known to be missing. */
  get(key: string): { readonly value: V | undefined } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (this.#clock.monotonicMs() >= entry.expiresMs) return undefined;
    this.#entries.set(key, entry);
    return entry;
  }

  put(key: string, value: V | undefined): void {
    const { maxRows, expireAfterWriteMs = Number.POSITIVE_INFINITY, cacheMissingKey = true } = this.#options;
    this.#entries.delete(key);
    if (value === undefined && !cacheMissingKey) return;
    this.#entries.set(key, { value, expiresMs: this.#clock.monotonicMs() + expireAfterWriteMs });
    if (this.#entries.size > maxRows) this.#entries.delete(this.#entries.keys().next().value as string);
  }
}
