/**
 * What functions can have a say in checkpoints with: state of their subtask, and word of checkpoints that are complete.
 *
 * Keyed state needs none of this. Operator state does: a function keeps what it likes in fields, gives it out as a list in
 * `snapshotState`, and gets its share of all lists back in `initializeState`, at whatever parallelism.
 */
import type { OperatorStateBackend } from '../state/index.ts';
import type { KeyedStateStore } from './functions.ts';

/** State that belongs to the subtask and not to a key. */
export type OperatorStateStore = Pick<OperatorStateBackend, 'getListState' | 'getUnionListState' | 'getBroadcastState'>;

export interface FunctionInitializationContext {
  /** Whether the job goes on from a checkpoint or savepoint. */
  readonly isRestored: boolean;
  readonly operatorStateStore: OperatorStateStore;
  /** @throws MillraceError `ILLEGAL_STATE` from its methods if the stream is not keyed */
  readonly keyedStateStore: KeyedStateStore;
}

export interface FunctionSnapshotContext {
  readonly checkpointId: number;
}

export interface CheckpointedFunction {
  /** Called before `open`, in a fresh start and after a restore. */
  initializeState(context: FunctionInitializationContext): void | Promise<void>;
  /** Puts what the function keeps outside of state into state. Between records, and not asynchronous. */
  snapshotState(context: FunctionSnapshotContext): void;
}

/** Word of what became of checkpoints; not of every one: a later one that is complete stands for all before it. */
export interface CheckpointListener {
  /** A failure fails the task. */
  notifyCheckpointComplete(checkpointId: number): void | Promise<void>;
  notifyCheckpointAborted?(checkpointId: number): void | Promise<void>;
}
