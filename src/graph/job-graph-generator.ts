/**
 * StreamGraph → JobGraph: checks the program, gives every operator its id, and chains.
 *
 * Two operators are chained as in Flink: a FORWARD edge, the target has this one input edge only, same parallelism and
 * slot-sharing group, the target's strategy is ALWAYS and the source's is not NEVER, and chaining is on. Besides, all keyed
 * operators of a chain have the same number of key groups: each has its own, whatever it is chained to, because chains change with the
 * parallelism and the number of key groups of state never does. Operators without keys have no say in it.
 */
import { type JobId, MillraceError, type OperatorId, type VertexId } from '../common/index.ts';
import { hash128 } from './hash.ts';
import type { ChainEdge, ChainedOperator, JobEdge, JobGraph, JobVertex } from './job-graph.ts';
import { assignOperatorIds } from './operator-ids.ts';
import { resolvePartitioners, type StreamEdge, type StreamGraph, type StreamNode } from './stream-graph.ts';

const UPPER_BOUND_MAX_PARALLELISM = 32_768;

/** Flink's rule for operators without an explicit maximum: 1.5 × parallelism as a power of two, within 128 … 32768. */
export function computeMaxParallelism(parallelism: number): number {
  let power = 1;
  while (power < parallelism + Math.floor(parallelism / 2)) power *= 2;
  return Math.min(Math.max(power, 128), UPPER_BOUND_MAX_PARALLELISM);
}

/** @throws MillraceError `INVALID_PROGRAM` */
export function generateJobGraph(program: StreamGraph, jobId: JobId): JobGraph {
  const graph = resolvePartitioners(program);
  checkStreamGraph(graph);
  const ids = assignOperatorIds(graph);
  const nodes = new Map(graph.nodes.map((n) => [n.id, n]));
  const inEdges = groupBy(graph.edges, (e) => e.target);
  const outEdges = groupBy(graph.edges, (e) => e.source);
  const { chained, keyGroups } = chainEdgesOf(graph, nodes, inEdges);

  const vertexOf = new Map<number, VertexId>();
  const vertices: JobVertex[] = [];
  for (const head of graph.nodes) {
    if ((inEdges.get(head.id) ?? []).some((e) => chained.has(e))) continue;
    const members: StreamNode[] = [];
    const chainEdges: ChainEdge[] = [];
    const visit = (node: StreamNode): void => {
      members.push(node);
      for (const edge of outEdges.get(node.id) ?? []) {
        if (!chained.has(edge)) continue;
        chainEdges.push(stripUndefined({ source: edge.source, target: edge.target, sideOutput: edge.sideOutput }));
        visit(nodes.get(edge.target) as StreamNode);
      }
    };
    visit(head);
    members.sort((a, b) => a.id - b.id);
    const id = ids.get(head.id) as string as VertexId;
    for (const member of members) vertexOf.set(member.id, id);
    vertices.push({
      id,
      name: members.map((m) => m.name).join(' -> '),
      parallelism: head.parallelism,
      maxParallelism: keyGroups.get(head.id) ?? unkeyedMaxParallelism(members),
      slotSharingGroup: head.slotSharingGroup,
      operators: members.map((m) => toChainedOperator(m, ids)),
      chainEdges,
    });
  }
  const edges: JobEdge[] = graph.edges
    .filter((e) => !chained.has(e))
    .map((e) =>
      stripUndefined({
        source: vertexOf.get(e.source) as VertexId,
        target: vertexOf.get(e.target) as VertexId,
        sourceNode: e.source,
        targetNode: e.target,
        input: e.input,
        partitioner: e.partitioner,
        sideOutput: e.sideOutput,
      }),
    );
  return { jobId, name: graph.jobName, vertices, edges, fingerprint: fingerprintOf(vertices, edges) };
}

interface Chaining {
  readonly chained: ReadonlySet<StreamEdge>;
  /** By the head of a chain with keys. */
  readonly keyGroups: ReadonlyMap<number, number>;
}

function chainEdgesOf(graph: StreamGraph, nodes: Map<number, StreamNode>, inEdges: Map<number, StreamEdge[]>): Chaining {
  const chained = new Set<StreamEdge>();
  const keyGroups = new Map<number, number>();
  const headOf = new Map<number, number>();
  for (const node of graph.nodes) {
    const edges = inEdges.get(node.id) ?? [];
    const own = keyGroupsOf(node, edges);
    const [edge] = edges;
    let head = node.id;
    if (edge !== undefined && isChainable(graph, edge, nodes, inEdges)) {
      const candidate = headOf.get(edge.source) as number;
      const others = keyGroups.get(candidate);
      if (own === undefined || others === undefined || own === others) {
        chained.add(edge);
        head = candidate;
      }
    }
    headOf.set(node.id, head);
    if (own !== undefined) keyGroups.set(head, own);
  }
  return { chained, keyGroups };
}

