/** Tumbling windows: of one size, one after the other, aligned to the epoch plus an offset. */
import { checkDuration, checkOffset } from './check-parameters.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import { ProcessingTimeTrigger } from './processing-time-trigger.ts';
import type { Trigger } from './trigger.ts';
import { TimeWindow, timeWindowSerializer, type WindowSerializer } from './window.ts';
import {
  type AlignedWindowAssigner,
  refuseTimestamp,
  type WindowAlignment,
  type WindowAssignerContext,
  WindowCache,
} from './window-assigner.ts';

class TumblingWindows {
  readonly alignment: WindowAlignment;
  private readonly cache: WindowCache;

  constructor(where: string, sizeMs: number, offsetMs: number) {
    checkDuration(where, 'sizeMs', sizeMs);
    this.alignment = { sizeMs, slideMs: sizeMs, offsetMs: checkOffset(where, 'offsetMs', offsetMs, sizeMs) };
    this.cache = new WindowCache((start) => [new TimeWindow(start, start + sizeMs)]);
  }

  getWindowSerializer(): WindowSerializer<TimeWindow> {
    return timeWindowSerializer;
  }

  protected windowsAt(timestamp: number): readonly TimeWindow[] {
    const { sizeMs, offsetMs } = this.alignment;
    return this.cache.windowsOf(TimeWindow.getWindowStartWithOffset(timestamp, offsetMs, sizeMs));
  }

  protected parameters(): string {
    const { sizeMs, offsetMs } = this.alignment;
    return offsetMs === 0 ? `${sizeMs}` : `${sizeMs}, ${offsetMs}`;
  }
}

export class TumblingEventTimeWindows extends TumblingWindows implements AlignedWindowAssigner {
  /**
   * @param sizeMs length of a window in milliseconds
   * @param offsetMs shifts all windows, as in -8 hours for days that start at midnight in China (UTC+8)
   */
  static of(sizeMs: number, offsetMs = 0): TumblingEventTimeWindows {
    return new TumblingEventTimeWindows('TumblingEventTimeWindows.of', sizeMs, offsetMs);
  }

  assignWindows(_element: unknown, timestamp: number): readonly TimeWindow[] {
    if (!Number.isFinite(timestamp)) refuseTimestamp(timestamp);
    return this.windowsAt(timestamp);
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }

  isEventTime(): boolean {
    return true;
  }

  override toString(): string {
    return `TumblingEventTimeWindows(${this.parameters()})`;
  }
}

export class TumblingProcessingTimeWindows extends TumblingWindows implements AlignedWindowAssigner {
  /** As {@link TumblingEventTimeWindows.of}, by the clock at the time when a record arrives. */
  static of(sizeMs: number, offsetMs = 0): TumblingProcessingTimeWindows {
    return new TumblingProcessingTimeWindows('TumblingProcessingTimeWindows.of', sizeMs, offsetMs);
  }

  assignWindows(_element: unknown, _timestamp: number, context: WindowAssignerContext): readonly TimeWindow[] {
    return this.windowsAt(context.getCurrentProcessingTime());
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return ProcessingTimeTrigger.create();
  }

  isEventTime(): boolean {
    return false;
  }

  override toString(): string {
    return `TumblingProcessingTimeWindows(${this.parameters()})`;
  }
}
