/**
 * The contract between the engine and a sink (Flink's Sink V2 in TypeScript).
 *
 * One `SinkWriter` per subtask takes the records. `write` is synchronous and may buffer; a writer that must wait for the
 * outside reports it by `isAvailable`, and the engine stops feeding it: that is how backpressure starts. A sink with a
 * committer is two-phase: `prepareCommit` hands over what was written since the last call as committables, and the
 * `Committer` makes it visible. With checkpoints, committables are part of the checkpoint before whose barrier they were
 * prepared, and are committed once it is complete; after a restore those of the restored checkpoint are committed again,
 * before its writer is made, by any subtask. Without checkpoints there is one call, at the end of input.
 */
import type { Clock, Logger, Random } from '../common/index.ts';

export interface SinkWriterContext {
  /** Of the record being written; `NO_TIMESTAMP` if it has none. */
  timestamp: number;
  /** The current event-time watermark. */
  currentWatermark: number;
}

export interface SinkWriter<T> {
  write(value: T, context: SinkWriterContext): void;
  /** `undefined` while the writer takes records at full speed; otherwise a promise that resolves when it does again. */
  isAvailable?(): Promise<void> | undefined;
  /** Sends out everything buffered and waits for it; at the end of input (`endOfInput`) and before checkpoints. */
  flush(endOfInput: boolean): void | Promise<void>;
  writeWatermark?(watermark: number): void;
  /** The checkpoint, and with it all earlier ones, is complete; what it holds of this subtask has been committed. */
  notifyCheckpointComplete?(checkpointId: number): void | Promise<void>;
  /** Called for an orderly end and after failures; must release everything, and must not commit. */
  close(): void | Promise<void>;
}

/** A writer of a two-phase sink. */
export interface CommittingSinkWriter<T, CommittableT> extends SinkWriter<T> {
  /** Called after `flush`; what it returns is kept until committed. Committables are plain data. */
  prepareCommit(): CommittableT[] | Promise<CommittableT[]>;
  /**
   * Called after `prepareCommit`, with no record in between: plain data needed to go on after a restore, for sinks whose
   * writers have some. A rescale deals the elements of all subtasks out anew.
   */
  snapshotState?(checkpointId: number): unknown[];
}

export interface Committer<CommittableT> {
  /** Makes the committables visible. Must be idempotent: the same ones can come again after a failure. */
  commit(committables: readonly CommittableT[]): void | Promise<void>;
  close(): void | Promise<void>;
}

export interface SinkInitContext {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly attemptNumber: number;
  /** Whether the job goes on from a checkpoint that knows this sink. */
  readonly isRestored: boolean;
  /** Whether checkpoints come by themselves; otherwise one commit at the end of input is to be expected. */
  readonly checkpointingEnabled: boolean;
  readonly jobName: string;
  /** Stable across runs of the same program. */
  readonly operatorId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Registers a counter under the sink operator's scope. */
  counter(name: string): { inc(n?: number): void };
  gauge(name: string, read: () => number): void;
  /**
   * Sends plain data to the program's own instance of the sink, which gets it by `receive`; in order for one subtask, all
   * of it before the job ends. What is sent again after a failure arrives again.
   */
  sendToCoordinator(event: unknown): void;
}

/** Which guarantee a sink gives with checkpoints on. */
export type DeliveryGuarantee = 'NONE' | 'AT_LEAST_ONCE' | 'EXACTLY_ONCE';

export interface Sink<T, CommittableT = never> {
  readonly name: string;
  readonly deliveryGuarantee?: DeliveryGuarantee;
  createWriter(context: SinkInitContext): SinkWriter<T> | Promise<SinkWriter<T>>;
  /** For writers that have state: goes on from it. Not called if none of it was dealt to the subtask. */
  restoreWriter?(context: SinkInitContext, state: readonly unknown[]): SinkWriter<T> | Promise<SinkWriter<T>>;
  /** Present exactly if the writers are `CommittingSinkWriter`s. */
  createCommitter?(context: SinkInitContext): Committer<CommittableT> | Promise<Committer<CommittableT>>;
  /** Takes what the subtasks sent by `sendToCoordinator`, in the program that started the job. */
  receive?(event: unknown): void;
}
