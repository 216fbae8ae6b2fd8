/**
 * Window assigners decide which windows a record belongs to: the contract, and what the built-in ones share.
 */
import { MillraceError } from '../../common/index.ts';
import type { Trigger } from './trigger.ts';
import type { TimeWindow, Window, WindowSerializer } from './window.ts';

export interface WindowAssignerContext {
  getCurrentProcessingTime(): number;
}

/** Must not keep anything that changes what it does: one assigner is used by all subtasks. */
export interface WindowAssigner<T, W extends Window> {
  /** The windows of a record. `timestamp` is `-Infinity` for a record that has none. */
  assignWindows(element: T, timestamp: number, context: WindowAssignerContext): readonly W[];
  getDefaultTrigger(): Trigger<T, W>;
  getWindowSerializer(): WindowSerializer<W>;
  /** Whether windows end by the watermark (late records are dropped), and not by the clock. */
  isEventTime(): boolean;
  /** Name and parameters, as in `TumblingEventTimeWindows(10000)`: part of the operator's structural id. */
  toString(): string;
}

/** `merged` become the one window `result`. */
export type MergeCallback<W extends Window> = (merged: readonly W[], result: W) => void;

/** An assigner whose windows grow together, as sessions do. */
export interface MergingWindowAssigner<T, W extends Window> extends WindowAssigner<T, W> {
  /** Calls `callback` for every group of two or more windows that belong together. */
  mergeWindows(windows: readonly W[], callback: MergeCallback<W>): void;
}

export function isMergingAssigner<T, W extends Window>(assigner: WindowAssigner<T, W>): assigner is MergingWindowAssigner<T, W> {
  return 'mergeWindows' in assigner;
}

/** Windows of one size at equal distances: what lets the slicing operator do without the assigner. All in milliseconds. */
export interface WindowAlignment {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
}

/** An assigner whose windows are aligned. */
export interface AlignedWindowAssigner extends WindowAssigner<unknown, TimeWindow> {
  readonly alignment: WindowAlignment;
}

export function isAlignedAssigner(assigner: WindowAssigner<any, any>): assigner is AlignedWindowAssigner {
  return 'alignment' in assigner;
}

/** @throws MillraceError `INVALID_PROGRAM` always */
export function refuseTimestamp(timestamp: number): never {
  throw new MillraceError(
    'INVALID_PROGRAM',
    Number.isFinite(timestamp)
      ? `The timestamp ${timestamp} is too large for a window: timestamps are milliseconds since the epoch.`
      : timestamp === Number.NEGATIVE_INFINITY
        ? 'A record without a timestamp reached an event-time window. Call assignTimestampsAndWatermarks(…) before the window, or use processing-time windows.'
        : `A record with the timestamp ${timestamp} reached an event-time window. Timestamps are milliseconds since the epoch: correct the timestamp assigner. (Results of windows that never end, such as count windows, carry +Infinity: assign timestamps to them anew.)`,
  );
}

/** Joins windows that overlap or touch. */
export function mergeTimeWindows(windows: readonly TimeWindow[], callback: MergeCallback<TimeWindow>): void {
  const sorted = [...windows].sort((a, b) => a.start - b.start);
  let group: TimeWindow[] = [];
  let cover: TimeWindow | undefined;
  const close = (): void => {
    if (group.length > 1) callback(group, cover as TimeWindow);
  };
  for (const window of sorted) {
    if (cover?.intersects(window)) {
      group.push(window);
      cover = cover.cover(window);
    } else {
      close();
      group = [window];
      cover = window;
    }
  }
  close();
}

/**
 * Remembers the windows of the starts seen last, so that a record costs neither an object nor a text. Only a cache: what
 * it returns depends on nothing but its arguments.
 */
export class WindowCache {
  private readonly make: (start: number) => readonly TimeWindow[];
  private readonly known = new Map<number, readonly TimeWindow[]>();
  private lastStart = Number.NaN;
  private last: readonly TimeWindow[] = [];

  constructor(make: (start: number) => readonly TimeWindow[]) {
    this.make = make;
  }

  windowsOf(start: number): readonly TimeWindow[] {
    if (start === this.lastStart) return this.last;
    let windows = this.known.get(start);
    if (windows === undefined) {
      if (this.known.size >= 64) this.known.clear();
      this.known.set(start, (windows = this.make(start)));
    }
    this.lastStart = start;
    this.last = windows;
    return windows;
  }
}
