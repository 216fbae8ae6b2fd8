/** The vertices of a job as its checkpoints see them: with what feeds them, by operators, which keep their ids when the job changes. */
import { invariant, type VertexId } from '../../common/index.ts';
import type { JobGraph, JobVertex, Partitioner } from '../../graph/index.ts';
import type { InputEdge } from '../../protocol/index.ts';

export interface CheckpointedVertex {
  readonly vertex: JobVertex;
  readonly parallelism: number;
  /** Its edges in the order of the job graph. */
  readonly inputs: readonly VertexInput[];
}

export interface VertexInput extends InputEdge {
  /** The vertex of the operator. */
  readonly source: VertexId;
  readonly partitioner: Partitioner;
}

/** In topological order. */
export function checkpointedVertices({ vertices, edges }: JobGraph): CheckpointedVertex[] {
  const operatorIds = new Map<number, string>();
  for (const { operators } of vertices) for (const { node, operatorId } of operators) operatorIds.set(node, operatorId);
  return vertices.map((vertex) => ({
    vertex,
    parallelism: vertex.parallelism,
    inputs: edges
      .filter((edge) => edge.target === vertex.id)
      .map(({ source, sourceNode, sideOutput, input, partitioner }): VertexInput => {
        const operatorId = operatorIds.get(sourceNode);
        invariant(operatorId, `an edge comes from node ${sourceNode}, which is in no vertex`);
        return { source, operatorId, input, partitioner, ...(sideOutput === undefined ? {} : { sideOutput }) };
      }),
  }));
}
