/**
 * Keyed state of one operator on one subtask: the interface that operators are written against and that every backend
 * implements (`keyed-state-contract.ts` is the suite that they all pass).
 *
 * State is read and written for the current key. Two families of state share a backend: partitioned state, one per key
 * (a function's own state); and namespaced state, one per key and namespace (a window), kept namespace by namespace, so
 * that firing a window is one iteration and one delete. Snapshots are cut by key group, so that a rescale moves whole
 * pieces.
 */
import type { CheckpointInput } from './checkpoint-streams.ts';
import type { CanonicalKey } from './key-encoding.ts';
import type { KeyGroupRange } from './key-groups.ts';
import type { KeyedStateHandle, PendingKeyedSnapshot, SnapshotRequest } from './keyed-state-handle.ts';
import type {
  AggregatingStateDescriptor,
  KeyedStateDescriptor,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  StateKind,
  ValueStateDescriptor,
} from './state-descriptors.ts';
import type { StateType } from './state-type.ts';
import type { AggregatingState, ListState, MapState, ReducingState, State, ValueState } from './states.ts';
import type { InternalTimerQueue } from './timer-queue.ts';

/** What state with namespaces can do besides. */
export interface NamespacedState extends State {
  /** Whether the current key has a value in the current namespace. Reads none of it. */
  hasValue(): boolean;
  /** All reads and writes of this state object go to `namespace` from now on; other state objects are not affected. */
  setCurrentNamespace(namespace: string): void;
  /**
   * Calls `visit` for every key that has a value in `namespace`, with the current key and namespace of this state set to
   * it. The state of the visited key may be changed or cleared. Afterwards, the key and namespace are what they were.
   * In no particular order.
   */
  forEachKeyInNamespace(namespace: string, visit: (key: any) => void): void;
  /** Removes the values of all keys in `namespace`. */
  clearNamespace(namespace: string): void;
  /** The namespaces in which some key has a value. */
  namespaces(): readonly string[];
}

export interface NamespacedValueState<T> extends ValueState<T>, NamespacedState {
  /**
   * The value as the caller's own, to be changed and kept: one that nobody else has, or what `copy` makes of it. `undefined`
   * without a value, also if there is a default. Costs less than `value` where many keys are read once.
   */
  ownValue(copy: (value: T) => T): T | undefined;
}

/** State that session windows can merge. */
export interface MergingState extends NamespacedState {
  /** For the current key: combines the values of `sources` into that of `target`, and removes those of `sources`. */
  mergeNamespaces(target: string, sources: Iterable<string>): void;
}

/** What a snapshot says about a state besides its content. */
export interface StateMeta {
  readonly name: string;
  readonly kind: StateKind;
  readonly namespaced: boolean;
  /** Whether values carry the time of their last access. */
  readonly ttl: boolean;
  readonly type: StateType;
}

/** The state of one key group: for each state that has any, its index in `states`, its length and its entries. */
export interface KeyGroupBytes {
  readonly keyGroup: number;
  readonly bytes: Uint8Array;
}

/** All keyed state of one operator on one subtask at one moment. Pure data. */
export interface KeyedStateSnapshot {
  readonly maxParallelism: number;
  readonly states: readonly StateMeta[];
  /** Ascending; only those that hold state. */
  readonly keyGroups: readonly KeyGroupBytes[];
}

export interface KeyedStateBackend {
  /** Whether state may be larger than the heap. Operators then keep nothing on it that grows with the number of keys. */
  readonly keepsStateOffHeap: boolean;
  /** The key that state is read and written for. @throws MillraceError `ILLEGAL_STATE` before the first key is set */
  readonly currentKey: any;
  /** Its canonical form: what timers keep. @throws MillraceError `ILLEGAL_STATE` before the first key is set */
  readonly currentCanonicalKey: CanonicalKey;

  /** Called once per record. @throws MillraceError `INVALID_KEY` */
  setCurrentKey(key: unknown): void;
  /** For keys that were encoded before (timers): skips decoding and encoding. */
  setCurrentCanonicalKey(key: CanonicalKey): void;
  /** There is no current key from now on: for what belongs to no key. */
  clearCurrentKey(): void;

