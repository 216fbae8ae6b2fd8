/**
 * Watermarks that follow the events alone: a new one whenever event time has advanced by a step, `boundMs` behind the
 * newest event. `WatermarkStrategy.forBoundedOutOfOrderness` emits at intervals of the clock instead, so that which records are late
 * depends on how fast the machine is; here the same input has the same late records everywhere, and a result can be checked.
 */
import { type WatermarkGenerator, type WatermarkOutput, WatermarkStrategy } from 'millrace';

class EventTimeProgress<T> implements WatermarkGenerator<T> {
  private newestMs = Number.NEGATIVE_INFINITY;
  private readonly boundMs: number;
  private readonly stepMs: number;

  constructor(boundMs: number, stepMs: number) {
    this.boundMs = boundMs;
    this.stepMs = stepMs;
  }

  onEvent(_event: T, timestampMs: number, output: WatermarkOutput): void {
    if (timestampMs < this.newestMs + this.stepMs) return;
    this.newestMs = timestampMs;
    output.emitWatermark(timestampMs - this.boundMs - 1);
  }

  onPeriodicEmit(): void {}
}

/**
 * @param boundMs how far events may be behind the newest one without being late
 * @param stepMs by how much event time advances from one watermark to the next, at least
 */
export function forEventTimeProgress<T>(boundMs: number, stepMs: number): WatermarkStrategy<T> {
  return WatermarkStrategy.forGenerator(() => new EventTimeProgress<T>(boundMs, stepMs));
}
