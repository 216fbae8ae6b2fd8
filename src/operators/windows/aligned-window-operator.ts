/**
 * Tumbling and sliding windows with the default trigger and no evictor, made of slices of time (see `SliceAlignment`): what
 * the operators that keep slices on the heap and those that keep them in state have in common.
 *
 * The general operator keeps a timer and a state per key and window, and adds a record to each of its windows. Here, a
 * record is added to one slice, there are no timers, and a watermark that passes the end of windows fires them whole. So a
 * record costs one lookup whatever size/slide is.
 *
 * Invariants: windows fire in order, up to the watermark, each once, and again for one key with every late record that is
 * still allowed; a slice is dropped when the last of its windows has passed its end by the allowed lateness. By processing
 * time, the clock takes the place of the watermark: one that says that all before now is there.
 */
import { MillraceError, type TimerHandle } from '../../common/index.ts';
import type { Counter } from '../../metrics/index.ts';
import type { CanonicalKey, KeyedStateBackend } from '../../state/index.ts';
import { MIN_WATERMARK, type OperatorContext, type StreamOperator } from '../operator.ts';
import { type AccumulatorState, accumulatorState } from './accumulator-state.ts';
import { SliceAlignment } from './slice-alignment.ts';
import { type WindowAggregate, windowAggregate } from './window-aggregate.ts';
import { type AlignedWindowAssigner, refuseTimestamp } from './window-assigner.ts';
import { WindowEmitter } from './window-emitter.ts';
import type { WindowOperation } from './window-operation.ts';

export abstract class AlignedWindowOperator implements StreamOperator {
  readonly userFunction: unknown;
  /** Records up to here may be late: for some keys, or for all. Read by generated code. */
  lateUpTo = MIN_WATERMARK;
  protected readonly operation: WindowOperation;
  protected readonly isEventTime: boolean;
  protected readonly alignment: SliceAlignment;
  protected readonly aggregate: WindowAggregate;
  protected backend!: KeyedStateBackend;
  /** In the namespace of the time at which a slice starts. */
  protected accumulators!: AccumulatorState;
  /** All windows before this one have fired. */
  protected nextWindow = Number.NEGATIVE_INFINITY;
  private context!: OperatorContext;
  /** The earliest time at which anything is to be fired or dropped. */
  private nextTimeMs = Number.POSITIVE_INFINITY;
  /** All windows up to here have fired. */
  private watermark = MIN_WATERMARK;
  private emitter!: WindowEmitter;
  private numLateRecordsDropped!: Counter;
  private wakeUp: { readonly timeMs: number; readonly handle: TimerHandle } | undefined;

  constructor(operation: WindowOperation, assigner: AlignedWindowAssigner) {
    this.operation = operation;
    this.userFunction = operation.windowFunction;
    this.isEventTime = assigner.isEventTime();
    this.alignment = new SliceAlignment(assigner.alignment);
    this.aggregate = windowAggregate(operation.contents);
  }

