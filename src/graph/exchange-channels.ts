/** How many channels an edge has, and how many of them lead from one slot to another: what an exchange costs. */
import { consumersOf } from './channel-topology.ts';
import type { JobEdge, JobGraph, JobVertex } from './job-graph.ts';
import { assignSlots } from './slot-assignment.ts';

export interface ExchangeChannels {
  readonly source: JobVertex;
  readonly target: JobVertex;
  readonly channels: number;
  /** Of them, those whose ends are in different slots. */
  readonly betweenSlots: number;
}

export function exchangeChannels(graph: JobGraph, edge: JobEdge): ExchangeChannels {
  const slots = assignSlots(graph);
  const source = graph.vertices.find((v) => v.id === edge.source) as JobVertex;
  const target = graph.vertices.find((v) => v.id === edge.target) as JobVertex;
  let channels = 0;
  let betweenSlots = 0;
  for (let producer = 0; producer < source.parallelism; producer++) {
    for (const consumer of consumersOf(edge.partitioner, producer, source.parallelism, target.parallelism)) {
      channels++;
      if (slots.slotOf(source, producer) !== slots.slotOf(target, consumer)) betweenSlots++;
    }
  }
  return { source, target, channels, betweenSlots };
}

/** One line for each exchange with channels between slots. */
export function describeExchanges(graph: JobGraph): string[] {
  const lines: string[] = [];
  for (const edge of graph.edges) {
    const { source, target, channels, betweenSlots } = exchangeChannels(graph, edge);
    if (betweenSlots === 0) continue;
    const size = `${source.parallelism} × ${target.parallelism} subtasks, ${channels} channels, ${betweenSlots} of them between threads`;
    lines.push(`Exchange '${source.name}' → '${target.name}': ${edge.partitioner.toLowerCase()}, ${size}`);
  }
  return lines;
}
