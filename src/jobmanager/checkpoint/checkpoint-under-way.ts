/** A checkpoint or savepoint between its trigger and its end, and who asked for it. */
import type { TimerHandle } from '../../common/index.ts';
import type { CheckpointOptions, CheckpointType, CompletedCheckpoint, ExecutionAttemptId } from '../../protocol/index.ts';
import type { SavepointRequest } from './coordinator-dependencies.ts';
import type { PendingState, TaskKey } from './pending-checkpoint.ts';

export interface CheckpointRequest extends SavepointRequest {
  readonly kind: 'CHECKPOINT' | 'SAVEPOINT';
  readonly result: PromiseWithResolvers<CompletedCheckpoint>;
}

export interface CheckpointUnderWay {
  readonly id: number;
  readonly options: CheckpointOptions;
  readonly timestampMs: number;
  readonly tasks: ReadonlyMap<TaskKey, ExecutionAttemptId>;
  readonly request: CheckpointRequest | undefined;
  coordinators: ReadonlyMap<string, Uint8Array>;
  timeout: TimerHandle | undefined;
  state: PendingState;
}

export function typeOf({ kind, stop, alignment }: CheckpointOptions): CheckpointType {
  if (kind === 'SAVEPOINT') return stop === undefined ? 'SAVEPOINT' : 'SYNC_SAVEPOINT';
  return alignment === 'UNALIGNED' ? 'UNALIGNED_CHECKPOINT' : 'CHECKPOINT';
}

/** For messages. */
export function describe({ id, options }: CheckpointUnderWay): string {
  return `${options.kind === 'SAVEPOINT' ? 'Savepoint' : 'Checkpoint'} ${id}`;
}

/** How it stands, as a sentence. */
export function describeProgress(checkpoint: CheckpointUnderWay | undefined): string {
  if (checkpoint === undefined) return 'It is tried again after the checkpoint interval.';
  const { state, tasks } = checkpoint;
  if (state.phase !== 'COLLECTING') return `${describe(checkpoint)} is being written.`;
  return `${describe(checkpoint)} is under way: ${state.awaiting.size} of ${tasks.size} tasks have not acknowledged it.`;
}
