/**
 * What the control plane says: between client, dispatcher, job masters and task executors. Messages are plain data;
 * functions travel as the program's code and are found by operator id.
 */
import type { JobId, SerializedError, VertexId } from '../common/index.ts';
import type { JobEdge, JobGraph, JobVertex } from '../graph/index.ts';
import type { TaskRestore } from './checkpoint-messages.ts';
import type { JobStatus } from './job-status.ts';

/** One attempt to run one subtask. */
export interface ExecutionAttemptId {
  readonly jobId: JobId;
  readonly vertexId: VertexId;
  readonly subtaskIndex: number;
  readonly attemptNumber: number;
}

export interface TaskDeploymentDescriptor {
  readonly attempt: ExecutionAttemptId;
  readonly jobName: string;
  /** The vertex's name, made unique within the job; metrics go by it. */
  readonly taskName: string;
  readonly vertex: JobVertex;
  readonly parallelism: number;
  /** The slot that the task runs in, from 0. */
  readonly slot: number;
  readonly consumes: readonly TaskConnection[];
  readonly produces: readonly TaskConnection[];
  readonly settings: ExecutionSettings;
  /** Absent in a fresh start. */
  readonly restore?: TaskRestore;
}

/** One edge, as a task at one of its ends sees it. */
export interface TaskConnection {
  readonly edge: JobEdge;
  /** The position of the edge in the job graph. */
  readonly edgeIndex: number;
  /** The consuming operator, for its key selectors and partition functions. */
  readonly targetOperatorId: string;
  /** The position of the edge among those that feed the same input of the same operator. */
  readonly positionOfInput: number;
  readonly producerParallelism: number;
  readonly consumerParallelism: number;
  /** The number of key groups of the consuming vertex. */
  readonly consumerMaxParallelism: number;
  /** By subtask of the vertex at the other end: the slot that it runs in. */
  readonly peerSlots: readonly number[];
}

/** What a program sets for all its operators. */
export interface ExecutionSettings {
  readonly autoWatermarkIntervalMs: number;
  /** How long written records may wait for their buffer to fill; 0: not at all, −1: as long as it takes. */
  readonly bufferTimeoutMs: number;
  readonly stateBackend: 'hashmap' | 'hashlog';
  /** The managed memory of each slot, which holds state off the heap; the host knows what it has. */
  readonly managedMemoryBytes: number;
  readonly checkpointing: CheckpointSettings;
  readonly restartStrategy: RestartStrategySettings;
  /** The savepoint or retained checkpoint to start from. */
  readonly savepointRestore?: SavepointRestoreSettings;
}

export interface CheckpointSettings {
  /** Absent: no periodic checkpoints. */
  readonly intervalMs?: number;
  readonly minPauseMs: number;
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  /** How many checkpoints in a row may fail before the job does. */
  readonly tolerableFailed: number;
  readonly numRetained: number;
  /** What becomes of the retained checkpoints when the job is canceled or fails for good. */
  readonly retention: 'RETAIN_ON_CANCELLATION' | 'DELETE_ON_CANCELLATION' | 'NO_EXTERNALIZED_CHECKPOINTS';
  readonly unaligned: boolean;
  /** 0: an aligned checkpoint stays aligned however long it takes; with `unaligned`, it is so from the start. */
  readonly alignedTimeoutMs: number;
  /** Where checkpoints go; absent: they are kept in memory and end with the process. */
  readonly directory?: string;
  readonly savepointDirectory?: string;
  readonly inlineThresholdBytes: number;
}

export type RestartStrategySettings =
  | { readonly type: 'none' }
  | { readonly type: 'fixed-delay'; readonly attempts: number; readonly delayMs: number }
  | {
      readonly type: 'exponential-delay';
      readonly initialBackoffMs: number;
      readonly maxBackoffMs: number;
      readonly backoffMultiplier: number;
      readonly resetBackoffThresholdMs: number;
      readonly jitterFactor: number;
      /** Absent: without end. */
      readonly attemptsBeforeReset?: number;
    }
  | {
      readonly type: 'failure-rate';
      readonly maxFailuresPerInterval: number;
      readonly failureRateIntervalMs: number;
      readonly delayMs: number;
    };

export interface SavepointRestoreSettings {
  readonly path: string;
  /** Whether state that no operator claims may be left behind. */
  readonly allowNonRestoredState: boolean;
}

export interface TaskStateReport {
  readonly attempt: ExecutionAttemptId;
  readonly state: 'INITIALIZING' | 'RUNNING' | 'FINISHED' | 'CANCELING' | 'CANCELED' | 'FAILED';
  readonly error?: SerializedError;
}

/** The value of one metric at one moment. */
export interface MetricSample {
  /** Task, subtask, and for metrics of operators the operator. */
  readonly scope: readonly string[];
  readonly name: string;
  readonly value: unknown;
}

/** Where a job stands, for people who watch it. */
export interface JobProgress {
  readonly recordsIn: number;
  readonly bytesIn: number;
  /** Over all sinks. */
  readonly recordsOut: number;
  /** The slowest watermark of all sinks; −∞ before the first. */
  readonly watermark: number;
  /** Of what the sources know about their size; absent if one does not. */
  readonly fraction?: number;
  readonly runtimeMs: number;
}

export interface JobExecutionResult {
  readonly jobId: JobId;
  readonly jobName: string;
  readonly netRuntimeMs: number;
  readonly accumulators: Readonly<Record<string, unknown>>;
}

export type { JobGraph, JobStatus };
