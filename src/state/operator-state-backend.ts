/**
 * Operator state of one subtask: state that belongs to the subtask and not to a key, as Flink's.
 *
 * Three kinds, by what a rescale does with them: list state is split (the elements of all subtasks are dealt out anew),
 * union list state is given whole to every subtask, broadcast state is the same everywhere and copied.
 */
import type { ListStateDescriptor, MapStateDescriptor } from './state-descriptors.ts';
import type { StateType } from './state-type.ts';
import type { BroadcastState, ListState } from './states.ts';

export type OperatorStateMode = 'SPLIT' | 'UNION' | 'BROADCAST';

/** One operator state: its elements (of broadcast state: its entries), each encoded by itself, so that any can move. */
export interface OperatorStateEntry {
  readonly name: string;
  readonly mode: OperatorStateMode;
  readonly type: StateType;
  readonly elements: readonly Uint8Array[];
}

/** All operator state of one subtask at one moment. Pure data. */
export interface OperatorStateSnapshot {
  readonly states: readonly OperatorStateEntry[];
}

export interface OperatorStateBackend {
  /**
   * @throws MillraceError `INVALID_STATE_DESCRIPTOR` if the name is taken by a state of another kind or type, or the
   *   descriptor has a time to live
   */
  getListState<T>(descriptor: ListStateDescriptor<T>): ListState<T>;
  /** As `getListState`; after a restore, every subtask sees the elements of all. */
  getUnionListState<T>(descriptor: ListStateDescriptor<T>): ListState<T>;
  /** As `getListState`; every subtask must make the same changes. */
  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): BroadcastState<K, V>;
  /** All state at this moment. @throws MillraceError `NOT_SERIALIZABLE` */
  snapshot(): OperatorStateSnapshot;
  /**
   * Takes over what `redistributeOperatorState` dealt to this subtask (without a rescale: its own snapshot). Called before
   * any state is requested. State that no descriptor asks for is kept, and is part of the next snapshot.
   * @throws MillraceError `STATE_FAILED` if the snapshots do not fit together
   */
  restore(snapshots: readonly OperatorStateSnapshot[]): void;
  isEmpty(): boolean;
}
