/**
 * The JobGraph: what is submitted. Operators that can run in one thread without a queue between them are chained into one
 * vertex. Pure data, JSON throughout.
 */
import type { JobId, OperatorId, VertexId } from '../common/index.ts';
import type { NodeKind, Partitioner } from './stream-graph.ts';

export interface ChainedOperator {
  /** The id of its stream node. */
  readonly node: number;
  readonly operatorId: OperatorId;
  readonly uid?: string;
  readonly kind: NodeKind;
  readonly operatorType: string;
  readonly name: string;
  readonly description?: string;
  readonly keyed: boolean;
  readonly inputCount: number;
  readonly boundedness?: 'BOUNDED' | 'CONTINUOUS_UNBOUNDED';
  /** Where in the program it was made, as `file:line:column`; for messages only. */
  readonly definedAt?: string;
}

/** A connection between two operators of one chain. */
export interface ChainEdge {
  readonly source: number;
  readonly target: number;
  readonly sideOutput?: string;
}

export interface JobVertex {
  readonly id: VertexId;
  /** The names of its operators, joined by ' -> '. */
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly slotSharingGroup: string;
  /** In topological order; the first is the head. */
  readonly operators: readonly ChainedOperator[];
  readonly chainEdges: readonly ChainEdge[];
}

/** A connection between two vertices: an intermediate result. */
export interface JobEdge {
  readonly source: VertexId;
  readonly target: VertexId;
  readonly sourceNode: number;
  readonly targetNode: number;
  readonly input: number;
  readonly partitioner: Partitioner;
  readonly sideOutput?: string;
}

export interface JobGraph {
  readonly jobId: JobId;
  readonly name: string;
  /** In topological order. */
  readonly vertices: readonly JobVertex[];
  readonly edges: readonly JobEdge[];
  /** A hash over all ids and connections: equal for equal programs. */
  readonly fingerprint: string;
}

/** The same job with one subtask of every vertex, for hosts with one thread. Key groups, and so its state, stay as they are. */
export function withOneSubtask(graph: JobGraph): JobGraph {
  return { ...graph, vertices: graph.vertices.map((vertex) => ({ ...vertex, parallelism: 1 })) };
}
