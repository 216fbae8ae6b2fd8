/**
 * A binary heap of items by time from which any item can be removed. Times are kept in an array of their own, so that
 * comparing needs no look at the items; each item knows its place. O(log n) per change.
 */

export interface HeapItem {
  readonly timestamp: number;
  /** Kept by the heap; −1 outside of it. */
  heapIndex: number;
}

export class TimestampHeap<T extends HeapItem> {
  private items: T[] = [];
  private times = new Float64Array(64);

  get first(): T | undefined {
    return this.items[0];
  }

  add(item: T): void {
    const place = this.items.length;
    if (place === this.times.length) {
      const larger = new Float64Array(place * 2);
      larger.set(this.times);
      this.times = larger;
    }
    this.items.push(item);
    this.moveUp(item, place);
  }

  remove(item: T): void {
    const place = item.heapIndex;
    item.heapIndex = -1;
    const last = this.items.pop() as T;
    if (last === item) return;
    const parent = (place - 1) >> 1;
    if (place > 0 && (this.times[parent] as number) > last.timestamp) this.moveUp(last, place);
    else this.moveDown(last, place);
  }

  clear(): void {
    this.items = [];
  }

  private moveUp(item: T, from: number): void {
    const { items, times } = this;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if ((times[parent] as number) <= item.timestamp) break;
      this.set(items[parent] as T, place);
      place = parent;
    }
    this.set(item, place);
  }

  private moveDown(item: T, from: number): void {
    const { items, times } = this;
    const { length } = items;
    let place = from;
    for (let child = 2 * place + 1; child < length; child = 2 * place + 1) {
      if (child + 1 < length && (times[child + 1] as number) < (times[child] as number)) child++;
      if ((times[child] as number) >= item.timestamp) break;
      this.set(items[child] as T, place);
      place = child;
    }
    this.set(item, place);
  }

  private set(item: T, place: number): void {
    this.items[place] = item;
    this.times[place] = item.timestamp;
    item.heapIndex = place;
  }
}
