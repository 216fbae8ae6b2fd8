/**
 * Tumbling and sliding windows with the default trigger and no evictor: the fast way.
 *
 * The general operator keeps a timer and a state per key and window, and adds a record to each of its windows. Here, a
 * record is added to one slice of time (see `SliceTable`), there are no timers, and a watermark that passes the end of
 * windows fires them whole. So a record costs one lookup whatever size/slide is; and the code that every record runs is
 * written into the function of its chain, with the program's own functions in it.
 *
 * Invariants: windows fire in order, up to the watermark, each once, and again for one key with every late record that is
 * still allowed; a slice is dropped when the last of its windows has passed its end by the allowed lateness. By processing
 * time, the clock takes the place of the watermark: one that says that all before now is there. Between checkpoints, keyed
 * state holds nothing of this: cells are written there for a snapshot, and read back once.
 */
import type { TimerHandle } from '../../common/index.ts';
import type { Counter } from '../../metrics/index.ts';
import {
  type CanonicalKey,
  type KeyedStateBackend,
  type NamespacedState,
  type ValueState,
  ValueStateDescriptor,
} from '../../state/index.ts';
import { type ChainCode, MIN_WATERMARK, type OperatorContext, type StreamOperator } from '../operator.ts';
import { copyData } from './copy-data.ts';
import { KeyMap } from './key-map.ts';
import { RunningMerge } from './running-merge.ts';
import { type Cell, type Slice, SliceTable } from './slice-table.ts';
import { addCode, EMPTY, type WindowAggregate, windowAggregate } from './window-aggregate.ts';
import { type AlignedWindowAssigner, refuseTimestamp } from './window-assigner.ts';
import { WindowEmitter } from './window-emitter.ts';
import type { WindowOperation } from './window-operation.ts';

export class SliceWindowOperator implements StreamOperator {
  readonly userFunction: unknown;
  private readonly operation: WindowOperation;
  private readonly isEventTime: boolean;
  private readonly sizeMs: number;
  private readonly slideMs: number;
  private readonly offsetMs: number;
  private readonly sliceMs: number;
  private readonly slicesPerWindow: number;
  private readonly slicesPerSlide: number;
  private readonly aggregate: WindowAggregate;
  private readonly table: SliceTable;
  /** Of sliding windows: the keys of the window that fired last, with the cells of its slices. */
  private readonly active = new KeyMap<RunningMerge>();
  /** Up to which slice cells are in `active`. */
  private activeEnd = Number.NEGATIVE_INFINITY;
  /** All windows before this one have fired. */
  private nextWindow = Number.NEGATIVE_INFINITY;
  /** The earliest time at which anything is to be fired or dropped. */
  private nextTimeMs = Number.POSITIVE_INFINITY;
  /** All windows up to here have fired. */
  private watermark = MIN_WATERMARK;
  /** Records up to here may be late: for some keys, or for all. Read by generated code. */
  lateUpTo = MIN_WATERMARK;
  private context!: OperatorContext;
  private backend!: KeyedStateBackend;
  private snapshotState!: ValueState<[unknown]> & NamespacedState;
  private hasSnapshotState = false;
  private emitter!: WindowEmitter;
  private numLateRecordsDropped!: Counter;
  private wakeUp: { readonly timeMs: number; readonly handle: TimerHandle } | undefined;

  constructor(operation: WindowOperation, assigner: AlignedWindowAssigner) {
    const { sizeMs, slideMs, offsetMs } = assigner.alignment;
    this.operation = operation;
    this.userFunction = operation.windowFunction;
    this.isEventTime = assigner.isEventTime();
    this.sizeMs = sizeMs;
    this.slideMs = slideMs;
    this.offsetMs = offsetMs;
    this.sliceMs = greatestCommonDivisor(sizeMs, slideMs);
    this.slicesPerWindow = sizeMs / this.sliceMs;
    this.slicesPerSlide = slideMs / this.sliceMs;
    this.aggregate = windowAggregate(operation.contents);
    this.table = new SliceTable((index) => this.onNewSlice(index));
  }

  open(context: OperatorContext): void | Promise<void> {
    this.context = context;
    this.backend = context.keyedState;
    this.numLateRecordsDropped = context.metrics.counter('numLateRecordsDropped');
    this.emitter = new WindowEmitter(this.operation, this.aggregate, context, false);
    this.snapshotState = this.backend.getNamespacedState(new ValueStateDescriptor<[unknown]>('window-slices'));
    if (this.isEventTime) {
      this.watermark = context.currentWatermark();
      this.lateUpTo = Math.max(this.watermark, context.keyWatermarks.highest);
      this.nextWindow = this.firstWindowAfter(this.watermark);
    }
    this.restoreSlices();
    return this.operation.windowFunction?.open?.(context.runtimeContext);
  }

