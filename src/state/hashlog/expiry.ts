/**
 * Time to live on records: what compaction may leave behind, and a cleaner that goes over all keys in the background, a few after
 * each access.
 *
 * Elements of a list are in the order of their times, so a list whose last ones have expired has expired as a whole. Lists of
 * several parts that have expired in part are cleaned when they are read.
 */
import { type BinaryReader, decodeValue } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import type { StateKind } from '../state-descriptors.ts';
import type { TtlTime, TtlValue } from '../ttl-states.ts';
import type { ContentCodec } from './content-codec.ts';
import type { StateContents } from './contents.ts';
import { lastElements } from './list-access.ts';
import { MapAccess, mapCodec } from './map-access.ts';
import { LargeMap } from './map-parts.ts';
import type { StateStore } from './state-store.ts';

/** What the record of a key says: how many of its values have expired. */
interface Expiry {
  readonly expired: number;
  readonly count: number;
  /** Whether there is more than the record holds. */
  readonly hasParts: boolean;
}

/** @param value behind the key */
function expiryOf(kind: StateKind, value: BinaryReader, codec: ContentCodec, time: TtlTime): Expiry {
  const values: TtlValue<unknown>[] = [];
  let hasParts = false;
  if (kind === 'LIST') {
    const last = lastElements(value, codec);
    values.push(...(last.elements as TtlValue<unknown>[]));
    hasParts = last.hasParts;
  } else if (kind === 'MAP') {
    const content = mapCodec(codec).decode(value);
    if (content instanceof LargeMap) hasParts = true;
    else values.push(...(content.values() as Iterable<TtlValue<unknown>>));
  } else {
    values.push({ value: undefined, accessMs: value.readFloat64() });
  }
  return { expired: values.filter((each) => time.isExpired(each)).length, count: values.length, hasParts };
}

/** Keys with parts that compaction came across; more are found the next time. */
const MAX_WAITING = 1000;

export class ExpiryCleaner {
  private readonly store: StateStore;
  private readonly contents: StateContents;
  private readonly codec: ContentCodec;
  private readonly time: TtlTime;
  private position: Generator<void, void> | undefined;
  /** Keys whose parts only a change of the state itself may remove. */
  private readonly waiting = new Set<CanonicalKey>();

  constructor(store: StateStore, contents: StateContents, codec: ContentCodec, time: TtlTime) {
    this.store = store;
    this.contents = contents;
    this.codec = codec;
    this.time = time;
  }

  /** For compaction: whether a record can go. What has parts is examined at one of the next accesses instead. */
  isExpired(key: CanonicalKey, value: BinaryReader): boolean {
    const { kind } = this.store.meta;
    const { expired, count, hasParts } = expiryOf(kind, value, this.codec, this.time);
    if (!hasParts) return expired === count;
    if ((kind === 'MAP' || expired === count) && this.waiting.size < MAX_WAITING) this.waiting.add(key);
    return false;
  }

  /** Examines the next keys (or entries of a large map); starts again at the end. */
  step(): void {
    const left = this.time.config.incrementalCleanupSize;
    if (left === 0) return;
    this.store.context.current.preserving(() => {
      for (let i = 0; i < left; i++) {
        this.position ??= this.walk();
        if (this.position.next().done) {
          this.position = undefined;
          return;
        }
      }
    });
  }

  private *walk(): Generator<void, void> {
    const { store, codec, time, waiting } = this;
    const { log } = store.context;
    const { kind } = store.meta;
    for (const key of waiting) {
      waiting.delete(key);
      yield* this.clean(key);
    }
    const table = store.tableOf('');
    if (table === undefined) return;
    const { values } = table;
    for (const { tag, location } of values.cursor()) {
      // What is cold is left to compaction: reading it would cost more than it gives back.
      if (values.holds(tag, location) && log.isInMemory(location)) {
        log.locate(location, values.units);
        const value = log.reader(values.units);
        const key = decodeValue(value) as CanonicalKey;
        const { expired, count, hasParts } = expiryOf(kind, value, codec, time);
        const isLargeMap = kind === 'MAP' && hasParts;
        if (isLargeMap || expired === count || (expired > 0 && !hasParts)) yield* this.clean(key);
      }
      yield;
    }
  }

  private *clean(key: CanonicalKey): Generator<void, void> {
    const { contents, store } = this;
    store.context.current.canonical = key;
    if (contents instanceof MapAccess && contents.isLarge) yield* this.cleanLargeMap(contents, key);
    else this.removeExpired();
  }

  /** By the present content: the cache may know better than the record. */
  private removeExpired(): void {
    const { contents, time, store } = this;
    const content = contents.read();
    if (content !== undefined) contents.write(time.unexpired(store.meta.kind, content));
  }

  private *cleanLargeMap(map: MapAccess, key: CanonicalKey): Generator<void, void> {
    const { current } = this.store.context;
    for (const [entryKey, stored] of map.entries()) {
      if (this.time.isExpired(stored as TtlValue<unknown>)) {
        current.canonical = key;
        map.remove(entryKey);
      }
      yield;
    }
  }
}
