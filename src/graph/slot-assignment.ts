/**
 * Slot sharing: subtask i of every vertex of a slot-sharing group runs in the group's slot i, so that one slot holds a parallel
 * slice of the pipeline and most exchanges stay within it. A group needs as many slots as its widest vertex has subtasks.
 */
import type { JobGraph, JobVertex } from './job-graph.ts';

export interface SlotAssignment {
  readonly slotCount: number;
  /** Slots are numbered from 0. */
  slotOf(vertex: JobVertex, subtaskIndex: number): number;
}

export function assignSlots(graph: JobGraph): SlotAssignment {
  const widths = new Map<string, number>();
  for (const { slotSharingGroup, parallelism } of graph.vertices) {
    widths.set(slotSharingGroup, Math.max(widths.get(slotSharingGroup) ?? 0, parallelism));
  }
  const firstSlots = new Map<string, number>();
  let slotCount = 0;
  for (const [group, width] of widths) {
    firstSlots.set(group, slotCount);
    slotCount += width;
  }
  return { slotCount, slotOf: (vertex, subtaskIndex) => (firstSlots.get(vertex.slotSharingGroup) as number) + subtaskIndex };
}
