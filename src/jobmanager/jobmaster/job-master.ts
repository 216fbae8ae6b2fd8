/**
 * Leads one job: deploys its tasks, follows their states, runs the coordinators of its sources and of its checkpoints, restarts
 * regions that failed, and knows how the job ended.
 *
 * Invariants: a task starts to take input only when every task of its region is open, so nothing is lost at the start; a failure
 * that no restart follows is the job's, later ones are consequences; reports of old attempts are ignored; the job is over when
 * every task is, and then nothing changes how it ended.
 */

import type { FileCheckpointStorage } from '../../checkpoint/index.ts';
import { CompletedCheckpointStore, findRestorePoint } from '../../checkpoint/index.ts';
import {
  type Clock,
  type JobId,
  type Logger,
  MillraceError,
  type Random,
  type SerializedError,
  toError,
} from '../../common/index.ts';
import type { ReaderEvent, Source } from '../../connector/index.ts';
import type { FileSystem } from '../../filesystem/index.ts';
import type { JobGraph } from '../../graph/index.ts';
import type { MetricGroup } from '../../metrics/index.ts';
import {
  type CheckpointMetrics,
  type CheckpointStatsSnapshot,
  type CompletedCheckpoint,
  type ExecutionAttemptId,
  type ExecutionSettings,
  isTerminalStatus,
  type JobExecutionResult,
  type JobMasterGateway,
  type JobStatus,
  type TaskExecutorGateway,
  type TaskRestore,
  type TaskStateReport,
  type TaskStateSnapshot,
  transitionJob,
} from '../../protocol/index.ts';
import {
  assignState,
  CheckpointCoordinator,
  checkpointedVertices,
  type SavepointRequest,
  type StateAssignment,
} from '../checkpoint/index.ts';
import { createRestartStrategy } from '../failover/restart-strategies.ts';
import { createCheckpointDirectory } from './checkpoint-directories.ts';
import { checkpointPlan } from './checkpoint-plan.ts';
import {
  attemptOf,
  type ExecutionGraph,
  type ExecutionVertex,
  expandJobGraph,
  findExecution,
  hasEnded,
} from './execution-graph.ts';
import { accumulatorFailure, failedWhileStopping, withOlderCheckpoint } from './job-failures.ts';
import { RegionFailover } from './region-failover.ts';
import { SourceCoordinators } from './source-coordinators.ts';

export interface JobMasterDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricGroup;
  readonly taskExecutor: TaskExecutorGateway;
  readonly checkpointStorage: FileCheckpointStorage;
  /** That of the storage. */
  readonly fileSystem: FileSystem;
  /** The source of a program by operator id: coordinators run the program's code. */
  sourceOf(operatorId: string): Source<unknown> | undefined;
  /** What takes the events of an operator that is no source. */
  receiverOf(operatorId: string): ((event: unknown) => void) | undefined;
}

export class JobMaster implements JobMasterGateway {
  readonly jobId: JobId;
  private readonly graph: ExecutionGraph;
  private readonly settings: ExecutionSettings;
  private readonly dependencies: JobMasterDependencies;
  private readonly sources: SourceCoordinators;
  private readonly store: CompletedCheckpointStore;
  private readonly checkpoints: CheckpointCoordinator;
  private readonly failover: RegionFailover;
  private readonly ended = Promise.withResolvers<JobExecutionResult>();
  /** Called when a task has ended. */
  private readonly endWaiters = new Set<() => void>();
  /** Called when the status has changed. */
  private readonly statusWaiters: (() => void)[] = [];
  private status: JobStatus = 'CREATED';
  private failure: Error | undefined;
  private startMs = 0;
  /** Set when the last task has ended: from then on the outcome is settled. */
  private endMs: number | undefined;
  private finalAccumulators: Readonly<Record<string, unknown>> | undefined;
  private restarts = 0;
  /** The savepoint with which the job stops, once it is complete. */
  private stoppedWith: CompletedCheckpoint | undefined;
  /** Why it restarted last. */
  private restartCause: Error | undefined;

