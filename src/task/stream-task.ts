/**
 * One subtask of one vertex: a mailbox loop around an operator chain.
 *
 * A step is: run the mails; if the way out is full or an operator is busy, wait; otherwise take one bounded portion of
 * input. All of it happens on the task's thread, one thing at a time. The end of input starts the asynchronous finish
 * (operators wait for what they have under way) during which mails still run. A failure or a cancellation from any point
 * leads through `close`, once.
 */
import { type Clock, type Logger, MillraceError, toError } from '../common/index.ts';
import type { CoordinatorEvent } from '../connector/index.ts';
import type { LocalChannel } from '../network/index.ts';
import type { EventTarget, SourceOperator } from '../operators/index.ts';
import { type ExecutionState, isTerminal, transitionExecution } from './execution-state.ts';
import { GateInput, type InputChannel } from './gate-input.ts';
import type { Mailbox } from './mailbox.ts';
import type { OperatorChain } from './operator-chain.ts';
import { SourceInput } from './source-input.ts';
import type { InputStep, TaskInput } from './task-input.ts';
import type { StepResult, ThreadTask } from './task-thread.ts';
import { TaskTimes } from './task-times.ts';

export interface StreamTaskDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly chain: OperatorChain;
  readonly mailbox: Mailbox;
  readonly inputs: readonly InputChannel[];
  readonly outputs: readonly LocalChannel[];
  /** Wakes this task on its thread. */
  readonly wake: () => void;
  onStateChange(state: ExecutionState, error?: Error): void;
}

const MAX_BATCH_RECORDS = 1024;
const FIRST_BATCH_RECORDS = 64;
const GROW_BELOW_MS = 0.25;
const SHRINK_ABOVE_MS = 1;

export class StreamTask implements ThreadTask {
  readonly name: string;
  readonly chain: OperatorChain;
  readonly times: TaskTimes;
  private readonly dependencies: StreamTaskDependencies;
  private input!: TaskInput;
  private state: ExecutionState = 'CREATED';
  private batchRecords = FIRST_BATCH_RECORDS;
  private finishing = false;
  /** An operator that waits for the outside, or a reader without data; the step that ends the wait clears it. */
  private waiting: 'OPERATOR' | 'INPUT' | undefined;
  private failure: unknown;
  private stepping = false;
  private ending = false;
  private opening: Promise<void> = Promise.resolve();

  constructor(name: string, dependencies: StreamTaskDependencies) {
    this.name = name;
    this.dependencies = dependencies;
    this.chain = dependencies.chain;
    this.times = new TaskTimes(dependencies.clock);
  }

  get executionState(): ExecutionState {
    return this.state;
  }

  /** Opens the operators. @returns whether the task is ready to run: it is not if it failed or was canceled meanwhile */
  async initialize(): Promise<boolean> {
    if (this.state !== 'CREATED') return false;
    this.changeState('INITIALIZING');
    this.opening = this.chain.open();
    try {
      await this.opening;
    } catch (error) {
      if (this.executionState === 'INITIALIZING') await this.end('FAILED', error);
      return false;
    }
    if (this.executionState !== 'INITIALIZING') return false;
    const { inputs } = this.dependencies;
    this.input = inputs.length === 0 ? new SourceInput(this.chain) : new GateInput(inputs, this.chain);
    for (const { channel } of inputs) {
      channel.onData = () => this.onData();
      channel.drain = () => this.drain();
    }
    for (const output of this.dependencies.outputs) output.onAvailable = this.dependencies.wake;
    return true;
  }

  /** Starts taking input; every task of the job has been initialised by then. */
  run(): void {
    if (this.state !== 'INITIALIZING') return;
    this.changeState('RUNNING');
    this.dependencies.wake();
  }

  step(): StepResult {
    if (isTerminal(this.state)) return 'DONE';
    if (this.state !== 'RUNNING') return 'WAIT';
    this.stepping = true;
    try {
      return this.process(this.batchRecords);
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

  private process(maxRecords: number): StepResult {
    const { mailbox } = this.dependencies;
    if (!mailbox.isEmpty) {
      mailbox.runAll();
      this.waiting = undefined;
    }
    if (this.failure !== undefined) throw this.failure;
    if (this.finishing) return 'WAIT';
    if (!this.outputsAvailable()) {
      this.times.become('BACKPRESSURED');
      return 'WAIT';
    }
    if (this.waiting === 'OPERATOR') return 'WAIT';
    const blocked = this.chain.isAvailable();
    if (blocked) {
      this.times.become('BACKPRESSURED');
      this.waitFor('OPERATOR', blocked);
      return 'WAIT';
    }
    if (this.waiting === 'INPUT') return 'WAIT';
    this.times.become('BUSY');
    const { clock } = this.dependencies;
    const startMs = clock.monotonicMs();
    const result = this.input.step(maxRecords);
    this.adaptBatch(clock.monotonicMs() - startMs);
    return this.afterStep(result);
  }

  private afterStep(result: InputStep): StepResult {
    switch (result) {
      case 'MORE':
        return 'MORE';
      case 'END':
        this.finishing = true;
        void this.finish();
        return 'WAIT';
      case 'EMPTY': {
        this.times.become('IDLE');
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

  /** Reads on in the middle of a producer's write, because the channel is full and the producer cannot stop. */
  private drain(): void {
    if (this.stepping || this.state !== 'RUNNING') return;
    for (let i = 0; i < 64 && this.dependencies.inputs.some((c) => !c.channel.isAvailable); i++) {
      if (this.step() !== 'MORE') return;
    }
  }

  private onData(): void {
    if (!this.finishing) this.dependencies.wake();
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

  private adaptBatch(tookMs: number): void {
    if (tookMs > SHRINK_ABOVE_MS) this.batchRecords = Math.max(1, this.batchRecords >> 1);
    else if (tookMs < GROW_BELOW_MS) this.batchRecords = Math.min(MAX_BATCH_RECORDS, this.batchRecords * 2);
  }

  private async finish(): Promise<void> {
    try {
      await this.chain.finish();
      for (const output of this.dependencies.outputs) output.writeEvent({ type: 'END_OF_DATA' });
    } catch (error) {
      await this.end('FAILED', error);
      return;
    }
    await this.end('FINISHED', undefined);
  }

  private async end(outcome: 'FINISHED' | 'CANCELED' | 'FAILED', cause: unknown): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    let error = cause === undefined ? undefined : this.withTaskName(cause);
    try {
      await this.chain.close();
    } catch (closeError) {
      if (error === undefined) error = this.withTaskName(closeError);
      else
        this.dependencies.logger.log('warn', `Closing after a failure failed too: ${toError(closeError).message}`, {
          task: this.name,
        });
    }
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

/** The end of a chain towards a channel. */
export function channelTarget(channel: LocalChannel): EventTarget & { write(value: unknown, timestamp: number): void } {
  return Object.assign(channel, {
    processWatermark: (timestamp: number) => channel.writeEvent({ type: 'WATERMARK', timestamp }),
    processIdle: (idle: boolean) => channel.writeEvent({ type: 'WATERMARK_STATUS', idle }),
  });
}
