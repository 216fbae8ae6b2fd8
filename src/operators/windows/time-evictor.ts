import { checkDuration } from './check-parameters.ts';
import { type Evictor, hasTimestamp, retain, type TimestampedValue } from './evictor.ts';
import type { Window } from './window.ts';

/** Keeps the elements that are younger than `windowSizeMs`, counted back from the latest timestamp in the window. */
export class TimeEvictor implements Evictor<unknown, Window> {
  private readonly windowSizeMs: number;
  private readonly doEvictAfter: boolean;

  private constructor(windowSizeMs: number, doEvictAfter: boolean) {
    this.windowSizeMs = windowSizeMs;
    this.doEvictAfter = doEvictAfter;
  }

  /** @param doEvictAfter whether to evict after the window's function instead of before */
  static of(windowSizeMs: number, doEvictAfter = false): TimeEvictor {
    return new TimeEvictor(checkDuration('TimeEvictor.of', 'windowSizeMs', windowSizeMs), doEvictAfter);
  }

  evictBefore(elements: TimestampedValue<unknown>[]): void {
    if (!this.doEvictAfter) this.evict(elements);
  }

  evictAfter(elements: TimestampedValue<unknown>[]): void {
    if (this.doEvictAfter) this.evict(elements);
  }

  toString(): string {
    return `TimeEvictor(${this.windowSizeMs}${this.doEvictAfter ? ',after' : ''})`;
  }

  private evict(elements: TimestampedValue<unknown>[]): void {
    if (!hasTimestamp(elements)) return;
    let latest = Number.NEGATIVE_INFINITY;
    for (const element of elements) latest = Math.max(latest, element.timestamp);
    const cutoff = latest - this.windowSizeMs;
    retain(elements, (element) => element.timestamp > cutoff);
  }
}
