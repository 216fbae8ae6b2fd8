/**
 * What an operator is, and all that it knows of the world.
 *
 * An operator receives records and events, and emits records and events through its `Output`; it has state, timers and a
 * mailbox through its `OperatorContext`. It never learns who hosts it: a thread, a worker, a process or a test harness.
 * Invariants that every host keeps: calls never overlap; `open` comes first and `close` last; `finish` comes after the
 * last record and the last watermark; the current key is set before a keyed operator's element is processed.
 *
 * Stateless operators take part in code generation through `inline`: the host fuses them into one function. An operator
 * without it is called through `processElement`.
 */
import type { Clock, Logger, Random } from '../common/index.ts';
import type { OutputTag, Source } from '../connector/index.ts';
import type { MetricGroup } from '../metrics/index.ts';
import type { KeyedStateBackend, OperatorStateBackend } from '../state/index.ts';
import type { RuntimeContext } from './functions.ts';
import type { InternalTimerService, ProcessingTimeService, Triggerable } from './internal-timer-service.ts';
import type { KeyWatermarks } from './key-watermarks.ts';

/** The watermark that closes all event time: emitted at the end of bounded input. */
export const MAX_WATERMARK = Number.POSITIVE_INFINITY;
/** The watermark before any other. */
export const MIN_WATERMARK = Number.NEGATIVE_INFINITY;

export interface Output<T> {
  collect(value: T, timestamp: number): void;
  collectTo<S>(tag: OutputTag<S>, value: S, timestamp: number): void;
  emitWatermark(timestamp: number): void;
  /** `true`: no watermarks come until `false`, and time downstream does not wait for this output. */
  emitIdle(idle: boolean): void;
}

/** Runs callbacks on the task's own thread, between records. */
export interface MailboxExecutor {
  execute(mail: () => void): void;
}

export interface OperatorContext<OUT = unknown> {
  readonly jobName: string;
  readonly operatorName: string;
  /** Stable across runs: savepoints and metrics refer to it. */
  readonly operatorId: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly attemptNumber: number;
  readonly output: Output<OUT>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricGroup;
  readonly mailbox: MailboxExecutor;
  readonly processingTime: ProcessingTimeService;
  /** Flink's `pipeline.auto-watermark-interval`. */
  readonly autoWatermarkIntervalMs: number;
  readonly runtimeContext: RuntimeContext;
  /** Whether state was restored before `open`. */
  readonly isRestored: boolean;
  /** Whether checkpoints come by themselves: what is written is then committed when one is complete, also at the end. */
  readonly checkpointingEnabled: boolean;
  /**
   * State by key. @throws MillraceError `ILLEGAL_STATE` if the stream is not keyed
   */
  readonly keyedState: KeyedStateBackend;
  readonly operatorState: OperatorStateBackend;
  /** The last watermark that reached this operator. */
  currentWatermark(): number;
  /**
   * The same for the current key, which after a restore may have known a later one: what is late for it, and what has
   * fired, goes by this.
   */
  currentKeyWatermark(): number;
  /** What the keys had known before the restore: for operators that look at many keys at once. */
  readonly keyWatermarks: KeyWatermarks;
  /** One service per name and operator; asking again with the same name returns the same one. */
  timerService(name: string, triggerable: Triggerable): InternalTimerService;
  /** To the coordinator of this operator, which is one for all its subtasks. */
  sendToCoordinator(event: unknown): void;
}

/** Where an operator writes itself into the generated function of its chain. */
export interface ChainCode {
  /** Makes `value` a constant of the generated code; returns its name. */
  bind(value: unknown, hint: string): string;
  /** A fresh name for a local variable. */
  local(hint: string): string;
  /** Adds a declaration outside of the function that runs per record; returns nothing: choose names by `local`. */
  declare(statement: string): void;
  /** The name of a function `(value, timestamp)` that emits downstream: for code that emits from a closure. */
  collect(): string;
  /** A statement for code behind `emit` that can fail: makes this operator and its record those that a failure names. */
  atWork(): string;
}

