/**
 * The interfaces through which the parts of a cluster call each other. Implementations may be in the same thread or
 * across a network: every answer is a promise.
 */
import type { JobId } from '../common/index.ts';
import type { ExecutionPlan, JobGraph } from '../graph/index.ts';
import type { JobStatus } from './job-status.ts';
import type {
  ExecutionAttemptId,
  ExecutionSettings,
  JobExecutionResult,
  JobProgress,
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
}

/** What a job master asks of a task executor. */
export interface TaskExecutorGateway {
  /** Deploys and opens; resolves when the task is ready to run. */
  submitTask(descriptor: TaskDeploymentDescriptor): Promise<void>;
  startTask(attempt: ExecutionAttemptId): Promise<void>;
  cancelTask(attempt: ExecutionAttemptId): Promise<void>;
  sendOperatorEvent(attempt: ExecutionAttemptId, event: unknown): Promise<void>;
  requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>>;
  /** Forgets everything about a job that has ended. */
  releaseJob(jobId: JobId): Promise<void>;
}

/** What a task executor tells a job master. */
export interface JobMasterGateway {
  updateTaskState(report: TaskStateReport): void;
  operatorEventFromTask(attempt: ExecutionAttemptId, operatorId: string, event: unknown): void;
}
