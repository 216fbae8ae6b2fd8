/** Who takes part in a checkpoint that begins now. */
import { producersOf } from '../../graph/index.ts';
import type { ExecutionAttemptId } from '../../protocol/index.ts';
import type { CheckpointPlan } from '../checkpoint/index.ts';
import { attemptOf, type ExecutionGraph, type ExecutionVertex } from './execution-graph.ts';

export function checkpointPlan(graph: ExecutionGraph): CheckpointPlan | { readonly notReady: string } {
  const toTrigger: ExecutionAttemptId[] = [];
  const toAcknowledge: ExecutionAttemptId[] = [];
  const finished = new Set(
    graph.vertices.filter((v) => v.state === 'FINISHED').map((v) => subtaskKey(v.vertex.id, v.subtaskIndex)),
  );
  for (const execution of graph.vertices) {
    if (execution.state === 'FINISHED') continue;
    if (execution.state !== 'RUNNING') {
      const { taskName, subtaskIndex, parallelism, state } = execution;
      return { notReady: `task '${taskName}' (${subtaskIndex + 1}/${parallelism}) is ${state}` };
    }
    const attempt = attemptOf(graph, execution);
    toAcknowledge.push(attempt);
    if (producersHaveFinished(execution, finished)) toTrigger.push(attempt);
  }
  return { toTrigger, toAcknowledge };
}

/** Also if there are none. */
function producersHaveFinished({ consumes, subtaskIndex }: ExecutionVertex, finished: ReadonlySet<string>): boolean {
  return consumes.every(({ edge, producerParallelism, consumerParallelism }) =>
    producersOf(edge.partitioner, subtaskIndex, producerParallelism, consumerParallelism).every((producer) =>
      finished.has(subtaskKey(edge.source, producer)),
    ),
  );
}

function subtaskKey(vertexId: string, subtaskIndex: number): string {
  return `${vertexId}/${subtaskIndex}`;
}
