/**
 * Timers as state: the nearest ones on the heap, as the `hashmap` backend has all of them, those behind as records of the log,
 * in spans of time. So the heap holds a bounded number of them, and the others are spilled, and part of incremental
 * snapshots, as any state is.
 *
 * A span is a table of the store, named by its first position. When the heap has too many timers, its farthest become a new
 * first span; when it has none left, the first span is loaded. A span that has become too large is cut in two, so that neither
 * takes long. Each timer is written about once and read about once on its way to the heap, whatever the distribution of times.
 *
 * Invariants: spans lie one behind the other without gaps, from `reach` to the end of time; timers before `reach` are on the heap and
 * all others in the span of their position, so one look-up tells whether a timer is registered; no span is empty. Timers on the
 * heap are not state: snapshots have them by `freeze`.
 *
 * Memory: up to `nearLimit` timers on the heap, each taken from the managed memory as `NEAR_TIMER_BYTES`; for each other one, 20 to
 * 40 bytes of an index, which is always in memory, and a record of 32 bytes and more (by key and namespace), in memory or on disk.
 * Against the queue of the `hashmap` backend, a million timers are added at 0.8 (in the order of time) to 0.3 (all at one time) of
 * the rate, and fired at 0.6 to 1.5 of it; as long as all are near, there is hardly a difference.
 */
import { invariant } from '../../common/index.ts';
import { BinaryReader, BinaryWriter } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import type { KeyGroupRange } from '../key-groups.ts';
import {
  checkTimerTime,
  type FrozenTimers,
  type InternalTimerQueue,
  type Timer,
  TimerQueue,
  type TimerQueueSnapshot,
  timersOf,
} from '../timer-queue.ts';
import { RecordWindow } from './record-window.ts';
import { HEADER_BYTES, TAG_WORD, UNIT_BYTES } from './segment.ts';
import type { StateStore, StateTable } from './state-store.ts';
import {
  comparePositions,
  forEachTimerRecord,
  hashOfTimer,
  readTimer,
  type TimerPosition,
  tagOfTimer,
  writeTimer,
} from './timer-record.ts';

/** What a timer takes on the heap if no other has its time. */
const NEAR_TIMER_BYTES = 300;
/** At most this part of the managed memory is taken for timers on the heap. */
const NEAR_PART = 1 / 16;
const MAX_NEAR = 16_384;
const MIN_NEAR = 8;
/** Memory is taken for so many parts of the limit at a time. */
const NEAR_STEPS = 16;
/** The last span mostly grows at its end: what is before that stays where it is. */
const KEPT_OF_LAST_SPAN = 7 / 8;

const NO_HASH_IS_BEHIND = 2 ** 32;

interface Span extends TimerPosition {
  readonly table: StateTable;
  /** It is cut in two above so many timers. */
  cutAbove: number;
}

interface RecordPosition extends TimerPosition {
  readonly tag: number;
  readonly location: number;
}

export class HashlogTimerQueue implements InternalTimerQueue {
  readonly store: StateStore;
  private readonly near = new TimerQueue();
  private spans: Span[] = [];
  private far = 0;
  /** Where the spans begin. */
  private reachTimestamp = Number.NEGATIVE_INFINITY;
  private reachHash = 0;
  private isOpen = false;
  private readonly nearLimit: number;
  private readonly spanLimit: number;
  private readonly stepTimers: number;
  /** So many on the heap have their memory. */
  private takenTimers = 0;
  private readonly writer = new BinaryWriter();
  private readonly reader = new BinaryReader(new Uint8Array(0));

  constructor(store: StateStore) {
    this.store = store;
    const affordable = Math.floor((store.context.log.memory.totalBytes * NEAR_PART) / NEAR_TIMER_BYTES);
    this.nearLimit = Math.min(Math.max(affordable, MIN_NEAR), MAX_NEAR);
    this.spanLimit = Math.floor(this.nearLimit / 2);
    this.stepTimers = Math.ceil(this.nearLimit / NEAR_STEPS);
  }

  get size(): number {
    return this.near.size + this.far;
  }

  /** From now on timers may be on the heap: whoever writes snapshots knows of this queue. */
  open(): void {
    this.isOpen = true;
    this.setReach();
  }

  add(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    if (timestamp < this.reachTimestamp) return this.addNear(key, namespace, timestamp);
    checkTimerTime(timestamp);
    const time = timestamp + 0;
    const tag = this.tagOf(key, namespace, time);
    if (this.isNear(time, tag)) return this.addNear(key, namespace, time);
    if (this.spans.length === 0) this.insertSpan(0, { timestamp: this.reachTimestamp, hash: this.reachHash });
    const at = this.spanAt({ timestamp: time, hash: hashOfTimer(tag) });
    const { table, cutAbove } = this.spans[at] as Span;
    const { writer } = this;
    writeTimer(writer, key, namespace, time);
    if (table.values.find(tag, writer.rawBytes, writer.position)) return false;
    this.insertRecord(table, tag);
    if (table.values.count > cutAbove) this.cut(at);
    this.store.context.compactor.step();
    return true;
  }

