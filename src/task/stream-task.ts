/**
 * One subtask of one vertex: a mailbox loop around an operator chain.
 *
 * A step is: run the mails; look for checkpoint barriers; if the way out is full or an operator is busy, wait; otherwise take one
 * bounded portion of input. All of it happens on the task's thread, one thing at a time. The end of the data starts the
 * asynchronous finish (operators wait for what they have under way) during which mails still run. With checkpoints on, the
 * task then stays until a checkpoint taken after its finish is complete, so that everything is committed. A failure or a
 * cancellation from any point leads through `close`, once.
 */
import { type Clock, type Logger, MillraceError, toError } from '../common/index.ts';
import type { CoordinatorEvent } from '../connector/index.ts';
import type { ChannelWriter, CheckpointBarrier } from '../network/index.ts';
import { MAX_WATERMARK, type SourceOperator } from '../operators/index.ts';
import type { CheckpointMetrics, TaskStateSnapshot } from '../protocol/index.ts';
import type { CheckpointOutput } from '../state/index.ts';
import { BatchSize } from './batch-size.ts';
import type { AlignmentInfo } from './checkpoint-barrier-handler.ts';
import { type ExecutionState, isTerminal, transitionExecution } from './execution-state.ts';
import { GateInput, type InputChannel, type RestoredInput } from './gate-input.ts';
import type { InFlightCapture } from './in-flight-capture.ts';
import type { Mailbox } from './mailbox.ts';
import type { OperatorChain } from './operator-chain.ts';
import { broadcastEvent } from './record-writers.ts';
import { SourceInput } from './source-input.ts';
import { TaskCheckpoints } from './task-checkpoints.ts';
import type { InputStep, TaskInput } from './task-input.ts';
import type { StepResult, ThreadTask } from './task-thread.ts';
import { TaskTimes } from './task-times.ts';

export interface StreamTaskOptions {
  readonly name: string;
  /** Whether what the task writes out is committed by checkpoints. */
  readonly checkpointingEnabled: boolean;
  /** How long written records may wait for their buffer to fill; −1: as long as it takes. */
  readonly bufferTimeoutMs: number;
  /** The task had finished before the checkpoint that the job goes on from: it only ends again. */
  readonly finishedBefore: boolean;
}

export interface StreamTaskDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly chain: OperatorChain;
  readonly mailbox: Mailbox;
  readonly inputs: readonly InputChannel[];
  readonly outputs: readonly ChannelWriter[];
  /** Wakes this task on its thread. */
  readonly wake: () => void;
  /** Brings the operators to the state that the task goes on from, before they open. @returns what its input goes on from */
  restore?(): Promise<RestoredInput>;
  openOutput(directory: string): CheckpointOutput;
  acknowledge(checkpointId: number, state: TaskStateSnapshot, metrics: CheckpointMetrics): void;
  decline(checkpointId: number, reason: Error): void;
  endOfData(): void;
  onStateChange(state: ExecutionState, error?: Error): void;
}

/** FINISHING: operators finish. FINISHED_DATA: only barriers come, until a checkpoint has committed everything. */
type Phase = 'DATA' | 'FINISHING' | 'FINISHED_DATA';

export class StreamTask implements ThreadTask {
  readonly name: string;
  readonly chain: OperatorChain;
  readonly times: TaskTimes;
  readonly checkpoints: TaskCheckpoints;
  private readonly options: StreamTaskOptions;
  private readonly dependencies: StreamTaskDependencies;
  private input!: TaskInput;
  private state: ExecutionState = 'CREATED';
  private readonly batchSize = new BatchSize();
  private phase: Phase = 'DATA';
  /** What the task waits for; the callback that ends the wait clears it. */
  private waiting: 'OPERATOR' | 'INPUT' | undefined;
  /** A checkpoint is being prepared: no input is taken, and no mail runs, because what it emits would be in no part of the checkpoint. */
  private preparing = false;
  /** Takes the checkpoint that was being prepared. */
  private prepared: (() => void) | undefined;
  /** Called when operators have finished: checkpoints that came meanwhile. */
  private deferred: (() => void)[] = [];
  /** Checkpoints after which nothing more comes: the task ends when one of them, or a later one, is complete. */
  private readonly lastCheckpoints = new Set<number>();
  /** Checkpoints that were given up, newer than the last one taken: what waits to take part in them does not. */
  private readonly givenUp = new Set<number>();
  /** Of the savepoint with which the task stops. */
  private stopping: { readonly checkpointId: number; readonly drain: boolean } | undefined;
  /** The data ends for a savepoint that comes behind it. */
  private drained = false;
  private committing: Promise<void> = Promise.resolve();
  private lastFlushMs = 0;
  private failure: unknown;
  private stepping = false;
  private ending = false;
  private opening: Promise<void> = Promise.resolve();

