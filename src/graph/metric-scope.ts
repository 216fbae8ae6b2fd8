/**
 * What tasks and operators are called in metrics. Names come from the program and need not be unique; a scope is, because
 * two metrics of one full name would be one.
 */
import type { ChainedOperator, JobGraph, JobVertex } from './job-graph.ts';

/** The vertex's name, with the number of its first operator if another vertex of the job has the same name. */
export function taskScope(graph: JobGraph, vertex: JobVertex): string {
  const same = graph.vertices.filter((v) => v.name === vertex.name);
  return same.length === 1 ? vertex.name : `${vertex.name}#${vertex.operators[0]?.node}`;
}

/** The operator's name, with its number if another operator of the vertex has the same name. */
export function operatorScope(vertex: JobVertex, operator: ChainedOperator): string {
  const same = vertex.operators.filter((o) => o.name === operator.name);
  return same.length === 1 ? operator.name : `${operator.name}#${operator.node}`;
}