  /**
   * The state of a descriptor; asking again for the same name returns the same object.
   * @throws MillraceError `INVALID_STATE_DESCRIPTOR` if the name is taken by a state of another kind or type
   * @throws MillraceError `STATE_FAILED` if restored state does not fit
   */
  getPartitionedState<T>(descriptor: ValueStateDescriptor<T>): ValueState<T>;
  getPartitionedState<T>(descriptor: ListStateDescriptor<T>): ListState<T>;
  getPartitionedState<K, V>(descriptor: MapStateDescriptor<K, V>): MapState<K, V>;
  getPartitionedState<T>(descriptor: ReducingStateDescriptor<T>): ReducingState<T>;
  getPartitionedState<IN, ACC, OUT>(descriptor: AggregatingStateDescriptor<IN, ACC, OUT>): AggregatingState<IN, OUT>;

  /**
   * The same with namespaces. Time to live is refused here: the state of a window ends with its window.
   * @throws MillraceError as `getPartitionedState`
   */
  getNamespacedState<T>(descriptor: ValueStateDescriptor<T>): NamespacedValueState<T>;
  getNamespacedState<T>(descriptor: ListStateDescriptor<T>): ListState<T> & MergingState;
  getNamespacedState<K, V>(descriptor: MapStateDescriptor<K, V>): MapState<K, V> & NamespacedState;
  getNamespacedState<T>(descriptor: ReducingStateDescriptor<T>): ReducingState<T> & MergingState;
  getNamespacedState<IN, ACC, OUT>(
    descriptor: AggregatingStateDescriptor<IN, ACC, OUT>,
  ): AggregatingState<IN, OUT> & MergingState;

  /**
   * Calls `visit` for every key that has this partitioned state, with the current key set to it. The state of the visited
   * key may be changed or cleared. Afterwards, the current key is what it was. In no particular order.
   */
  forEachKey(descriptor: KeyedStateDescriptor, visit: (key: any, state: any) => void): void;

  /**
   * The timers of a name; asking again returns the same ones. Of their snapshots, the backend writes those that it does not keep
   * on the heap, as state; the others are in what `freeze` gives. Restored are both, whichever backend wrote them.
   */
  timerQueue(name: string): InternalTimerQueue;

  /** All state at this moment; later changes do not show in it. @throws MillraceError `NOT_SERIALIZABLE` */
  snapshot(): KeyedStateSnapshot;
  /**
   * Takes over the key groups in `keyGroupRange` (all, if not given) from snapshots of one operator's subtasks. Called
   * before any state is requested. State that no descriptor asks for is kept, and is part of the next snapshot.
   * @throws MillraceError `STATE_FAILED` if the snapshots do not fit together or this backend, `CORRUPT_DATA`
   */
  restore(snapshots: readonly KeyedStateSnapshot[], keyGroupRange?: KeyGroupRange): void;

  /**
   * Fixes all state as of now, for a checkpoint. Returns quickly whatever the size of the state where the backend can; later
   * changes do not show in what is written. @throws MillraceError `NOT_SERIALIZABLE`
   */
  startSnapshot(request: SnapshotRequest): PendingKeyedSnapshot;
  /** As `restore`, from a checkpoint; reads only what lies in `keyGroupRange`. @throws MillraceError as `restore`, `FILE_SYSTEM_FAILED` */
  restoreFrom(handles: readonly KeyedStateHandle[], keyGroupRange: KeyGroupRange, input: CheckpointInput): Promise<void>;
  /** The checkpoint is complete: its shared files may be referred to by later ones. */
  notifyCheckpointComplete(checkpointId: number): void;
  /** The checkpoint will never be complete. */
  notifyCheckpointAborted(checkpointId: number): void;

  /** Whether no key has any state: also none that was restored and not asked for. */
  isEmpty(): boolean;
  /** How many keys (for namespaced state: pairs of key and namespace) hold a value of this state. */
  entryCount(stateName: string): number;
  /** The names of all states, restored ones that were not asked for included. */
  stateNames(): readonly string[];
  /** Lets go of everything. The backend must not be used afterwards. */
  dispose(): void;
}
