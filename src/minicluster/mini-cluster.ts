/**
 * The whole cluster in one process: a dispatcher and a task executor that call each other directly.
 *
 * Unless another task executor is given, all tasks run on this thread, whatever their parallelism.
 */
import { FileCheckpointStorage } from '../checkpoint/index.ts';
import { type JobId, type Logger, type Platform, silentLogger, systemPlatform } from '../common/index.ts';
import { type FileSystem, MemoryFileSystem } from '../filesystem/index.ts';
import { Dispatcher } from '../jobmanager/index.ts';
import { MemorySpillStorage, type SpillStorage } from '../memory/index.ts';
import { MetricRegistry } from '../metrics/index.ts';
import type { Program } from '../operators/index.ts';
import type { DispatcherGateway, JobMasterGateway, JobSubmission, TaskExecutorGateway } from '../protocol/index.ts';
import { type HeapUsage, LocalChannels, TaskExecutor } from '../taskmanager/index.ts';

export interface MiniClusterOptions {
  readonly platform?: Platform;
  readonly logger?: Logger;
  /** Where checkpoints and savepoints go; in memory unless given. */
  readonly fileSystem?: FileSystem;
  /** Where state goes that does not fit in managed memory; in memory unless given. */
  readonly createSpillStorage?: () => SpillStorage;
  /** Of this thread, for metrics. */
  readonly heapUsage?: () => HeapUsage;
  /** Makes what runs the tasks, from how they reach their job masters. */
  readonly createTaskExecutor?: (jobMasterOf: (jobId: JobId) => JobMasterGateway) => TaskExecutorGateway;
}

export class MiniCluster {
  readonly metrics: MetricRegistry;
  private readonly programs = new Map<JobId, Program>();
  private readonly storages = new Map<JobId, FileCheckpointStorage>();
  private readonly dispatcherOfCluster: Dispatcher;

  constructor(options: MiniClusterOptions = {}) {
    const platform = options.platform ?? systemPlatform;
    const logger = options.logger ?? silentLogger;
    const fileSystem = options.fileSystem ?? new MemoryFileSystem(platform.clock);
    const metrics = new MetricRegistry(platform.clock);
    this.metrics = metrics;
    const jobMasterOf = (jobId: JobId): JobMasterGateway => this.dispatcherOfCluster.jobMaster(jobId);
    const taskExecutor =
      options.createTaskExecutor?.(jobMasterOf) ??
      new TaskExecutor({
        platform,
        logger,
        metrics,
        channels: new LocalChannels(),
        ...(options.heapUsage ? { heapUsage: options.heapUsage } : {}),
        createSpillStorage: options.createSpillStorage ?? (() => new MemorySpillStorage()),
        programOf: (jobId) => this.programs.get(jobId) ?? new Map(),
        jobMasterOf,
        checkpointStorageOf: (jobId) => {
          const storage = this.storages.get(jobId) as FileCheckpointStorage;
          return { openOutput: (directory) => storage.output(directory), input: storage.input() };
        },
      });
    this.dispatcherOfCluster = new Dispatcher({
      clock: platform.clock,
      random: platform.random,
      logger,
      // Of its own: the tasks' metrics are asked for wherever they run.
      metrics: new MetricRegistry(platform.clock),
      taskExecutor,
      fileSystem,
      checkpointStorageOf: (jobId, settings) => {
        const storage = new FileCheckpointStorage(settings, { fileSystem, random: platform.random });
        this.storages.set(jobId, storage);
        return storage;
      },
      sourceOf: (jobId, operatorId) => this.programs.get(jobId)?.get(operatorId)?.source,
      receiverOf: (jobId, operatorId) => this.programs.get(jobId)?.get(operatorId)?.receiver,
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
