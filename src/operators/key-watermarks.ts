/**
 * What time it is for each key after a restore.
 *
 * What is late, and what has fired, is decided by the watermark. Flink starts again without one, so records that were
 * dropped before a failure may open their window a second time after it. Here, a restored subtask goes on where each of its
 * key groups was: after a rescale, or an unaligned checkpoint, its key groups come from subtasks at different watermarks.
 * Only as long as its own watermark is behind the latest of them does that make a difference.
 */
import { type CanonicalKey, type KeyGroupRange, keyGroupOf } from '../state/index.ts';
import { MAX_WATERMARK, MIN_WATERMARK } from './operator.ts';

/** The watermark that a range of key groups had reached. Pure data. */
export interface KeyGroupWatermark {
  readonly start: number;
  readonly end: number;
  readonly watermark: number;
}

export class KeyWatermarks {
  /** Of all key groups; at or below it, no key makes a difference. */
  readonly lowest: number;
  readonly highest: number;
  private readonly range: KeyGroupRange;
  private readonly maxParallelism: number;
  /** By key group, from the first of the range on. */
  private readonly watermarks: readonly number[];

  /**
   * The watermark that closes all time counts as none, so that a drained job can be continued.
   * @param restored of all old subtasks; what lies outside of `range` does not matter
   */
  constructor(range: KeyGroupRange, maxParallelism: number, restored: Iterable<KeyGroupWatermark>) {
    const watermarks = Array.from({ length: range.end - range.start + 1 }, () => MIN_WATERMARK);
    for (const { start, end, watermark } of restored) {
      if (watermark === MAX_WATERMARK) continue;
      const last = Math.min(end, range.end);
      for (let keyGroup = Math.max(start, range.start); keyGroup <= last; keyGroup++) {
        watermarks[keyGroup - range.start] = watermark;
      }
    }
    this.range = range;
    this.maxParallelism = maxParallelism;
    this.watermarks = watermarks;
    this.lowest = watermarks.reduce((a, b) => Math.min(a, b), MAX_WATERMARK);
    this.highest = watermarks.reduce((a, b) => Math.max(a, b), MIN_WATERMARK);
  }

  /** What the key's old subtask had reached. The key must be one of this subtask. */
  of(key: CanonicalKey): number {
    return this.watermarks[keyGroupOf(key, this.maxParallelism) - this.range.start] ?? MIN_WATERMARK;
  }

  /** For a snapshot of a subtask whose own watermark is `current`. */
  after(current: number): KeyGroupWatermark[] {
    const runs: KeyGroupWatermark[] = [];
    for (const [i, restored] of this.watermarks.entries()) {
      const watermark = Math.max(current, restored);
      const keyGroup = this.range.start + i;
      const last = runs[runs.length - 1];
      if (last?.watermark === watermark) runs[runs.length - 1] = { ...last, end: keyGroup };
      else runs.push({ start: keyGroup, end: keyGroup, watermark });
    }
    return runs;
  }
}