/** Emits: returns the statements that hand `value` (an expression) with `timestamp` (an expression) downstream. */
export type EmitCode = (value: string, timestamp: string) => string;

export interface StreamOperator<IN = any, OUT = any, IN2 = any> {
  /** Emits exactly one record for each that it takes: counting them once is enough. */
  readonly oneToOne?: boolean;
  /** The program's own function, if there is one: its host lets it take part in checkpoints. */
  readonly userFunction?: unknown;
  /** Called once, before any record. State has been restored by then. */
  open?(context: OperatorContext<OUT>): void | Promise<void>;
  processElement?(value: IN, timestamp: number): void;
  /** For records of the second input. */
  processElement2?(value: IN2, timestamp: number): void;
  /**
   * Statements that process the record in variable `value` with the timestamp in `timestamp`. Called after `open`.
   * Must not use `return`, `break` or `continue`: what an outer operator does after emitting must still run.
   */
  inline?(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string;
  /** As `inline`, for records of the second input. */
  inline2?(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string;
  /** Event time has advanced; timers have fired already. An operator that has this method forwards the watermark itself. */
  processWatermark?(timestamp: number): void;
  /** All inputs became idle, or one is active again. An operator that has this method forwards it itself. */
  processIdle?(idle: boolean): void;
  /** One input of several has ended; `input` is 0 or 1. */
  endInput?(input: number): void;
  /** All inputs have ended: emit what is left, and wait for what is under way. */
  finish?(): void | Promise<void>;
  /** `undefined` while records are welcome; otherwise a promise that resolves when they are again. */
  isAvailable?(): Promise<void> | undefined;
  /**
   * A checkpoint is about to be taken: emit or flush what must be before its barrier. Records and mails wait until
   * the promise resolves.
   */
  prepareSnapshotPreBarrier?(checkpointId: number): void | Promise<void>;
  /** Writes what it keeps outside of state backends into them; called right before they are snapshotted. */
  prepareSnapshot?(checkpointId: number): void;
  /** The checkpoint, and with it all earlier ones, is durable and complete: commit. A failure fails the task. */
  notifyCheckpointComplete?(checkpointId: number): void | Promise<void>;
  /** The checkpoint will never be complete; a later one may be. */
  notifyCheckpointAborted?(checkpointId: number): void | Promise<void>;
  /** Releases everything; called once at the end, after failures too. */
  close?(): void | Promise<void>;
}

/** A value of the key of a record; checked by the state backend. */
export type KeySelector<T, K = unknown> = (value: T) => K;

/** The subtask, from 0 to below `numPartitions`, that a record goes to. @throws MillraceError `INVALID_PROGRAM` */
export type PartitionFunction = (value: any, numPartitions: number) => number;

/** What an operator may be chosen by. */
export interface OperatorSetting {
  /** Whether keyed state may be larger than the heap: what grows with the number of keys must be in state then. */
  readonly keepsStateOffHeap: boolean;
}

/** An operator of a program: how to make its instances, one per subtask and attempt. */
export interface OperatorDefinition {
  create(setting?: OperatorSetting): StreamOperator;
  /** Of the head of a source's chain: its coordinator makes the enumerator from it. */
  readonly source?: Source<any, any, any>;
  /** Where the job master delivers what the operator's subtasks send to their coordinator, if it is no source. */
  readonly receiver?: (event: unknown) => void;
  /** By input; present if the input is keyed. */
  readonly keySelectors?: readonly (KeySelector<any> | undefined)[];
  /**
   * By input, then by edge of that input in the graph's order: what an edge with the partitioner HASH distributes by; present if
   * there is one. Its consumer need not be keyed: `keyBy(…).map(…)`.
   */
  readonly hashSelectors?: readonly (readonly (KeySelector<any> | undefined)[])[];
  /** By input, then by edge of that input in the graph's order; present if an edge has the partitioner CUSTOM. */
  readonly customPartitioners?: readonly (readonly (PartitionFunction | undefined)[])[];
}

/** The functions of a program, by operator id. */
export type Program = ReadonlyMap<string, OperatorDefinition>;
