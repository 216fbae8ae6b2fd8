/**
 * Fires a window again and again while it fills: whenever the watermark passes a multiple of the interval, and at its end.
 *
 * Invariant: one timer per key and window is pending at a time; its time is the state, so that a merged window goes on with
 * the earliest of its parts.
 */
import { ReducingStateDescriptor } from '../../state/index.ts';
import { checkDuration } from './check-parameters.ts';
import type { OnMergeContext, Trigger, TriggerContext, TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

const FIRE_TIME = new ReducingStateDescriptor<number>('fire-time', (a, b) => Math.min(a, b));

/** Fires whenever the watermark passes a multiple of the interval, and at the end of the window. */
export class ContinuousEventTimeTrigger implements Trigger<unknown, Window> {
  private readonly intervalMs: number;

  private constructor(intervalMs: number) {
    this.intervalMs = intervalMs;
  }

  static of(intervalMs: number): ContinuousEventTimeTrigger {
    return new ContinuousEventTimeTrigger(checkDuration('ContinuousEventTimeTrigger.of', 'intervalMs', intervalMs));
  }

  onElement(_element: unknown, timestamp: number, window: Window, context: TriggerContext): TriggerResult {
    if (window.maxTimestamp() <= context.getCurrentWatermark()) return 'FIRE';
    context.registerEventTimeTimer(window.maxTimestamp());
    if (context.getPartitionedState(FIRE_TIME).get() === undefined) {
      this.registerNext(Math.floor(timestamp / this.intervalMs) * this.intervalMs, window, context);
    }
    return 'CONTINUE';
  }

  onEventTime(timeMs: number, window: Window, context: TriggerContext): TriggerResult {
    if (timeMs === window.maxTimestamp()) return 'FIRE';
    const fireTime = context.getPartitionedState(FIRE_TIME);
    if (fireTime.get() !== timeMs) return 'CONTINUE';
    fireTime.clear();
    this.registerNext(timeMs, window, context);
    return 'FIRE';
  }

  onProcessingTime(): TriggerResult {
    return 'CONTINUE';
  }

  canMerge(): boolean {
    return true;
  }

  onMerge(window: Window, context: OnMergeContext): void {
    context.mergePartitionedState(FIRE_TIME);
    const next = context.getPartitionedState(FIRE_TIME).get();
    if (next !== undefined) context.registerEventTimeTimer(next);
    if (window.maxTimestamp() > context.getCurrentWatermark()) context.registerEventTimeTimer(window.maxTimestamp());
  }

  clear(window: Window, context: TriggerContext): void {
    const fireTime = context.getPartitionedState(FIRE_TIME);
    const next = fireTime.get();
    if (next !== undefined) context.deleteEventTimeTimer(next);
    fireTime.clear();
    context.deleteEventTimeTimer(window.maxTimestamp());
  }

  toString(): string {
    return `ContinuousEventTimeTrigger(${this.intervalMs})`;
  }

  private registerNext(timeMs: number, window: Window, context: TriggerContext): void {
    const next = Math.min(timeMs + this.intervalMs, window.maxTimestamp());
    context.getPartitionedState(FIRE_TIME).add(next);
    context.registerEventTimeTimer(next);
  }
}
