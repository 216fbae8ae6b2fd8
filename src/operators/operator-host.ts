/**
 * Hosts one operator: makes its context (state, timers, output, metrics), and leads it through its life.
 *
 * Every host of operators (the tasks of the engine, the harness for tests) uses this class, so an operator cannot tell
 * them apart. Life: create → restore → open → (elements, watermarks, snapshots)* → finish → close; `close` may follow
 * after any step, and comes once.
 */
import {
  type Clock,
  invariant,
  type Logger,
  MillraceError,
  type Random,
  type Scheduler,
  systemScheduler,
} from '../common/index.ts';
import type { OutputTag } from '../connector/index.ts';
import type { MetricGroup } from '../metrics/index.ts';
import {
  type CheckpointInput,
  type KeyedStateBackend,
  type KeyGroupRange,
  keyGroupRange,
  type OperatorStateBackend,
} from '../state/index.ts';
import { type Accumulator, Histogram, IntCounter } from './accumulators.ts';
import { type RichFunction, type RuntimeContext, richOf } from './functions.ts';
import {
  type FrozenTimerService,
  InternalTimerService,
  type InternalTimerSnapshot,
  type Triggerable,
} from './internal-timer-service.ts';
import { KeyWatermarks } from './key-watermarks.ts';
import {
  MAX_WATERMARK,
  type MailboxExecutor,
  MIN_WATERMARK,
  type OperatorContext,
  type OperatorDefinition,
  type Output,
  type StreamOperator,
} from './operator.ts';
import { attributeFailure } from './operator-failure.ts';
import {
  encodeSnapshot,
  encodeTimers,
  type FrozenTimersSnapshot,
  type OperatorRestoreHandles,
  type PendingOperatorSnapshot,
  readSnapshots,
  type SubtaskOperatorState,
  shareOf,
  type TimersSnapshot,
  timersIn,
  writeBytes,
} from './operator-snapshot.ts';
import { OperatorTimers } from './operator-timers.ts';

/** Where events go behind an output: the next operator of the chain, or a channel. */
export interface EventTarget {
  processWatermark(timestamp: number): void;
  processIdle(idle: boolean): void;
}

export type CollectFunction = (value: any, timestamp: number) => void;

/** An output whose ways on are filled in by whoever builds the chain. */
export class HostOutput implements Output<any> {
  collect: CollectFunction = () => invariant(false, 'an operator emitted before its chain was built');
  readonly sideCollects = new Map<string, CollectFunction>();
  targets: readonly EventTarget[] = [];
  /** Records for side outputs, and those of them that nobody reads. */
  sideRecords = 0;
  unreadSideRecords = 0;
  lastWatermark = MIN_WATERMARK;

  collectTo<S>(tag: OutputTag<S>, value: S, timestamp: number): void {
    this.sideRecords++;
    const collect = this.sideCollects.get(tag.id);
    if (collect) collect(value, timestamp);
    else this.unreadSideRecords++;
  }

  emitWatermark(timestamp: number): void {
    this.lastWatermark = timestamp;
    for (const target of this.targets) target.processWatermark(timestamp);
  }

  emitIdle(idle: boolean): void {
    for (const target of this.targets) target.processIdle(idle);
  }
}

export interface OperatorHostOptions {
  readonly jobName: string;
  readonly taskName: string;
  readonly operatorName: string;
  readonly operatorId: string;
  /** The line of the program that made the operator. */
  readonly definedAt?: string | undefined;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly attemptNumber: number;
  readonly autoWatermarkIntervalMs: number;
  /** `false` if absent. */
  readonly checkpointingEnabled?: boolean;
}

export interface OperatorHostDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricGroup;
  readonly mailbox: MailboxExecutor;
  /** Lets the thread go on while a snapshot is written; the system's unless given. */
  readonly scheduler?: Scheduler;
  readonly accumulators: Map<string, Accumulator<any, any>>;
  /** @param range the key groups of the subtask */
  createKeyedStateBackend(range: KeyGroupRange): KeyedStateBackend;
  createOperatorStateBackend(): OperatorStateBackend;
  sendToCoordinator(event: unknown): void;
}

export class OperatorHost implements EventTarget {
  readonly operator: StreamOperator;
  readonly definition: OperatorDefinition;
  readonly options: OperatorHostOptions;
  readonly output = new HostOutput();
  readonly keyedState: KeyedStateBackend | undefined;
  readonly operatorState: OperatorStateBackend;
  private readonly userFunction: RichFunction | undefined;
  private readonly dependencies: OperatorHostDependencies;
  private readonly keyGroups: KeyGroupRange;
  /** Restored, and not asked for by name yet: part of the next snapshot, too. */
  private restoredTimers = new Map<string, InternalTimerSnapshot>();
  private keyWatermarks: KeyWatermarks;
  private restored = false;
  private readonly timerServices = new Map<string, InternalTimerService>();
  private readonly processingTime: OperatorTimers;
  private watermark = MIN_WATERMARK;
  private closed = false;

