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
import { KeyMap } from './key-map.ts';
import { refuseTimestamp } from './window-assigner.ts';

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

export class Slice {
  readonly index: number;
  readonly cells = new KeyMap<Cell>();

  constructor(index: number) {
    this.index = index;
  }

  /** Adds a cell for a key that has none. */
  insert(key: CanonicalKey, accumulator: unknown): Cell {
    const cell = new Cell(key, this.index, accumulator);
    this.cells.set(key, cell);
    return cell;
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
