/**
 * Accepts jobs and leads clients to them: one JobMaster per job. Ended jobs stay known, so that their result can be asked.
 */
import type { FileCheckpointStorage } from '../../checkpoint/index.ts';
import { type Clock, type JobId, type Logger, MillraceError, type Random } from '../../common/index.ts';
import type { Source } from '../../connector/index.ts';
import type { FileSystem } from '../../filesystem/index.ts';
import { type MetricRegistry, metricValue } from '../../metrics/index.ts';
import type {
  CheckpointSettings,
  CheckpointStatsSnapshot,
  DispatcherGateway,
  JobExecutionResult,
  JobMasterGateway,
  JobProgress,
  JobStatus,
  JobSubmission,
  MetricSample,
  TaskExecutorGateway,
} from '../../protocol/index.ts';
import { checkCheckpointPaths } from '../jobmaster/checkpoint-directories.ts';
import { JobMaster } from '../jobmaster/job-master.ts';
import { jobProgress } from '../jobmaster/job-progress.ts';

export interface DispatcherDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly taskExecutor: TaskExecutorGateway;
  /** Where checkpoints go. */
  readonly fileSystem: FileSystem;
  checkpointStorageOf(jobId: JobId, settings: CheckpointSettings): FileCheckpointStorage;
  sourceOf(jobId: JobId, operatorId: string): Source<unknown> | undefined;
  receiverOf(jobId: JobId, operatorId: string): ((event: unknown) => void) | undefined;
}

export class Dispatcher implements DispatcherGateway {
  private readonly dependencies: DispatcherDependencies;
  private readonly jobs = new Map<JobId, JobMaster>();

  constructor(dependencies: DispatcherDependencies) {
    this.dependencies = dependencies;
  }

  /** @throws MillraceError `INVALID_OPTION` for folders of checkpoints that there is no file system for */
  async submitJob(submission: JobSubmission): Promise<JobId> {
    const { jobGraph, settings } = submission;
    const { jobId } = jobGraph;
    await checkCheckpointPaths(settings.checkpointing, this.dependencies);
    if (this.jobs.has(jobId)) throw new MillraceError('ILLEGAL_STATE', `Job ${jobId} was submitted already.`);
    const { clock, random, logger, metrics, taskExecutor, fileSystem } = this.dependencies;
    const master = new JobMaster(jobGraph, settings, {
      clock,
      random,
      logger,
      metrics: metrics.group(jobId, 'job'),
      taskExecutor,
      fileSystem,
      checkpointStorage: this.dependencies.checkpointStorageOf(jobId, settings.checkpointing),
      sourceOf: (operatorId) => this.dependencies.sourceOf(jobId, operatorId),
      receiverOf: (operatorId) => this.dependencies.receiverOf(jobId, operatorId),
    });
    this.jobs.set(jobId, master);
    void master.start();
    return jobId;
  }

  /** Where the tasks of a job report to. */
  jobMaster(jobId: JobId): JobMasterGateway {
    return this.job(jobId);
  }

  async requestJobStatus(jobId: JobId): Promise<JobStatus> {
    return this.job(jobId).jobStatus;
  }

  async requestJobResult(jobId: JobId): Promise<JobExecutionResult> {
    return this.job(jobId).result;
  }

  async cancelJob(jobId: JobId): Promise<void> {
    return this.job(jobId).cancel();
  }

  async requestJobProgress(jobId: JobId): Promise<JobProgress> {
    return jobProgress(this.job(jobId), await this.dependencies.taskExecutor.requestMetrics(jobId));
  }

  async requestJobMetrics(jobId: JobId): Promise<Readonly<Record<string, unknown>>> {
    const { jobName } = this.job(jobId).executionGraph;
    const samples = [...(await this.dependencies.taskExecutor.requestMetrics(jobId)), ...this.ownSamples(jobId)];
    return Object.fromEntries(samples.map(({ scope, name, value }) => [[jobName, ...scope, name].join('.'), value]));
  }

  async triggerSavepoint(jobId: JobId, target?: string): Promise<string> {
    const { externalPath } = await this.job(jobId).triggerSavepoint(target === undefined ? {} : { target });
    return externalPath;
  }

  async stopWithSavepoint(jobId: JobId, drain: boolean, target?: string): Promise<string> {
    const job = this.job(jobId);
    const stop = drain ? 'TERMINATE' : 'SUSPEND';
    const { externalPath } = await job.triggerSavepoint({ stop, ...(target === undefined ? {} : { target }) });
    await job.result;
    return externalPath;
  }

  async triggerCheckpoint(jobId: JobId): Promise<number> {
    return (await this.job(jobId).triggerCheckpoint()).checkpointId;
  }

  async requestCheckpointStats(jobId: JobId): Promise<CheckpointStatsSnapshot> {
    return this.job(jobId).checkpointStats;
  }

  async requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>> {
    return this.job(jobId).accumulators();
  }

  /** The metrics of the job master itself. */
  private ownSamples(jobId: JobId): MetricSample[] {
    const samples: MetricSample[] = [];
    for (const { scope, name, metric } of this.dependencies.metrics.all()) {
      if (scope[0] === jobId && scope[1] === 'job' && scope.length === 2) {
        samples.push({ scope: [], name, value: metricValue(metric) });
      }
    }
    return samples;
  }

  private job(jobId: JobId): JobMaster {
    const job = this.jobs.get(jobId);
    if (job) return job;
    throw new MillraceError('ILLEGAL_STATE', `There is no job ${jobId} here.`, { context: { jobId } });
  }
}
