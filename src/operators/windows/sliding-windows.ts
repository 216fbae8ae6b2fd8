/** Sliding windows: of one size, a new one starting every `slideMs`; a record belongs to all that cover its time. */
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

class SlidingWindows {
  readonly alignment: WindowAlignment;
  private readonly cache: WindowCache;

  constructor(where: string, sizeMs: number, slideMs: number, offsetMs: number) {
    checkDuration(where, 'sizeMs', sizeMs);
    checkDuration(where, 'slideMs', slideMs);
    this.alignment = { sizeMs, slideMs, offsetMs: checkOffset(where, 'offsetMs', offsetMs, slideMs) };
    this.cache = new WindowCache((start) => [new TimeWindow(start, start + sizeMs)]);
  }

  getWindowSerializer(): WindowSerializer<TimeWindow> {
    return timeWindowSerializer;
  }

  /** The latest window first. */
  protected windowsAt(timestamp: number): readonly TimeWindow[] {
    const { sizeMs, slideMs, offsetMs } = this.alignment;
    const windows: TimeWindow[] = [];
    const last = TimeWindow.getWindowStartWithOffset(timestamp, offsetMs, slideMs);
    for (let start = last; start > timestamp - sizeMs; start -= slideMs) {
      windows.push(this.cache.windowsOf(start)[0] as TimeWindow);
    }
    return windows;
  }

  protected parameters(): string {
    const { sizeMs, slideMs, offsetMs } = this.alignment;
    return offsetMs === 0 ? `${sizeMs}, ${slideMs}` : `${sizeMs}, ${slideMs}, ${offsetMs}`;
  }
}

export class SlidingEventTimeWindows extends SlidingWindows implements AlignedWindowAssigner {
  /**
   * @param sizeMs length of a window in milliseconds
   * @param slideMs from the start of one window to the start of the next
   * @param offsetMs shifts all windows
   */
  static of(sizeMs: number, slideMs: number, offsetMs = 0): SlidingEventTimeWindows {
    return new SlidingEventTimeWindows('SlidingEventTimeWindows.of', sizeMs, slideMs, offsetMs);
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
    return `SlidingEventTimeWindows(${this.parameters()})`;
  }
}

export class SlidingProcessingTimeWindows extends SlidingWindows implements AlignedWindowAssigner {
  /** As {@link SlidingEventTimeWindows.of}, by the clock at the time when a record arrives. */
  static of(sizeMs: number, slideMs: number, offsetMs = 0): SlidingProcessingTimeWindows {
    return new SlidingProcessingTimeWindows('SlidingProcessingTimeWindows.of', sizeMs, slideMs, offsetMs);
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
    return `SlidingProcessingTimeWindows(${this.parameters()})`;
  }
}
