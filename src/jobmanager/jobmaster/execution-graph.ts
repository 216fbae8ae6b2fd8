/**
 * The ExecutionGraph: the physical side of a job. One ExecutionVertex per subtask; each of its attempts is numbered.
 */
import { invariant, type JobId } from '../../common/index.ts';
import { type JobEdge, type JobGraph, type JobVertex, taskScope } from '../../graph/index.ts';
import type { ExecutionAttemptId, TaskStateReport } from '../../protocol/index.ts';

export type ExecutionVertexState = 'CREATED' | TaskStateReport['state'];

export interface ExecutionVertex {
  readonly vertex: JobVertex;
  /** Unique within the job. */
  readonly taskName: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly consumes: readonly JobEdge[];
  readonly produces: readonly JobEdge[];
  attemptNumber: number;
  state: ExecutionVertexState;
}

export interface ExecutionGraph {
  readonly jobId: JobId;
  readonly jobName: string;
  /** In topological order. */
  readonly vertices: readonly ExecutionVertex[];
}

/** @param parallelismOf how many subtasks a vertex gets from its host: a host of one thread runs one of each */
export function expandJobGraph(graph: JobGraph, parallelismOf: (vertex: JobVertex) => number): ExecutionGraph {
  const vertices = graph.vertices.flatMap((vertex) => {
    const parallelism = parallelismOf(vertex);
    return Array.from(
      { length: parallelism },
      (_, subtaskIndex): ExecutionVertex => ({
        vertex,
        taskName: taskScope(graph, vertex),
        subtaskIndex,
        parallelism,
        consumes: graph.edges.filter((e) => e.target === vertex.id),
        produces: graph.edges.filter((e) => e.source === vertex.id),
        attemptNumber: 0,
        state: 'CREATED',
      }),
    );
  });
  return { jobId: graph.jobId, jobName: graph.name, vertices };
}

export function attemptOf(graph: ExecutionGraph, execution: ExecutionVertex): ExecutionAttemptId {
  return {
    jobId: graph.jobId,
    vertexId: execution.vertex.id,
    subtaskIndex: execution.subtaskIndex,
    attemptNumber: execution.attemptNumber,
  };
}

export function findExecution(graph: ExecutionGraph, attempt: ExecutionAttemptId): ExecutionVertex {
  const execution = graph.vertices.find((v) => v.vertex.id === attempt.vertexId && v.subtaskIndex === attempt.subtaskIndex);
  invariant(execution, `vertex ${attempt.vertexId} subtask ${attempt.subtaskIndex} is not part of job ${attempt.jobId}`);
  return execution;
}