  inline(code: ChainCode, value: string, timestamp: string): string {
    code.collect();
    const operator = code.bind(this, 'window');
    const table = code.bind(this.table, 'table');
    const backend = code.bind(this.backend, 'backend');
    const create = code.bind(this.aggregate.create, 'create');
    const [slice, key, cell] = [code.local('slice'), code.local('key'), code.local('cell')];
    const addTo = (
      time: string,
    ): string => `const ${slice} = ${table}.sliceAt(Math.floor((${time} - ${this.offsetMs}) / ${this.sliceMs}));
const ${key} = ${backend}.currentCanonicalKey;
const ${cell} = ${slice}.cells.get(${key}) ?? ${slice}.insert(${key}, ${create}());
${addCode(this.operation.contents, code, `${cell}.accumulator`, value)}`;
    if (!this.isEventTime) return `{\n${addTo(`${operator}.currentTime()`)}\n}`;
    return `if (${timestamp} > ${operator}.lateUpTo) {
${addTo(timestamp)}
} else ${operator}.processLate(${value}, ${timestamp});`;
  }

  processWatermark(timestamp: number): void {
    if (this.isEventTime) this.advance(timestamp);
    this.context.output.emitWatermark(timestamp);
  }

  /** Processing time; never a time whose windows have fired, even if the clock was set back. Called by generated code. */
  currentTime(): number {
    const nowMs = this.context.processingTime.currentTimeMs();
    return nowMs > this.watermark ? nowMs : this.watermark + 1;
  }

  /** A record that the watermark has passed, or that has no timestamp. Called by generated code. */
  processLate(value: unknown, timestamp: number): void {
    if (!Number.isFinite(timestamp)) refuseTimestamp(timestamp);
    const index = Math.floor((timestamp - this.offsetMs) / this.sliceMs);
    const { allowedLatenessMs, lateDataOutputTag } = this.operation;
    const last = Math.floor(index / this.slicesPerSlide);
    const watermark = this.context.currentKeyWatermark();
    if (this.lastTimeOf(last) + allowedLatenessMs <= watermark) {
      if (lateDataOutputTag) this.context.output.collectTo(lateDataOutputTag, value, timestamp);
      else this.numLateRecordsDropped.inc();
      return;
    }
    this.nextWindow = Math.max(this.nextWindow, this.firstWindowAfter(this.watermark));
    const cell = this.cellAt(index, this.backend.currentCanonicalKey);
    cell.accumulator = this.aggregate.add(value, cell.accumulator);
    if (timestamp <= watermark) this.fireAgain(cell, this.firstWindowOf(index), last, watermark);
    if (index < this.activeEnd) this.mergeAgain(cell.key);
  }

  prepareSnapshot(): void {
    const { snapshotState: state, backend } = this;
    this.clearSnapshotState();
    for (const slice of this.table.slices) {
      state.setCurrentNamespace(String(slice.index * this.sliceMs + this.offsetMs));
      for (const cells of slice.cells.parts()) {
        for (const { key, accumulator } of cells.values()) {
          backend.setCurrentCanonicalKey(key);
          state.update([accumulator]);
        }
      }
    }
    this.hasSnapshotState = true;
  }

  close(): void | Promise<void> {
    this.wakeUp?.handle.cancel();
    return this.operation.windowFunction?.close?.();
  }

  /** Fires and drops what is due at `timestamp`. */
  private advance(timestamp: number): void {
    if (this.hasSnapshotState) this.clearSnapshotState();
    this.watermark = timestamp;
    if (timestamp > this.lateUpTo) this.lateUpTo = timestamp;
    if (timestamp < this.nextTimeMs) return;
    const { slices } = this.table;
    for (let window = this.nextWindowWithRecords(); window !== undefined; window = this.nextWindowWithRecords()) {
      if (this.lastTimeOf(window) > timestamp) break;
      this.nextWindow = window + 1;
      if (this.slicesPerWindow === 1) this.fireTumbling(window);
      else this.fireSliding(window);
    }
    while (slices[0] !== undefined && this.expiryOf(slices[0].index) <= timestamp) this.table.dropOldest();
    this.nextTimeMs = Number.POSITIVE_INFINITY;
    const window = this.nextWindowWithRecords();
    if (window !== undefined) this.nextTimeMs = this.lastTimeOf(window);
    if (slices[0] !== undefined) this.nextTimeMs = Math.min(this.nextTimeMs, this.expiryOf(slices[0].index));
  }

  private fireTumbling(window: number): void {
    const slice = this.table.slices[this.table.positionOf(window)] as Slice;
    const goesOn = this.operation.allowedLatenessMs > 0;
    for (const cells of slice.cells.parts()) {
      for (const { key, accumulator } of cells.values())
        this.emitFirst(window, key, goesOn ? copyData(accumulator) : accumulator);
    }
  }