  constructor(definition: OperatorDefinition, options: OperatorHostOptions, dependencies: OperatorHostDependencies) {
    this.definition = definition;
    this.options = options;
    this.dependencies = dependencies;
    const keyed = definition.keySelectors?.some((s) => s !== undefined) ?? false;
    const { parallelism, maxParallelism, subtaskIndex } = options;
    this.keyGroups = keyGroupRange(parallelism, maxParallelism, subtaskIndex);
    this.keyWatermarks = new KeyWatermarks(this.keyGroups, maxParallelism, []);
    this.keyedState = keyed ? dependencies.createKeyedStateBackend(this.keyGroups) : undefined;
    this.operatorState = dependencies.createOperatorStateBackend();
    const { clock, mailbox } = dependencies;
    this.processingTime = new OperatorTimers(clock, mailbox, (thrown) => this.attribute(thrown, 'a timer'));
    this.operator = definition.create({ keepsStateOffHeap: this.keyedState?.keepsStateOffHeap ?? false });
    this.userFunction = richOf(this.operator.userFunction);
  }

  /**
   * Takes over the subtask's share of a checkpoint. Called before `open`, at most once.
   * @throws MillraceError `STATE_FAILED` if the state does not fit the program, `CORRUPT_DATA`, `FILE_SYSTEM_FAILED`
   */
  async restore(restore: OperatorRestoreHandles, input: CheckpointInput): Promise<void> {
    this.restored = true;
    try {
      await this.takeOver(restore, input);
    } catch (error) {
      throw this.attribute(error, 'restore');
    }
  }

  async open(): Promise<void> {
    const context = this.createContext();
    await this.userFunction?.initializeState?.({
      isRestored: this.restored,
      operatorStateStore: this.operatorState,
      keyedStateStore: context.runtimeContext,
    });
    await this.operator.open?.(context);
  }

  processWatermark(timestamp: number): void {
    // After a restore, sources tell again what was known before it, and what came of it has been emitted.
    if (timestamp <= this.watermark) return;
    this.watermark = timestamp;
    try {
      for (const service of this.timerServices.values()) service.advanceWatermark(timestamp);
      if (this.operator.processWatermark) {
        this.operator.processWatermark(timestamp);
        return;
      }
    } catch (error) {
      throw this.attribute(error, 'a timer or window');
    }
    this.output.emitWatermark(timestamp);
  }

  /** The error of this operator: with its name, the record, and the user's line. */
  attribute(thrown: unknown, during?: string, record?: { readonly value: unknown }): MillraceError {
    const { operatorName, operatorId, definedAt } = this.options;
    return attributeFailure(thrown, { operatorName, operatorId, definedAt, during, record });
  }

  processIdle(idle: boolean): void {
    if (this.operator.processIdle) this.operator.processIdle(idle);
    else this.output.emitIdle(idle);
  }

  get metricGroup(): MetricGroup {
    return this.dependencies.metrics;
  }

  get currentWatermark(): number {
    return this.watermark;
  }

  /** Timers that have not fired, by domain; a test that leaves some has left state. */
  get timerCounts(): { event: number; processing: number } {
    let event = 0;
    let processing = 0;
    for (const service of this.timerServices.values()) {
      event += service.eventTimerCount;
      processing += service.processingTimerCount;
    }
    return { event, processing };
  }

  /** Records and mails wait until it resolves. */
  async prepareSnapshotPreBarrier(checkpointId: number): Promise<void> {
    try {
      await this.operator.prepareSnapshotPreBarrier?.(checkpointId);
    } catch (error) {
      throw this.attribute(error, 'prepareSnapshotPreBarrier');
    }
  }