  open(context: OperatorContext): void | Promise<void> {
    this.context = context;
    this.backend = context.keyedState;
    this.numLateRecordsDropped = context.metrics.counter('numLateRecordsDropped');
    this.emitter = new WindowEmitter(this.operation, this.aggregate, context, false);
    this.accumulators = accumulatorState('window-slices', this.operation, this.aggregate, this.backend);
    if (this.isEventTime) {
      this.watermark = context.currentWatermark();
      this.lateUpTo = Math.max(this.watermark, context.keyWatermarks.highest);
      this.nextWindow = this.alignment.firstWindowAfter(this.watermark);
    }
    this.restoreSlices();
    return this.operation.windowFunction?.open?.(context.runtimeContext);
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

  /** A record that the watermark of its key may have passed, or that has no timestamp. Called by generated code. */
  processLate(value: unknown, timestamp: number): void {
    if (!Number.isFinite(timestamp)) refuseTimestamp(timestamp);
    const { alignment } = this;
    const slice = alignment.sliceOf(timestamp);
    const { allowedLatenessMs, lateDataOutputTag } = this.operation;
    const watermark = this.context.currentKeyWatermark();
    if (alignment.lastTimeOf(alignment.lastWindowOf(slice)) + allowedLatenessMs <= watermark) {
      if (lateDataOutputTag) this.context.output.collectTo(lateDataOutputTag, value, timestamp);
      else this.numLateRecordsDropped.inc();
      return;
    }
    this.nextWindow = Math.max(this.nextWindow, alignment.firstWindowAfter(this.watermark));
    this.addTo(slice, value);
    if (timestamp <= watermark) this.fireAgain(slice, watermark);
  }

  close(): void | Promise<void> {
    this.wakeUp?.handle.cancel();
    return this.operation.windowFunction?.close?.();
  }

  /** Adds a record of the current key. */
  protected abstract addTo(slice: number, value: unknown): void;
  /** The first slice that exists, at or after `slice`. */
  protected abstract nextSlice(slice: number): number | undefined;
  protected abstract dropSlice(slice: number): void;
  /** Calls `emitFirst` for every key of the window. */
  protected abstract fire(window: number): void;
  /** Calls `emit` for the current key, which has a late record in `slice`, and each window that `firedWindowsOf` gives. */
  protected abstract fireAgain(slice: number, watermark: number): void;
  /** Takes over what a snapshot held in `accumulators`, and says so by `onNewSlice`. */
  protected abstract restoreSlices(): void;

  protected onNewSlice(slice: number): void {
    const window = Math.max(this.nextWindow, this.alignment.firstWindowOf(slice));
    this.nextTimeMs = Math.min(this.nextTimeMs, this.alignment.lastTimeOf(window), this.expiryOf(slice));
    if (!this.isEventTime) this.scheduleWakeUp();
  }

  /** The windows of a slice that have fired, and may fire again. */
  protected *firedWindowsOf(slice: number, watermark: number): Generator<number, void> {
    const { alignment } = this;
    const last = alignment.lastWindowOf(slice);
    for (let window = alignment.firstWindowOf(slice); window <= last; window++) {
      const lastTime = alignment.lastTimeOf(window);
      if (lastTime > watermark) return;
      if (lastTime + this.operation.allowedLatenessMs > watermark) yield window;
    }
  }

  /** The slice that a snapshot calls `name`. @throws MillraceError `STATE_FAILED` */
  protected restoredSlice(name: string): number {
    const slice = this.alignment.sliceOf(Number(name));
    if (this.alignment.startOfSlice(slice) === Number(name)) return slice;
    throw new MillraceError(
      'STATE_FAILED',
      'The windows were stored with another size, slide or offset, and cannot be cut anew. Give the operator another uid to begin without them, or go back to the old windows.',
      { recoverable: false },
    );
  }

  /** Unless the window fired for this key before a restore. */
  protected emitFirst(window: number, key: CanonicalKey, accumulator: unknown): void {
    if (this.isEventTime) {
      const lastTime = this.alignment.lastTimeOf(window);
      const { keyWatermarks } = this.context;
      if (lastTime <= keyWatermarks.highest && lastTime <= keyWatermarks.of(key)) return;
    }
    this.emit(window, key, accumulator);
  }

  /** @param accumulator is given away */
  protected emit(window: number, key: CanonicalKey, accumulator: unknown): void {
    const start = this.alignment.startOfWindow(window);
    this.emitter.emit(start, start + this.alignment.sizeMs, key, accumulator);
  }

  /** Fires and drops what is due at `timestamp`. */
  protected advance(timestamp: number): void {
    this.watermark = timestamp;
    if (timestamp > this.lateUpTo) this.lateUpTo = timestamp;
    if (timestamp < this.nextTimeMs) return;
    for (let window = this.nextWindowWithRecords(); window !== undefined; window = this.nextWindowWithRecords()) {
      if (this.alignment.lastTimeOf(window) > timestamp) break;
      this.nextWindow = window + 1;
      this.fire(window);
    }
    let oldest = this.nextSlice(Number.NEGATIVE_INFINITY);
    while (oldest !== undefined && this.expiryOf(oldest) <= timestamp) {
      this.dropSlice(oldest);
      oldest = this.nextSlice(oldest);
    }
    this.nextTimeMs = oldest === undefined ? Number.POSITIVE_INFINITY : this.expiryOf(oldest);
    const window = this.nextWindowWithRecords();
    if (window !== undefined) this.nextTimeMs = Math.min(this.nextTimeMs, this.alignment.lastTimeOf(window));
  }

  /** The first window that has not fired and holds a slice. */
  private nextWindowWithRecords(): number | undefined {
    const slice = this.nextSlice(this.alignment.firstSliceOf(this.nextWindow));
    return slice === undefined ? undefined : Math.max(this.nextWindow, this.alignment.firstWindowOf(slice));
  }

  /** When no window needs the slice any more. */
  private expiryOf(slice: number): number {
    const latenessMs = this.isEventTime ? this.operation.allowedLatenessMs : 0;
    return this.alignment.lastTimeOf(this.alignment.lastWindowOf(slice)) + latenessMs;
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
}
