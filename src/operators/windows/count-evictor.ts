import { checkCount } from './check-parameters.ts';
import type { Evictor, TimestampedValue } from './evictor.ts';
import type { Window } from './window.ts';

/** Keeps the last `maxCount` elements. */
export class CountEvictor implements Evictor<unknown, Window> {
  private readonly maxCount: number;
  private readonly doEvictAfter: boolean;

  private constructor(maxCount: number, doEvictAfter: boolean) {
    this.maxCount = maxCount;
    this.doEvictAfter = doEvictAfter;
  }

  /** @param doEvictAfter whether to evict after the window's function instead of before */
  static of(maxCount: number, doEvictAfter = false): CountEvictor {
    return new CountEvictor(checkCount('CountEvictor.of', 'maxCount', maxCount), doEvictAfter);
  }

  evictBefore(elements: TimestampedValue<unknown>[]): void {
    if (!this.doEvictAfter) this.evict(elements);
  }

  evictAfter(elements: TimestampedValue<unknown>[]): void {
    if (this.doEvictAfter) this.evict(elements);
  }

  toString(): string {
    return `CountEvictor(${this.maxCount}${this.doEvictAfter ? ',after' : ''})`;
  }

  private evict(elements: TimestampedValue<unknown>[]): void {
    if (elements.length > this.maxCount) elements.splice(0, elements.length - this.maxCount);
  }
}
