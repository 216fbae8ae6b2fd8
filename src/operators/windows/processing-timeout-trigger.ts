/**
 * Adds a time limit to another trigger: fires when that many milliseconds have gone by since the first record (or since the
 * last one), whether or not the nested trigger would.
 */
import { ValueStateDescriptor } from '../../state/index.ts';
import { checkDuration } from './check-parameters.ts';
import { isPurge, type Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

const TIMEOUT = new ValueStateDescriptor<number>('timeout');

export interface ProcessingTimeoutOptions {
  /** Whether every record starts the timeout anew, instead of the first one only. Default `false`. */
  readonly resetTimerOnNewRecord?: boolean;
  /** Whether the nested trigger starts anew after a timeout. Default `true`. */
  readonly shouldClearOnTimeout?: boolean;
}

/** Another trigger that also fires when `timeoutMs` of processing time have passed since the first record. */
export class ProcessingTimeoutTrigger<T, W extends Window> implements Trigger<T, W> {
  private readonly nested: Trigger<T, W>;
  private readonly timeoutMs: number;
  private readonly resetTimerOnNewRecord: boolean;
  private readonly shouldClearOnTimeout: boolean;

  private constructor(nested: Trigger<T, W>, timeoutMs: number, options: ProcessingTimeoutOptions) {
    this.nested = nested;
    this.timeoutMs = timeoutMs;
    this.resetTimerOnNewRecord = options.resetTimerOnNewRecord ?? false;
    this.shouldClearOnTimeout = options.shouldClearOnTimeout ?? true;
  }

  static of<T, W extends Window>(
    nested: Trigger<T, W>,
    timeoutMs: number,
    options: ProcessingTimeoutOptions = {},
  ): ProcessingTimeoutTrigger<T, W> {
    return new ProcessingTimeoutTrigger(nested, checkDuration('ProcessingTimeoutTrigger.of', 'timeoutMs', timeoutMs), options);
  }

  onElement(element: T, timestamp: number, window: W, context: TriggerContext): TriggerResult {
    const result = this.nested.onElement(element, timestamp, window, context);
    if (isPurge(result)) {
      this.clear(window, context);
      return result;
    }
    const timeout = context.getPartitionedState(TIMEOUT);
    const pending = timeout.value();
    if (pending !== undefined) {
      if (!this.resetTimerOnNewRecord) return result;
      context.deleteProcessingTimeTimer(pending);
    }
    const next = context.getCurrentProcessingTime() + this.timeoutMs;
    timeout.update(next);
    context.registerProcessingTimeTimer(next);
    return result;
  }

  onEventTime(timeMs: number, window: W, context: TriggerContext): TriggerResult {
    const result = this.nested.onEventTime(timeMs, window, context);
    if (isPurge(result)) this.clear(window, context);
    return result;
  }

  onProcessingTime(timeMs: number, window: W, context: TriggerContext): TriggerResult {
    const result = this.nested.onProcessingTime(timeMs, window, context);
    if (this.shouldClearOnTimeout) this.clear(window, context);
    return isPurge(result) ? 'FIRE_AND_PURGE' : 'FIRE';
  }

  clear(window: W, context: TriggerContext): void {
    const timeout = context.getPartitionedState(TIMEOUT);
    const pending = timeout.value();
    if (pending !== undefined) {
      context.deleteProcessingTimeTimer(pending);
      timeout.clear();
    }
    this.nested.clear(window, context);
  }

  toString(): string {
    return `TimeoutTrigger(${this.nested},${this.timeoutMs})`;
  }
}
