/**
 * Pipelined regions: the subtasks that fail and restart together, because records flow between them. Two subtasks are in one
 * region if a path of channels leads from one to the other, in whatever direction.
 */
import { invariant, type VertexId } from '../../common/index.ts';
import { consumersOf, type Partitioner } from '../../graph/index.ts';

export interface SubtaskRef {
  readonly vertexId: VertexId;
  readonly subtaskIndex: number;
}

export type PipelinedRegion = readonly SubtaskRef[];

/**
 * @param vertices in topological order, with the number of their subtasks; the regions keep the order
 * @returns the regions, which have every subtask in exactly one of them
 */
export function pipelinedRegions(
  vertices: readonly { readonly id: VertexId; readonly parallelism: number }[],
  edges: readonly { readonly source: VertexId; readonly target: VertexId; readonly partitioner: Partitioner }[],
): readonly PipelinedRegion[] {
  const firstOf = new Map<VertexId, number>();
  const subtasks: SubtaskRef[] = [];
  for (const { id, parallelism } of vertices) {
    firstOf.set(id, subtasks.length);
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) subtasks.push({ vertexId: id, subtaskIndex });
  }
  const parallelismOf = new Map(vertices.map((v) => [v.id, v.parallelism]));
  const parent = subtasks.map((_, i) => i);
  for (const { source, target, partitioner } of edges) {
    const [producers, consumers] = [parallelismOf.get(source), parallelismOf.get(target)];
    const [firstProducer, firstConsumer] = [firstOf.get(source), firstOf.get(target)];
    invariant(producers && consumers, `edge ${source} -> ${target} has an end that is no vertex`);
    invariant(firstProducer !== undefined && firstConsumer !== undefined, 'every vertex has a first subtask');
    for (let producer = 0; producer < producers; producer++) {
      for (const consumer of consumersOf(partitioner, producer, producers, consumers)) {
        parent[rootOf(parent, firstProducer + producer)] = rootOf(parent, firstConsumer + consumer);
      }
    }
  }
  const regions = new Map<number, SubtaskRef[]>();
  for (const [i, subtask] of subtasks.entries()) {
    const root = rootOf(parent, i);
    const region = regions.get(root);
    if (region) region.push(subtask);
    else regions.set(root, [subtask]);
  }
  return [...regions.values()];
}

/** Halves the path on the way, so that later searches are short. */
function rootOf(parent: number[], index: number): number {
  let at = index;
  while (parent[at] !== at) {
    parent[at] = parent[parent[at] as number] as number;
    at = parent[at] as number;
  }
  return at;
}
