/** What a checkpoint coordinator needs of the rest of the job master, and of the storage of checkpoints. */
import type { Clock, JobId, Logger, MillraceError } from '../../common/index.ts';
import type { CheckpointOptions, CheckpointSettings, CompletedCheckpoint, ExecutionAttemptId } from '../../protocol/index.ts';
import type { CheckpointedVertex } from './checkpointed-vertex.ts';

/** What the coordinator needs of the storage: see `FileCheckpointStorage`. */
export interface CheckpointStorage {
  checkpointDirectory(jobId: string, checkpointId: number): string;
  /** @throws MillraceError `INVALID_OPTION` if there is no place for savepoints */
  savepointDirectory(jobId: string, target?: string): string;
  /** Makes a checkpoint complete; its promise resolves when it is durable, and rejects if there is none. */
  writeMetadata(draft: Omit<CompletedCheckpoint, 'stateBytes'>): Promise<CompletedCheckpoint>;
  discardUnfinished(directory: string): Promise<void>;
}

/** What it needs of the store of complete checkpoints: see `CompletedCheckpointStore`. */
export interface CompletedCheckpoints {
  readonly latest: CompletedCheckpoint | undefined;
  add(checkpoint: CompletedCheckpoint): void;
  discardAll(): Promise<void>;
  settled(): Promise<void>;
}

/** Who takes part in a checkpoint that begins now. Tasks that are in neither list have ended. */
export interface CheckpointPlan {
  /** Tasks without producers that still run. */
  readonly toTrigger: readonly ExecutionAttemptId[];
  /** All tasks that still run. */
  readonly toAcknowledge: readonly ExecutionAttemptId[];
}

export interface CheckpointCoordinatorOptions {
  readonly jobId: JobId;
  readonly jobName: string;
  readonly settings: CheckpointSettings;
  readonly vertices: readonly CheckpointedVertex[];
}

export interface CheckpointCoordinatorDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly storage: CheckpointStorage;
  readonly store: CompletedCheckpoints;
  /** `notReady`: why there can be no checkpoint now. */
  plan(): CheckpointPlan | { readonly notReady: string };
  /** By operator id. What it throws fails the checkpoint. */
  snapshotCoordinators(checkpointId: number): ReadonlyMap<string, Uint8Array>;
  /** A rejection declines the checkpoint. */
  trigger(attempt: ExecutionAttemptId, checkpointId: number, timestampMs: number, options: CheckpointOptions): Promise<void>;
  notifyComplete(attempt: ExecutionAttemptId, checkpointId: number): void;
  notifyAborted(attempt: ExecutionAttemptId, checkpointId: number): void;
  notifyCoordinatorsComplete(checkpointId: number): void;
  /** More checkpoints failed in a row than are tolerated. */
  failJob(error: MillraceError): void;
}

export interface SavepointRequest {
  /** The folder to create its folder in; the configured one unless given. */
  readonly target?: string;
  /** The job stops with it: SUSPEND as it is, TERMINATE after closing event time (drain). */
  readonly stop?: 'SUSPEND' | 'TERMINATE';
}
