/**
 * Fires a window again and again by the clock: at every multiple of the interval after its first record.
 *
 * Invariant: one timer per key and window is pending at a time; its time is the state, so that a merged window goes on with
 * the earliest of its parts.
 */
import { ReducingStateDescriptor } from '../../state/index.ts';
import { checkDuration } from './check-parameters.ts';
import type { OnMergeContext, Trigger, TriggerContext, TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

const FIRE_TIME = new ReducingStateDescriptor<number>('fire-time', (a, b) => Math.min(a, b));

/** Fires whenever the clock passes a multiple of the interval, and at the end of the window. */
export class ContinuousProcessingTimeTrigger implements Trigger<unknown, Window> {
  private readonly intervalMs: number;

  private constructor(intervalMs: number) {
    this.intervalMs = intervalMs;
  }

  static of(intervalMs: number): ContinuousProcessingTimeTrigger {
    return new ContinuousProcessingTimeTrigger(checkDuration('ContinuousProcessingTimeTrigger.of', 'intervalMs', intervalMs));
  }

  onElement(_element: unknown, _timestamp: number, window: Window, context: TriggerContext): TriggerResult {
    if (context.getPartitionedState(FIRE_TIME).get() === undefined) {
      const nowMs = context.getCurrentProcessingTime();
      this.registerNext(nowMs - (nowMs % this.intervalMs), window, context);
    }
    return 'CONTINUE';
  }

  onEventTime(): TriggerResult {
    return 'CONTINUE';
  }

  onProcessingTime(timeMs: number, window: Window, context: TriggerContext): TriggerResult {
    const fireTime = context.getPartitionedState(FIRE_TIME);
    if (fireTime.get() !== timeMs) return 'CONTINUE';
    fireTime.clear();
    if (timeMs < window.maxTimestamp()) this.registerNext(timeMs, window, context);
    return 'FIRE';
  }

  canMerge(): boolean {
    return true;
  }

  onMerge(_window: Window, context: OnMergeContext): void {
    context.mergePartitionedState(FIRE_TIME);
    const next = context.getPartitionedState(FIRE_TIME).get();
    if (next !== undefined) context.registerProcessingTimeTimer(next);
  }

  clear(_window: Window, context: TriggerContext): void {
    const fireTime = context.getPartitionedState(FIRE_TIME);
    const next = fireTime.get();
    if (next !== undefined) context.deleteProcessingTimeTimer(next);
    fireTime.clear();
  }

  toString(): string {
    return `ContinuousProcessingTimeTrigger(${this.intervalMs})`;
  }

  private registerNext(timeMs: number, window: Window, context: TriggerContext): void {
    const next = Math.min(timeMs + this.intervalMs, window.maxTimestamp());
    context.getPartitionedState(FIRE_TIME).add(next);
    context.registerProcessingTimeTimer(next);
  }
}
