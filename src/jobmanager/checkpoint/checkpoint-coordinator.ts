/**
 * Takes the checkpoints and savepoints of one job: decides when, collects what the tasks acknowledge, makes it complete, and
 * tells everybody.
 *
 * Invariants: the enumerators' snapshots and the triggers of the sources are one synchronous turn. A checkpoint is complete when its
 * metadata is durable, never before, and nobody is told to commit before that. Metadata is written one at a time, in the order in
 * which checkpoints were acknowledged, and whatever stops checkpoints waits for the one being written: what a failover goes on
 * from is the newest checkpoint on the disk, always. A checkpoint that fails leaves earlier ones alone.
 *
 * A savepoint without stop commits nothing (as in Flink): the job goes back to the last checkpoint after a failure, and would do it
 * all again. A savepoint with stop is what to go on from until the job has ended.
 */
import { type LogLevel, MillraceError, type SerializedError, type TimerHandle, toError } from '../../common/index.ts';
import type { CheckpointMetrics, CompletedCheckpoint, ExecutionAttemptId, TaskStateSnapshot } from '../../protocol/index.ts';
import { tooManyFailures } from './checkpoint-failures.ts';
import { CheckpointStatsTracker } from './checkpoint-stats-tracker.ts';
import { type CheckpointRequest, type CheckpointUnderWay, describe, describeProgress, typeOf } from './checkpoint-under-way.ts';
import type {
  CheckpointCoordinatorDependencies,
  CheckpointCoordinatorOptions,
  CheckpointPlan,
  SavepointRequest,
} from './coordinator-dependencies.ts';
import { FinalCheckpointWait } from './final-checkpoint-wait.ts';
import { assembleOperators } from './operator-assembly.ts';
import {
  canBeAborted,
  type PendingEvent,
  type PendingState,
  type TaskKey,
  taskKey,
  transitionPending,
} from './pending-checkpoint.ts';

/** Whether it counts towards the number of tolerable failures. */
type AbortCause = 'FAILURE' | 'CIRCUMSTANCE';

const REMEMBERED_ABORTED = 100;

export class CheckpointCoordinator {
  readonly stats = new CheckpointStatsTracker();
  private readonly options: CheckpointCoordinatorOptions;
  private readonly dependencies: CheckpointCoordinatorDependencies;
  private readonly pending = new Map<number, CheckpointUnderWay>();
  private readonly requests: CheckpointRequest[] = [];
  /** The folders of checkpoints that were given up: tasks that did not know yet may have written into them again. */
  private readonly aborted = new Map<number, string>();
  /** Attempts that have processed all their input. */
  private readonly atEnd = new Set<string>();
  /** By task: the attempt that ends now, because a checkpoint after the end of its input is complete. What begins waits until it has. */
  private readonly ending = new Map<TaskKey, number>();
  /** Whether the checkpoint that is due at once, because all tasks are at their end, was triggered. */
  private finalTriggered = false;
  private readonly finalWait: FinalCheckpointWait;
  private active = false;
  /** The savepoint with which the job stops is complete. */
  private stopped = false;
  private nextId = 1;
  private nextDueMs = 0;
  private lastEndMs = Number.NEGATIVE_INFINITY;
  private failuresInARow = 0;
  private timer: TimerHandle | undefined;
  private writing: Promise<void> = Promise.resolve();
  private discarding: Promise<void> = Promise.resolve();

  constructor(options: CheckpointCoordinatorOptions, dependencies: CheckpointCoordinatorDependencies) {
    this.options = options;
    this.dependencies = dependencies;
    this.finalWait = new FinalCheckpointWait({
      clock: dependencies.clock,
      warn: (message) => this.log('warn', `Job '${options.jobName}': ${message}`),
      progress: () => describeProgress([...this.pending.values()][0]),
    });
  }

  /** What a restart goes on from. */
  get latest(): CompletedCheckpoint | undefined {
    return this.dependencies.store.latest;
  }

  /** The job goes on from this checkpoint: ids go on behind its own. */
  restored(checkpoint: CompletedCheckpoint): void {
    this.nextId = Math.max(this.nextId, checkpoint.checkpointId + 1);
    this.stats.restored(checkpoint, this.dependencies.clock.currentTimeMs());
  }

  /** The attempt goes on from a checkpoint after the end of its input: it takes part in none any more, and only ends. */
  restoredAtEnd(attempt: ExecutionAttemptId): void {
    this.ending.set(taskKey(attempt), attempt.attemptNumber);
  }

