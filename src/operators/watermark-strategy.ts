/**
 * How event time is told: timestamp assigners and watermark generators, as in Flink.
 *
 * A watermark `t` says: no record with a timestamp of `t` or less is expected any more.
 */
import { MillraceError } from '../common/index.ts';

export interface WatermarkOutput {
  emitWatermark(timestampMs: number): void;
  markIdle(): void;
  markActive(): void;
}

/** One per split, so that a slow split holds back time and a fast one does not drop the records of others. */
export interface WatermarkGenerator<T> {
  /** Called after each record was emitted. */
  onEvent(value: T, timestampMs: number, output: WatermarkOutput): void;
  /** Called at every auto-watermark interval. */
  onPeriodicEmit(output: WatermarkOutput): void;
}

/** The event time of a record in milliseconds; `recordTimestampMs` is what the source gave, or −∞. */
export type TimestampAssigner<T> = (value: T, recordTimestampMs: number) => number;

export interface WatermarkAlignment {
  readonly group: string;
  /** How far a split or source may be ahead of the slowest one of its group. */
  readonly maxDriftMs: number;
  readonly updateIntervalMs: number;
}

export interface WatermarkStrategyOptions<T> {
  readonly createGenerator: () => WatermarkGenerator<T>;
  readonly timestampAssigner?: TimestampAssigner<T>;
  readonly idlenessMs?: number;
  readonly alignment?: WatermarkAlignment;
}

/** Immutable; each `with…` returns a changed copy. */
export class WatermarkStrategy<T> {
  readonly options: WatermarkStrategyOptions<T>;

  private constructor(options: WatermarkStrategyOptions<T>) {
    this.options = options;
  }

  /**
   * For timestamps that never decrease.
   * @param timestampAssigner the same as `withTimestampAssigner`; given here, its parameter's type is inferred
   */
  static forMonotonousTimestamps<T>(timestampAssigner?: TimestampAssigner<T>): WatermarkStrategy<T> {
    return WatermarkStrategy.forBoundedOutOfOrderness(0, timestampAssigner);
  }

  /**
   * For records that come at most `maxOutOfOrdernessMs` later than a newer one.
   * @param timestampAssigner the same as `withTimestampAssigner`; given here, its parameter's type is inferred
   */
  static forBoundedOutOfOrderness<T>(
    maxOutOfOrdernessMs: number,
    timestampAssigner?: TimestampAssigner<T>,
  ): WatermarkStrategy<T> {
    positive('maxOutOfOrdernessMs', maxOutOfOrdernessMs, 0);
    return new WatermarkStrategy<T>({
      createGenerator: () => new BoundedOutOfOrdernessWatermarks(maxOutOfOrdernessMs),
      ...(timestampAssigner ? { timestampAssigner } : {}),
    });
  }

  static forGenerator<T>(createGenerator: () => WatermarkGenerator<T>): WatermarkStrategy<T> {
    return new WatermarkStrategy({ createGenerator });
  }

  /** For processing time only: no watermarks at all (but the one at the end of input). */
  static noWatermarks<T>(): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({ createGenerator: noGenerator });
  }

  /** Neither timestamps nor watermarks are made: the stage does nothing. */
  get isNone(): boolean {
    return this.options.createGenerator === noGenerator && this.options.timestampAssigner === undefined;
  }

  withTimestampAssigner(assigner: TimestampAssigner<T>): WatermarkStrategy<T> {
    return new WatermarkStrategy({ ...this.options, timestampAssigner: assigner });
  }

  /** A split without records for `idlenessMs` no longer holds back time. */
  withIdleness(idlenessMs: number): WatermarkStrategy<T> {
    positive('idlenessMs', idlenessMs, 1);
    return new WatermarkStrategy({ ...this.options, idlenessMs });
  }

  /** Splits and sources of one group that are more than `maxDriftMs` ahead of the slowest pause. */
  withWatermarkAlignment(group: string, maxDriftMs: number, updateIntervalMs = 1000): WatermarkStrategy<T> {
    positive('maxDriftMs', maxDriftMs, 0);
    positive('updateIntervalMs', updateIntervalMs, 1);
    return new WatermarkStrategy({ ...this.options, alignment: { group, maxDriftMs, updateIntervalMs } });
  }
}

function positive(name: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) {
    throw new MillraceError('INVALID_OPTION', `${name} must be a number of milliseconds, at least ${least}; got ${value}.`);
  }
}

const NO_WATERMARKS: WatermarkGenerator<unknown> = { onEvent: () => {}, onPeriodicEmit: () => {} };
const noGenerator = (): WatermarkGenerator<unknown> => NO_WATERMARKS;

/** Emits (highest timestamp − bound − 1), periodically. */
export class BoundedOutOfOrdernessWatermarks<T> implements WatermarkGenerator<T> {
  private maxTimestamp = Number.NEGATIVE_INFINITY;
  private readonly outOfOrdernessMs: number;

  constructor(outOfOrdernessMs: number) {
    this.outOfOrdernessMs = outOfOrdernessMs;
  }

  onEvent(_value: T, timestampMs: number): void {
    if (timestampMs > this.maxTimestamp) this.maxTimestamp = timestampMs;
  }

  onPeriodicEmit(output: WatermarkOutput): void {
    if (this.maxTimestamp !== Number.NEGATIVE_INFINITY) output.emitWatermark(this.maxTimestamp - this.outOfOrdernessMs - 1);
  }
}
