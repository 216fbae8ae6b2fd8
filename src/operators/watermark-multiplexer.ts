/**
 * Combines the watermarks of several splits into one: the minimum over those that are active.
 *
 * Promise: the combined watermark never goes back; a split that is idle, or has ended, holds nothing back. When the last
 * active split becomes idle, the output is idle too. A later watermark, or `markActive`, makes a split active again.
 *
 * After a restore it is not known what the output had said last, and whoever listens may remember it: so the first thing that is said
 * is whether it is idle.
 */
import { formatValue, MillraceError } from '../common/index.ts';
import { MIN_WATERMARK } from './operator.ts';
import type { WatermarkGenerator, WatermarkOutput } from './watermark-strategy.ts';

export interface CombinedWatermarkOutput {
  emitWatermark(timestampMs: number): void;
  emitIdle(idle: boolean): void;
}

/** The event time of one split. */
export class SplitWatermark<T> implements WatermarkOutput {
  watermark = MIN_WATERMARK;
  idle = false;
  /** Since when nothing was read, on the monotonic clock; set by the owner. */
  lastActivityMs = 0;
  readonly generator: WatermarkGenerator<T>;
  readonly splitId: string;
  private readonly owner: WatermarkMultiplexer<T>;

  constructor(owner: WatermarkMultiplexer<T>, splitId: string, generator: WatermarkGenerator<T>) {
    this.owner = owner;
    this.splitId = splitId;
    this.generator = generator;
  }

  /** @throws MillraceError `INVALID_PROGRAM` for what is no number: it would compare as later than everything */
  emitWatermark(timestampMs: number): void {
    if (typeof timestampMs !== 'number' || Number.isNaN(timestampMs)) refuseWatermark(timestampMs);
    if (timestampMs <= this.watermark) return;
    this.watermark = timestampMs;
    this.idle = false;
    this.owner.update();
  }

  markIdle(): void {
    if (this.idle) return;
    this.idle = true;
    this.owner.update();
  }

  markActive(): void {
    if (!this.idle) return;
    this.idle = false;
    this.owner.update();
  }
}

export class WatermarkMultiplexer<T> {
  private readonly splits = new Map<string, SplitWatermark<T>>();
  private readonly output: CombinedWatermarkOutput;
  private combined = MIN_WATERMARK;
  /** What the output said last; `undefined` if that is not known. */
  private idle: boolean | undefined;

  constructor(output: CombinedWatermarkOutput, isRestored = false) {
    this.output = output;
    this.idle = isRestored ? undefined : false;
  }

  add(splitId: string, generator: WatermarkGenerator<T>): SplitWatermark<T> {
    const split = new SplitWatermark(this, splitId, generator);
    this.splits.set(splitId, split);
    return split;
  }

  get(splitId: string): SplitWatermark<T> | undefined {
    return this.splits.get(splitId);
  }

  /** What the split held back is free; the other splits decide. */
  remove(splitId: string): void {
    if (this.splits.delete(splitId) && this.splits.size > 0) this.update();
  }

  all(): IterableIterator<SplitWatermark<T>> {
    return this.splits.values();
  }

  /** Says whether the output is idle, as far as its splits are known. */
  announce(): void {
    if (this.splits.size > 0) this.say([...this.splits.values()].every((split) => split.idle));
  }

  update(): void {
    let min = Number.POSITIVE_INFINITY;
    let active = 0;
    for (const split of this.splits.values()) {
      if (split.idle) continue;
      active++;
      if (split.watermark < min) min = split.watermark;
    }
    if (active === 0) {
      if (this.splits.size > 0) this.say(true);
      return;
    }
    this.say(false);
    if (min > this.combined) {
      this.combined = min;
      this.output.emitWatermark(min);
    }
  }

  private say(idle: boolean): void {
    if (idle === this.idle) return;
    this.idle = idle;
    this.output.emitIdle(idle);
  }
}

function refuseWatermark(watermark: unknown): never {
  throw new MillraceError(
    'INVALID_PROGRAM',
    `A watermark generator emitted ${formatValue(watermark, { maxChars: 80 })}. A watermark is a number of milliseconds since the epoch.`,
  );
}