  constructor(options: StreamTaskOptions, dependencies: StreamTaskDependencies) {
    this.name = options.name;
    this.options = options;
    this.dependencies = dependencies;
    this.chain = dependencies.chain;
    this.times = new TaskTimes(dependencies.clock);
    this.checkpoints = new TaskCheckpoints(dependencies);
  }

  get executionState(): ExecutionState {
    return this.state;
  }

  /** Restores and opens the operators. @returns whether the task is ready to run: not if it failed or was canceled meanwhile */
  async initialize(): Promise<boolean> {
    if (this.state !== 'CREATED') return false;
    this.changeState('INITIALIZING');
    let restored: RestoredInput | undefined;
    this.opening = (async () => {
      if (this.dependencies.restore) restored = await this.dependencies.restore();
      if (this.executionState === 'INITIALIZING') await this.chain.open();
    })();
    try {
      await this.opening;
    } catch (error) {
      if (this.executionState === 'INITIALIZING') await this.end('FAILED', error);
      return false;
    }
    if (this.executionState !== 'INITIALIZING') return false;
    this.connectInput(restored);
    for (const output of this.dependencies.outputs) output.onAvailable = this.dependencies.wake;
    return true;
  }

  /** Starts taking input; every task of the job has been initialised by then. */
  run(): void {
    if (this.state !== 'INITIALIZING') return;
    this.changeState('RUNNING');
    if (this.options.finishedBefore) {
      this.phase = 'FINISHING';
      // An unaligned checkpoint may lie between the end of this task and the moment when the next one heard of it.
      broadcastEvent(this.dependencies.outputs, { type: 'WATERMARK', timestamp: MAX_WATERMARK });
      this.endData();
      this.dependencies.mailbox.post(() => void this.leave());
    }
    this.dependencies.wake();
  }

  step(): StepResult {
    if (isTerminal(this.state)) return 'DONE';
    if (this.state !== 'RUNNING') return 'WAIT';
    this.stepping = true;
    try {
      return this.process(this.batchSize.records);
    } catch (error) {
      void this.end('FAILED', error);
      return 'WAIT';
    } finally {
      this.stepping = false;
    }
  }

  /** An event of the coordinator of the source, on its way to the reader. */
  handleCoordinatorEvent(event: CoordinatorEvent): void {
    const { head } = this.chain;
    this.dependencies.mailbox.post(() => {
      try {
        (head.operator as SourceOperator<unknown>).handleCoordinatorEvent(event);
      } catch (error) {
        throw head.attribute(error);
      }
    });
  }

  /** The coordinator starts a checkpoint here: this task has no producers, or all of them have ended. */
  triggerCheckpoint(barrier: CheckpointBarrier): void {
    if (this.state !== 'RUNNING' || this.ending) {
      const reason = `Task '${this.name}' is ${this.state}.`;
      this.dependencies.decline(barrier.checkpointId, new MillraceError('CHECKPOINT_FAILED', reason));
      return;
    }
    this.dependencies.mailbox.post(() => {
      if (this.input instanceof SourceInput) this.input.checkpointTriggered(barrier.checkpointId);
      this.whenNotFinishing(() => this.startTriggered(barrier));
    });
  }

  /** The checkpoint is complete: operators commit, and the task ends if it waited for that. */
  notifyCheckpointComplete(checkpointId: number): void {
    if (isTerminal(this.state) || this.ending) return;
    this.committing = this.committing
      .then(() => this.chain.notifyCheckpointComplete(checkpointId))
      .then(() => {
        if (![...this.lastCheckpoints].some((last) => last <= checkpointId)) return;
        this.lastCheckpoints.clear();
        this.dependencies.mailbox.post(() => void this.leave());
      });
    this.committing.catch((error) => this.failLater(error));
  }

  notifyCheckpointAborted(checkpointId: number): void {
    if (isTerminal(this.state) || this.ending) return;
    this.dependencies.mailbox.post(() => {
      this.givenUp.add(checkpointId);
      this.lastCheckpoints.delete(checkpointId);
      this.checkpoints.aborted(checkpointId);
      if (this.input instanceof GateInput) this.input.barriers.aborted(checkpointId);
      if (this.stopping?.checkpointId === checkpointId) this.resume(this.stopping.drain);
    });
    this.committing = this.committing.then(() => this.chain.notifyCheckpointAborted(checkpointId));
    this.committing.catch((error) => this.failLater(error));
  }

  /**
   * Stops without finishing; what was not flushed is lost. Resolves when everything is released. What is opening is
   * closed when it is open, and a batch that is being processed (the call may come from within it) comes to its end first.
   */
  async cancel(): Promise<void> {
    if (isTerminal(this.state) || this.ending || this.state === 'CANCELING') return;
    this.changeState('CANCELING');
    await this.opening.catch(() => {});
    await this.end('CANCELED', undefined);
  }