  delete(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    const time = timestamp + 0;
    const tag = time < this.reachTimestamp ? 0 : this.tagOf(key, namespace, time);
    if (this.isNear(time, tag)) return this.near.delete(key, namespace, time);
    const at = this.spanAt({ timestamp: time, hash: hashOfTimer(tag) });
    const span = this.spans[at];
    if (span === undefined) return false;
    const { writer } = this;
    writeTimer(writer, key, namespace, time);
    if (!span.table.values.remove(tag, writer.rawBytes, writer.position)) return false;
    this.far--;
    if (span.table.values.count === 0) this.dropSpan(at);
    this.store.context.compactor.step();
    return true;
  }

  peekTimestamp(): number | undefined {
    if (this.near.size === 0) this.loadUntil(Number.POSITIVE_INFINITY);
    return this.near.peekTimestamp();
  }

  popUntil(timestamp: number): Timer | undefined {
    if (this.near.size === 0) this.loadUntil(timestamp);
    return this.near.popUntil(timestamp);
  }

  freeze(maxParallelism: number): FrozenTimers {
    return this.near.freeze(maxParallelism);
  }

  restore(snapshot: TimerQueueSnapshot, keyGroupRange?: KeyGroupRange): void {
    for (const { key, namespace, timestamp } of timersOf(snapshot, keyGroupRange)) {
      invariant(this.add(key, namespace, timestamp), 'a timer was restored twice');
    }
  }

  /** The tables of the store are from a snapshot of one queue: they are its spans. */
  adoptTables(): void {
    this.spans = [];
    this.far = 0;
    for (const table of this.store.allTables()) {
      const { count } = table.values;
      if (count === 0) continue;
      const [timestamp, hash] = table.namespace.split('/').map(Number) as [number, number];
      this.spans.push({ timestamp, hash, table, cutAbove: Math.max(count, this.spanLimit) });
      this.far += count;
    }
    this.spans.sort(comparePositions);
    this.setReach();
  }

  /** The tables of the store are from several snapshots, and overlap: makes new ones. Yields the bytes of each that is done. */
  *dealOutTables(): Generator<number, void> {
    const { store } = this;
    this.spans = [];
    this.far = 0;
    this.setReach();
    for (const table of store.detachTables()) {
      let bytes = 0;
      forEachTimerRecord(store.context.log, table, (window) => {
        const { key, namespace, timestamp } = this.timerIn(window);
        invariant(this.add(key, namespace, timestamp), 'a timer was restored twice');
        bytes += window.length;
      });
      table.drop();
      yield bytes;
    }
  }

  private tagOf(key: CanonicalKey, namespace: string, timestamp: number): number {
    const { current, maxParallelism } = this.store.context;
    return tagOfTimer(key, namespace, timestamp, current, maxParallelism);
  }

  private isNear(timestamp: number, tag: number): boolean {
    if (timestamp !== this.reachTimestamp) return timestamp < this.reachTimestamp;
    return hashOfTimer(tag) < this.reachHash;
  }

  private addNear(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    if (!this.near.add(key, namespace, timestamp)) return false;
    if (this.near.size > this.nearLimit) this.unload();
    else if (this.near.size > this.takenTimers) this.takeMemory();
    return true;
  }

