/**
 * What coordinator and tasks say to each other about checkpoints, and what a checkpoint consists of. Plain data.
 */
import type { KeyedStateHandle, StateHandle } from '../state/index.ts';

/** See `CheckpointOptions` of the data plane, whose shape this is: it travels from the coordinator through the barriers. */
export interface CheckpointOptions {
  readonly kind: 'CHECKPOINT' | 'SAVEPOINT';
  readonly alignment: 'ALIGNED' | 'UNALIGNED';
  readonly alignedTimeoutMs?: number;
  readonly stop?: 'SUSPEND' | 'TERMINATE';
  /** The folder for the files of this checkpoint. */
  readonly directory: string;
}

/** The state of one subtask of one operator in one checkpoint. */
export interface OperatorSubtaskState {
  readonly keyed?: KeyedStateHandle;
  /** A `TimersSnapshot`: timers by service, and what each key group knows of time; in the general codec. */
  readonly timers?: StateHandle;
  /** An `OperatorStateSnapshot` in the general codec; absent if there is none. */
  readonly operator?: StateHandle;
  /** Of the head of a chain, in unaligned checkpoints: what was in flight towards it. */
  readonly inFlight?: readonly InFlightState[];
  /** The last watermark that the operator had seen. */
  readonly watermark: number;
  /** The subtask had finished: everything that it will ever emit lies before the checkpoint. If it had ended, too, it has no state. */
  readonly finished?: true;
}

/** Records that were on their way along one edge, from one producing subtask. */
export interface InFlightState {
  /** The position of the edge in the consuming vertex's list of edges. */
  readonly edge: number;
  readonly producerSubtask: number;
  /** Written by `encodeRecords`. */
  readonly records: StateHandle;
}

/** What a task acknowledges. */
export interface TaskStateSnapshot {
  /** By operator id. */
  readonly operators: Readonly<Record<string, OperatorSubtaskState>>;
  /** Whether the task had seen the end of its input: it ends once this checkpoint is complete. */
  readonly finished: boolean;
}

export interface CheckpointMetrics {
  readonly syncDurationMs: number;
  readonly asyncDurationMs: number;
  readonly alignmentDurationMs: number;
  /** From the trigger to the task's first barrier. */
  readonly startDelayMs: number;
  readonly bytesPersistedDuringAlignment: number;
  /** Of the state as a whole, and of what was written for it. */
  readonly stateBytes: number;
  readonly checkpointedBytes: number;
  readonly unaligned: boolean;
}

/** What one subtask of one operator goes on from: handles of all old subtasks whose state it shares in. */
export interface OperatorRestore {
  /** Those whose key groups overlap with the subtask's. */
  readonly keyed: readonly KeyedStateHandle[];
  readonly timers: readonly StateHandle[];
  /** Of all old subtasks, in their order: the subtask deals them out and takes its share. */
  readonly operator: readonly StateHandle[];
  /** With the old subtask that each belonged to. */
  readonly inFlight: readonly (InFlightState & { readonly subtask: number })[];
  /** The smallest of the old subtasks' watermarks. */
  readonly watermark: number;
  readonly oldParallelism: number;
}

/** What a task goes on from, by operator id. */
export interface TaskRestore {
  readonly checkpointId: number;
  readonly operators: Readonly<Record<string, OperatorRestore>>;
  /** The task had finished before the checkpoint: it takes no input and does not call `finish` again, only ends. */
  readonly finished?: true;
}

/** One operator in a completed checkpoint. */
export interface OperatorCheckpoint {
  readonly operatorId: string;
  readonly uid?: string;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** Of a source: what its enumerator wrote, in the general codec. */
  readonly coordinator?: StateHandle;
  /** By subtask. */
  readonly subtasks: readonly OperatorSubtaskState[];
}

/** A checkpoint or savepoint as its metadata file describes it. */
export interface CompletedCheckpoint {
  readonly checkpointId: number;
  readonly kind: 'CHECKPOINT' | 'SAVEPOINT';
  readonly jobId: string;
  readonly jobName: string;
  readonly triggerTimestampMs: number;
  readonly completedTimestampMs: number;
  readonly operators: readonly OperatorCheckpoint[];
  /** The folder that holds its metadata: what a user names to start from it. */
  readonly externalPath: string;
  readonly stateBytes: number;
}
