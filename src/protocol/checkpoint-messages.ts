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
  /** Of the head of a chain with inputs: what these had said of event time. */
  readonly inputTime?: InputTime;
  /** The last watermark that the operator had seen. */
  readonly watermark: number;
  /** The subtask had finished: everything that it will ever emit lies before the checkpoint. If it had ended, too, it has no state. */
  readonly finished?: true;
}

/** Records that were on their way along one edge, from one producing subtask, and the watermarks between them. */
export interface InFlightState {
  /** The position of the edge in the consuming vertex's list of edges. */
  readonly edge: number;
  readonly producerSubtask: number;
  /** As `decodeElements` of the data plane reads them. */
  readonly records: StateHandle;
}

/** How far event time was at a task and at each of its channels: the `WatermarkValveState` of the data plane, with names. */
export interface InputTime {
  /** The last watermark that came of those of the channels. */
  readonly emitted: number;
  readonly idle: boolean;
  readonly channels: readonly ChannelTime[];
}

export interface ChannelTime {
  /** As in `InFlightState`. */
  readonly edge: number;
  readonly producerSubtask: number;
  readonly watermark: number;
  readonly idle: boolean;
  readonly ended: boolean;
}

/** Where an edge came from when a checkpoint was taken. */
export interface InputEdge {
  /** The operator that wrote into it. */
  readonly operatorId: string;
  readonly sideOutput?: string;
  /** Which input of the head operator it fed: 0 or 1. */
  readonly input: number;
  readonly partitioner: string;
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
  /** With the old subtask that each belonged to; the edge is that of now. */
  readonly inFlight: readonly RestoredInFlight[];
  /** Of old subtasks, with edges as they are now: what the watermarks in flight are to be judged by. */
  readonly inputTimes?: readonly (InputTime & { readonly subtask: number })[];
  /** All that feeds the subtask is as it was: `inputTimes` has its own, from which it goes on. */
  readonly sameInputs?: true;
  /** The smallest of the old subtasks' watermarks. */
  readonly watermark: number;
  readonly oldParallelism: number;
}

export type RestoredInFlight = InFlightState & {
  readonly subtask: number;
  /** The records are another subtask's: only the watermarks between them count here. */
  readonly withoutRecords?: true;
};

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
  /** Of the head of a chain: its edges, by position. */
  readonly inputs?: readonly InputEdge[];
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
