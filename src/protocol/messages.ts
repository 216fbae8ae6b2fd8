/**
 * What the control plane says: between client, dispatcher, job masters and task executors. Messages are plain data;
 * functions travel as the program's code and are found by operator id.
 */
import type { JobId, SerializedError, VertexId } from '../common/index.ts';
import type { JobEdge, JobGraph, JobVertex } from '../graph/index.ts';
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
  readonly consumes: readonly JobEdge[];
  readonly produces: readonly JobEdge[];
  readonly settings: ExecutionSettings;
}

/** What a program sets for all its operators. */
export interface ExecutionSettings {
  readonly autoWatermarkIntervalMs: number;
}

export interface TaskStateReport {
  readonly attempt: ExecutionAttemptId;
  readonly state: 'INITIALIZING' | 'RUNNING' | 'FINISHED' | 'CANCELING' | 'CANCELED' | 'FAILED';
  readonly error?: SerializedError;
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