  private connectInput(restored: RestoredInput | undefined): void {
    const { inputs, clock, mailbox } = this.dependencies;
    if (inputs.length === 0) {
      this.input = new SourceInput(this.chain);
      return;
    }
    this.input = new GateInput(inputs, this.chain, restored, {
      clock,
      post: (mail) => mailbox.post(mail),
      perform: (barrier, info, capture) => this.performCheckpoint(barrier, info, capture),
      decline: (checkpointId, reason) => this.dependencies.decline(checkpointId, reason),
    });
    for (const { channel } of inputs) {
      channel.onData = () => this.onData();
      channel.onBarrierAnnounced = () => this.onData();
      channel.drain = () => this.drain();
    }
  }

  private process(maxRecords: number): StepResult {
    const { mailbox } = this.dependencies;
    if (this.failure !== undefined) throw this.failure;
    this.takePrepared();
    if (this.preparing) return 'WAIT';
    if (!mailbox.isEmpty) {
      mailbox.runAll(() => this.preparing);
      this.waiting = undefined;
    }
    if (this.failure !== undefined) throw this.failure;
    if (this.phase === 'FINISHING' || this.preparing) return 'WAIT';
    this.input.lookAhead();
    if (this.preparing) return 'WAIT';
    if (!this.outputsAvailable()) {
      this.times.become('BACKPRESSURED');
      this.flush();
      return 'WAIT';
    }
    if (this.waiting === 'OPERATOR') return 'WAIT';
    const blocked = this.chain.isAvailable();
    if (blocked) {
      this.times.become('BACKPRESSURED');
      this.flush();
      this.waitFor('OPERATOR', blocked);
      return 'WAIT';
    }
    if (this.waiting === 'INPUT') return 'WAIT';
    this.times.become('BUSY');
    const { clock } = this.dependencies;
    const startMs = clock.monotonicMs();
    const result = this.input.step(maxRecords);
    const endMs = clock.monotonicMs();
    this.batchSize.adapt(endMs - startMs);
    const { bufferTimeoutMs } = this.options;
    if (bufferTimeoutMs >= 0 && endMs - this.lastFlushMs >= bufferTimeoutMs) {
      this.lastFlushMs = endMs;
      this.flush();
    }
    return this.afterStep(result);
  }

  private afterStep(result: InputStep): StepResult {
    switch (result) {
      case 'MORE':
        return 'MORE';
      case 'END_OF_DATA':
        this.drained = this.input instanceof GateInput && this.input.isDrained;
        this.phase = 'FINISHING';
        void this.finish();
        return 'WAIT';
      case 'END':
      case 'EMPTY': {
        this.times.become('IDLE');
        this.flush();
        if (this.dependencies.inputs.length === 0) {
          this.waiting = 'INPUT';
          this.input.awaitData(
            () => this.endWait('INPUT'),
            (error) => this.failLater(error),
          );
        }
        return 'WAIT';
      }
    }
  }

  private startTriggered(barrier: CheckpointBarrier): void {
    if (this.givenUp.has(barrier.checkpointId)) return;
    if (this.input instanceof GateInput) {
      this.input.barriers.trigger(barrier);
      return;
    }
    const { stop } = barrier.options;
    const aligned: AlignmentInfo = { alignmentDurationMs: 0, unaligned: false };
    const perform = (): void => this.performCheckpoint(barrier, aligned, () => undefined);
    if (stop === undefined || !(this.input instanceof SourceInput)) {
      perform();
      return;
    }
    this.input.stop(stop === 'TERMINATE');
    if (stop === 'SUSPEND' || this.phase !== 'DATA') {
      perform();
      return;
    }
    this.drained = true;
    this.phase = 'FINISHING';
    this.deferred.push(perform);
    void this.finish();
  }

  /** Operators first do what must be done before the barrier; without waiting if none has to wait. */
  private performCheckpoint(barrier: CheckpointBarrier, info: AlignmentInfo, capture: () => InFlightCapture | undefined): void {
    const { checkpointId, options } = barrier;
    const take = (): void => {
      if (this.givenUp.has(checkpointId)) {
        if (options.stop !== undefined) this.resume(options.stop === 'TERMINATE');
        return;
      }
      for (const older of this.givenUp) if (older < checkpointId) this.givenUp.delete(older);
      const finished = this.phase === 'FINISHED_DATA';
      if (finished || options.stop !== undefined) this.lastCheckpoints.add(checkpointId);
      if (options.stop !== undefined) this.stopping = { checkpointId, drain: options.stop === 'TERMINATE' };
      // Who goes on from a drained job goes on before the end of time.
      const inputTime = this.input instanceof GateInput && options.stop !== 'TERMINATE' ? this.input.time : undefined;
      this.checkpoints.take(barrier, info, capture, inputTime, finished);
    };
    const preparing = this.chain.prepareSnapshotPreBarrier(checkpointId);
    if (preparing === undefined) {
      take();
      return;
    }
    this.preparing = true;
    preparing.then(
      () => {
        this.prepared = take;
        this.dependencies.wake();
      },
      (error) => this.failLater(error),
    );
  }

