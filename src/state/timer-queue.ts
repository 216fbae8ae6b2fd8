/**
 * The timers of one operator: each registered once per key, namespace and time, fired in the order of time, and at the
 * same time in the order of registration; deletable; part of snapshots.
 *
 * Timers of one time share a bucket, and the heap orders buckets, not timers: many keys wait for the same end of a window,
 * so most additions and removals never touch the heap. A bucket finds its timers by a scan while it is small and by an
 * index of Maps when it is not. Removal is exact: an emptied bucket leaves the heap at once, so that sessions, which
 * delete and register a timer at every record, keep nothing.
 *
 * Costs: add, delete and pop are O(1) amortised in the number of timers of one time, O(log n) in the number of times.
 */
import { invariant, MillraceError } from '../common/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, encodeValue } from '../serialization/index.ts';
import type { CanonicalKey } from './key-encoding.ts';
import { type KeyGroupRange, keyGroupOf } from './key-groups.ts';
import type { KeyGroupBytes } from './keyed-state-backend.ts';
import { TimerBucket } from './timer-bucket.ts';
import { TimestampHeap } from './timestamp-heap.ts';

export interface Timer {
  readonly key: CanonicalKey;
  readonly namespace: string;
  /** Milliseconds since the epoch; may be infinite. */
  readonly timestamp: number;
}

/** The timers of one operator in one domain of time, wherever they are kept. */
export interface InternalTimerQueue {
  /** How many timers wait. */
  readonly size: number;
  /**
   * Registers a timer; `false` if it is registered already.
   * @throws MillraceError `ILLEGAL_STATE` if the time is not a number
   */
  add(key: CanonicalKey, namespace: string, timestamp: number): boolean;
  /** Removes a timer; `false` if there is none. */
  delete(key: CanonicalKey, namespace: string, timestamp: number): boolean;
  /** The time of the timer that is next; `undefined` without timers. */
  peekTimestamp(): number | undefined;
  /** Removes and returns the next timer whose time is not after `timestamp`. Timers may be added and deleted in between. */
  popUntil(timestamp: number): Timer | undefined;
  /** Fixes the timers that are on the heap as of now; others are part of the snapshots of the state backend. */
  freeze(maxParallelism: number): FrozenTimers;
  /**
   * Adds the timers of a snapshot, those of the key groups in `keyGroupRange` if it is given. After a rescale, call it with
   * each of the old snapshots.
   * @throws MillraceError `CORRUPT_DATA`
   */
  restore(snapshot: TimerQueueSnapshot, keyGroupRange?: KeyGroupRange): void;
}

/** Pure data. */
export interface TimerQueueSnapshot {
  readonly maxParallelism: number;
  readonly keyGroups: readonly KeyGroupBytes[];
}

/** The timers of a queue at one moment. */
export class FrozenTimers {
  /** Each timer is after those of its time that were registered before. */
  private readonly lists: readonly (readonly (Timer | undefined)[])[];
  private readonly maxParallelism: number;

  constructor(lists: readonly (readonly (Timer | undefined)[])[], maxParallelism: number) {
    this.lists = lists;
    this.maxParallelism = maxParallelism;
  }

  /** Yields after every `portion` timers, for the caller to let others go on. */
  *encode(portion: number): Generator<void, TimerQueueSnapshot> {
    const { maxParallelism } = this;
    const writers = new Map<number, BinaryWriter>();
    let order = 0;
    for (const list of this.lists) {
      for (const timer of list) {
        if (timer === undefined) continue;
        const keyGroup = keyGroupOf(timer.key, maxParallelism);
        let writer = writers.get(keyGroup);
        if (writer === undefined) {
          writer = new BinaryWriter();
          writers.set(keyGroup, writer);
        }
        writer.writeVarUint(order++);
        writer.writeFloat64(timer.timestamp);
        writer.writeString(timer.namespace);
        encodeValue(writer, timer.key);
        if (order % portion === 0) yield;
      }
    }
    const keyGroups = [...writers].map(([keyGroup, writer]) => ({ keyGroup, bytes: writer.toBytes() }));
    return { maxParallelism, keyGroups: keyGroups.sort((a, b) => a.keyGroup - b.keyGroup) };
  }
}

