/**
 * The whole cluster in one process: a dispatcher and a task executor that call each other directly.
 * This is the host of a program that runs in its own process, on one thread.
 */
import { type JobId, type Logger, type Platform, silentLogger, systemPlatform } from '../common/index.ts';
import { Dispatcher } from '../jobmanager/index.ts';
import { MetricRegistry } from '../metrics/index.ts';
import type { Program } from '../operators/index.ts';
import type { DispatcherGateway, JobSubmission } from '../protocol/index.ts';
import { TaskExecutor } from '../taskmanager/index.ts';

export interface MiniClusterOptions {
  readonly platform?: Platform;
  readonly logger?: Logger;
}

export class MiniCluster {
  readonly metrics: MetricRegistry;
  private readonly programs = new Map<JobId, Program>();
  private readonly dispatcherOfCluster: Dispatcher;

  constructor(options: MiniClusterOptions = {}) {
    const platform = options.platform ?? systemPlatform;
    const logger = options.logger ?? silentLogger;
    const metrics = new MetricRegistry(platform.clock);
    this.metrics = metrics;
    const taskExecutor = new TaskExecutor({
      platform,
      logger,
      metrics,
      programOf: (jobId) => this.programs.get(jobId) ?? new Map(),
      jobMasterOf: (jobId) => this.dispatcherOfCluster.jobMaster(jobId),
    });
    this.dispatcherOfCluster = new Dispatcher({
      clock: platform.clock,
      logger,
      metrics,
      taskExecutor,
      sourceOf: (jobId, operatorId) => this.programs.get(jobId)?.get(operatorId)?.source,
    });
  }

  get dispatcher(): DispatcherGateway {
    return this.dispatcherOfCluster;
  }

  /** @returns the id of the job, which runs from now on */
  submit(submission: JobSubmission, program: Program): Promise<JobId> {
    this.programs.set(submission.jobGraph.jobId, program);
    return this.dispatcherOfCluster.submitJob(submission);
  }
}