  private takePrepared(): void {
    const take = this.prepared;
    if (take === undefined) return;
    this.prepared = undefined;
    this.preparing = false;
    take();
    if (this.phase !== 'FINISHING') this.runDeferred();
  }

  private whenNotFinishing(action: () => void): void {
    if (this.phase === 'FINISHING' || this.preparing) this.deferred.push(action);
    else action();
  }

  private runDeferred(): void {
    const { deferred } = this;
    this.deferred = [];
    for (const action of deferred) this.whenNotFinishing(action);
  }

  /** The savepoint with which the task was to stop came to nothing: it goes on, unless it has closed event time already. */
  private resume(drain: boolean): void {
    this.stopping = undefined;
    if (drain) {
      throw new MillraceError(
        'CHECKPOINT_FAILED',
        `Task '${this.name}' had drained its input for a savepoint that failed; it starts again from the last checkpoint.`,
      );
    }
    if (this.input instanceof SourceInput) this.input.resume();
    this.dependencies.wake();
  }

  /** Reads on in the middle of a producer's write, because the channel is full and the producer cannot stop. */
  private drain(): void {
    if (this.stepping || this.state !== 'RUNNING') return;
    for (let i = 0; i < 64 && this.dependencies.inputs.some((c) => c.channel.isFull); i++) {
      if (this.step() !== 'MORE') return;
    }
  }

  private onData(): void {
    if (this.phase !== 'FINISHING') this.dependencies.wake();
  }

  private waitFor(what: 'OPERATOR' | 'INPUT', promise: Promise<void>): void {
    this.waiting = what;
    promise.then(
      () => this.endWait(what),
      (error) => this.failLater(error),
    );
  }

  private endWait(what: 'OPERATOR' | 'INPUT'): void {
    if (this.waiting !== what) return;
    this.waiting = undefined;
    this.dependencies.wake();
  }

  private failLater(error: unknown): void {
    this.failure ??= error;
    this.dependencies.wake();
  }

  private outputsAvailable(): boolean {
    for (const output of this.dependencies.outputs) if (!output.isAvailable) return false;
    return true;
  }

  private flush(): void {
    for (const output of this.dependencies.outputs) output.flush();
  }

  private async finish(): Promise<void> {
    try {
      await this.chain.finish();
      if (this.ending) return;
      this.endData();
    } catch (error) {
      await this.end('FAILED', error);
      return;
    }
    if (!this.options.checkpointingEnabled && !this.drained) {
      await this.leave();
      return;
    }
    this.dependencies.mailbox.post(() => {
      this.phase = 'FINISHED_DATA';
      this.runDeferred();
      this.dependencies.endOfData();
    });
  }

  private endData(): void {
    broadcastEvent(this.dependencies.outputs, { type: 'END_OF_DATA', ...(this.drained ? { drained: true } : {}) });
  }

  /** The task has nothing more to do. */
  private async leave(): Promise<void> {
    if (this.ending) return;
    broadcastEvent(this.dependencies.outputs, { type: 'END_OF_PARTITION' });
    await this.end('FINISHED', undefined);
  }

  private async end(outcome: 'FINISHED' | 'CANCELED' | 'FAILED', cause: unknown): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    let error = cause === undefined ? undefined : this.withTaskName(cause);
    this.checkpoints.close();
    try {
      await this.chain.close();
    } catch (closeError) {
      if (error === undefined) error = this.withTaskName(closeError);
      else
        this.dependencies.logger.log('warn', `Closing after a failure failed too: ${toError(closeError).message}`, {
          task: this.name,
        });
    }
    this.input?.close();
    for (const output of this.dependencies.outputs) output.close();
    this.dependencies.mailbox.clear();
    this.times.become('IDLE');
    const canceled = this.state === 'CANCELING' && outcome === 'FINISHED';
    this.changeState(error !== undefined ? 'FAILED' : canceled ? 'CANCELED' : outcome, error);
    this.dependencies.wake();
  }

  private withTaskName(thrown: unknown): Error {
    if (thrown instanceof MillraceError) return thrown;
    return new MillraceError('JOB_FAILED', `Task '${this.name}' failed: ${toError(thrown).message}`, {
      cause: thrown,
      context: { task: this.name },
    });
  }

  private changeState(to: ExecutionState, error?: Error): void {
    this.state = transitionExecution(this.state, to);
    this.dependencies.onStateChange(to, error);
  }
}
