/**
 * How aligned windows are made of slices: a slice is a span of time that every window holds either whole or not at all, as
 * long as the greatest common divisor of size and slide. Slices and windows go by number, in order of time.
 */
import type { WindowAlignment } from './window-assigner.ts';

export class SliceAlignment {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly sliceMs: number;
  readonly slicesPerWindow: number;
  readonly slicesPerSlide: number;

  constructor({ sizeMs, slideMs, offsetMs }: WindowAlignment) {
    this.sizeMs = sizeMs;
    this.slideMs = slideMs;
    this.offsetMs = offsetMs;
    this.sliceMs = greatestCommonDivisor(sizeMs, slideMs);
    this.slicesPerWindow = sizeMs / this.sliceMs;
    this.slicesPerSlide = slideMs / this.sliceMs;
  }

  sliceOf(timestamp: number): number {
    return Math.floor((timestamp - this.offsetMs) / this.sliceMs);
  }

  /** The time at which a slice starts. */
  startOfSlice(slice: number): number {
    return slice * this.sliceMs + this.offsetMs;
  }

  firstWindowOf(slice: number): number {
    return Math.floor((slice - this.slicesPerWindow) / this.slicesPerSlide) + 1;
  }

  lastWindowOf(slice: number): number {
    return Math.floor(slice / this.slicesPerSlide);
  }

  /** The first window whose last millisecond the watermark has not reached. */
  firstWindowAfter(watermark: number): number {
    return Math.floor((watermark + 1 - this.offsetMs - this.sizeMs) / this.slideMs) + 1;
  }

  startOfWindow(window: number): number {
    return window * this.slideMs + this.offsetMs;
  }

  /** The last millisecond of a window. */
  lastTimeOf(window: number): number {
    return this.startOfWindow(window) + this.sizeMs - 1;
  }

  firstSliceOf(window: number): number {
    return window * this.slicesPerSlide;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
