/**
 * Evictors take elements out of a window when it fires, before or after the window's function sees them: the contract.
 * A window with an evictor keeps all of its elements, even if it only reduces them.
 */

import { NO_TIMESTAMP } from '../../connector/index.ts';
import type { MetricGroup } from '../../metrics/index.ts';
import type { Window } from './window.ts';

/** An element of a window with its timestamp; `NO_TIMESTAMP` (`-Infinity`) if it has none. */
export interface TimestampedValue<T> {
  readonly value: T;
  readonly timestamp: number;
}

export interface EvictorContext {
  getCurrentWatermark(): number;
  getCurrentProcessingTime(): number;
  getMetricGroup(): MetricGroup;
}

export interface Evictor<T, W extends Window> {
  /** Removes from `elements`, in place, what the window's function must not see. In order of arrival. */
  evictBefore(elements: TimestampedValue<T>[], size: number, window: W, context: EvictorContext): void;
  /** Removes from `elements`, in place, what the window must not keep for its next firing. */
  evictAfter(elements: TimestampedValue<T>[], size: number, window: W, context: EvictorContext): void;
  /** Name and parameters, as in `CountEvictor(3)`: part of the operator's structural id. */
  toString(): string;
}

/** Keeps, in place, the elements for which `keep` is true. */
export function retain<T>(elements: TimestampedValue<T>[], keep: (element: TimestampedValue<T>) => boolean): void {
  let kept = 0;
  for (const element of elements) if (keep(element)) elements[kept++] = element;
  elements.length = kept;
}

export function hasTimestamp(elements: readonly TimestampedValue<unknown>[]): boolean {
  return elements.length > 0 && (elements[0] as TimestampedValue<unknown>).timestamp !== NO_TIMESTAMP;
}
