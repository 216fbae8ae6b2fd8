/**
 * The plan of a job for people and tools: Flink's execution-plan JSON (of the StreamGraph, as its `info` command prints
 * it), Flink's REST plan (of the JobGraph), and a tree for the terminal.
 */
import { exchangeChannels } from './exchange-channels.ts';
import type { JobGraph } from './job-graph.ts';
import { resolvePartitioners, type StreamGraph } from './stream-graph.ts';

export interface ExecutionPlan {
  readonly nodes: readonly {
    readonly id: number;
    readonly type: string;
    readonly pact: 'Data Source' | 'Operator' | 'Data Sink';
    readonly contents: string;
    readonly parallelism: number;
    readonly predecessors?: readonly { readonly id: number; readonly ship_strategy: string; readonly side: 'first' | 'second' }[];
  }[];
}

const PACT = { SOURCE: 'Data Source', OPERATOR: 'Operator', SINK: 'Data Sink' } as const;

/** Flink's `getExecutionPlan()`. */
export function executionPlan(program: StreamGraph): ExecutionPlan {
  const graph = resolvePartitioners(program);
  return {
    nodes: graph.nodes.map((node) => {
      const predecessors = graph.edges
        .filter((e) => e.target === node.id)
        .map((e) => ({
          id: e.source,
          ship_strategy: e.partitioner,
          side: e.input === 0 ? ('first' as const) : ('second' as const),
        }));
      return {
        id: node.id,
        type: node.kind === 'SOURCE' ? `Source: ${node.name}` : node.kind === 'SINK' ? `Sink: ${node.name}` : node.name,
        pact: PACT[node.kind],
        contents: node.description ?? node.name,
        parallelism: node.parallelism,
        ...(predecessors.length > 0 ? { predecessors } : {}),
      };
    }),
  };
}

export interface JobPlan {
  readonly jid: string;
  readonly name: string;
  readonly type: 'STREAMING';
  readonly nodes: readonly {
    readonly id: string;
    readonly parallelism: number;
    readonly operator: string;
    readonly operator_strategy: string;
    readonly description: string;
    readonly inputs?: readonly {
      readonly num: number;
      readonly id: string;
      readonly ship_strategy: string;
      readonly exchange: string;
    }[];
    readonly optimizer_properties: object;
  }[];
}

/** Flink's `/jobs/:jobid/plan`. */
export function jobPlan(graph: JobGraph): JobPlan {
  return {
    jid: graph.jobId,
    name: graph.name,
    type: 'STREAMING',
    nodes: [...graph.vertices].reverse().map((vertex) => {
      const inputs = graph.edges
        .filter((e) => e.target === vertex.id)
        .map((e, num) => ({ num, id: e.source, ship_strategy: e.partitioner, exchange: 'pipelined_bounded' }));
      return {
        id: vertex.id,
        parallelism: vertex.parallelism,
        operator: '',
        operator_strategy: '',
        description: vertex.name,
        ...(inputs.length > 0 ? { inputs } : {}),
        optimizer_properties: {},
      };
    }),
  };
}

/**
 * A tree for people: one block per vertex, its chained operators below it, and where its input comes from.
 */
export function planTree(graph: JobGraph): string {
  const number = new Map(graph.vertices.map((v, i) => [v.id, i + 1]));
  const lines = [`Job '${graph.name}': ${graph.vertices.length} ${graph.vertices.length === 1 ? 'vertex' : 'vertices'}`];
  for (const vertex of graph.vertices) {
    const inputs = graph.edges.filter((e) => e.target === vertex.id);
    const from = inputs.map((e) => {
      const side = e.sideOutput === undefined ? '' : ` side output '${e.sideOutput}'`;
      const { channels, betweenSlots } = exchangeChannels(graph, e);
      const threads = betweenSlots === 0 ? '' : ` (${betweenSlots} of ${channels} channels between slots)`;
      return `${e.partitioner} from ${number.get(e.source)}${side}${e.input > 0 ? ' (second input)' : ''}${threads}`;
    });
    lines.push(
      '',
      `${number.get(vertex.id)}. parallelism ${vertex.parallelism}${from.length > 0 ? `  <- ${from.join(', ')}` : ''}`,
    );
    const print = (node: number, prefix: string, last: boolean, root: boolean): void => {
      const operator = vertex.operators.find((o) => o.node === node);
      if (operator === undefined) return;
      const kind = operator.kind === 'OPERATOR' ? '' : operator.kind === 'SOURCE' ? 'Source: ' : 'Sink: ';
      const uid = operator.uid === undefined ? '' : `  [uid ${operator.uid}]`;
      const keyed = operator.keyed ? '  (keyed)' : '';
      lines.push(`   ${prefix}${root ? '' : last ? '└─ ' : '├─ '}${kind}${operator.name}${keyed}${uid}`);
      const children = vertex.chainEdges.filter((e) => e.source === node);
      children.forEach((e, i) => {
        print(e.target, prefix + (root ? '' : last ? '   ' : '│  '), i === children.length - 1, false);
      });
    };
    print((vertex.operators[0] as { node: number }).node, '', true, true);
  }
  return lines.join('\n');
}
