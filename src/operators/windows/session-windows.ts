/** Session windows: records that follow each other within a gap are one window, which ends when nothing came for a gap. */
import { formatValue, MillraceError } from '../../common/index.ts';
import { checkDuration } from './check-parameters.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import { ProcessingTimeTrigger } from './processing-time-trigger.ts';
import type { Trigger } from './trigger.ts';
import { TimeWindow, timeWindowSerializer, type WindowSerializer } from './window.ts';
import {
  type MergeCallback,
  type MergingWindowAssigner,
  mergeTimeWindows,
  refuseTimestamp,
  type WindowAssignerContext,
} from './window-assigner.ts';

/** The gap in milliseconds that a record keeps its session open. */
export type SessionWindowTimeGapExtractor<T> = (element: T) => number;

class SessionWindows<T> {
  /** Absent if records have gaps of their own. */
  readonly gapMs: number | undefined;
  private readonly extractor: SessionWindowTimeGapExtractor<T>;

  constructor(gap: number | SessionWindowTimeGapExtractor<T>) {
    this.gapMs = typeof gap === 'number' ? gap : undefined;
    this.extractor = typeof gap === 'number' ? () => gap : (element) => checkGap(gap(element));
  }

  getWindowSerializer(): WindowSerializer<TimeWindow> {
    return timeWindowSerializer;
  }

  mergeWindows(windows: readonly TimeWindow[], callback: MergeCallback<TimeWindow>): void {
    mergeTimeWindows(windows, callback);
  }

  /** @internal */
  gapOf(element: T): number {
    return this.extractor(element);
  }

  protected parameters(): string {
    return this.gapMs === undefined ? 'dynamic' : `${this.gapMs}`;
  }
}

function checkGap(gapMs: number): number {
  if (gapMs > 0 && Number.isFinite(gapMs)) return gapMs;
  throw new MillraceError(
    'INVALID_PROGRAM',
    `The dynamic gap of a session window is ${formatValue(gapMs)}, but must be above 0. Correct the function given to withDynamicGap(…).`,
  );
}

export class EventTimeSessionWindows<T = unknown> extends SessionWindows<T> implements MergingWindowAssigner<T, TimeWindow> {
  /** @param gapMs in milliseconds */
  static withGap(gapMs: number): EventTimeSessionWindows {
    return new EventTimeSessionWindows(checkDuration('EventTimeSessionWindows.withGap', 'gapMs', gapMs));
  }

  /** @param extractor returns the gap of a record in milliseconds */
  static withDynamicGap<T>(extractor: SessionWindowTimeGapExtractor<T>): EventTimeSessionWindows<T> {
    return new EventTimeSessionWindows(extractor);
  }

  assignWindows(element: T, timestamp: number): readonly TimeWindow[] {
    if (!Number.isFinite(timestamp)) refuseTimestamp(timestamp);
    return [new TimeWindow(timestamp, timestamp + this.gapOf(element))];
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }

  isEventTime(): boolean {
    return true;
  }

  override toString(): string {
    return `EventTimeSessionWindows(${this.parameters()})`;
  }
}

export class ProcessingTimeSessionWindows<T = unknown> extends SessionWindows<T> implements MergingWindowAssigner<T, TimeWindow> {
  /** @param gapMs in milliseconds */
  static withGap(gapMs: number): ProcessingTimeSessionWindows {
    return new ProcessingTimeSessionWindows(checkDuration('ProcessingTimeSessionWindows.withGap', 'gapMs', gapMs));
  }

  /** @param extractor returns the gap of a record in milliseconds */
  static withDynamicGap<T>(extractor: SessionWindowTimeGapExtractor<T>): ProcessingTimeSessionWindows<T> {
    return new ProcessingTimeSessionWindows(extractor);
  }

  assignWindows(element: T, _timestamp: number, context: WindowAssignerContext): readonly TimeWindow[] {
    const nowMs = context.getCurrentProcessingTime();
    return [new TimeWindow(nowMs, nowMs + this.gapOf(element))];
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return ProcessingTimeTrigger.create();
  }

  isEventTime(): boolean {
    return false;
  }

  override toString(): string {
    return `ProcessingTimeSessionWindows(${this.parameters()})`;
  }
}
