/**
 * Leads one job: deploys its tasks, follows their states, runs the coordinators of its sources, and knows how it ended.
 *
 * Invariants: a task starts to take input only when every task is open, so nothing is lost at the start; the first failure
 * is the job's, later ones are consequences; the job is over when every task is, and then nothing changes how it ended.
 */
import { type Clock, type JobId, type Logger, MillraceError, toError } from '../../common/index.ts';
import type { ReaderEvent, Source } from '../../connector/index.ts';
import type { ChainedOperator, JobGraph } from '../../graph/index.ts';
import {
  type ExecutionAttemptId,
  type ExecutionSettings,
  type JobExecutionResult,
  type JobMasterGateway,
  type JobStatus,
  type TaskExecutorGateway,
  type TaskStateReport,
  transitionJob,
} from '../../protocol/index.ts';
import { attemptOf, type ExecutionGraph, type ExecutionVertex, expandJobGraph, findExecution } from './execution-graph.ts';
import { SourceCoordinator, type SourceCoordinatorDependencies } from './source-coordinator.ts';
import { WatermarkAligner } from './watermark-aligner.ts';

export interface JobMasterDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly taskExecutor: TaskExecutorGateway;
  /** The source of a program by operator id: coordinators run the program's code. */
  sourceOf(operatorId: string): Source<unknown> | undefined;
}

export class JobMaster implements JobMasterGateway {
  readonly jobId: JobId;
  private readonly graph: ExecutionGraph;
  private readonly settings: ExecutionSettings;
  private readonly dependencies: JobMasterDependencies;
  private readonly coordinators = new Map<string, SourceCoordinator>();
  private readonly aligner = new WatermarkAligner();
  private readonly ended = Promise.withResolvers<JobExecutionResult>();
  private status: JobStatus = 'CREATED';
  private failure: Error | undefined;
  private startMs = 0;
  /** Set when the last task has ended: from then on the outcome is settled. */
  private endMs: number | undefined;
  private finalAccumulators: Readonly<Record<string, unknown>> | undefined;

  constructor(jobGraph: JobGraph, settings: ExecutionSettings, dependencies: JobMasterDependencies) {
    this.jobId = jobGraph.jobId;
    this.settings = settings;
    this.dependencies = dependencies;
    this.graph = expandJobGraph(jobGraph, () => 1);
    this.ended.promise.catch(() => {});
  }

  get jobStatus(): JobStatus {
    return this.status;
  }

  get result(): Promise<JobExecutionResult> {
    return this.ended.promise;
  }

  get runtimeMs(): number {
    return (this.endMs ?? this.dependencies.clock.monotonicMs()) - this.startMs;
  }

  get executionGraph(): ExecutionGraph {
    return this.graph;
  }

  /** The merged accumulators: as they are now, or as they were at the end. */
  async accumulators(): Promise<Readonly<Record<string, unknown>>> {
    return this.finalAccumulators ?? this.dependencies.taskExecutor.requestAccumulators(this.jobId);
  }

  /** Deploys from the sinks to the sources, then lets all run. Failures end the job; this never rejects. */
  async start(): Promise<void> {
    this.startMs = this.dependencies.clock.monotonicMs();
    const { taskExecutor } = this.dependencies;
    try {
      for (const execution of this.graph.vertices) this.createCoordinator(execution);
      for (const execution of [...this.graph.vertices].reverse()) {
        if (this.status !== 'CREATED') return;
        await taskExecutor.submitTask({
          attempt: attemptOf(this.graph, execution),
          jobName: this.graph.jobName,
          taskName: execution.taskName,
          vertex: execution.vertex,
          parallelism: execution.parallelism,
          consumes: execution.consumes,
          produces: execution.produces,
          settings: this.settings,
        });
      }
      if (this.status !== 'CREATED') return;
      this.changeStatus('RUNNING');
      await Promise.all(this.graph.vertices.map((e) => taskExecutor.startTask(attemptOf(this.graph, e))));
      await Promise.all([...this.coordinators.values()].map((c) => c.start().catch((error: unknown) => c.fail(error))));
    } catch (error) {
      this.fail(toError(error));
    }
  }

  /** Resolves when the job has ended, however it did: a job that is failing goes on to fail. */
  async cancel(): Promise<void> {
    if (this.endMs === undefined && (this.status === 'CREATED' || this.status === 'RUNNING')) {
      this.changeStatus('CANCELLING');
      await this.cancelTasks();
    }
    await this.ended.promise.catch(() => {});
  }

  updateTaskState(report: TaskStateReport): void {
    const execution = findExecution(this.graph, report.attempt);
    if (report.attempt.attemptNumber !== execution.attemptNumber) return;
    execution.state = report.state;
    if (report.state === 'FAILED') {
      this.fail(report.error ? MillraceError.fromJSON(report.error) : new MillraceError('JOB_FAILED', 'A task failed.'));
    }
    void this.endIfAllEnded();
  }