  /**
   * Fixes all state as of now: the synchronous part of a snapshot. Later changes do not show in what is written.
   * @param request `canonical`: in the format of savepoints, which every state backend reads
   * @throws MillraceError `NOT_SERIALIZABLE`, `USER_FUNCTION_FAILED`
   */
  startSnapshot(checkpointId: number, request: { readonly canonical: boolean }): PendingOperatorSnapshot {
    try {
      this.operator.prepareSnapshot?.(checkpointId);
      this.snapshotFunction(checkpointId);
      const timers = this.keyedState && this.freezeTimers();
      const { subtaskIndex } = this.options;
      const operatorState = this.operatorState.snapshot();
      // A subtask without any leaves nothing behind that another program would have to claim.
      const hasOperatorState = operatorState.states.some((state) => state.elements.length > 0);
      const operator = hasOperatorState ? encodeSnapshot({ subtaskIndex, ...operatorState }) : undefined;
      const keyed = this.keyedState?.startSnapshot({ checkpointId, ...request });
      const { watermark } = this;
      const { scheduler = systemScheduler } = this.dependencies;
      return {
        write: async (output) => {
          let keyedStarted = false;
          try {
            const timersHandle = timers && (await writeBytes(await encodeTimers(timers, scheduler), output));
            const operatorHandle = operator && (await writeBytes(operator, output));
            keyedStarted = true;
            const keyedHandle = await keyed?.write(output);
            return {
              watermark,
              ...(operatorHandle ? { operator: operatorHandle } : {}),
              ...(timersHandle ? { timers: timersHandle } : {}),
              ...(keyedHandle ? { keyed: keyedHandle } : {}),
            };
          } catch (error) {
            if (!keyedStarted) keyed?.discard();
            throw this.attribute(error, 'snapshot');
          }
        },
        discard: () => keyed?.discard(),
      };
    } catch (error) {
      throw this.attribute(error, 'snapshot');
    }
  }

  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    try {
      this.keyedState?.notifyCheckpointComplete(checkpointId);
      await this.operator.notifyCheckpointComplete?.(checkpointId);
      await this.userFunction?.notifyCheckpointComplete?.(checkpointId);
    } catch (error) {
      throw this.attribute(error, 'notifyCheckpointComplete');
    }
  }

  async notifyCheckpointAborted(checkpointId: number): Promise<void> {
    try {
      this.keyedState?.notifyCheckpointAborted(checkpointId);
      await this.operator.notifyCheckpointAborted?.(checkpointId);
      await this.userFunction?.notifyCheckpointAborted?.(checkpointId);
    } catch (error) {
      throw this.attribute(error, 'notifyCheckpointAborted');
    }
  }

  /**
   * The input has ended. Timers of processing time fire until the operator has finished, and never after: what they emitted would
   * come behind the end of the data.
   */
  async finish(): Promise<void> {
    await this.operator.finish?.();
    this.processingTime.stop();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const service of this.timerServices.values()) service.close();
    this.processingTime.stop();
    try {
      await this.operator.close?.();
    } finally {
      this.output.collect = () => this.refuseLateRecord();
      this.keyedState?.dispose();
    }
  }

  private async takeOver(restore: OperatorRestoreHandles, input: CheckpointInput): Promise<void> {
    const { subtaskIndex, parallelism, maxParallelism } = this.options;
    if (this.keyedState) {
      await this.keyedState.restoreFrom(restore.keyed, this.keyGroups, input);
      const timers = await readSnapshots<TimersSnapshot>(restore.timers, input);
      this.restoredTimers = timersIn(this.keyGroups, timers);
      this.keyWatermarks = new KeyWatermarks(
        this.keyGroups,
        maxParallelism,
        timers.flatMap(({ watermarks }) => watermarks),
      );
      this.watermark = this.keyWatermarks.lowest;
    } else {
      if (restore.keyed.length > 0) {
        throw new MillraceError(
          'STATE_FAILED',
          'The checkpoint holds keyed state for this operator, but its input is not keyed any more. Call keyBy(…) before it, or give the operator another uid.',
          { recoverable: false },
        );
      }
      this.watermark = restore.watermark === MAX_WATERMARK ? MIN_WATERMARK : restore.watermark;
    }
    const operator = await readSnapshots<SubtaskOperatorState>(restore.operator, input);
    this.operatorState.restore([shareOf(operator, subtaskIndex, parallelism, restore.oldParallelism)]);
  }

  private snapshotFunction(checkpointId: number): void {
    const result: unknown = this.userFunction?.snapshotState?.({ checkpointId });
    if (typeof (result as PromiseLike<void> | undefined)?.then !== 'function') return;
    (result as PromiseLike<void>).then(undefined, () => {});
    throw new MillraceError(
      'INVALID_PROGRAM',
      'snapshotState returned a promise, but the state must be complete when it returns: records go on meanwhile. Make it synchronous.',
      { recoverable: false },
    );
  }

  private freezeTimers(): FrozenTimersSnapshot {
    const services = new Map<string, FrozenTimerService>();
    for (const [name, service] of this.timerServices) services.set(name, service.freeze(this.options.maxParallelism));
    return { services, unclaimed: new Map(this.restoredTimers), watermarks: this.keyWatermarks.after(this.watermark) };
  }

  /** Whoever emits from a callback of its own after the end would lose the record without a word. */
  private refuseLateRecord(): never {
    throw new MillraceError(
      'ILLEGAL_STATE',
      `Operator '${this.options.operatorName}' emitted a record after it had ended. Emit while a record or timer is processed, or use AsyncDataStream for work that ends later.`,
      { context: { operator: this.options.operatorName }, recoverable: false },
    );
  }

  private createContext(): OperatorContext {
    const { dependencies, options } = this;
    const host = this;
    return {
      jobName: options.jobName,
      operatorName: options.operatorName,
      operatorId: options.operatorId,
      subtaskIndex: options.subtaskIndex,
      parallelism: options.parallelism,
      maxParallelism: options.maxParallelism,
      attemptNumber: options.attemptNumber,
      output: this.output,
      clock: dependencies.clock,
      random: dependencies.random,
      logger: dependencies.logger,
      metrics: dependencies.metrics,
      mailbox: dependencies.mailbox,
      processingTime: this.processingTime,
      autoWatermarkIntervalMs: options.autoWatermarkIntervalMs,
      runtimeContext: this.createRuntimeContext(),
      isRestored: this.restored,
      checkpointingEnabled: options.checkpointingEnabled ?? false,
      get keyedState() {
        return host.requireKeyedState();
      },
      operatorState: this.operatorState,
      currentWatermark: () => this.watermark,
      currentKeyWatermark: () => this.currentKeyWatermark(),
      keyWatermarks: this.keyWatermarks,
      timerService: (name, triggerable) => this.timerService(name, triggerable),
      sendToCoordinator: (event) => dependencies.sendToCoordinator(event),
    };
  }

  private timerService(name: string, triggerable: Triggerable): InternalTimerService {
    const known = this.timerServices.get(name);
    if (known) return known;
    const service = new InternalTimerService(name, triggerable, {
      backend: this.requireKeyedState(),
      processingTime: this.processingTime,
      keyWatermarks: this.keyWatermarks,
      currentKeyWatermark: () => this.currentKeyWatermark(),
    });
    const snapshot = this.restoredTimers.get(name);
    if (snapshot) service.restore(snapshot);
    this.restoredTimers.delete(name);
    this.timerServices.set(name, service);
    return service;
  }

  private currentKeyWatermark(): number {
    const { watermark, keyWatermarks } = this;
    if (watermark >= keyWatermarks.highest) return watermark;
    return Math.max(watermark, keyWatermarks.of(this.requireKeyedState().currentCanonicalKey));
  }

  private requireKeyedState(): KeyedStateBackend {
    if (this.keyedState) return this.keyedState;
    throw new MillraceError(
      'ILLEGAL_STATE',
      `Operator '${this.options.operatorName}' uses keyed state or timers, but its input is not keyed. Call keyBy(…) before it.`,
      { context: { operator: this.options.operatorName }, recoverable: false },
    );
  }

  private accumulatorOf<A extends Accumulator<any, any>>(name: string, kind: new () => A): A {
    const { accumulators } = this.dependencies;
    const known = accumulators.get(name);
    if (known instanceof kind) return known;
    if (known !== undefined) {
      throw new MillraceError('INVALID_PROGRAM', `The accumulator '${name}' is no ${kind.name}. Choose another name.`);
    }
    const created = new kind();
    accumulators.set(name, created);
    return created;
  }

  private createRuntimeContext(): RuntimeContext {
    const { dependencies, options } = this;
    const state = <S>(descriptor: unknown): S => this.requireKeyedState().getPartitionedState(descriptor as never) as S;
    return {
      jobName: options.jobName,
      taskName: options.taskName,
      taskNameWithSubtasks: `${options.taskName} (${options.subtaskIndex + 1}/${options.parallelism})#${options.attemptNumber}`,
      indexOfThisSubtask: options.subtaskIndex,
      numberOfParallelSubtasks: options.parallelism,
      maxNumberOfParallelSubtasks: options.maxParallelism,
      attemptNumber: options.attemptNumber,
      metricGroup: dependencies.metrics,
      getState: (descriptor) => state(descriptor),
      getListState: (descriptor) => state(descriptor),
      getMapState: (descriptor) => state(descriptor),
      getReducingState: (descriptor) => state(descriptor),
      getAggregatingState: (descriptor) => state(descriptor),
      addAccumulator: (name, accumulator) => {
        if (dependencies.accumulators.has(name)) {
          throw new MillraceError('INVALID_PROGRAM', `An accumulator named '${name}' exists already. Choose another name.`);
        }
        dependencies.accumulators.set(name, accumulator);
      },
      getAccumulator: (name) => dependencies.accumulators.get(name),
      getIntCounter: (name) => this.accumulatorOf(name, IntCounter),
      getHistogram: (name) => this.accumulatorOf(name, Histogram),
    };
  }
}
