/**
 * Which subtasks a channel leads to: the same rule for those who write, those who read, and those who compute what fails
 * together. FORWARD and RESCALE are pointwise: each producer has a contiguous share of the consumers, or the other way
 * round, as in Flink. All others connect every producer with every consumer.
 */
import type { Partitioner } from './stream-graph.ts';

export function isPointwise(partitioner: Partitioner): boolean {
  return partitioner === 'FORWARD' || partitioner === 'RESCALE';
}

/** The consumers of producer `subtask`, ascending. */
export function consumersOf(partitioner: Partitioner, subtask: number, producers: number, consumers: number): number[] {
  if (!isPointwise(partitioner)) return range(0, consumers);
  if (producers >= consumers) {
    return range(0, consumers).filter(
      (c) => subtask >= first(c, producers, consumers) && subtask < first(c + 1, producers, consumers),
    );
  }
  return range(Math.ceil((subtask * consumers) / producers), Math.ceil(((subtask + 1) * consumers) / producers));
}

/** The producers of consumer `subtask`, ascending. */
export function producersOf(partitioner: Partitioner, subtask: number, producers: number, consumers: number): number[] {
  return range(0, producers).filter((p) => consumersOf(partitioner, p, producers, consumers).includes(subtask));
}

function first(consumer: number, producers: number, consumers: number): number {
  return Math.floor((consumer * producers) / consumers);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
