import { ValueStateDescriptor } from '../../state/index.ts';
import type { Trigger, TriggerContext, TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

/** How far the record `newPoint` is from `oldPoint`. */
export type DeltaFunction<T> = (oldPoint: T, newPoint: T) => number;

const LAST_ELEMENT = new ValueStateDescriptor<unknown>('last-element');

/** Fires when a record is further than `threshold` from the record that fired last (or came first). */
export class DeltaTrigger<T> implements Trigger<T, Window> {
  private readonly threshold: number;
  private readonly deltaFunction: DeltaFunction<T>;

  private constructor(threshold: number, deltaFunction: DeltaFunction<T>) {
    this.threshold = threshold;
    this.deltaFunction = deltaFunction;
  }

  static of<T>(threshold: number, deltaFunction: DeltaFunction<T>): DeltaTrigger<T> {
    return new DeltaTrigger(threshold, deltaFunction);
  }

  onElement(element: T, _timestamp: number, _window: Window, context: TriggerContext): TriggerResult {
    const last = context.getPartitionedState(LAST_ELEMENT);
    const previous = last.value();
    if (previous === undefined) {
      last.update(element);
      return 'CONTINUE';
    }
    if (!(this.deltaFunction(previous as T, element) > this.threshold)) return 'CONTINUE';
    last.update(element);
    return 'FIRE';
  }

  onEventTime(): TriggerResult {
    return 'CONTINUE';
  }

  onProcessingTime(): TriggerResult {
    return 'CONTINUE';
  }

  clear(_window: Window, context: TriggerContext): void {
    context.getPartitionedState(LAST_ELEMENT).clear();
  }

  toString(): string {
    return `DeltaTrigger(${this.threshold})`;
  }
}
