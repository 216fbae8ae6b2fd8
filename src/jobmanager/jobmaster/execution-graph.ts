/**
 * The ExecutionGraph: the physical side of a job. One ExecutionVertex per subtask, in its slot; each of its attempts is numbered.
 * Subtasks that records flow between form a region, which fails and restarts as a whole.
 */
import { invariant, type JobId } from '../../common/index.ts';
import { assignSlots, type JobEdge, type JobGraph, type JobVertex, taskScope } from '../../graph/index.ts';
import type { ExecutionAttemptId, TaskConnection, TaskStateReport } from '../../protocol/index.ts';
import { pipelinedRegions } from '../failover/pipelined-regions.ts';

export type ExecutionVertexState = 'CREATED' | TaskStateReport['state'];

export interface ExecutionVertex {
  readonly vertex: JobVertex;
  /** Unique within the job. */
  readonly taskName: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly slot: number;
  readonly consumes: readonly TaskConnection[];
  readonly produces: readonly TaskConnection[];
  /** The position of its region in the graph's list. */
  readonly region: number;
  attemptNumber: number;
  state: ExecutionVertexState;
}

export interface ExecutionGraph {
  readonly jobId: JobId;
  readonly jobName: string;
  readonly jobGraph: JobGraph;
  readonly slotCount: number;
  /** In topological order. */
  readonly vertices: readonly ExecutionVertex[];
  readonly regions: readonly (readonly ExecutionVertex[])[];
}

export function expandJobGraph(graph: JobGraph): ExecutionGraph {
  const { slotCount, slotOf } = assignSlots(graph);
  const byId = new Map(graph.vertices.map((v) => [v.id, v]));
  const vertexOf = (id: string): JobVertex => byId.get(id as JobVertex['id']) as JobVertex;
  const slotsOf = (vertex: JobVertex): number[] => Array.from({ length: vertex.parallelism }, (_, i) => slotOf(vertex, i));
  const connection = (edge: JobEdge, edgeIndex: number, peer: JobVertex): TaskConnection => {
    const source = vertexOf(edge.source);
    const target = vertexOf(edge.target);
    const alike = graph.edges.filter((e) => e.targetNode === edge.targetNode && e.input === edge.input);
    return {
      edge,
      edgeIndex,
      targetOperatorId: target.operators.find((o) => o.node === edge.targetNode)?.operatorId as string,
      positionOfInput: alike.indexOf(edge),
      producerParallelism: source.parallelism,
      consumerParallelism: target.parallelism,
      consumerMaxParallelism: target.maxParallelism,
      peerSlots: slotsOf(peer),
    };
  };
  const regionRefs = pipelinedRegions(graph.vertices, graph.edges);
  const regionOf = new Map(regionRefs.flatMap((region, i) => region.map((r) => [`${r.vertexId}/${r.subtaskIndex}`, i] as const)));
  const vertices = graph.vertices.flatMap((vertex) => {
    const consumes: TaskConnection[] = [];
    const produces: TaskConnection[] = [];
    graph.edges.forEach((edge, i) => {
      if (edge.target === vertex.id) consumes.push(connection(edge, i, vertexOf(edge.source)));
      if (edge.source === vertex.id) produces.push(connection(edge, i, vertexOf(edge.target)));
    });
    return Array.from(
      { length: vertex.parallelism },
      (_, subtaskIndex): ExecutionVertex => ({
        vertex,
        taskName: taskScope(graph, vertex),
        subtaskIndex,
        parallelism: vertex.parallelism,
        slot: slotOf(vertex, subtaskIndex),
        consumes,
        produces,
        region: regionOf.get(`${vertex.id}/${subtaskIndex}`) as number,
        attemptNumber: 0,
        state: 'CREATED',
      }),
    );
  });
  const regions = regionRefs.map((_, i) => vertices.filter((v) => v.region === i));
  return { jobId: graph.jobId, jobName: graph.name, jobGraph: graph, slotCount, vertices, regions };
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

export function hasEnded(execution: ExecutionVertex): boolean {
  return execution.state === 'FINISHED' || execution.state === 'CANCELED' || execution.state === 'FAILED';
}
