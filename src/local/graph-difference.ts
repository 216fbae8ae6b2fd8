/** Says how two graphs of one program differ, so that whoever wrote the program finds the line. */
import type { ChainedOperator, JobGraph } from '../graph/index.ts';

/** @returns `undefined` if they are the same as far as functions, ids and connections go */
export function graphDifference(submitted: JobGraph, replayed: JobGraph): string | undefined {
  if (submitted.fingerprint === replayed.fingerprint) return undefined;
  const before = operatorsOf(submitted);
  const now = operatorsOf(replayed);
  for (let i = 0; i < Math.max(before.length, now.length); i++) {
    const [first, second] = [before[i], now[i]];
    if (first?.operatorId === second?.operatorId) continue;
    if (first === undefined) return `it has ${describe(second)} in addition`;
    if (second === undefined) return `it lacks ${describe(first)}`;
    return `where it had ${describe(first)} the first time, it has ${describe(second)}`;
  }
  for (const [i, vertex] of submitted.vertices.entries()) {
    const other = replayed.vertices[i];
    if (vertex.maxParallelism !== other?.maxParallelism) {
      return `the max parallelism of ${describe(vertex.operators[0])} is ${other?.maxParallelism} instead of ${vertex.maxParallelism}`;
    }
  }
  return 'its operators are the same, but connected in another way';
}

function operatorsOf(graph: JobGraph): ChainedOperator[] {
  return graph.vertices.flatMap((vertex) => vertex.operators).sort((a, b) => a.node - b.node);
}

function describe(operator: ChainedOperator | undefined): string {
  if (operator === undefined) return 'no operator';
  const id = operator.uid === undefined ? '' : ` with uid '${operator.uid}'`;
  return `operator '${operator.name}'${id}${operator.definedAt === undefined ? '' : ` (${operator.definedAt})`}`;
}
