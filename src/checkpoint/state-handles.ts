/** All handles in what a checkpoint consists of: whoever sizes, checks or deletes goes through here. */
import type { CompletedCheckpoint, OperatorCheckpoint, OperatorSubtaskState } from '../protocol/index.ts';
import type { KeyedStateHandle, StateHandle } from '../state/index.ts';

export type FileHandle = Extract<StateHandle, { readonly kind: 'FILE' }>;

export function* handlesOfKeyedState(keyed: KeyedStateHandle): Generator<StateHandle, void> {
  if (keyed.format === 'KEY_GROUPS') {
    yield keyed.content;
    return;
  }
  yield keyed.meta;
  for (const { handle } of keyed.files) yield handle;
}

export function* handlesOfSubtask({ keyed, timers, operator, inFlight }: OperatorSubtaskState): Generator<StateHandle, void> {
  if (keyed !== undefined) yield* handlesOfKeyedState(keyed);
  if (timers !== undefined) yield timers;
  if (operator !== undefined) yield operator;
  for (const { records } of inFlight ?? []) yield records;
}

export function* handlesOfOperator({ coordinator, subtasks }: OperatorCheckpoint): Generator<StateHandle, void> {
  if (coordinator !== undefined) yield coordinator;
  for (const subtask of subtasks) yield* handlesOfSubtask(subtask);
}

export function* handlesOfCheckpoint({ operators }: Pick<CompletedCheckpoint, 'operators'>): Generator<StateHandle, void> {
  for (const operator of operators) yield* handlesOfOperator(operator);
}

/** The files that a checkpoint refers to, each once. */
export function filesOf(checkpoint: Pick<CompletedCheckpoint, 'operators'>): Set<string> {
  const files = new Set<string>();
  for (const handle of handlesOfCheckpoint(checkpoint)) if (handle.kind === 'FILE') files.add(handle.file);
  return files;
}

export function sizeOfHandle(handle: StateHandle): number {
  return handle.kind === 'INLINE' ? handle.bytes.length : handle.length;
}

/** Bytes that the handles refer to: what would have to be read to restore all of it. */
export function sizeOf(handles: Iterable<StateHandle>): number {
  let bytes = 0;
  for (const handle of handles) bytes += sizeOfHandle(handle);
  return bytes;
}