  /** All tasks run: from now on checkpoints are taken. */
  start(): void {
    if (this.active) return;
    this.active = true;
    this.stopped = false;
    this.finalTriggered = false;
    this.nextDueMs = this.dependencies.clock.monotonicMs() + (this.options.settings.intervalMs ?? 0);
    this.next();
  }

  /**
   * Gives up what is under way, savepoints included, because tasks failed; nothing begins until `start` is called again.
   * Resolves when `latest` is what to go on from: a checkpoint whose metadata is being written comes to its end first.
   */
  async abortPending(reason: Error): Promise<void> {
    this.active = false;
    this.timer?.cancel();
    this.finalWait.end();
    for (const { result } of this.requests.splice(0)) result.reject(this.failure('A savepoint could not be taken', reason));
    for (const pending of [...this.pending.values()]) {
      if (canBeAborted(pending.state)) this.abort(pending, reason, 'CIRCUMSTANCE');
    }
    await this.writing;
  }

  /** Resolves when no metadata is being written: `latest` is what to go on from. */
  settled(): Promise<void> {
    return this.writing;
  }

  /** The job has ended; its checkpoints are kept or deleted as is set. Resolves when nothing is being written or deleted. */
  async shutdown(status: 'FINISHED' | 'CANCELED' | 'FAILED'): Promise<void> {
    await this.abortPending(new MillraceError('CHECKPOINT_FAILED', `Job '${this.options.jobName}' is ${status}.`));
    await this.discarding;
    const { store } = this.dependencies;
    if (this.keepsCheckpoints(status)) await store.settled();
    else await store.discardAll();
  }

  /**
   * Takes a savepoint as soon as none but it has to be waited for.
   * @throws MillraceError `CHECKPOINT_FAILED`, `INVALID_OPTION` if there is no place for it
   */
  triggerSavepoint(request: SavepointRequest = {}): Promise<CompletedCheckpoint> {
    return this.request({ ...request, kind: 'SAVEPOINT', result: Promise.withResolvers() });
  }

  /** Takes a checkpoint now, whenever the next one is due. @throws MillraceError `CHECKPOINT_FAILED` */
  triggerCheckpoint(): Promise<CompletedCheckpoint> {
    return this.request({ kind: 'CHECKPOINT', result: Promise.withResolvers() });
  }

  acknowledge(attempt: ExecutionAttemptId, checkpointId: number, state: TaskStateSnapshot, metrics: CheckpointMetrics): void {
    const pending = this.pendingOf(attempt, checkpointId, 'acknowledges');
    if (pending === undefined) return;
    const task = taskKey(attempt);
    if (pending.state.phase !== 'COLLECTING' || !pending.state.awaiting.has(task)) {
      this.log('debug', `Task ${task} acknowledges checkpoint ${checkpointId} once more`);
      return;
    }
    this.stats.acknowledged(checkpointId, attempt, metrics, this.dependencies.clock.currentTimeMs());
    if (this.change(pending, { type: 'ACKNOWLEDGE', task, state }).phase !== 'ACKNOWLEDGED') return;
    this.writing = this.writing
      .then(() => this.write(pending))
      .catch((error: unknown) =>
        this.dependencies.failJob(this.failure('A complete checkpoint was not taken note of', toError(error))),
      );
  }

  decline(attempt: ExecutionAttemptId, checkpointId: number, reason: SerializedError | Error): void {
    const pending = this.pendingOf(attempt, checkpointId, 'declines');
    if (pending === undefined || !canBeAborted(pending.state)) return;
    this.abort(pending, reason instanceof Error ? reason : MillraceError.fromJSON(reason), 'FAILURE');
  }

  /** The task has processed all its input and waits for a checkpoint to commit it. If all do, that begins at once. */
  endOfData(attempt: ExecutionAttemptId): void {
    this.atEnd.add(attemptKey(attempt));
    this.finalTriggered = false;
    if (this.isEverybodyAtEnd()) this.finalWait.begin();
    this.next();
  }

  /** The task has ended in order. */
  taskEnded(attempt: ExecutionAttemptId): void {
    this.atEnd.delete(attemptKey(attempt));
    const task = taskKey(attempt);
    if (this.isEnding(attempt)) this.ending.delete(task);
    this.finalTriggered = false;
    for (const pending of [...this.pending.values()]) {
      if (pending.state.phase !== 'COLLECTING' || !pending.state.awaiting.has(task)) continue;
      if (pending.tasks.get(task)?.attemptNumber !== attempt.attemptNumber) continue;
      this.abort(pending, new MillraceError('CHECKPOINT_FAILED', `Task ${task} ended before it took part.`), 'CIRCUMSTANCE');
    }
    this.next();
  }

