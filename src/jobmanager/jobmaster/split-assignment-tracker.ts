/**
 * Remembers which splits each reader was given since each checkpoint, so that those of a reader that goes back to a
 * checkpoint can be given back to the enumerator (as Flink's SplitAssignmentTracker).
 */
import type { SourceSplit } from '../../connector/index.ts';

type Assignments = Map<number, SourceSplit[]>;

export class SplitAssignmentTracker {
  private sinceLast: Assignments = new Map();
  /** By checkpoint: what was assigned before it and after the one before. */
  private readonly byCheckpoint = new Map<number, Assignments>();

  assigned(subtaskIndex: number, splits: readonly SourceSplit[]): void {
    const known = this.sinceLast.get(subtaskIndex);
    if (known) known.push(...splits);
    else this.sinceLast.set(subtaskIndex, [...splits]);
  }

  checkpointTaken(checkpointId: number): void {
    this.byCheckpoint.set(checkpointId, this.sinceLast);
    this.sinceLast = new Map();
  }

  checkpointCompleted(checkpointId: number): void {
    for (const id of [...this.byCheckpoint.keys()]) if (id <= checkpointId) this.byCheckpoint.delete(id);
  }

  /** What the reader was given after the checkpoint, which forgets it. */
  takeBack(subtaskIndex: number, checkpointId: number): SourceSplit[] {
    const splits: SourceSplit[] = [];
    const take = (assignments: Assignments): void => {
      splits.push(...(assignments.get(subtaskIndex) ?? []));
      assignments.delete(subtaskIndex);
    };
    for (const [id, assignments] of this.byCheckpoint) if (id > checkpointId) take(assignments);
    take(this.sinceLast);
    return splits;
  }
}
