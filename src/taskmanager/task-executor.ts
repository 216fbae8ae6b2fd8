/**
 * Runs the tasks of jobs on one thread: makes them from their descriptors, connects them by local channels, and reports
 * their states. The functions of a job come from its program, by operator id.
 */
import { type JobId, type Logger, MillraceError, type Platform, serializeError } from '../common/index.ts';
import type { CoordinatorEvent } from '../connector/index.ts';
import type { JobEdge } from '../graph/index.ts';
import type { MetricRegistry } from '../metrics/index.ts';
import { LocalChannel } from '../network/index.ts';
import type { Accumulator, Program } from '../operators/index.ts';
import type { ExecutionAttemptId, JobMasterGateway, TaskDeploymentDescriptor, TaskExecutorGateway } from '../protocol/index.ts';
import { createKeyedStateBackend, createOperatorStateBackend } from '../state/index.ts';
import { channelTarget, Mailbox, OperatorChain, StreamTask, TaskThread } from '../task/index.ts';

export interface TaskExecutorDependencies {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  programOf(jobId: JobId): Program;
  jobMasterOf(jobId: JobId): JobMasterGateway;
}

interface JobTasks {
  readonly thread: TaskThread;
  readonly tasks: Map<string, StreamTask>;
  readonly channels: Map<string, LocalChannel>;
  readonly accumulators: Map<string, Accumulator<unknown, unknown>>[];
}

export class TaskExecutor implements TaskExecutorGateway {
  private readonly dependencies: TaskExecutorDependencies;
  private readonly jobs = new Map<JobId, JobTasks>();

  constructor(dependencies: TaskExecutorDependencies) {
    this.dependencies = dependencies;
  }

  async submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    const { attempt } = descriptor;
    const job = this.jobTasks(attempt.jobId);
    const task = this.createTask(descriptor, job);
    job.tasks.set(taskKey(attempt), task);
    await task.initialize();
  }

  async startTask(attempt: ExecutionAttemptId): Promise<void> {
    this.task(attempt)?.run();
  }

  async cancelTask(attempt: ExecutionAttemptId): Promise<void> {
    await this.task(attempt)?.cancel();
  }

  async sendOperatorEvent(attempt: ExecutionAttemptId, event: unknown): Promise<void> {
    this.task(attempt)?.handleCoordinatorEvent(event as CoordinatorEvent);
  }

  async requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>> {
    const merged = new Map<string, Accumulator<unknown, unknown>>();
    for (const own of this.jobs.get(jobId)?.accumulators ?? []) {
      for (const [name, accumulator] of own) {
        const known = merged.get(name);
        if (known) known.merge(accumulator);
        else merged.set(name, accumulator.clone());
      }
    }
    return Object.fromEntries([...merged].map(([name, accumulator]) => [name, accumulator.getLocalValue()]));
  }

  async releaseJob(jobId: JobId): Promise<void> {
    this.jobs.delete(jobId);
  }

  private jobTasks(jobId: JobId): JobTasks {
    let job = this.jobs.get(jobId);
    if (job === undefined) {
      const { clock, scheduler } = this.dependencies.platform;
      job = { thread: new TaskThread(clock, scheduler), tasks: new Map(), channels: new Map(), accumulators: [] };
      this.jobs.set(jobId, job);
    }
    return job;
  }

  private task(attempt: ExecutionAttemptId): StreamTask | undefined {
    return this.jobs.get(attempt.jobId)?.tasks.get(taskKey(attempt));
  }

  private createTask(descriptor: TaskDeploymentDescriptor, job: JobTasks): StreamTask {
    const { attempt, vertex, jobName, taskName, parallelism, settings } = descriptor;
    const { platform, logger } = this.dependencies;
    const { clock, random } = platform;
    const master = this.dependencies.jobMasterOf(attempt.jobId);
    const program = this.dependencies.programOf(attempt.jobId);
    const metrics = this.dependencies.metrics.group(attempt.jobId, taskName, String(attempt.subtaskIndex));
    const accumulators = new Map<string, Accumulator<unknown, unknown>>();
    job.accumulators.push(accumulators);

    let wake: () => void = () => {};
    const mailbox = new Mailbox(() => wake());
    const outputs = this.channels(job, descriptor.produces);
    const chain = new OperatorChain(
      vertex,
      (operatorId) => {
        const definition = program.get(operatorId);
        if (definition) return definition;
        throw new MillraceError('INTERNAL', `The program of job '${jobName}' has no operator ${operatorId}.`);
      },
      outputs.map(({ edge, channel }) => ({
        node: edge.sourceNode,
        ...(edge.sideOutput === undefined ? {} : { sideOutput: edge.sideOutput }),
        writer: channelTarget(channel),
      })),
      {
        jobName,
        taskName,
        subtaskIndex: attempt.subtaskIndex,
        parallelism,
        maxParallelism: vertex.maxParallelism,
        attemptNumber: attempt.attemptNumber,
        autoWatermarkIntervalMs: settings.autoWatermarkIntervalMs,
      },
      {
        clock,
        random,
        logger,
        metrics,
        mailbox: { execute: (mail) => mailbox.post(mail) },
        accumulators,
        createKeyedStateBackend: () => createKeyedStateBackend({ clock, maxParallelism: vertex.maxParallelism }),
        createOperatorStateBackend: () => createOperatorStateBackend(),
        sendToCoordinator: (operatorId, event) => master.operatorEventFromTask(attempt, operatorId, event),
      },
    );
    const task = new StreamTask(taskName, {
      clock,
      logger,
      chain,
      mailbox,
      inputs: this.channels(job, descriptor.consumes).map(({ edge, channel }) => ({ channel, input: edge.input })),
      outputs: outputs.map((o) => o.channel),
      wake: () => wake(),
      onStateChange: (state, error) => {
        if (state === 'CREATED') return;
        master.updateTaskState({ attempt, state, ...(error ? { error: serializeError(error) } : {}) });
      },
    });
    task.times.register(metrics);
    wake = job.thread.add(task);
    return task;
  }

  /** One for each edge. A stream that is united with itself has several equal ones, in one order for both ends. */
  private channels(job: JobTasks, edges: readonly JobEdge[]): { readonly edge: JobEdge; readonly channel: LocalChannel }[] {
    const equalOnes = new Map<string, number>();
    return edges.map((edge) => {
      const ends = [edge.sourceNode, edge.targetNode, edge.input, edge.sideOutput ?? ''].join('/');
      const before = equalOnes.get(ends) ?? 0;
      equalOnes.set(ends, before + 1);
      const key = `${ends}/${before}`;
      let channel = job.channels.get(key);
      if (channel === undefined) job.channels.set(key, (channel = new LocalChannel()));
      return { edge, channel };
    });
  }
}

function taskKey(attempt: ExecutionAttemptId): string {
  return `${attempt.vertexId}/${attempt.subtaskIndex}/${attempt.attemptNumber}`;
}