/** `undefined` if no keys reach the operator. */
function keyGroupsOf({ keyed, parallelism, maxParallelism }: StreamNode, inEdges: readonly StreamEdge[]): number | undefined {
  if (!keyed && !inEdges.some((edge) => edge.partitioner === 'HASH')) return undefined;
  return maxParallelism ?? computeMaxParallelism(parallelism);
}

function unkeyedMaxParallelism(members: readonly StreamNode[]): number {
  const given = members.map((m) => m.maxParallelism).filter((m) => m !== undefined);
  return given.length > 0 ? Math.min(...given) : computeMaxParallelism((members[0] as StreamNode).parallelism);
}

function toChainedOperator(node: StreamNode, ids: Map<number, OperatorId>): ChainedOperator {
  return stripUndefined({
    node: node.id,
    operatorId: ids.get(node.id) as OperatorId,
    uid: node.uid,
    kind: node.kind,
    operatorType: node.operatorType,
    name: node.name,
    description: node.description,
    keyed: node.keyed,
    inputCount: node.inputCount,
    boundedness: node.boundedness,
    definedAt: node.definedAt,
  });
}

function isChainable(
  graph: StreamGraph,
  edge: StreamEdge,
  nodes: Map<number, StreamNode>,
  inEdges: Map<number, StreamEdge[]>,
): boolean {
  const source = nodes.get(edge.source) as StreamNode;
  const target = nodes.get(edge.target) as StreamNode;
  return (
    graph.chainingEnabled &&
    edge.partitioner === 'FORWARD' &&
    inEdges.get(target.id)?.length === 1 &&
    target.inputCount === 1 &&
    source.parallelism === target.parallelism &&
    source.slotSharingGroup === target.slotSharingGroup &&
    target.chainingStrategy === 'ALWAYS' &&
    source.chainingStrategy !== 'NEVER'
  );
}

function checkStreamGraph(graph: StreamGraph): void {
  if (graph.nodes.length === 0) {
    throw new MillraceError(
      'INVALID_PROGRAM',
      `Job '${graph.jobName}' has no operators. Define a source and what follows it (for instance env.fromCollection([1, 2, 3]).print()) before calling execute().`,
    );
  }
  if (!graph.nodes.some((n) => n.kind === 'SINK')) {
    throw new MillraceError(
      'INVALID_PROGRAM',
      `Job '${graph.jobName}' has no sink, so nothing would come of it. End at least one stream with print(), sinkTo(…) or executeAndCollect().`,
    );
  }
  for (const node of graph.nodes) {
    if (node.maxParallelism !== undefined && node.maxParallelism < node.parallelism) {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `Operator '${node.name}' has parallelism ${node.parallelism}, above its maximum of ${node.maxParallelism}. Raise setMaxParallelism or lower setParallelism.`,
      );
    }
  }
  for (const edge of graph.edges) {
    if (edge.partitioner !== 'FORWARD') continue;
    const source = graph.nodes.find((n) => n.id === edge.source) as StreamNode;
    const target = graph.nodes.find((n) => n.id === edge.target) as StreamNode;
    if (source.parallelism !== target.parallelism) {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `forward() from '${source.name}' (parallelism ${source.parallelism}) to '${target.name}' (parallelism ${target.parallelism}) needs equal parallelism. Use rebalance() or rescale(), or set the same parallelism.`,
      );
    }
  }
}

/** The same for the same program in every run: ids, connections, parallelism; names do not count. */
function fingerprintOf(vertices: readonly JobVertex[], edges: readonly JobEdge[]): string {
  const text = JSON.stringify([
    vertices.map((v) => [v.id, v.maxParallelism, v.operators.map((o) => o.operatorId), v.chainEdges]),
    edges.map((e) => [e.source, e.target, e.input, e.partitioner, e.sideOutput ?? null]),
  ]);
  return hash128(text);
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** JSON has no undefined: absent fields stay absent, so a graph equals itself after a round trip. */
function stripUndefined<T extends object>(value: T): T {
  for (const key of Object.keys(value) as (keyof T)[]) if (value[key] === undefined) delete value[key];
  return value;
}