  private request(request: CheckpointRequest): Promise<CompletedCheckpoint> {
    const { result, stop } = request;
    if (!this.active || this.stopped) {
      const why = this.stopped ? 'the job is stopping' : 'the job is not running';
      result.reject(this.failure('No checkpoint can be taken', new Error(why)));
    } else if (stop !== undefined && this.isStopping()) {
      result.reject(this.failure('No savepoint can be taken', new Error('the job is stopping with another one already')));
    } else {
      this.requests.push(request);
      this.next();
    }
    return result.promise;
  }

  /** Begins what is due, or sets the timer for it. Called whenever something has changed. */
  private next(): void {
    this.timer?.cancel();
    if (!this.active || this.stopped) return;
    const { clock } = this.dependencies;
    const { intervalMs, minPauseMs, maxConcurrent } = this.options.settings;
    const request = this.requests[0];
    const room = request?.stop === undefined ? maxConcurrent : 1;
    if (this.pending.size >= room || [...this.pending.values()].some((p) => p.options.stop !== undefined)) return;
    if (request !== undefined) {
      this.beginRequested(request);
      return;
    }
    if (intervalMs === undefined) return;
    const nowMs = clock.monotonicMs();
    if (this.isFinalDue()) {
      this.begin(undefined);
      return;
    }
    const dueMs = Math.max(this.nextDueMs, this.lastEndMs + minPauseMs);
    if (nowMs < dueMs) {
      this.timer = clock.setTimer(dueMs - nowMs, () => this.next());
      return;
    }
    this.begin(undefined);
  }

  private beginRequested(request: CheckpointRequest): void {
    this.requests.shift();
    const begun = this.begin(request);
    if (begun === 'BEGUN') return;
    if (begun === 'LATER') {
      this.requests.unshift(request);
      return;
    }
    request.result.reject(begun);
    this.next();
  }

  /** @returns 'LATER': when some tasks that are about to end have ended; an error: not now */
  private begin(request: CheckpointRequest | undefined): 'BEGUN' | 'LATER' | Error {
    const { clock, storage } = this.dependencies;
    const { jobId, settings } = this.options;
    const plan = this.planned();
    if (plan === 'LATER') return 'LATER';
    if ('notReady' in plan) {
      this.log('debug', `No checkpoint now: ${plan.notReady}`);
      if (request === undefined) this.postpone();
      return this.failure('No checkpoint can be taken', new Error(plan.notReady));
    }
    const id = this.nextId;
    const kind = request?.kind ?? 'CHECKPOINT';
    let directory: string;
    try {
      directory =
        kind === 'SAVEPOINT' ? storage.savepointDirectory(jobId, request?.target) : storage.checkpointDirectory(jobId, id);
    } catch (error) {
      return toError(error);
    }
    this.nextId++;
    const unaligned = kind === 'CHECKPOINT' && settings.unaligned;
    const pending: CheckpointUnderWay = {
      id,
      timestampMs: clock.currentTimeMs(),
      options: {
        kind,
        directory,
        alignment: unaligned && settings.alignedTimeoutMs === 0 ? 'UNALIGNED' : 'ALIGNED',
        ...(unaligned && settings.alignedTimeoutMs > 0 ? { alignedTimeoutMs: settings.alignedTimeoutMs } : {}),
        ...(request?.stop === undefined ? {} : { stop: request.stop }),
      },
      tasks: new Map(plan.toAcknowledge.map((attempt) => [taskKey(attempt), attempt])),
      request,
      coordinators: new Map(),
      timeout: undefined,
      state: { phase: 'COLLECTING', awaiting: new Set(plan.toAcknowledge.map(taskKey)), acknowledged: new Map() },
    };
    this.pending.set(id, pending);
    if (kind === 'CHECKPOINT') {
      this.finalTriggered = plan.toAcknowledge.every((attempt) => this.atEnd.has(attemptKey(attempt)));
      this.nextDueMs = clock.monotonicMs() + (settings.intervalMs ?? 0);
    }
    this.stats.triggered({
      id,
      type: typeOf(pending.options),
      triggerTimestampMs: pending.timestampMs,
      tasks: plan.toAcknowledge,
    });
    this.log('debug', `${describe(pending)} begins`);
    this.triggerTasks(pending, plan.toTrigger);
    return 'BEGUN';
  }

