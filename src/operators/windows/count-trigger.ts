/**
 * Fires whenever a window has got a number of records since it last fired. Merged windows add up what they have counted.
 */
import { ReducingStateDescriptor } from '../../state/index.ts';
import { checkCount } from './check-parameters.ts';
import type { OnMergeContext, Trigger, TriggerContext, TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

const COUNT = new ReducingStateDescriptor<number>('count', (a, b) => a + b);

/** Fires at every `maxCount` records of a key and window. */
export class CountTrigger implements Trigger<unknown, Window> {
  private readonly maxCount: number;

  private constructor(maxCount: number) {
    this.maxCount = maxCount;
  }

  static of(maxCount: number): CountTrigger {
    return new CountTrigger(checkCount('CountTrigger.of', 'maxCount', maxCount));
  }

  onElement(_element: unknown, _timestamp: number, _window: Window, context: TriggerContext): TriggerResult {
    const count = context.getPartitionedState(COUNT);
    count.add(1);
    if ((count.get() as number) < this.maxCount) return 'CONTINUE';
    count.clear();
    return 'FIRE';
  }

  onEventTime(): TriggerResult {
    return 'CONTINUE';
  }

  onProcessingTime(): TriggerResult {
    return 'CONTINUE';
  }

  canMerge(): boolean {
    return true;
  }

  onMerge(_window: Window, context: OnMergeContext): void {
    context.mergePartitionedState(COUNT);
  }

  clear(_window: Window, context: TriggerContext): void {
    context.getPartitionedState(COUNT).clear();
  }

  toString(): string {
    return `CountTrigger(${this.maxCount})`;
  }
}
