/**
 * Sessions by the time at which they are to be looked at: a binary heap.
 *
 * A session has one current place, at `dueMs`. Putting it elsewhere leaves the old place behind, which is passed over when
 * its turn comes: taking entries out of the middle of a heap would cost more.
 */
import type { CanonicalKey } from '../../state/index.ts';

export class Session {
  readonly key: CanonicalKey;
  start: number;
  /** The first timestamp after it. */
  end: number;
  accumulator: unknown;
  /** Its place in the schedule; `Infinity` if it has none. */
  dueMs = Number.POSITIVE_INFINITY;

  constructor(key: CanonicalKey, start: number, end: number, accumulator: unknown) {
    this.key = key;
    this.start = start;
    this.end = end;
    this.accumulator = accumulator;
  }
}

interface Place {
  readonly timeMs: number;
  readonly session: Session;
}

export class SessionSchedule {
  private readonly heap: Place[] = [];

  put(session: Session, timeMs: number): void {
    session.dueMs = timeMs;
    const { heap } = this;
    let i = heap.length;
    const place: Place = { timeMs, session };
    heap.push(place);
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      const other = heap[parent] as Place;
      if (other.timeMs <= timeMs) break;
      heap[i] = other;
      i = parent;
    }
    heap[i] = place;
  }

  remove(session: Session): void {
    session.dueMs = Number.POSITIVE_INFINITY;
  }

  /** The next session whose time is at or before `timeMs`; it has no place afterwards. */
  takeUntil(timeMs: number): Session | undefined {
    const { heap } = this;
    while (heap.length > 0) {
      const { timeMs: dueMs, session } = heap[0] as Place;
      if (dueMs > timeMs) return undefined;
      this.dropFirst();
      if (session.dueMs !== dueMs) continue;
      session.dueMs = Number.POSITIVE_INFINITY;
      return session;
    }
    return undefined;
  }

  private dropFirst(): void {
    const { heap } = this;
    const place = heap.pop() as Place;
    const { length } = heap;
    if (length === 0) return;
    let i = 0;
    for (let child = 1; child < length; child = 2 * i + 1) {
      if (child + 1 < length && (heap[child + 1] as Place).timeMs < (heap[child] as Place).timeMs) child++;
      const smaller = heap[child] as Place;
      if (smaller.timeMs >= place.timeMs) break;
      heap[i] = smaller;
      i = child;
    }
    heap[i] = place;
  }
}
