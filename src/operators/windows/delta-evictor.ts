import type { DeltaFunction } from './delta-trigger.ts';
import { type Evictor, retain, type TimestampedValue } from './evictor.ts';
import type { Window } from './window.ts';

/** Keeps the elements that are nearer than `threshold` to the last one. */
export class DeltaEvictor<T> implements Evictor<T, Window> {
  private readonly threshold: number;
  private readonly deltaFunction: DeltaFunction<T>;
  private readonly doEvictAfter: boolean;

  private constructor(threshold: number, deltaFunction: DeltaFunction<T>, doEvictAfter: boolean) {
    this.threshold = threshold;
    this.deltaFunction = deltaFunction;
    this.doEvictAfter = doEvictAfter;
  }

  /** @param doEvictAfter whether to evict after the window's function instead of before */
  static of<T>(threshold: number, deltaFunction: DeltaFunction<T>, doEvictAfter = false): DeltaEvictor<T> {
    return new DeltaEvictor(threshold, deltaFunction, doEvictAfter);
  }

  evictBefore(elements: TimestampedValue<T>[]): void {
    if (!this.doEvictAfter) this.evict(elements);
  }

  evictAfter(elements: TimestampedValue<T>[]): void {
    if (this.doEvictAfter) this.evict(elements);
  }

  toString(): string {
    return `DeltaEvictor(${this.threshold}${this.doEvictAfter ? ',after' : ''})`;
  }

  private evict(elements: TimestampedValue<T>[]): void {
    const last = elements[elements.length - 1];
    if (last === undefined) return;
    retain(elements, (element) => !(this.deltaFunction(element.value, last.value) >= this.threshold));
  }
}