  operatorEventFromTask(attempt: ExecutionAttemptId, operatorId: string, event: unknown): void {
    const execution = findExecution(this.graph, attempt);
    if (attempt.attemptNumber !== execution.attemptNumber) return;
    this.coordinators.get(operatorId)?.handleEvent(event as ReaderEvent);
  }

  private createCoordinator(head: ExecutionVertex): void {
    const operator = head.vertex.operators[0];
    if (operator?.kind !== 'SOURCE' || head.subtaskIndex !== 0) return;
    const source = this.dependencies.sourceOf(operator.operatorId);
    if (source === undefined) return;
    const { clock, logger, taskExecutor } = this.dependencies;
    const dependencies: SourceCoordinatorDependencies = {
      clock,
      logger,
      parallelism: head.parallelism,
      sendEvent: (subtaskIndex, event) => {
        const execution = this.graph.vertices.find((v) => v.vertex.id === head.vertex.id && v.subtaskIndex === subtaskIndex);
        if (execution) void taskExecutor.sendOperatorEvent(attemptOf(this.graph, execution), event);
      },
      alignWatermark: (group, subtaskIndex, watermark) =>
        this.aligner.report(group, `${operator.operatorId}/${subtaskIndex}`, watermark),
      fail: (error) => this.fail(sourceFailure(error, operator)),
    };
    try {
      this.coordinators.set(operator.operatorId, new SourceCoordinator(source, dependencies));
    } catch (error) {
      throw sourceFailure(toError(error), operator);
    }
  }

  private fail(error: Error): void {
    if (this.endMs !== undefined || this.status === 'FAILING' || this.status === 'CANCELLING') {
      const { logger } = this.dependencies;
      logger.log('warn', `Job '${this.graph.jobName}' is ${this.status}, and this failed too: ${error.message}`);
      return;
    }
    this.failure = error;
    this.changeStatus('FAILING');
    void this.cancelTasks();
  }

  private async cancelTasks(): Promise<void> {
    const { taskExecutor } = this.dependencies;
    await Promise.all(this.graph.vertices.map((e) => taskExecutor.cancelTask(attemptOf(this.graph, e))));
    for (const execution of this.graph.vertices) if (execution.state === 'CREATED') execution.state = 'CANCELED';
    await this.endIfAllEnded();
  }

  private async endIfAllEnded(): Promise<void> {
    const ended = this.graph.vertices.every((v) => v.state === 'FINISHED' || v.state === 'CANCELED' || v.state === 'FAILED');
    if (!ended || this.endMs !== undefined) return;
    this.endMs = this.dependencies.clock.monotonicMs();
    for (const coordinator of this.coordinators.values()) {
      await coordinator
        .close()
        .catch((error: unknown) => this.dependencies.logger.log('warn', `Closing a source coordinator failed: ${error}`));
    }
    const { taskExecutor } = this.dependencies;
    let accumulators: Readonly<Record<string, unknown>> = {};
    try {
      accumulators = await taskExecutor.requestAccumulators(this.jobId);
    } catch (error) {
      if (this.status === 'RUNNING') {
        this.changeStatus('FAILING');
        this.failure = accumulatorFailure(error);
      }
    }
    this.finalAccumulators = accumulators;
    await taskExecutor.releaseJob(this.jobId);
    if (this.status === 'FAILING') {
      this.changeStatus('FAILED');
      this.ended.reject(this.failure);
    } else if (this.status === 'CANCELLING') {
      this.changeStatus('CANCELED');
      this.ended.reject(
        new MillraceError('JOB_CANCELED', `Job '${this.graph.jobName}' was canceled.`, { context: { jobId: this.jobId } }),
      );
    } else {
      this.changeStatus('FINISHED');
      this.ended.resolve({
        jobId: this.jobId,
        jobName: this.graph.jobName,
        netRuntimeMs: this.runtimeMs,
        accumulators,
      });
    }
  }

  private changeStatus(to: JobStatus): void {
    this.dependencies.logger.log('debug', `Job '${this.graph.jobName}' goes from ${this.status} to ${to}`, { jobId: this.jobId });
    this.status = transitionJob(this.status, to);
  }
}

/** What an enumerator threw, with the name of its source. */
function sourceFailure(error: Error, operator: ChainedOperator): MillraceError {
  const own = error instanceof MillraceError;
  return new MillraceError(own ? error.code : 'SOURCE_FAILED', `Source '${operator.name}' failed: ${error.message}`, {
    cause: error,
    context: { ...(own ? error.context : {}), operator: operator.name, operatorId: operator.operatorId },
    recoverable: own ? error.recoverable : true,
  });
}

function accumulatorFailure(thrown: unknown): MillraceError {
  return new MillraceError('USER_FUNCTION_FAILED', `Merging the job's accumulators failed: ${toError(thrown).message}`, {
    cause: thrown,
  });
}