  private triggerTasks(pending: CheckpointUnderWay, toTrigger: readonly ExecutionAttemptId[]): void {
    const { dependencies } = this;
    const { id, timestampMs, options } = pending;
    const { timeoutMs } = this.options.settings;
    pending.timeout = dependencies.clock.setTimer(timeoutMs, () => {
      const { state } = pending;
      if (state.phase !== 'COLLECTING') return;
      const missing = `${state.awaiting.size} of ${pending.tasks.size} tasks had not acknowledged`;
      this.abort(pending, new MillraceError('CHECKPOINT_FAILED', `It took longer than ${timeoutMs} ms; ${missing}.`), 'FAILURE');
    });
    try {
      pending.coordinators = dependencies.snapshotCoordinators(id);
      for (const attempt of toTrigger) {
        dependencies
          .trigger(attempt, id, timestampMs, options)
          .catch((error: unknown) => this.decline(attempt, id, toError(error)));
      }
    } catch (error) {
      this.abort(pending, toError(error), 'FAILURE');
      return;
    }
    this.next();
  }

  private planned(): CheckpointPlan | { readonly notReady: string } | 'LATER' {
    const plan = this.dependencies.plan();
    if ('notReady' in plan) return plan;
    if (plan.toAcknowledge.length === 0) return { notReady: 'all tasks have ended' };
    return plan.toAcknowledge.some((attempt) => this.isEnding(attempt)) ? 'LATER' : plan;
  }

  private isEnding(attempt: ExecutionAttemptId): boolean {
    return this.ending.get(taskKey(attempt)) === attempt.attemptNumber;
  }

  private isFinalDue(): boolean {
    return !this.finalTriggered && this.isEverybodyAtEnd();
  }

  private isEverybodyAtEnd(): boolean {
    if (this.atEnd.size === 0) return false;
    const plan = this.planned();
    return plan !== 'LATER' && !('notReady' in plan) && plan.toAcknowledge.every((a) => this.atEnd.has(attemptKey(a)));
  }

  private postpone(): void {
    const { clock } = this.dependencies;
    this.nextDueMs = clock.monotonicMs() + (this.options.settings.intervalMs ?? 0);
    this.next();
  }

  private async write(pending: CheckpointUnderWay): Promise<void> {
    if (pending.state.phase !== 'ACKNOWLEDGED') return;
    const { acknowledged } = pending.state;
    const { clock, storage } = this.dependencies;
    const { jobId, jobName, vertices } = this.options;
    const { id, options, timestampMs, coordinators } = pending;
    this.change(pending, { type: 'WRITE' });
    let checkpoint: CompletedCheckpoint;
    try {
      checkpoint = await storage.writeMetadata({
        checkpointId: id,
        kind: options.kind,
        jobId,
        jobName,
        triggerTimestampMs: timestampMs,
        completedTimestampMs: clock.currentTimeMs(),
        operators: assembleOperators(vertices, acknowledged, coordinators, options.stop === 'TERMINATE'),
        externalPath: options.directory,
      });
    } catch (error) {
      this.change(pending, { type: 'FAIL_WRITING', reason: toError(error) });
      this.aftermath(pending, toError(error), 'FAILURE');
      return;
    }
    this.change(pending, { type: 'COMPLETE', checkpoint });
    const finished = [...pending.tasks].flatMap(([task, attempt]) => (acknowledged.get(task)?.finished ? [attempt] : []));
    this.completed(pending, checkpoint, finished);
  }

  private completed(pending: CheckpointUnderWay, checkpoint: CompletedCheckpoint, finished: readonly ExecutionAttemptId[]): void {
    const { dependencies } = this;
    const { id, options } = pending;
    this.ended(pending);
    this.stats.completed(id, checkpoint);
    this.log('info', `${describe(pending)} is complete`, { bytes: checkpoint.stateBytes, path: checkpoint.externalPath });
    if (options.kind === 'CHECKPOINT') this.failuresInARow = 0;
    if (options.kind === 'CHECKPOINT' || options.stop !== undefined) {
      this.stopped = options.stop !== undefined;
      for (const attempt of finished) this.ending.set(taskKey(attempt), attempt.attemptNumber);
      if (finished.length === pending.tasks.size) this.finalWait.end();
      dependencies.store.add(checkpoint);
      for (const older of [...this.pending.values()]) {
        if (older.id > id || older.options.kind === 'SAVEPOINT' || !canBeAborted(older.state)) continue;
        this.abort(older, new MillraceError('CHECKPOINT_FAILED', `Checkpoint ${id} was complete before it.`), 'CIRCUMSTANCE');
      }
      dependencies.notifyCoordinatorsComplete(id);
      for (const attempt of pending.tasks.values()) dependencies.notifyComplete(attempt, id);
    }
    pending.request?.result.resolve(checkpoint);
    this.next();
  }

