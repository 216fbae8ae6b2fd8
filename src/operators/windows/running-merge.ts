/**
 * Merges the slices of a sliding window per key, in about three merges per key and slide, however many slices there are.
 *
 * Algorithm: a queue out of two stacks, for operations without an inverse (folklore; see Tangwongsan, Hirzel, Schneider,
 * "Low-latency sliding-window aggregation in worst-case constant time", 2017). `front` holds the older cells, each with the
 * merged value of itself and all newer cells of the front; `back` is the merged value of the cells after the front. A
 * window is the top of the front merged with the back. When the front has run out, all cells of the window become the
 * front. Each cell is thereby merged twice, and each window costs one merge more.
 *
 * Merging is in order of time. Accumulators are handed to the program's `merge` as copies whenever they are needed again,
 * since it may change what it gets.
 */
import { copyData } from './copy-data.ts';
import { type Cell, EMPTY, type KeyEntry } from './slice-table.ts';

export type Merge = (older: unknown, newer: unknown) => unknown;

export class RunningMerge {
  private readonly merge: Merge;
  private readonly fresh: Cell[] = [];

  constructor(merge: Merge) {
    this.merge = merge;
  }

  /**
   * The merged accumulators of the slices from `start` to before `end`, the caller's own; `EMPTY` if there are none.
   * For one key, windows are asked for in ascending order.
   */
  of(entry: KeyEntry, start: number, end: number): unknown {
    entry.front ??= [];
    const { front } = entry;
    while (front.length > 0 && (front[front.length - 1] as Cell).index < start) (front.pop() as Cell).suffix = EMPTY;
    if (front.length === 0 && entry.backStart < start) this.flip(entry, front, start, end);
    else this.absorb(entry, end);
    const top = front[front.length - 1];
    if (top === undefined) return copyData(entry.back);
    if (entry.back === EMPTY) return copyData(top.suffix);
    return this.merge(copyData(top.suffix), copyData(entry.back));
  }

  /** The same without any memory of the last window: for single windows that fire again. */
  scan(entry: KeyEntry, start: number, end: number): unknown {
    let result: unknown = EMPTY;
    for (let cell = entry.newest; cell !== undefined && cell.index >= start; cell = cell.older) {
      if (cell.index >= end) continue;
      result = result === EMPTY ? copyData(cell.accumulator) : this.merge(copyData(cell.accumulator), result);
    }
    return result;
  }

  /** Cells changed that were merged already, or windows were left out: begin anew with the next window. */
  static forget(entry: KeyEntry): void {
    if (entry.front !== undefined) for (const cell of entry.front.splice(0)) cell.suffix = EMPTY;
    entry.back = EMPTY;
    entry.backStart = Number.NEGATIVE_INFINITY;
  }

  private flip(entry: KeyEntry, front: Cell[], start: number, end: number): void {
    let suffix: unknown = EMPTY;
    for (let cell = entry.newest; cell !== undefined && cell.index >= start; cell = cell.older) {
      if (cell.index >= end) continue;
      const own = copyData(cell.accumulator);
      suffix = suffix === EMPTY ? own : this.merge(own, copyData(suffix));
      cell.suffix = suffix;
      front.push(cell);
    }
    entry.back = EMPTY;
    entry.backStart = Number.POSITIVE_INFINITY;
    entry.backEnd = end;
  }

  private absorb(entry: KeyEntry, end: number): void {
    const { fresh } = this;
    for (let cell = entry.newest; cell !== undefined && cell.index >= entry.backEnd; cell = cell.older) {
      if (cell.index < end) fresh.push(cell);
    }
    entry.backEnd = end;
    for (let cell = fresh.pop(); cell !== undefined; cell = fresh.pop()) {
      const own = copyData(cell.accumulator);
      if (entry.back === EMPTY) {
        entry.back = own;
        entry.backStart = cell.index;
      } else entry.back = this.merge(entry.back, own);
    }
  }
}
