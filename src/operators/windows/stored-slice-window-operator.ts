/**
 * Aligned windows whose slices are in keyed state: for state backends that hold more than fits on the heap.
 *
 * Nothing on the heap grows with the number of keys; what is known here is which slices there are. A sliding window is
 * merged when it fires, slice by slice: a key is taken up at the oldest slice of the window that has it. Whether a slice has a key
 * is looked up without reading its value, so each value is read once for each of its windows.
 */

import { AlignedWindowOperator } from './aligned-window-operator.ts';
import { EMPTY } from './window-aggregate.ts';
import { refuseTimestamp } from './window-assigner.ts';

export class StoredSliceWindowOperator extends AlignedWindowOperator {
  /** Ascending. */
  private readonly slices: number[] = [];
  private readonly names = new Map<number, string>();

  processElement(value: unknown, timestamp: number): void {
    if (!this.isEventTime) this.addTo(this.alignment.sliceOf(this.currentTime()), value);
    else if (timestamp > this.lateUpTo) this.addTo(this.alignment.sliceOf(timestamp), value);
    else this.processLate(value, timestamp);
  }

  protected addTo(slice: number, value: unknown): void {
    this.accumulators.select(this.names.get(slice) ?? this.addSlice(slice));
    this.accumulators.add(value);
  }

  protected nextSlice(slice: number): number | undefined {
    return this.slices[this.positionOf(slice)];
  }

  protected dropSlice(slice: number): void {
    this.accumulators.state.clearNamespace(this.nameOf(slice));
    this.slices.shift();
    this.names.delete(slice);
  }

  protected fire(window: number): void {
    const { accumulators, backend } = this;
    const slices = this.slicesOf(window);
    for (const [i, slice] of slices.entries()) {
      const name = this.nameOf(slice);
      accumulators.state.forEachKeyInNamespace(name, () => {
        for (let older = 0; older < i; older++) if (this.has(slices[older] as number)) return;
        this.emitFirst(window, backend.currentCanonicalKey, this.merged(slices, i));
      });
    }
  }

  protected fireAgain(late: number, watermark: number): void {
    const key = this.backend.currentCanonicalKey;
    for (const window of this.firedWindowsOf(late, watermark)) this.emit(window, key, this.merged(this.slicesOf(window)));
  }

  protected restoreSlices(): void {
    for (const name of this.accumulators.state.namespaces()) this.addSlice(this.restoredSlice(name));
  }

  /** Of the current key, in the order of time; the caller may change it. */
  private merged(slices: readonly number[], from = 0): unknown {
    const { accumulators, aggregate } = this;
    let merged: unknown = EMPTY;
    for (let i = from; i < slices.length; i++) {
      accumulators.select(this.nameOf(slices[i] as number));
      const own = accumulators.own();
      if (own !== EMPTY) merged = merged === EMPTY ? own : aggregate.merge(merged, own);
    }
    return merged;
  }

  private has(slice: number): boolean {
    this.accumulators.select(this.nameOf(slice));
    return this.accumulators.state.hasValue();
  }

  private slicesOf(window: number): number[] {
    const start = this.alignment.firstSliceOf(window);
    return this.slices.slice(this.positionOf(start), this.positionOf(start + this.alignment.slicesPerWindow));
  }

  private addSlice(slice: number): string {
    if (!Number.isSafeInteger(slice)) refuseTimestamp(slice);
    const name = String(this.alignment.startOfSlice(slice));
    this.names.set(slice, name);
    this.slices.splice(this.positionOf(slice), 0, slice);
    this.onNewSlice(slice);
    return name;
  }

  private nameOf(slice: number): string {
    return this.names.get(slice) as string;
  }

  /** Of the first slice at or after `slice`. */
  private positionOf(slice: number): number {
    const { slices } = this;
    let low = 0;
    let high = slices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((slices[middle] as number) < slice) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
