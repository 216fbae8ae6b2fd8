/**
 * How many records a task takes at a time: it grows while they take well under the yield budget, and shrinks when they take longer,
 * so that one step stays bounded in time whatever the program does with a record.
 */
const MAX_RECORDS = 1024;
const FIRST_RECORDS = 64;
const GROW_BELOW_MS = 0.25;
const SHRINK_ABOVE_MS = 1;

export class BatchSize {
  records = FIRST_RECORDS;

  /** The last batch took so long. */
  adapt(tookMs: number): void {
    if (tookMs > SHRINK_ABOVE_MS) this.records = Math.max(1, this.records >> 1);
    else if (tookMs < GROW_BELOW_MS) this.records = Math.min(MAX_RECORDS, this.records * 2);
  }
}
