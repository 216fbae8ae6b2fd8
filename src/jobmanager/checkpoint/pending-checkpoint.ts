/**
 * A checkpoint that is being taken, from its trigger to its end.
 *
 * COLLECTING (tasks write and acknowledge) → ACKNOWLEDGED (all did; waits until the metadata of the one before is written) →
 * WRITING (its metadata) → COMPLETED. It can be given up (ABORTED) until the end of COLLECTING and in ACKNOWLEDGED; once its
 * metadata is being written nobody knows whether it is on the disk already, so then it ends by itself, one way or the other.
 */
import { invariant } from '../../common/index.ts';
import type { CompletedCheckpoint, ExecutionAttemptId, TaskStateSnapshot } from '../../protocol/index.ts';

/** One subtask, whatever its attempt. */
export type TaskKey = string;

export function taskKey({ vertexId, subtaskIndex }: Pick<ExecutionAttemptId, 'vertexId' | 'subtaskIndex'>): TaskKey {
  return `${vertexId}/${subtaskIndex}`;
}

export type Acknowledgements = ReadonlyMap<TaskKey, TaskStateSnapshot>;

export type PendingState =
  | { readonly phase: 'COLLECTING'; readonly awaiting: ReadonlySet<TaskKey>; readonly acknowledged: Acknowledgements }
  | { readonly phase: 'ACKNOWLEDGED'; readonly acknowledged: Acknowledgements }
  | { readonly phase: 'WRITING'; readonly acknowledged: Acknowledgements }
  | { readonly phase: 'COMPLETED'; readonly checkpoint: CompletedCheckpoint }
  | { readonly phase: 'ABORTED'; readonly reason: Error };

export type PendingEvent =
  | { readonly type: 'ACKNOWLEDGE'; readonly task: TaskKey; readonly state: TaskStateSnapshot }
  | { readonly type: 'WRITE' }
  | { readonly type: 'COMPLETE'; readonly checkpoint: CompletedCheckpoint }
  | { readonly type: 'FAIL_WRITING'; readonly reason: Error }
  | { readonly type: 'ABORT'; readonly reason: Error };

/** @throws MillraceError `INTERNAL` for an event that the state does not allow */
export function transitionPending(state: PendingState, event: PendingEvent): PendingState {
  const { phase } = state;
  switch (event.type) {
    case 'ACKNOWLEDGE': {
      invariant(phase === 'COLLECTING' && state.awaiting.has(event.task), `task ${event.task} acknowledges in ${phase}`);
      const acknowledged = new Map(state.acknowledged).set(event.task, event.state);
      const awaiting = new Set(state.awaiting);
      awaiting.delete(event.task);
      return awaiting.size > 0 ? { phase, awaiting, acknowledged } : { phase: 'ACKNOWLEDGED', acknowledged };
    }
    case 'WRITE':
      invariant(phase === 'ACKNOWLEDGED', `metadata is written in ${phase}`);
      return { phase: 'WRITING', acknowledged: state.acknowledged };
    case 'COMPLETE':
      invariant(phase === 'WRITING', `a checkpoint is complete in ${phase}`);
      return { phase: 'COMPLETED', checkpoint: event.checkpoint };
    case 'FAIL_WRITING':
      invariant(phase === 'WRITING', `writing the metadata fails in ${phase}`);
      return { phase: 'ABORTED', reason: event.reason };
    case 'ABORT':
      invariant(phase === 'COLLECTING' || phase === 'ACKNOWLEDGED', `a checkpoint is given up in ${phase}`);
      return { phase: 'ABORTED', reason: event.reason };
  }
}

export function canBeAborted({ phase }: PendingState): boolean {
  return phase === 'COLLECTING' || phase === 'ACKNOWLEDGED';
}
