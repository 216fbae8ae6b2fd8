/**
 * Merges the slices of one key's sliding windows, in about three merges per window, however many slices a window has.
 *
 * Algorithm: a queue out of two stacks, for operations without an inverse (folklore; see Tangwongsan, Hirzel, Schneider,
 * "Low-latency sliding-window aggregation in worst-case constant time", 2017). The front holds the older cells, each with
 * the merged value of itself and all newer cells of the front; the back is the merged value of the cells after the front.
 * A window is the top of the front merged with the back. When the front has run out and the back begins before the
 * window, the cells of the back become the front. Each cell is thereby merged twice, and each window costs one merge more.
 *
 * Merging is in order of time. Accumulators are handed to the program's `merge` as copies whenever they are needed again,
 * since it may change what it gets.
 */
import { copyData } from './copy-data.ts';
import type { Cell } from './slice-table.ts';
import { EMPTY } from './window-aggregate.ts';

export type Merge = (older: unknown, newer: unknown) => unknown;

export class RunningMerge {
  private readonly merge: Merge;
  /** The oldest cell is the last. */
  private readonly front: Cell[] = [];
  private readonly suffixes: unknown[] = [];
  private tail: Cell[] = [];
  private back: unknown = EMPTY;

  constructor(merge: Merge) {
    this.merge = merge;
  }

  /** Adds a cell that is newer than all before. It must not change while it is part of a window. */
  add(cell: Cell): void {
    this.tail.push(cell);
    const own = copyData(cell.accumulator);
    this.back = this.back === EMPTY ? own : this.merge(this.back, own);
  }

  /**
   * The merged accumulators of all cells from slice `start` on, the caller's own; `EMPTY` if there are none left. Older
   * cells are forgotten: ask for windows in ascending order.
   */
  from(start: number): unknown {
    const { front, suffixes } = this;
    while (front.length > 0 && (front[front.length - 1] as Cell).index < start) {
      front.pop();
      suffixes.pop();
    }
    if (front.length === 0 && this.tail.length > 0 && (this.tail[0] as Cell).index < start) this.flip(start);
    if (front.length === 0) return copyData(this.back);
    const suffix = copyData(suffixes[suffixes.length - 1]);
    return this.back === EMPTY ? suffix : this.merge(suffix, copyData(this.back));
  }

  private flip(start: number): void {
    const { tail } = this;
    let suffix: unknown = EMPTY;
    for (let i = tail.length - 1; i >= 0; i--) {
      const cell = tail[i] as Cell;
      if (cell.index < start) break;
      const own = copyData(cell.accumulator);
      suffix = suffix === EMPTY ? own : this.merge(own, copyData(suffix));
      this.front.push(cell);
      this.suffixes.push(suffix);
    }
    this.tail = [];
    this.back = EMPTY;
  }
}