  private abort(pending: CheckpointUnderWay, reason: Error, cause: AbortCause): void {
    this.change(pending, { type: 'ABORT', reason });
    this.aftermath(pending, reason, cause);
  }

  /** A checkpoint came to nothing. */
  private aftermath(pending: CheckpointUnderWay, reason: Error, cause: AbortCause): void {
    const { dependencies } = this;
    const { id, options, request } = pending;
    this.ended(pending);
    this.aborted.set(id, options.directory);
    for (const old of [...this.aborted.keys()].slice(0, -REMEMBERED_ABORTED)) this.aborted.delete(old);
    this.stats.failed(id, reason, dependencies.clock.currentTimeMs());
    this.log(cause === 'FAILURE' ? 'warn' : 'debug', `${describe(pending)} failed: ${reason.message}`);
    if (cause === 'FAILURE') this.finalWait.failed(reason);
    for (const attempt of pending.tasks.values()) dependencies.notifyAborted(attempt, id);
    this.discard(options.directory);
    const error = this.failure(`${describe(pending)} failed`, reason);
    request?.result.reject(error);
    if (cause === 'FAILURE' && options.kind === 'CHECKPOINT') {
      this.failuresInARow++;
      if (this.failuresInARow > this.options.settings.tolerableFailed) {
        dependencies.failJob(tooManyFailures(error, this.failuresInARow));
        this.failuresInARow = 0;
      }
    }
    this.next();
  }

  private ended(pending: CheckpointUnderWay): void {
    pending.timeout?.cancel();
    this.pending.delete(pending.id);
    this.lastEndMs = this.dependencies.clock.monotonicMs();
  }

  private discard(directory: string): void {
    this.discarding = this.discarding
      .then(() => this.dependencies.storage.discardUnfinished(directory))
      .catch((error: unknown) => {
        this.log('warn', `What a failed checkpoint left in '${directory}' could not be deleted: ${toError(error).message}`);
      });
  }

  /** The checkpoint that a task speaks of, if it still matters and the task is one of it. */
  private pendingOf(attempt: ExecutionAttemptId, checkpointId: number, does: string): CheckpointUnderWay | undefined {
    const pending = this.pending.get(checkpointId);
    if (pending?.tasks.get(taskKey(attempt))?.attemptNumber === attempt.attemptNumber) return pending;
    this.log('debug', `Task ${attemptKey(attempt)} ${does} checkpoint ${checkpointId}, which does not wait for it`);
    const directory = this.aborted.get(checkpointId);
    if (pending === undefined && directory !== undefined) this.discard(directory);
    return undefined;
  }

  private change(pending: CheckpointUnderWay, event: PendingEvent): PendingState {
    pending.state = transitionPending(pending.state, event);
    return pending.state;
  }

  private isStopping(): boolean {
    return (
      this.requests.some((r) => r.stop !== undefined) || [...this.pending.values()].some((p) => p.options.stop !== undefined)
    );
  }

  private keepsCheckpoints(status: 'FINISHED' | 'CANCELED' | 'FAILED'): boolean {
    const { retention } = this.options.settings;
    if (status === 'FINISHED') return false;
    return retention === 'RETAIN_ON_CANCELLATION' || (retention === 'DELETE_ON_CANCELLATION' && status === 'FAILED');
  }

  private failure(what: string, cause: Error): MillraceError {
    const { jobId, jobName } = this.options;
    const recoverable = !(cause instanceof MillraceError) || cause.recoverable;
    const message = `${what} (job '${jobName}'): ${cause.message}`;
    return new MillraceError('CHECKPOINT_FAILED', message, { cause, context: { jobId }, recoverable });
  }

  private log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.dependencies.logger.log(level, message, { jobId: this.options.jobId, ...fields });
  }
}

function attemptKey(attempt: ExecutionAttemptId): string {
  return `${taskKey(attempt)}#${attempt.attemptNumber}`;
}