export class TimerQueue implements InternalTimerQueue {
  private readonly buckets = new Map<number, TimerBucket>();
  private readonly heap = new TimestampHeap<TimerBucket>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    let bucket = this.buckets.get(timestamp);
    if (bucket === undefined) {
      checkTimerTime(timestamp);
      bucket = new TimerBucket(timestamp + 0);
      this.buckets.set(timestamp, bucket);
      this.heap.add(bucket);
    }
    if (!bucket.add(key, namespace)) return false;
    this.count++;
    return true;
  }

  delete(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    const bucket = this.buckets.get(timestamp);
    if (bucket === undefined || !bucket.delete(key, namespace)) return false;
    this.count--;
    if (bucket.size === 0) {
      this.buckets.delete(timestamp);
      this.heap.remove(bucket);
    }
    return true;
  }

  has(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    return this.buckets.get(timestamp)?.has(key, namespace) ?? false;
  }

  peekTimestamp(): number | undefined {
    return this.heap.first?.timestamp;
  }

  popUntil(timestamp: number): Timer | undefined {
    const bucket = this.heap.first;
    if (bucket === undefined || bucket.timestamp > timestamp) return undefined;
    const timer = bucket.shift();
    this.count--;
    if (bucket.size === 0) {
      this.buckets.delete(bucket.timestamp);
      this.heap.remove(bucket);
    }
    return timer;
  }

  /** How many timers a key has, in all namespaces. Looks at every timer: for tests. */
  countOf(key: CanonicalKey): number {
    let count = 0;
    for (const timer of this) if (timer.key === key) count++;
    return count;
  }

  /** All timers, those of one time in the order of registration. */
  *[Symbol.iterator](): Generator<Timer, void> {
    for (const bucket of this.buckets.values()) yield* bucket;
  }

  clear(): void {
    this.buckets.clear();
    this.heap.clear();
    this.count = 0;
  }

  /**
   * Fixes the timers as of now. A million timers are copied in 1 to 60 ms (few times, or a million);
   * encoding them takes about 500 ms, and can be done later and bit by bit.
   */
  freeze(maxParallelism: number): FrozenTimers {
    const small: (Timer | undefined)[] = [];
    const lists: (readonly (Timer | undefined)[])[] = [small];
    for (const bucket of this.buckets.values()) {
      const copy = bucket.copy(small);
      if (copy) lists.push(copy);
    }
    return new FrozenTimers(lists, maxParallelism);
  }

  snapshot(maxParallelism: number): TimerQueueSnapshot {
    const encoding = this.freeze(maxParallelism).encode(Number.POSITIVE_INFINITY);
    let step = encoding.next();
    while (!step.done) step = encoding.next();
    return step.value;
  }

  /** Keeps their order of registration. */
  restore(snapshot: TimerQueueSnapshot, keyGroupRange?: KeyGroupRange): void {
    for (const { key, namespace, timestamp } of timersOf(snapshot, keyGroupRange)) {
      invariant(this.add(key, namespace, timestamp), 'a timer was restored twice');
    }
  }
}

/** In the order of registration. @throws MillraceError `CORRUPT_DATA` */
export function timersOf(snapshot: TimerQueueSnapshot, keyGroupRange?: KeyGroupRange): readonly Timer[] {
  const found: (Timer & { readonly order: number })[] = [];
  for (const { keyGroup, bytes } of snapshot.keyGroups) {
    if (keyGroupRange && (keyGroup < keyGroupRange.start || keyGroup > keyGroupRange.end)) continue;
    const reader = new BinaryReader(bytes);
    while (reader.remaining > 0) {
      const order = reader.readVarUint();
      const timestamp = reader.readFloat64();
      const namespace = reader.readString();
      found.push({ order, timestamp, namespace, key: decodeValue(reader) as CanonicalKey });
    }
  }
  return found.sort((a, b) => a.order - b.order);
}

/** Also what is not a number at all, as plain JavaScript may pass. @throws MillraceError `ILLEGAL_STATE` */
export function checkTimerTime(timestamp: number): void {
  if (typeof timestamp === 'number' && !Number.isNaN(timestamp)) return;
  throw new MillraceError(
    'ILLEGAL_STATE',
    `A timer needs a time in milliseconds, but got ${String(timestamp)}. Check that the record has a timestamp.`,
  );
}
