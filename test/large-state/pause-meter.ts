/** Measures how long no record is processed: at any time, and when a snapshot starts. */

/** So long after the start of a snapshot a pause counts as its own. */
const SNAPSHOT_MS = 500;

export interface Pauses {
  readonly snapshots: number;
  /** The longest between two records, one of them soon after the start of a snapshot. */
  readonly longestAtSnapshotMs: number;
  readonly longestMs: number;
}

export class PauseMeter {
  /** None before the first record: a restore comes before it. */
  private lastMs = Number.POSITIVE_INFINITY;
  private snapshotMs = Number.NEGATIVE_INFINITY;
  private snapshots = 0;
  private longestMs = 0;
  private longestAtSnapshotMs = 0;

  snapshotStarts(): void {
    this.snapshotMs = performance.now();
    this.snapshots++;
  }

  seen(): void {
    const nowMs = performance.now();
    const pauseMs = nowMs - this.lastMs;
    this.lastMs = nowMs;
    if (pauseMs <= 1) return;
    this.longestMs = Math.max(this.longestMs, pauseMs);
    if (nowMs - pauseMs < this.snapshotMs + SNAPSHOT_MS) this.longestAtSnapshotMs = Math.max(this.longestAtSnapshotMs, pauseMs);
  }

  pauses(): Pauses {
    const { snapshots, longestAtSnapshotMs, longestMs } = this;
    return { snapshots, longestAtSnapshotMs, longestMs };
  }
}
