/**
 * The state of aligned windows: accumulators by key and slice.
 *
 * A slice (pane) is the span of time that all windows share or all do not: the greatest common divisor of size and slide.
 * A record is added to one slice, however many windows hold it. Each accumulator is a `Cell`, and every cell is reached in
 * two ways: from its key (cells of a key are linked, the newest first, which is where most records go) and from its slice
 * (a list, so that firing or dropping a slice is one iteration that looks up nothing).
 *
 * Invariants: cells of a key are ordered by slice and unique; slices are ordered; a slice without cells does not exist. A
 * key without cells stays for a while, because most keys come back with the next window; such keys are swept out when the
 * table has doubled since the last sweep, so that they never outnumber the others by more than that.
 */
import type { CanonicalKey } from '../../state/index.ts';
import { refuseTimestamp } from './window-assigner.ts';

/** Stands for the accumulator of a reduction that has seen no value. */
export const EMPTY: unique symbol = Symbol('EMPTY');

/** One accumulator. */
export class Cell {
  readonly entry: KeyEntry;
  readonly index: number;
  accumulator: unknown;
  /** Of this cell and the newer ones up to a flip: see `RunningMerge`. */
  suffix: unknown = EMPTY;
  older: Cell | undefined;
  newer: Cell | undefined;

  constructor(entry: KeyEntry, index: number, accumulator: unknown, older: Cell | undefined, newer: Cell | undefined) {
    this.entry = entry;
    this.index = index;
    this.accumulator = accumulator;
    this.older = older;
    this.newer = newer;
  }
}

/** A key and its cells. The fields below the links belong to `RunningMerge`. */
export class KeyEntry {
  readonly key: CanonicalKey;
  newest: Cell | undefined = undefined;
  oldest: Cell | undefined = undefined;
  isActive = false;
  front: Cell[] | undefined = undefined;
  back: unknown = EMPTY;
  backStart = Number.NEGATIVE_INFINITY;
  backEnd = Number.NEGATIVE_INFINITY;

  constructor(key: CanonicalKey) {
    this.key = key;
  }
}

export interface Slice {
  readonly index: number;
  readonly cells: Cell[];
}

const SHARDS = 64;
const SPLIT_ABOVE = 32_768;
const SWEEP_AT_LEAST = 1024;

export class SliceTable {
  /** Ascending by index. */
  readonly slices: Slice[] = [];
  private readonly createAccumulator: () => unknown;
  private readonly onNewSlice: (index: number) => void;
  private maps: Map<CanonicalKey, KeyEntry>[] = [new Map()];
  private only: Map<CanonicalKey, KeyEntry> | undefined = this.maps[0];
  private size = 0;
  private sweepAbove = SWEEP_AT_LEAST;
  private lastSlice: Slice | undefined = undefined;

  constructor(createAccumulator: () => unknown, onNewSlice: (index: number) => void) {
    this.createAccumulator = createAccumulator;
    this.onNewSlice = onNewSlice;
  }

  find(key: CanonicalKey): KeyEntry | undefined {
    return (this.only ?? this.mapOf(key)).get(key);
  }

  /** The cell of a slice, made if need be. `entry` is what `find` returned. */
  cellOf(key: CanonicalKey, entry: KeyEntry | undefined, index: number): Cell {
    const owner = entry ?? this.insert(key);
    let newer: Cell | undefined;
    let older = owner.newest;
    while (older !== undefined && older.index > index) {
      newer = older;
      older = older.older;
    }
    if (older !== undefined && older.index === index) return older;
    const { cells } = this.sliceOf(index);
    const cell = new Cell(owner, index, this.createAccumulator(), older, newer);
    if (older === undefined) owner.oldest = cell;
    else older.newer = cell;
    if (newer === undefined) owner.newest = cell;
    else newer.older = cell;
    cells.push(cell);
    return cell;
  }

  /** The position in `slices` of the first slice at or after `index`. */
  positionOf(index: number): number {
    const { slices } = this;
    let low = 0;
    let high = slices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((slices[middle] as Slice).index < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Drops the oldest slice and its cells. */
  dropOldest(): void {
    const slice = this.slices.shift();
    if (slice === undefined) return;
    if (this.lastSlice === slice) this.lastSlice = undefined;
    for (const cell of slice.cells) {
      const { entry, newer } = cell;
      entry.oldest = newer;
      if (newer === undefined) entry.newest = undefined;
      else newer.older = undefined;
    }
  }

  private sliceOf(index: number): Slice {
    if (this.lastSlice?.index === index) return this.lastSlice;
    const position = this.positionOf(index);
    let slice = this.slices[position];
    if (slice?.index !== index) {
      if (!Number.isSafeInteger(index)) refuseTimestamp(index);
      slice = { index, cells: [] };
      this.slices.splice(position, 0, slice);
      this.onNewSlice(index);
    }
    this.lastSlice = slice as Slice;
    return slice as Slice;
  }

  private insert(key: CanonicalKey): KeyEntry {
    if (this.size >= this.sweepAbove) this.sweep();
    if (this.size >= SPLIT_ABOVE && this.only !== undefined) this.split();
    const entry = new KeyEntry(key);
    this.mapOf(key).set(key, entry);
    this.size++;
    return entry;
  }

  private sweep(): void {
    for (const map of this.maps) {
      for (const [key, entry] of map) {
        if (entry.newest !== undefined) continue;
        map.delete(key);
        this.size--;
      }
    }
    this.sweepAbove = 2 * this.size + SWEEP_AT_LEAST;
  }

  /** One large Map would be rehashed whole when it is full, and stop the thread for long. */
  private split(): void {
    const before = this.maps[0] as Map<CanonicalKey, KeyEntry>;
    this.maps = Array.from({ length: SHARDS }, () => new Map());
    this.only = undefined;
    for (const [key, entry] of before) this.mapOf(key).set(key, entry);
  }

  private mapOf(key: CanonicalKey): Map<CanonicalKey, KeyEntry> {
    return this.only ?? (this.maps[shardOf(key)] as Map<CanonicalKey, KeyEntry>);
  }
}

/** Cheap, not even: 0 to 63. */
function shardOf(key: CanonicalKey): number {
  if (typeof key === 'number') return Math.imul(key, 0x9e3779b1) >>> 26;
  if (typeof key !== 'string') return typeof key === 'bigint' ? Number(BigInt.asUintN(6, key)) : 0;
  const { length } = key;
  if (length < 2) return length === 0 ? 0 : key.charCodeAt(0) & 63;
  return (key.charCodeAt(length - 1) * 31 + key.charCodeAt(length >> 1) * 17 + key.charCodeAt(length - 2)) & 63;
}