  private fireSliding(window: number): void {
    const start = window * this.slicesPerSlide;
    const end = start + this.slicesPerWindow;
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

  /** Fires those of the windows `first` to `last` that have fired before, for the key of a late record. */
  private fireAgain({ key }: Cell, first: number, last: number, watermark: number): void {
    const { allowedLatenessMs } = this.operation;
    const merge = new RunningMerge(this.aggregate.merge);
    let next = first * this.slicesPerSlide;
    for (let window = first; window <= last; window++) {
      const lastTime = this.lastTimeOf(window);
      if (lastTime > watermark) break;
      if (lastTime + allowedLatenessMs <= watermark) continue;
      const start = window * this.slicesPerSlide;
      const end = start + this.slicesPerWindow;
      this.addCells(merge, key, Math.max(next, start), end);
      next = end;
      this.emit(window, key, merge.from(start));
    }
  }

  /** A cell that was merged already has changed: begins anew with what the next window needs. */
  private mergeAgain(key: CanonicalKey): void {
    this.active.delete(key);
    this.addCells(this.mergeOf(key), key, this.nextWindow * this.slicesPerSlide, this.activeEnd);
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

  /** Unless it fired for this key before a restore. */
  private emitFirst(window: number, key: CanonicalKey, accumulator: unknown): void {
    if (this.isEventTime) {
      const lastTime = this.lastTimeOf(window);
      const { keyWatermarks } = this.context;
      if (lastTime <= keyWatermarks.highest && lastTime <= keyWatermarks.of(key)) return;
    }
    this.emit(window, key, accumulator);
  }

  private emit(window: number, key: CanonicalKey, accumulator: unknown): void {
    const start = window * this.slideMs + this.offsetMs;
    this.emitter.emit(start, start + this.sizeMs, key, accumulator);
  }

  /** The first window that has not fired and holds a slice. */
  private nextWindowWithRecords(): number | undefined {
    const { slices } = this.table;
    const slice = slices[this.table.positionOf(this.nextWindow * this.slicesPerSlide)];
    return slice === undefined ? undefined : Math.max(this.nextWindow, this.firstWindowOf(slice.index));
  }

  private onNewSlice(index: number): void {
    const window = Math.max(this.nextWindow, this.firstWindowOf(index));
    this.nextTimeMs = Math.min(this.nextTimeMs, this.lastTimeOf(window), this.expiryOf(index));
    if (!this.isEventTime) this.scheduleWakeUp();
  }

  private firstWindowOf(slice: number): number {
    return Math.floor((slice - this.slicesPerWindow) / this.slicesPerSlide) + 1;
  }

  private firstWindowAfter(timestamp: number): number {
    return Math.floor((timestamp + 1 - this.offsetMs - this.sizeMs) / this.slideMs) + 1;
  }

  private lastTimeOf(window: number): number {
    return window * this.slideMs + this.offsetMs + this.sizeMs - 1;
  }

  /** When no window needs the slice any more. */
  private expiryOf(slice: number): number {
    const latenessMs = this.isEventTime ? this.operation.allowedLatenessMs : 0;
    return this.lastTimeOf(Math.floor(slice / this.slicesPerSlide)) + latenessMs;
  }

  private scheduleWakeUp(): void {
    const timeMs = this.nextTimeMs + 1;
    if (timeMs === Number.POSITIVE_INFINITY) return;
    if (this.wakeUp !== undefined) {
      if (this.wakeUp.timeMs <= timeMs) return;
      this.wakeUp.handle.cancel();
    }
    const { processingTime } = this.context;
    const delayMs = Math.max(0, timeMs - processingTime.currentTimeMs());
    const handle = processingTime.schedule(delayMs, () => {
      this.wakeUp = undefined;
      this.advance(Math.max(this.watermark, processingTime.currentTimeMs() - 1));
      this.scheduleWakeUp();
    });
    this.wakeUp = { timeMs, handle };
  }

  private restoreSlices(): void {
    const { snapshotState: state } = this;
    const starts = state.namespaces().map(Number);
    for (const start of starts.sort((a, b) => a - b)) {
      const name = String(start);
      const index = Math.floor((start - this.offsetMs) / this.sliceMs);
      state.forEachKeyInNamespace(name, () => {
        const [accumulator] = state.value() as [unknown];
        this.cellAt(index, this.backend.currentCanonicalKey).accumulator = accumulator;
      });
    }
    this.clearSnapshotState();
  }

  private clearSnapshotState(): void {
    for (const name of this.snapshotState.namespaces()) this.snapshotState.clearNamespace(name);
    this.hasSnapshotState = false;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
