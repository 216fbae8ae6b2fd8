/**
 * Aligned windows whose slices are on the heap: the fast way, as long as they fit.
 *
 * The code that every record runs is written into the function of its chain, with the program's own functions in it. Between
 * checkpoints, keyed state holds nothing of this: cells are written there for a snapshot, and read back once.
 */
import type { CanonicalKey } from '../../state/index.ts';
import type { ChainCode } from '../operator.ts';
import { AlignedWindowOperator } from './aligned-window-operator.ts';
import { copyData } from './copy-data.ts';
import { KeyMap } from './key-map.ts';
import { RunningMerge } from './running-merge.ts';
import { type Cell, type Slice, SliceTable } from './slice-table.ts';
import { addCode, EMPTY } from './window-aggregate.ts';

export class SliceWindowOperator extends AlignedWindowOperator {
  private readonly table = new SliceTable((slice) => this.onNewSlice(slice));
  /** Of sliding windows: the keys of the window that fired last, with the cells of its slices. */
  private readonly active = new KeyMap<RunningMerge>();
  /** Up to which slice cells are in `active`. */
  private activeEnd = Number.NEGATIVE_INFINITY;
  private hasSnapshotState = false;

  inline(code: ChainCode, value: string, timestamp: string): string {
    code.collect();
    const operator = code.bind(this, 'window');
    const table = code.bind(this.table, 'table');
    const backend = code.bind(this.backend, 'backend');
    const create = code.bind(this.aggregate.create, 'create');
    const { offsetMs, sliceMs } = this.alignment;
    const [slice, key, cell] = [code.local('slice'), code.local('key'), code.local('cell')];
    const addTo = (time: string): string => `const ${slice} = ${table}.sliceAt(Math.floor((${time} - ${offsetMs}) / ${sliceMs}));
const ${key} = ${backend}.currentCanonicalKey;
const ${cell} = ${slice}.cells.get(${key}) ?? ${slice}.insert(${key}, ${create}());
${addCode(this.operation.contents, code, `${cell}.accumulator`, value)}`;
    if (!this.isEventTime) return `{\n${addTo(`${operator}.currentTime()`)}\n}`;
    return `if (${timestamp} > ${operator}.lateUpTo) {
${addTo(timestamp)}
} else ${operator}.processLate(${value}, ${timestamp});`;
  }

  prepareSnapshot(): void {
    const { accumulators, backend } = this;
    this.clearSnapshotState();
    for (const slice of this.table.slices) {
      accumulators.select(String(this.alignment.startOfSlice(slice.index)));
      for (const cells of slice.cells.parts()) {
        for (const { key, accumulator } of cells.values()) {
          backend.setCurrentCanonicalKey(key);
          accumulators.write(accumulator);
        }
      }
    }
    this.hasSnapshotState = true;
  }

  protected override advance(timestamp: number): void {
    if (this.hasSnapshotState) this.clearSnapshotState();
    super.advance(timestamp);
  }

  protected addTo(slice: number, value: unknown): void {
    const cell = this.cellAt(slice, this.backend.currentCanonicalKey);
    cell.accumulator = this.aggregate.add(value, cell.accumulator);
  }

  protected nextSlice(slice: number): number | undefined {
    return this.table.slices[this.table.positionOf(slice)]?.index;
  }

  protected dropSlice(): void {
    this.table.dropOldest();
  }

  protected fire(window: number): void {
    if (this.alignment.slicesPerWindow === 1) this.fireTumbling(window);
    else this.fireSliding(window);
  }

  protected fireAgain(late: number, watermark: number): void {
    const { alignment, backend } = this;
    const key = backend.currentCanonicalKey;
    const merge = new RunningMerge(this.aggregate.merge);
    let next = Number.NEGATIVE_INFINITY;
    for (const window of this.firedWindowsOf(late, watermark)) {
      const start = alignment.firstSliceOf(window);
      const end = start + alignment.slicesPerWindow;
      this.addCells(merge, key, Math.max(next, start), end);
      next = end;
      this.emit(window, key, merge.from(start));
    }
    if (late < this.activeEnd) this.mergeAgain(key);
  }

  protected restoreSlices(): void {
    const { accumulators, backend } = this;
    for (const name of accumulators.state.namespaces()) {
      const slice = this.restoredSlice(name);
      accumulators.state.forEachKeyInNamespace(name, () => {
        this.cellAt(slice, backend.currentCanonicalKey).accumulator = accumulators.read();
      });
    }
    this.clearSnapshotState();
  }

  private fireTumbling(window: number): void {
    const slice = this.table.slices[this.table.positionOf(window)] as Slice;
    const goesOn = this.operation.allowedLatenessMs > 0;
    for (const cells of slice.cells.parts()) {
      for (const { key, accumulator } of cells.values()) {
        this.emitFirst(window, key, goesOn ? copyData(accumulator) : accumulator);
      }
    }
  }

  private fireSliding(window: number): void {
    const start = this.alignment.firstSliceOf(window);
    const end = start + this.alignment.slicesPerWindow;
    const { active } = this;
    const { slices } = this.table;
    for (let i = this.table.positionOf(Math.max(start, this.activeEnd)); i < slices.length; i++) {
      const slice = slices[i] as Slice;
      if (slice.index >= end) break;
      for (const cells of slice.cells.parts()) for (const cell of cells.values()) this.mergeOf(cell.key).add(cell);
    }
    this.activeEnd = end;
    for (const part of active.parts()) {
      for (const [key, merge] of part) {
        const accumulator = merge.from(start);
        if (accumulator === EMPTY) active.delete(key);
        else this.emitFirst(window, key, accumulator);
      }
    }
  }

  /** A cell that was merged already has changed: begins anew with what the next window needs. */
  private mergeAgain(key: CanonicalKey): void {
    this.active.delete(key);
    this.addCells(this.mergeOf(key), key, this.alignment.firstSliceOf(this.nextWindow), this.activeEnd);
  }

  private addCells(merge: RunningMerge, key: CanonicalKey, start: number, end: number): void {
    const { slices } = this.table;
    for (let i = this.table.positionOf(start); i < slices.length; i++) {
      const slice = slices[i] as Slice;
      if (slice.index >= end) break;
      const cell = slice.cells.get(key);
      if (cell !== undefined) merge.add(cell);
    }
  }

  private mergeOf(key: CanonicalKey): RunningMerge {
    let merge = this.active.get(key);
    if (merge === undefined) this.active.set(key, (merge = new RunningMerge(this.aggregate.merge)));
    return merge;
  }

  private cellAt(index: number, key: CanonicalKey): Cell {
    const slice = this.table.sliceAt(index);
    return slice.cells.get(key) ?? slice.insert(key, this.aggregate.create());
  }

  private clearSnapshotState(): void {
    const { state } = this.accumulators;
    for (const name of state.namespaces()) state.clearNamespace(name);
    this.hasSnapshotState = false;
  }
}