  constructor(jobGraph: JobGraph, settings: ExecutionSettings, dependencies: JobMasterDependencies) {
    this.jobId = jobGraph.jobId;
    this.settings = settings;
    this.dependencies = dependencies;
    this.graph = expandJobGraph(jobGraph);
    this.ended.promise.catch(() => {});
    const { clock, random, logger, taskExecutor, checkpointStorage, fileSystem } = dependencies;
    this.sources = new SourceCoordinators(this.graph, {
      clock,
      logger,
      taskExecutor,
      sourceOf: (operatorId) => dependencies.sourceOf(operatorId),
      fail: (vertexId, error) => this.failVertex(vertexId, error),
    });
    const { numRetained } = settings.checkpointing;
    this.store = new CompletedCheckpointStore(
      { jobId: this.jobId, numRetained },
      { storage: checkpointStorage, fileSystem, logger },
    );
    this.checkpoints = this.createCheckpointCoordinator();
    this.checkpoints.stats.registerMetrics(dependencies.metrics);
    dependencies.metrics.gauge('numRestarts', () => this.restarts);
    this.failover = new RegionFailover(this.graph.regions.length, {
      clock,
      logger,
      strategy: createRestartStrategy(settings.restartStrategy, { clock, random }),
      cancelRegion: (region) => this.cancelTasks(this.region(region)),
      deployRegion: (region) => this.deployRegion(region, true),
      onRestarting: (error) => this.restarting(error),
      onRunning: () => this.regionRuns(),
      giveUp: (error, reason) => this.giveUp(error, reason),
    });
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

  get checkpointStats(): CheckpointStatsSnapshot {
    return this.checkpoints.stats.snapshot();
  }

  /** The merged accumulators: as they are now, or as they were at the end. */
  async accumulators(): Promise<Readonly<Record<string, unknown>>> {
    return this.finalAccumulators ?? this.dependencies.taskExecutor.requestAccumulators(this.jobId);
  }

  /** Deploys from the sinks to the sources, then lets all run. Failures end the job or restart it; this never rejects. */
  async start(): Promise<void> {
    this.startMs = this.dependencies.clock.monotonicMs();
    try {
      await createCheckpointDirectory(this.settings.checkpointing, this.dependencies);
      await this.restoreFromSavepoint();
    } catch (error) {
      this.failJob(toError(error));
      return;
    }
    if (this.status !== 'CREATED') return;
    this.failover.start((region) => this.deployRegion(region, false));
  }

  /** Resolves when the job has ended, however it did: a job that is failing goes on to fail. */
  async cancel(): Promise<void> {
    if (this.endMs === undefined && this.isUp) {
      this.changeStatus('CANCELLING');
      await this.stopEverything();
    }
    await this.ended.promise.catch(() => {});
  }

  /** @throws MillraceError `CHECKPOINT_FAILED`, `INVALID_OPTION` */
  async triggerSavepoint(request: SavepointRequest): Promise<CompletedCheckpoint> {
    await this.untilItRuns();
    const savepoint = await this.checkpoints.triggerSavepoint(request);
    if (request.stop === undefined) return savepoint;
    this.stoppedWith = savepoint;
    // A task may have failed while the metadata was being written: it would not stop any more.
    if (this.failover.isRestarting && this.restartCause) this.failJob(failedWhileStopping(this.restartCause, savepoint));
    return savepoint;
  }

  /** @throws MillraceError `CHECKPOINT_FAILED` */
  async triggerCheckpoint(): Promise<CompletedCheckpoint> {
    await this.untilItRuns();
    return this.checkpoints.triggerCheckpoint();
  }

  updateTaskState(report: TaskStateReport): void {
    const execution = findExecution(this.graph, report.attempt);
    if (report.attempt.attemptNumber !== execution.attemptNumber || hasEnded(execution)) return;
    execution.state = report.state;
    if (report.state === 'FINISHED') this.checkpoints.taskEnded(report.attempt);
    if (report.state === 'FAILED') {
      const error = report.error
        ? MillraceError.fromJSON(report.error)
        : new MillraceError('JOB_FAILED', 'A task failed without saying why.');
      this.fail(execution.region, error);
    }
    if (hasEnded(execution)) for (const waiter of [...this.endWaiters]) waiter();
    void this.endIfAllEnded();
  }

  operatorEventFromTask(attempt: ExecutionAttemptId, operatorId: string, event: unknown): void {
    const execution = findExecution(this.graph, attempt);
    if (attempt.attemptNumber !== execution.attemptNumber) return;
    if (this.sources.handleEvent(operatorId, event as ReaderEvent)) return;
    try {
      this.dependencies.receiverOf(operatorId)?.(event);
    } catch (error) {
      this.fail(execution.region, toError(error));
    }
  }

  acknowledgeCheckpoint(
    attempt: ExecutionAttemptId,
    checkpointId: number,
    state: TaskStateSnapshot,
    metrics: CheckpointMetrics,
  ): void {
    this.checkpoints.acknowledge(attempt, checkpointId, state, metrics);
  }

  declineCheckpoint(attempt: ExecutionAttemptId, checkpointId: number, reason: SerializedError): void {
    this.checkpoints.decline(attempt, checkpointId, reason);
  }

  endOfDataReached(attempt: ExecutionAttemptId): void {
    this.checkpoints.endOfData(attempt);
  }

  private get isUp(): boolean {
    return this.status === 'CREATED' || this.status === 'RUNNING' || this.status === 'RESTARTING';
  }

  private region(index: number): readonly ExecutionVertex[] {
    return this.graph.regions[index] as readonly ExecutionVertex[];
  }

  private createCheckpointCoordinator(): CheckpointCoordinator {
    const { clock, logger, checkpointStorage, taskExecutor } = this.dependencies;
    return new CheckpointCoordinator(
      {
        jobId: this.jobId,
        jobName: this.graph.jobName,
        settings: this.settings.checkpointing,
        vertices: checkpointedVertices(this.graph.jobGraph),
      },
      {
        clock,
        logger,
        storage: checkpointStorage,
        store: this.store,
        plan: () => checkpointPlan(this.graph),
        snapshotCoordinators: (checkpointId) => this.sources.snapshot(checkpointId),
        trigger: (attempt, checkpointId, timestampMs, options) =>
          taskExecutor.triggerCheckpoint(attempt, checkpointId, timestampMs, options),
        notifyComplete: (attempt, checkpointId) => this.tell(taskExecutor.notifyCheckpointComplete(attempt, checkpointId)),
        notifyAborted: (attempt, checkpointId) => this.tell(taskExecutor.notifyCheckpointAborted(attempt, checkpointId)),
        notifyCoordinatorsComplete: (checkpointId) => this.sources.notifyCheckpointComplete(checkpointId),
        failJob: (error) => this.failAllRegions(error),
      },
    );
  }

  /** A message that cannot be delivered means that the task is gone, which is reported on its own. */
  private tell(sent: Promise<void>): void {
    sent.catch((error: unknown) =>
      this.dependencies.logger.log('debug', `A task could not be told of a checkpoint: ${toError(error).message}`),
    );
  }

  private async restoreFromSavepoint(): Promise<void> {
    const { savepointRestore } = this.settings;
    if (savepointRestore === undefined) return;
    const { checkpointStorage, fileSystem, logger } = this.dependencies;
    const checkpoint = await findRestorePoint(savepointRestore.path, checkpointStorage, fileSystem);
    const { unclaimed } = this.assign(checkpoint, savepointRestore.allowNonRestoredState);
    for (const { name, uid } of unclaimed) {
      logger.log('warn', `The state of operator '${uid ?? name}' is left behind: no operator of the program claims it.`);
    }
    this.store.add(checkpoint);
    this.checkpoints.restored(checkpoint);
    logger.log('info', `Job '${this.graph.jobName}' goes on from '${checkpoint.externalPath}'`);
  }

  private assign(checkpoint: CompletedCheckpoint, allowNonRestoredState = true): StateAssignment {
    return assignState(checkpoint, checkpointedVertices(this.graph.jobGraph), { allowNonRestoredState });
  }

  /**
   * Opens the tasks of a region, from the sinks to the sources, and lets them run once all are open.
   * @returns whether they run: not if one failed meanwhile, which is reported on its own
   */
  private async deployRegion(index: number, again: boolean): Promise<boolean> {
    const executions = this.region(index);
    const { taskExecutor, checkpointStorage } = this.dependencies;
    try {
      await this.checkpoints.settled();
      // Whoever stops the job meanwhile has seen that all tasks have ended.
      if (!this.isUp) return false;
      const checkpoint = this.store.latest;
      const assignment = checkpoint && this.assign(checkpoint);
      if (checkpoint && again) this.checkpoints.restored(checkpoint);
      for (const execution of executions) {
        if (again) execution.attemptNumber++;
        execution.state = 'CREATED';
      }
      const attempts = executions.map((e) => attemptOf(this.graph, e));
      for (const attempt of attempts) {
        if (assignment?.tasks.get(attempt.vertexId)?.[attempt.subtaskIndex]?.finished) this.checkpoints.restoredAtEnd(attempt);
      }
      await this.sources.reset(executions, checkpoint, assignment, checkpointStorage.input());
      if (!this.isUp) return false;
      await Promise.all(
        [...executions].reverse().map((e) => taskExecutor.submitTask(this.descriptor(e, assignment?.tasks.get(e.vertex.id)))),
      );
      const open = executions.every((e, i) => e.state === 'INITIALIZING' && e.attemptNumber === attempts[i]?.attemptNumber);
      if (!open || !this.isUp) return false;
      await Promise.all(attempts.map((attempt) => taskExecutor.startTask(attempt)));
      this.sources.start(executions);
      return true;
    } catch (error) {
      this.fail(index, toError(error));
      return false;
    }
  }

  private descriptor(execution: ExecutionVertex, restores: readonly TaskRestore[] | undefined) {
    const { taskName, vertex, parallelism, slot, consumes, produces, subtaskIndex } = execution;
    const restore = restores?.[subtaskIndex];
    return {
      attempt: attemptOf(this.graph, execution),
      jobName: this.graph.jobName,
      taskName,
      vertex,
      parallelism,
      slot,
      consumes,
      produces,
      settings: this.settings,
      ...(restore ? { restore } : {}),
    };
  }

  /** A job that is starting, or starting again, is waited for. */
  private async untilItRuns(): Promise<void> {
    while (this.status === 'CREATED' || this.status === 'RESTARTING') {
      await new Promise<void>((resolve) => this.statusWaiters.push(resolve));
    }
  }

  private regionRuns(): void {
    if (!this.isUp || this.failover.isRestarting) return;
    this.checkpoints.start();
    if (this.status !== 'RUNNING') this.changeStatus('RUNNING');
  }

  private restarting(error: Error): void {
    const { logger } = this.dependencies;
    this.restarts++;
    this.restartCause = error;
    const latest = this.store.latest;
    const from = latest ? `checkpoint ${latest.checkpointId}` : 'the beginning';
    logger.log('warn', `Job '${this.graph.jobName}' restarts from ${from}, because this failed: ${error.message}`);
    if (this.status !== 'RESTARTING') this.changeStatus('RESTARTING');
    void this.checkpoints.abortPending(error);
  }

  private failVertex(vertexId: string, error: Error): void {
    const region = this.graph.vertices.find((v) => v.vertex.id === vertexId)?.region ?? 0;
    this.fail(region, error);
  }

  private fail(region: number, error: Error): void {
    if (this.isUp && this.endMs === undefined) {
      if (this.stoppedWith) this.failJob(failedWhileStopping(error, this.stoppedWith));
      else this.failover.handleFailure([region], error);
      return;
    }
    const { logger } = this.dependencies;
    logger.log('warn', `Job '${this.graph.jobName}' is ${this.status}, and this failed too: ${error.message}`);
  }

  private failAllRegions(error: Error): void {
    if (this.isUp && this.endMs === undefined) this.failover.handleFailure([...this.graph.regions.keys()], error);
  }

  private giveUp(error: Error, reason: string): void {
    if (this.restarts > 0) {
      this.dependencies.logger.log('warn', `Job '${this.graph.jobName}' is not restarted: ${reason}.`);
    }
    this.failJob(error);
  }

  private failJob(error: Error): void {
    if (!this.isUp || this.endMs !== undefined) return;
    this.failure = error;
    this.changeStatus('FAILING');
    void this.stopEverything();
  }

  private async stopEverything(): Promise<void> {
    this.failover.close();
    await this.cancelTasks(this.graph.vertices);
    await this.endIfAllEnded();
  }

  /** Resolves when all of them have ended. */
  private async cancelTasks(executions: readonly ExecutionVertex[]): Promise<void> {
    const { taskExecutor } = this.dependencies;
    await Promise.all(executions.filter((e) => !hasEnded(e)).map((e) => taskExecutor.cancelTask(attemptOf(this.graph, e)))).catch(
      (error: unknown) => this.dependencies.logger.log('warn', `A task could not be canceled: ${toError(error).message}`),
    );
    for (const execution of executions) if (execution.state === 'CREATED') execution.state = 'CANCELED';
    if (executions.every(hasEnded)) return;
    await new Promise<void>((resolve) => {
      const waiter = (): void => {
        if (!executions.every(hasEnded)) return;
        this.endWaiters.delete(waiter);
        resolve();
      };
      this.endWaiters.add(waiter);
    });
  }

  private async endIfAllEnded(): Promise<void> {
    if (this.status === 'RESTARTING' || this.status === 'CREATED') return;
    const done =
      this.status === 'RUNNING' ? this.graph.vertices.every((v) => v.state === 'FINISHED') : this.graph.vertices.every(hasEnded);
    if (!done || this.endMs !== undefined) return;
    this.endMs = this.dependencies.clock.monotonicMs();
    this.failover.close();
    await this.sources.close();
    const { taskExecutor, logger } = this.dependencies;
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
    const outcome = this.status === 'FAILING' ? 'FAILED' : this.status === 'CANCELLING' ? 'CANCELED' : 'FINISHED';
    // Before its checkpoints go: whoever would start it again from an older one must be able to know.
    if (outcome === 'FINISHED') logger.log('debug', `Job '${this.graph.jobName}' has finished`, { jobId: this.jobId });
    const { latest } = this.store;
    await this.checkpoints
      .shutdown(outcome)
      .catch((error: unknown) => logger.log('warn', `Cleaning up the checkpoints failed: ${toError(error).message}`));
    if (this.failure && latest) this.failure = await withOlderCheckpoint(this.failure, latest, this.dependencies);
    this.changeStatus(outcome);
    if (outcome === 'FAILED') this.ended.reject(this.failure);
    else if (outcome === 'CANCELED') {
      this.ended.reject(
        new MillraceError('JOB_CANCELED', `Job '${this.graph.jobName}' was canceled.`, { context: { jobId: this.jobId } }),
      );
    } else {
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
    for (const resolve of this.statusWaiters.splice(0)) resolve();
    if (isTerminalStatus(to)) this.endWaiters.clear();
  }
}
