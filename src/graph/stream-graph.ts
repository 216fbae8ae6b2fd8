/**
 * The StreamGraph: the program as a DAG of operators. Pure data: it can be printed, hashed and sent.
 *
 * Functions are not in it; they are found by operator id in the program that built it. Nodes are numbered in the order in
 * which the program made them, which is a topological order because an operator can only read streams that exist.
 */

/**
 * How records travel along an edge. FORWARD keeps them in their subtask; the others redistribute. AUTO is for edges where
 * the program says nothing: FORWARD if both sides have the same parallelism, otherwise REBALANCE.
 */
export type Partitioner = 'AUTO' | 'FORWARD' | 'HASH' | 'REBALANCE' | 'RESCALE' | 'SHUFFLE' | 'BROADCAST' | 'GLOBAL' | 'CUSTOM';

/** ALWAYS: chained to its input where possible. HEAD: starts a chain. NEVER: a chain of its own. */
export type ChainingStrategy = 'ALWAYS' | 'HEAD' | 'NEVER';

export type NodeKind = 'SOURCE' | 'OPERATOR' | 'SINK';

export interface StreamNode {
  readonly id: number;
  readonly kind: NodeKind;
  /** What the operator does, as in 'Map', 'Window(TumblingEventTimeWindows(10000))'. */
  readonly operatorType: string;
  name: string;
  /** Longer than the name; shown in plans. */
  description?: string;
  uid?: string;
  parallelism: number;
  maxParallelism?: number;
  slotSharingGroup: string;
  chainingStrategy: ChainingStrategy;
  /** How many inputs the operator has: 1 (sources, too) or 2. */
  readonly inputCount: number;
  readonly keyed: boolean;
  /** Where in the program it was made, as `file:line:column`; for messages only. */
  readonly definedAt?: string;
  /** Of sources. */
  readonly boundedness?: 'BOUNDED' | 'CONTINUOUS_UNBOUNDED';
}

export interface StreamEdge {
  readonly source: number;
  readonly target: number;
  /** 0 for the first input of the target, 1 for the second. */
  readonly input: number;
  readonly partitioner: Partitioner;
  /** The id of the side output that it carries; the main output if absent. */
  readonly sideOutput?: string;
}

export interface StreamGraph {
  jobName: string;
  readonly nodes: StreamNode[];
  readonly edges: StreamEdge[];
  chainingEnabled: boolean;
}

/** The same graph with AUTO resolved. */
export function resolvePartitioners(graph: StreamGraph): StreamGraph {
  const parallelism = new Map(graph.nodes.map((n) => [n.id, n.parallelism]));
  const edges = graph.edges.map((edge): StreamEdge => {
    if (edge.partitioner !== 'AUTO') return edge;
    const same = parallelism.get(edge.source) === parallelism.get(edge.target);
    return { ...edge, partitioner: same ? 'FORWARD' : 'REBALANCE' };
  });
  return { ...graph, edges };
}
