/**
 * Collects the operators of a program: the graph as data, and beside it the functions by node.
 */
import { type JobId, MillraceError, userFrameOf } from '../common/index.ts';
import {
  generateJobGraph,
  type JobGraph,
  type NodeKind,
  type Partitioner,
  type StreamGraph,
  type StreamNode,
} from '../graph/index.ts';
import type { KeySelector, OperatorDefinition, PartitionFunction, Program } from '../operators/index.ts';

/** What a stream stands for: the output of a node, and how its records are to be distributed. */
export interface StreamRef {
  readonly node: number;
  readonly partitioner?: Partitioner;
  /** With the partitioner HASH. */
  readonly keySelector?: KeySelector<any, any>;
  /** With the partitioner CUSTOM. */
  readonly partition?: PartitionFunction;
  readonly sideOutput?: string;
}

export interface OperatorSpec {
  readonly kind: NodeKind;
  /** What it does, for plans and structural ids: 'Map', 'TumblingEventTimeWindows(10000)'. */
  readonly operatorType: string;
  /** Unless the program names it. */
  readonly name: string;
  readonly definition: OperatorDefinition;
  /** By input, the streams united on it. */
  readonly inputs: readonly (readonly StreamRef[])[];
  readonly keyed?: boolean;
  readonly parallelism: number;
  readonly maxParallelism?: number;
  readonly boundedness?: 'BOUNDED' | 'CONTINUOUS_UNBOUNDED';
  readonly chainingStrategy?: StreamNode['chainingStrategy'];
}

export class StreamGraphBuilder {
  private readonly graph: StreamGraph;
  private readonly definitions = new Map<number, OperatorDefinition>();

  private readonly firstId: number;

  /** @param firstId ids go on over the jobs of an environment, so that a stream of an earlier job is not taken for one of this */
  constructor(firstId = 1) {
    this.firstId = firstId;
    this.graph = { jobName: '', nodes: [], edges: [], chainingEnabled: true };
  }

  get nextId(): number {
    return this.firstId + this.graph.nodes.length;
  }

  add(spec: OperatorSpec): StreamNode {
    const id = this.nextId;
    const node: StreamNode = {
      id,
      kind: spec.kind,
      operatorType: spec.operatorType,
      name: spec.name,
      parallelism: spec.parallelism,
      ...(spec.maxParallelism === undefined ? {} : { maxParallelism: spec.maxParallelism }),
      slotSharingGroup: INHERITED,
      chainingStrategy: spec.chainingStrategy ?? 'ALWAYS',
      inputCount: Math.max(1, spec.inputs.length),
      keyed: spec.keyed ?? false,
      ...(spec.boundedness ? { boundedness: spec.boundedness } : {}),
      ...definedAt(),
    };
    this.graph.nodes.push(node);
    this.definitions.set(id, withPartitioners(spec));
    spec.inputs.forEach((refs, input) => {
      for (const ref of refs) {
        if (!this.graph.nodes.some((n) => n.id === ref.node)) throw foreignStream();
        this.graph.edges.push({
          source: ref.node,
          target: id,
          input,
          partitioner: ref.partitioner ?? 'AUTO',
          ...(ref.sideOutput === undefined ? {} : { sideOutput: ref.sideOutput }),
        });
      }
    });
    return node;
  }

  node(id: number): StreamNode {
    const node = this.graph.nodes.find((n) => n.id === id);
    if (node) return node;
    throw foreignStream();
  }

  get isEmpty(): boolean {
    return this.graph.nodes.length === 0;
  }

  /** The graph as it is now; later changes to the program do not reach it. */
  build(jobName: string, chainingEnabled: boolean): StreamGraph {
    const graph: StreamGraph = structuredClone({ ...this.graph, jobName, chainingEnabled });
    inheritSlotSharingGroups(graph);
    return graph;
  }

  /** The functions of `graph` by operator id, and the job graph. */
  generate(graph: StreamGraph, jobId: JobId): { jobGraph: JobGraph; program: Program } {
    const jobGraph = generateJobGraph(graph, jobId);
    const program = new Map<string, OperatorDefinition>();
    for (const vertex of jobGraph.vertices) {
      for (const operator of vertex.operators)
        program.set(operator.operatorId, this.definitions.get(operator.node) as OperatorDefinition);
    }
    return { jobGraph, program };
  }
}

/** The slot-sharing group of a node for which the program names none. */
const INHERITED = '';

/** As in Flink: a node belongs to the group of its inputs if they are all of one, and otherwise to the default one. */
function inheritSlotSharingGroups({ nodes, edges }: StreamGraph): void {
  const groups = new Map<number, string>();
  for (const node of nodes) {
    if (node.slotSharingGroup === INHERITED) {
      const ofInputs = new Set(edges.filter((e) => e.target === node.id).map((e) => groups.get(e.source)));
      const [group] = ofInputs;
      node.slotSharingGroup = ofInputs.size === 1 && group !== undefined ? group : 'default';
    }
    groups.set(node.id, node.slotSharingGroup);
  }
}

function withPartitioners({ definition, inputs }: OperatorSpec): OperatorDefinition {
  const refs = inputs.flat();
  return {
    ...definition,
    ...(refs.some((ref) => ref.keySelector) ? { hashSelectors: inputs.map((of) => of.map((ref) => ref.keySelector)) } : {}),
    ...(refs.some((ref) => ref.partition) ? { customPartitioners: inputs.map((of) => of.map((ref) => ref.partition)) } : {}),
  };
}

function foreignStream(): MillraceError {
  return new MillraceError(
    'INVALID_PROGRAM',
    'A stream of another environment, or of a job that was executed already, was used. Build each job from the sources of one environment.',
  );
}

function definedAt(): { definedAt?: string } {
  const at = userFrameOf(new Error());
  return at === undefined ? {} : { definedAt: at };
}
