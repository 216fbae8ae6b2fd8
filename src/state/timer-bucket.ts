/** The timers of one time, in the order of registration. */
import { invariant } from '../common/index.ts';
import type { CanonicalKey } from './key-encoding.ts';
import type { Timer } from './timer-queue.ts';
import type { HeapItem } from './timestamp-heap.ts';

/** Up to here a scan is faster than an index, and much smaller. */
const INDEX_ABOVE = 8;

export class TimerBucket implements HeapItem {
  readonly timestamp: number;
  heapIndex = -1;
  private count = 0;
  /** Gaps are deleted timers. */
  private timers: (Timer | undefined)[] = [];
  /** The first place that may hold a timer. */
  private head = 0;
  /** Namespace → key → place in `timers`. */
  private index: Map<string, Map<CanonicalKey, number>> | undefined = undefined;

  constructor(timestamp: number) {
    this.timestamp = timestamp;
  }

  get size(): number {
    return this.count;
  }

  add(key: CanonicalKey, namespace: string): boolean {
    if (this.index !== undefined) {
      const places = this.placesIn(namespace, this.index);
      if (places.has(key)) return false;
      places.set(key, this.timers.length);
    } else if (this.scan(key, namespace) >= 0) {
      return false;
    }
    const timer = { key, namespace, timestamp: this.timestamp };
    // A literal has room for one timer, where `push` makes room for 17: many a bucket never gets a second.
    if (this.timers.length === 0) this.timers = [timer];
    else this.timers.push(timer);
    this.count++;
    if (this.index === undefined && this.timers.length > INDEX_ABOVE) this.rebuild();
    return true;
  }

  has(key: CanonicalKey, namespace: string): boolean {
    return this.placeOf(key, namespace) >= 0;
  }

  delete(key: CanonicalKey, namespace: string): boolean {
    const place = this.placeOf(key, namespace);
    if (place < 0) return false;
    this.index?.get(namespace)?.delete(key);
    this.timers[place] = undefined;
    this.count--;
    if (this.timers.length - this.head > 2 * this.count + INDEX_ABOVE) this.rebuild();
    return true;
  }

  /** Removes the first timer; there must be one. */
  shift(): Timer {
    let timer = this.timers[this.head++];
    while (timer === undefined) {
      invariant(this.head <= this.timers.length, 'an empty bucket of timers was popped');
      timer = this.timers[this.head++];
    }
    this.timers[this.head - 1] = undefined;
    this.index?.get(timer.namespace)?.delete(timer.key);
    this.count--;
    return timer;
  }

  *[Symbol.iterator](): Generator<Timer, void> {
    for (let i = this.head; i < this.timers.length; i++) {
      const timer = this.timers[i];
      if (timer !== undefined) yield timer;
    }
  }

  /**
   * The timers in the order of registration, with gaps: an array for them, which costs much less than going over them; those
   * of a small bucket are added to `small`, which costs much less than an array.
   */
  copy(small: (Timer | undefined)[]): readonly (Timer | undefined)[] | undefined {
    if (this.timers.length > INDEX_ABOVE) return this.timers.slice(this.head);
    for (let i = this.head; i < this.timers.length; i++) small.push(this.timers[i]);
    return undefined;
  }

  /** Closes the gaps, and indexes what is left if it is enough. */
  private rebuild(): void {
    this.timers = [...this];
    this.head = 0;
    this.index = undefined;
    if (this.timers.length <= INDEX_ABOVE) return;
    const index = new Map<string, Map<CanonicalKey, number>>();
    for (const [place, timer] of this.timers.entries()) {
      if (timer !== undefined) this.placesIn(timer.namespace, index).set(timer.key, place);
    }
    this.index = index;
  }

  private placesIn(namespace: string, index: Map<string, Map<CanonicalKey, number>>): Map<CanonicalKey, number> {
    let places = index.get(namespace);
    if (places === undefined) {
      places = new Map();
      index.set(namespace, places);
    }
    return places;
  }

  private placeOf(key: CanonicalKey, namespace: string): number {
    if (this.index !== undefined) return this.index.get(namespace)?.get(key) ?? -1;
    return this.scan(key, namespace);
  }

  private scan(key: CanonicalKey, namespace: string): number {
    for (let i = this.head; i < this.timers.length; i++) {
      const timer = this.timers[i];
      if (timer !== undefined && timer.key === key && timer.namespace === namespace) return i;
    }
    return -1;
  }
}
