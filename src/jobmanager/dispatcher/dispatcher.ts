/**
 * Accepts jobs and leads clients to them: one JobMaster per job. Ended jobs stay known, so that their result can be asked.
 */
import { type Clock, type JobId, type Logger, MillraceError } from '../../common/index.ts';
import type { Source } from '../../connector/index.ts';
import { type MetricRegistry, metricValue } from '../../metrics/index.ts';
import type {
  DispatcherGateway,
  JobExecutionResult,
  JobMasterGateway,
  JobProgress,
  JobStatus,
  JobSubmission,
  TaskExecutorGateway,
} from '../../protocol/index.ts';
import { JobMaster } from '../jobmaster/job-master.ts';
import { jobProgress } from '../jobmaster/job-progress.ts';

export interface DispatcherDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly taskExecutor: TaskExecutorGateway;
  sourceOf(jobId: JobId, operatorId: string): Source<unknown> | undefined;
}

export class Dispatcher implements DispatcherGateway {
  private readonly dependencies: DispatcherDependencies;
  private readonly jobs = new Map<JobId, JobMaster>();

  constructor(dependencies: DispatcherDependencies) {
    this.dependencies = dependencies;
  }

  async submitJob(submission: JobSubmission): Promise<JobId> {
    const { jobGraph, settings } = submission;
    const { jobId } = jobGraph;
    if (this.jobs.has(jobId)) throw new MillraceError('ILLEGAL_STATE', `Job ${jobId} was submitted already.`);
    const master = new JobMaster(jobGraph, settings, {
      clock: this.dependencies.clock,
      logger: this.dependencies.logger,
      taskExecutor: this.dependencies.taskExecutor,
      sourceOf: (operatorId) => this.dependencies.sourceOf(jobId, operatorId),
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
    const job = this.job(jobId);
    return jobProgress(job, this.dependencies.metrics, (operatorId) => this.dependencies.sourceOf(jobId, operatorId));
  }

  async requestJobMetrics(jobId: JobId): Promise<Readonly<Record<string, unknown>>> {
    this.dependencies.metrics.sampleMeters();
    const values: Record<string, unknown> = {};
    for (const { scope, name, metric } of this.dependencies.metrics.all()) {
      if (scope[0] === jobId)
        values[[this.job(jobId).executionGraph.jobName, ...scope.slice(1), name].join('.')] = metricValue(metric);
    }
    return values;
  }

  async requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>> {
    return this.job(jobId).accumulators();
  }

  private job(jobId: JobId): JobMaster {
    const job = this.jobs.get(jobId);
    if (job) return job;
    throw new MillraceError('ILLEGAL_STATE', `There is no job ${jobId} here.`, { context: { jobId } });
  }
}
