/**
 * The interfaces through which the parts of a cluster call each other. Implementations may be in the same thread or
 * across a network: every answer is a promise.
 */
import type { JobId, SerializedError } from '../common/index.ts';
import type { ExecutionPlan, JobGraph } from '../graph/index.ts';
import type { CheckpointMetrics, CheckpointOptions, TaskStateSnapshot } from './checkpoint-messages.ts';
import type { CheckpointStatsSnapshot } from './checkpoint-statistics.ts';
import type { JobStatus } from './job-status.ts';
import type {
  ExecutionAttemptId,
  ExecutionSettings,
  JobExecutionResult,
  JobProgress,
  MetricSample,
  TaskDeploymentDescriptor,
  TaskStateReport,
} from './messages.ts';

export interface JobSubmission {
  readonly jobGraph: JobGraph;
  readonly plan: ExecutionPlan;
  readonly settings: ExecutionSettings;
}

/** What a client can ask of a cluster. */
export interface DispatcherGateway {
  submitJob(submission: JobSubmission): Promise<JobId>;
  requestJobStatus(jobId: JobId): Promise<JobStatus>;
  /** Resolves when the job has ended; rejects with its failure or cancellation. */
  requestJobResult(jobId: JobId): Promise<JobExecutionResult>;
  cancelJob(jobId: JobId): Promise<void>;
  requestJobProgress(jobId: JobId): Promise<JobProgress>;
  /** The present value of every metric of the job, by full name. */
  requestJobMetrics(jobId: JobId): Promise<Readonly<Record<string, unknown>>>;
  requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>>;
  /**
   * @param target the folder to put it in; the configured one unless given
   * @returns the path of the savepoint
   * @throws MillraceError `CHECKPOINT_FAILED`, `INVALID_OPTION`
   */
  triggerSavepoint(jobId: JobId, target?: string): Promise<string>;
  /** The job ends with it, after closing event time if `drain` is set; resolves when it has. @throws as `triggerSavepoint` */
  stopWithSavepoint(jobId: JobId, drain: boolean, target?: string): Promise<string>;
  /** @returns the id of the checkpoint @throws MillraceError `CHECKPOINT_FAILED` */
  triggerCheckpoint(jobId: JobId): Promise<number>;
  /** Counts, history and summaries: of the job's checkpoints. */
  requestCheckpointStats(jobId: JobId): Promise<CheckpointStatsSnapshot>;
}

/** What a job master asks of a task executor. */
export interface TaskExecutorGateway {
  /** Deploys and opens; resolves when the task is ready to run. */
  submitTask(descriptor: TaskDeploymentDescriptor): Promise<void>;
  startTask(attempt: ExecutionAttemptId): Promise<void>;
  cancelTask(attempt: ExecutionAttemptId): Promise<void>;
  sendOperatorEvent(attempt: ExecutionAttemptId, event: unknown): Promise<void>;
  /**
   * Starts a checkpoint at a task without running producers. Reaches the task behind all operator events sent before.
   */
  triggerCheckpoint(
    attempt: ExecutionAttemptId,
    checkpointId: number,
    timestampMs: number,
    options: CheckpointOptions,
  ): Promise<void>;
  notifyCheckpointComplete(attempt: ExecutionAttemptId, checkpointId: number): Promise<void>;
  notifyCheckpointAborted(attempt: ExecutionAttemptId, checkpointId: number): Promise<void>;
  requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>>;
  /** The present values of the metrics of the job's tasks. */
  requestMetrics(jobId: JobId): Promise<readonly MetricSample[]>;
  /** Forgets everything about a job that has ended. */
  releaseJob(jobId: JobId): Promise<void>;
}

/** What a task executor tells a job master. */
export interface JobMasterGateway {
  updateTaskState(report: TaskStateReport): void;
  operatorEventFromTask(attempt: ExecutionAttemptId, operatorId: string, event: unknown): void;
  /** All state of the task in this checkpoint is durable. */
  acknowledgeCheckpoint(
    attempt: ExecutionAttemptId,
    checkpointId: number,
    state: TaskStateSnapshot,
    metrics: CheckpointMetrics,
  ): void;
  /** The task cannot take part in this checkpoint. */
  declineCheckpoint(attempt: ExecutionAttemptId, checkpointId: number, reason: SerializedError): void;
  /** The task has processed all its input and waits for a checkpoint to commit it. */
  endOfDataReached(attempt: ExecutionAttemptId): void;
}
