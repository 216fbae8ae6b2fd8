/**
 * The state of aligned windows: accumulators by slice and key.
 *
 * A slice is a span of time that every window holds either whole or not at all: as long as the greatest common divisor of
 * size and slide. A record is added to one slice, however many windows hold it. Each slice is a table of its own, so that
 * firing it is one iteration and dropping it is one assignment, whatever keys come and go. (Tried: one table of keys with
 * their cells linked. As fast for keys that return with every window; for keys that do not, three times as slow, because
 * each has to be deleted again.)
 *
 * Invariants: slices are ordered; a slice without cells does not exist.
 */
import type { CanonicalKey } from '../../state/index.ts';
import { refuseTimestamp } from './window-assigner.ts';

/** Stands for the accumulator of a reduction that has seen no value. */
export const EMPTY: unique symbol = Symbol('EMPTY');

/** The accumulator of a key in a slice. */
export class Cell {
  readonly key: CanonicalKey;
  readonly index: number;
  accumulator: unknown;

  constructor(key: CanonicalKey, index: number, accumulator: unknown) {
    this.key = key;
    this.index = index;
    this.accumulator = accumulator;
  }
}

const SHARDS = 64;
const SPLIT_ABOVE = 32_768;

/** A large table is dealt out to several Maps: one would be rehashed whole when it is full, and stop the thread for long. */
export class Slice {
  readonly index: number;
  private maps: Map<CanonicalKey, Cell>[] = [new Map()];
  private only: Map<CanonicalKey, Cell> | undefined = this.maps[0];

  constructor(index: number) {
    this.index = index;
  }

  find(key: CanonicalKey): Cell | undefined {
    return (this.only ?? this.mapOf(key)).get(key);
  }

  /** Adds a cell for a key that has none. */
  insert(key: CanonicalKey, accumulator: unknown): Cell {
    const cell = new Cell(key, this.index, accumulator);
    if (this.only !== undefined && this.only.size >= SPLIT_ABOVE) this.split(this.only);
    (this.only ?? this.mapOf(key)).set(key, cell);
    return cell;
  }

  /** The cells in several parts. */
  cells(): readonly ReadonlyMap<CanonicalKey, Cell>[] {
    return this.maps;
  }

  private split(all: ReadonlyMap<CanonicalKey, Cell>): void {
    this.maps = Array.from({ length: SHARDS }, () => new Map());
    this.only = undefined;
    for (const [key, cell] of all) this.mapOf(key).set(key, cell);
  }

  private mapOf(key: CanonicalKey): Map<CanonicalKey, Cell> {
    return this.maps[shardOf(key)] as Map<CanonicalKey, Cell>;
  }
}

const RECENT = 16;
const NO_SLICE = new Slice(Number.NaN);

export class SliceTable {
  /** Ascending by index. */
  readonly slices: Slice[] = [];
  private readonly onNewSlice: (index: number) => void;
  /** Slices used lately, by the low bits of their index: nearly all records find theirs here. */
  private readonly recent: Slice[] = Array.from({ length: RECENT }, () => NO_SLICE);

  constructor(onNewSlice: (index: number) => void) {
    this.onNewSlice = onNewSlice;
  }

  /** The slice at `index`, made if need be: add a cell to it. */
  sliceAt(index: number): Slice {
    const slice = this.recent[index & (RECENT - 1)] as Slice;
    return slice.index === index ? slice : this.lookUp(index);
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

  dropOldest(): void {
    const slice = this.slices.shift();
    if (slice === undefined) return;
    const place = slice.index & (RECENT - 1);
    if (this.recent[place] === slice) this.recent[place] = NO_SLICE;
  }

  private lookUp(index: number): Slice {
    const position = this.positionOf(index);
    let slice = this.slices[position];
    if (slice?.index !== index) {
      if (!Number.isSafeInteger(index)) refuseTimestamp(index);
      slice = new Slice(index);
      this.slices.splice(position, 0, slice);
      this.onNewSlice(index);
    }
    this.recent[index & (RECENT - 1)] = slice as Slice;
    return slice as Slice;
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
