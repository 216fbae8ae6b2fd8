import { isFire, type OnMergeContext, type Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

/** Another trigger that drops the contents whenever it fires. */
export class PurgingTrigger<T, W extends Window> implements Trigger<T, W> {
  private readonly nested: Trigger<T, W>;

  private constructor(nested: Trigger<T, W>) {
    this.nested = nested;
  }

  static of<T, W extends Window>(nested: Trigger<T, W>): PurgingTrigger<T, W> {
    return new PurgingTrigger(nested);
  }

  onElement(element: T, timestamp: number, window: W, context: TriggerContext): TriggerResult {
    return purgingOf(this.nested.onElement(element, timestamp, window, context));
  }

  onEventTime(timeMs: number, window: W, context: TriggerContext): TriggerResult {
    return purgingOf(this.nested.onEventTime(timeMs, window, context));
  }

  onProcessingTime(timeMs: number, window: W, context: TriggerContext): TriggerResult {
    return purgingOf(this.nested.onProcessingTime(timeMs, window, context));
  }

  canMerge(): boolean {
    return this.nested.canMerge?.() ?? false;
  }

  onMerge(window: W, context: OnMergeContext): void {
    this.nested.onMerge?.(window, context);
  }

  clear(window: W, context: TriggerContext): void {
    this.nested.clear(window, context);
  }

  toString(): string {
    return `PurgingTrigger(${this.nested})`;
  }
}

function purgingOf(result: TriggerResult): TriggerResult {
  return isFire(result) ? 'FIRE_AND_PURGE' : result;
}