  /** The last one that begins at or before a position; −1 if there is none. */
  private spanAt(position: TimerPosition): number {
    const { spans } = this;
    let low = 0;
    let high = spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePositions(spans[middle] as Span, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private insertSpan(at: number, { timestamp, hash }: TimerPosition): Span {
    const table = this.store.makeTable(`${timestamp}/${hash}`);
    const span = { timestamp, hash, table, cutAbove: this.spanLimit };
    this.spans.splice(at, 0, span);
    this.setReach();
    return span;
  }

  /** The one before it, or the heap, takes its place. */
  private dropSpan(at: number): void {
    const [span] = this.spans.splice(at, 1);
    this.store.dropTable((span as Span).table.namespace);
    this.setReach();
  }

  private setReach(): void {
    const [first] = this.spans;
    if (first === undefined && !this.isOpen) {
      this.reachTimestamp = Number.NEGATIVE_INFINITY;
      this.reachHash = 0;
    } else {
      this.reachTimestamp = first?.timestamp ?? Number.POSITIVE_INFINITY;
      this.reachHash = first?.hash ?? NO_HASH_IS_BEHIND;
    }
  }

  /** The record that `writer` holds. */
  private insertRecord({ values }: StateTable, tag: number): void {
    values.store(false, tag, this.writer.toBytes(), this.writer.position);
    this.far++;
  }

  /** Brings the first span onto the heap, if it begins by then. */
  private loadUntil(timestamp: number): void {
    const { store, near } = this;
    const [span] = this.spans;
    if (span !== undefined && span.timestamp <= timestamp) {
      this.far -= span.table.values.count;
      forEachTimerRecord(store.context.log, span.table, (window) => {
        const timer = this.timerIn(window);
        near.add(timer.key, timer.namespace, timer.timestamp);
      });
      this.dropSpan(0);
    }
    this.takeMemory();
  }

  /** Makes a span of the farther half of the timers on the heap. */
  private unload(): void {
    const { near } = this;
    const timers = [...near].map((timer) => {
      const { key, namespace, timestamp } = timer;
      const tag = this.tagOf(key, namespace, timestamp);
      return { ...timer, tag, hash: hashOfTimer(tag) };
    });
    timers.sort(comparePositions);
    const from = firstLike(timers, timers.length - this.spanLimit);
    const { table } = this.insertSpan(0, timers[from] as TimerPosition);
    for (let i = from; i < timers.length; i++) {
      const { key, namespace, timestamp, tag } = timers[i] as (typeof timers)[number];
      near.delete(key, namespace, timestamp);
      writeTimer(this.writer, key, namespace, timestamp);
      this.insertRecord(table, tag);
    }
    this.takeMemory();
    this.store.context.compactor.step();
  }

  /** Moves what is behind the middle of a span to a new one. */
  private cut(at: number): void {
    const span = this.spans[at] as Span;
    const positions = this.positionsIn(span.table).sort(comparePositions);
    const kept = at === this.spans.length - 1 ? KEPT_OF_LAST_SPAN : 1 / 2;
    const wanted = firstLike(positions, Math.floor(positions.length * kept));
    const from = wanted > 0 ? wanted : firstUnlike(positions, 0);
    if (from === positions.length) {
      span.cutAbove *= 2;
      return;
    }
    const { table } = this.insertSpan(at + 1, positions[from] as TimerPosition);
    this.move(positions.slice(from), span.table, table);
  }

  private positionsIn(table: StateTable): RecordPosition[] {
    const positions: RecordPosition[] = [];
    forEachTimerRecord(this.store.context.log, table, (window, location) => {
      const { reader } = this;
      reader.reset(window.bytes, window.start + HEADER_BYTES, window.start + window.length);
      const tag = window.word(TAG_WORD);
      positions.push({ timestamp: reader.readFloat64(), hash: hashOfTimer(tag), tag, location });
    });
    return positions;
  }

  private move(records: readonly RecordPosition[], { values: from }: StateTable, { values: to }: StateTable): void {
    const { log } = this.store.context;
    const inOrderOfLog = [...records].sort((a, b) => (a.location >>> 0) - (b.location >>> 0));
    log.iterate(() => {
      const window = new RecordWindow(log.segments);
      for (const { tag, location } of inOrderOfLog) {
        window.open(location);
        const units = window.length / UNIT_BYTES;
        to.insert(tag, log.appendCopy(to.table, units, window.bytes, window.start), units);
        invariant(from.holds(tag, location), 'a timer is not where it was');
        from.removeFound();
      }
    });
  }

  private timerIn({ bytes, start, length }: RecordWindow): Timer {
    this.reader.reset(bytes, start + HEADER_BYTES, start + length);
    return readTimer(this.reader);
  }

  /** Takes memory for the timers on the heap, or gives it back. */
  private takeMemory(): void {
    const needed = Math.ceil(this.near.size / this.stepTimers) * this.stepTimers;
    if (needed === this.takenTimers) return;
    const { memory } = this.store.context.log;
    const bytes = (needed - this.takenTimers) * NEAR_TIMER_BYTES;
    this.takenTimers = needed;
    if (bytes > 0) memory.reserve(bytes);
    else memory.release(-bytes);
  }
}

/** The first of the elements, from `index` backwards, that have the position of the one at `index`. */
function firstLike(sorted: readonly TimerPosition[], index: number): number {
  let first = index;
  while (first > 0 && comparePositions(sorted[first - 1] as TimerPosition, sorted[index] as TimerPosition) === 0) first--;
  return first;
}

/** The first element behind those that have the position of the one at `index`. */
function firstUnlike(sorted: readonly TimerPosition[], index: number): number {
  let next = index;
  while (next < sorted.length && comparePositions(sorted[next] as TimerPosition, sorted[index] as TimerPosition) === 0) next++;
  return next;
}
