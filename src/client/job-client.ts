/** A handle on a submitted job (Flink's JobClient). */
import type { JobId } from '../common/index.ts';
import type {
  CheckpointStatsSnapshot,
  DispatcherGateway,
  JobExecutionResult,
  JobProgress,
  JobStatus,
} from '../protocol/index.ts';

export class JobClient {
  readonly jobId: JobId;
  private readonly dispatcher: DispatcherGateway;
  private requested = false;

  constructor(jobId: JobId, dispatcher: DispatcherGateway) {
    this.jobId = jobId;
    this.dispatcher = dispatcher;
  }

  getJobStatus(): Promise<JobStatus> {
    return this.dispatcher.requestJobStatus(this.jobId);
  }

  /** Asks the job to stop; resolves when it has stopped. What was not finished is lost. */
  cancel(): Promise<void> {
    return this.dispatcher.cancelJob(this.jobId);
  }

  /**
   * Resolves when the job has finished.
   * @throws MillraceError what made the job fail, or `JOB_CANCELED`
   */
  getJobExecutionResult(): Promise<JobExecutionResult> {
    this.requested = true;
    return this.dispatcher.requestJobResult(this.jobId);
  }

  /** @internal Whether somebody will see how the job ends. */
  get resultRequested(): boolean {
    return this.requested;
  }

  /** The present value of every metric, by full name: `<job>.<task>.<subtask>.<operator>.<metric>`. */
  getMetrics(): Promise<Readonly<Record<string, unknown>>> {
    return this.dispatcher.requestJobMetrics(this.jobId);
  }

  getAccumulators(): Promise<Readonly<Record<string, unknown>>> {
    return this.dispatcher.requestAccumulators(this.jobId);
  }

  /**
   * Takes a savepoint; the job goes on.
   * @param targetDirectory the folder to put it in; `execution.checkpointing.savepoint-dir` unless given
   * @returns its path
   * @throws MillraceError `CHECKPOINT_FAILED`, `INVALID_OPTION` if there is no folder
   */
  triggerSavepoint(targetDirectory?: string): Promise<string> {
    return this.dispatcher.triggerSavepoint(this.jobId, targetDirectory);
  }

  /**
   * Stops the job with a savepoint; resolves when it has stopped.
   * @param advanceToEndOfEventTime drains the job: windows and timers fire as if the input had ended
   * @returns the path of the savepoint
   * @throws MillraceError as `triggerSavepoint`
   */
  stopWithSavepoint(advanceToEndOfEventTime = false, targetDirectory?: string): Promise<string> {
    return this.dispatcher.stopWithSavepoint(this.jobId, advanceToEndOfEventTime, targetDirectory);
  }

  /** Takes a checkpoint now. @returns its id @throws MillraceError `CHECKPOINT_FAILED` */
  triggerCheckpoint(): Promise<number> {
    return this.dispatcher.triggerCheckpoint(this.jobId);
  }

  /** What is known about the job's checkpoints: counts, history, sizes, durations. */
  getCheckpointStats(): Promise<CheckpointStatsSnapshot> {
    return this.dispatcher.requestCheckpointStats(this.jobId);
  }

  getProgress(): Promise<JobProgress> {
    return this.dispatcher.requestJobProgress(this.jobId);
  }
}
