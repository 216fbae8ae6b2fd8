/**
 * Triggers decide when the contents of a window are handed on, and when they are dropped: the contract.
 *
 * A trigger object is shared by all keys and windows and must not keep anything itself: what it has to remember goes into
 * partitioned state, which is kept per key and window and must be cleared in `clear`.
 */
import type { MetricGroup } from '../../metrics/index.ts';
import type {
  AggregatingState,
  AggregatingStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReducingState,
  ReducingStateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from '../../state/index.ts';
import type { Window } from './window.ts';

/** What is to be done with a window. `FIRE` keeps the contents, `PURGE` drops them (but not the window's metadata). */
export const TriggerResult = {
  CONTINUE: 'CONTINUE',
  FIRE: 'FIRE',
  PURGE: 'PURGE',
  FIRE_AND_PURGE: 'FIRE_AND_PURGE',
} as const;
export type TriggerResult = (typeof TriggerResult)[keyof typeof TriggerResult];

export function isFire(result: TriggerResult): boolean {
  return result === 'FIRE' || result === 'FIRE_AND_PURGE';
}

export function isPurge(result: TriggerResult): boolean {
  return result === 'PURGE' || result === 'FIRE_AND_PURGE';
}

/** Time, timers and state of the current key and window. */
export interface TriggerContext {
  getCurrentWatermark(): number;
  getCurrentProcessingTime(): number;
  getMetricGroup(): MetricGroup;
  registerEventTimeTimer(timeMs: number): void;
  registerProcessingTimeTimer(timeMs: number): void;
  deleteEventTimeTimer(timeMs: number): void;
  deleteProcessingTimeTimer(timeMs: number): void;
  getPartitionedState<T>(descriptor: ValueStateDescriptor<T>): ValueState<T>;
  getPartitionedState<T>(descriptor: ListStateDescriptor<T>): ListState<T>;
  getPartitionedState<K, V>(descriptor: MapStateDescriptor<K, V>): MapState<K, V>;
  getPartitionedState<T>(descriptor: ReducingStateDescriptor<T>): ReducingState<T>;
  getPartitionedState<IN, ACC, OUT>(descriptor: AggregatingStateDescriptor<IN, ACC, OUT>): AggregatingState<IN, OUT>;
}

/** The window is the one that the merge results in. */
export interface OnMergeContext extends TriggerContext {
  /** Combines the state of the windows that are being merged into that of the result. */
  mergePartitionedState(
    descriptor: ListStateDescriptor<any> | ReducingStateDescriptor<any> | AggregatingStateDescriptor<any, any, any>,
  ): void;
}

export interface Trigger<T, W extends Window> {
  /** For every record, after it was added to the window. */
  onElement(element: T, timestamp: number, window: W, context: TriggerContext): TriggerResult;
  /** A timer that was set through the context fires; also the one that the window's clean-up needs. */
  onEventTime(timeMs: number, window: W, context: TriggerContext): TriggerResult;
  onProcessingTime(timeMs: number, window: W, context: TriggerContext): TriggerResult;
  /** Whether it works with assigners that merge windows (sessions); `false` if absent. */
  canMerge?(): boolean;
  /** Windows were merged into `window`. Their own state and timers are cleared afterwards. */
  onMerge?(window: W, context: OnMergeContext): void;
  /** The window is gone: drop state and timers that are left. */
  clear(window: W, context: TriggerContext): void;
  /** Name and parameters, as in `CountTrigger(5)`: part of the operator's structural id. */
  toString(): string;
}
