/** What is known about the checkpoints of a job, as Flink's REST interface shows it. Plain data. */
import type { CheckpointMetrics } from './checkpoint-messages.ts';

export type CheckpointType = 'CHECKPOINT' | 'UNALIGNED_CHECKPOINT' | 'SAVEPOINT' | 'SYNC_SAVEPOINT';
export type CheckpointStatus = 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';

/** Of one subtask. */
export interface SubtaskCheckpointStats extends CheckpointMetrics {
  readonly subtaskIndex: number;
  readonly ackTimestampMs: number;
  /** From the trigger to the acknowledgement. */
  readonly endToEndDurationMs: number;
}

/** Of all subtasks of a vertex; of all vertices in `CheckpointStats`. */
export interface AcknowledgementStats {
  readonly numSubtasks: number;
  readonly numAcknowledgedSubtasks: number;
  /** When the last of them acknowledged; −1 before the first. */
  readonly latestAckTimestampMs: number;
  readonly endToEndDurationMs: number;
  readonly stateBytes: number;
  /** What was written for this checkpoint; less than `stateBytes` if it refers to what earlier ones wrote. */
  readonly checkpointedBytes: number;
  /** Records that were in flight. */
  readonly persistedBytes: number;
}

export interface TaskCheckpointStats extends AcknowledgementStats {
  readonly subtasks: readonly SubtaskCheckpointStats[];
}

export interface CheckpointStats extends AcknowledgementStats {
  readonly id: number;
  readonly type: CheckpointType;
  readonly isSavepoint: boolean;
  readonly status: CheckpointStatus;
  readonly triggerTimestampMs: number;
  /** By vertex id. */
  readonly tasks: Readonly<Record<string, TaskCheckpointStats>>;
  /** Of completed ones. */
  readonly externalPath?: string;
  /** Of failed ones. */
  readonly failureMessage?: string;
  readonly failureTimestampMs?: number;
}

export interface RestoredCheckpointStats {
  readonly id: number;
  readonly restoreTimestampMs: number;
  readonly isSavepoint: boolean;
  readonly externalPath: string;
}

/** Over the completed checkpoints. */
export interface CheckpointSummary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface CheckpointStatsSnapshot {
  readonly counts: {
    readonly restored: number;
    readonly total: number;
    readonly inProgress: number;
    readonly completed: number;
    readonly failed: number;
  };
  readonly latest: {
    readonly completed?: CheckpointStats;
    readonly savepoint?: CheckpointStats;
    readonly failed?: CheckpointStats;
    readonly restored?: RestoredCheckpointStats;
  };
  /** Over those that completed. */
  readonly summary: {
    readonly endToEndDurationMs: CheckpointSummary;
    readonly stateBytes: CheckpointSummary;
    readonly checkpointedBytes: CheckpointSummary;
    readonly persistedBytes: CheckpointSummary;
  };
  /** Newest first. */
  readonly history: readonly CheckpointStats[];
}
