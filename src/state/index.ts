export type {
  CheckpointInput,
  CheckpointOutput,
  CheckpointOutputStream,
  CheckpointScope,
  StateHandle,
} from './checkpoint-streams.ts';
export { type HashlogBackendOptions, HashlogKeyedStateBackend } from './hashlog/hashlog-keyed-state-backend.ts';
export { HeapKeyedStateBackend } from './heap-keyed-state-backend.ts';
export { type CanonicalKey, decodeKey, encodeKey } from './key-encoding.ts';
export {
  defaultMaxParallelism,
  type KeyGroupRange,
  keyGroupOf,
  keyGroupRange,
  MAX_KEY_GROUPS,
  operatorIndexForKeyGroup,
} from './key-groups.ts';
export type {
  KeyedStateBackend,
  KeyedStateSnapshot,
  KeyGroupBytes,
  MergingState,
  NamespacedState,
  NamespacedValueState,
  StateMeta,
} from './keyed-state-backend.ts';
export { readSections } from './keyed-state-format.ts';
export type {
  IncrementalKeyedStateHandle,
  KeyedStateHandle,
  KeyGroupOffset,
  KeyGroupsHandle,
  PendingKeyedSnapshot,
  SnapshotRequest,
} from './keyed-state-handle.ts';
export type {
  OperatorStateBackend,
  OperatorStateEntry,
  OperatorStateMode,
  OperatorStateSnapshot,
} from './operator-state-backend.ts';
export { redistributeOperatorState } from './operator-state-redistribution.ts';
export {
  createKeyedStateBackend,
  createOperatorStateBackend,
  type KeyedStateBackendOptions,
  STATE_BACKENDS,
  type StateBackendType,
} from './state-backends.ts';
export {
  AggregatingStateDescriptor,
  type KeyedStateDescriptor,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  StateDescriptor,
  type StateKind,
  ValueStateDescriptor,
} from './state-descriptors.ts';
export { type AggregateFunction, type ReduceFunction, reducerOf } from './state-functions.ts';
export {
  StateTtlConfig,
  StateTtlConfigBuilder,
  type StateTtlOptions,
  type TtlStateVisibility,
  type TtlUpdateType,
} from './state-ttl-config.ts';
export { formatStateType, type StateType } from './state-type.ts';
export type {
  AggregatingState,
  AppendingState,
  BroadcastState,
  ListState,
  MapState,
  ReadOnlyBroadcastState,
  ReducingState,
  State,
  ValueState,
} from './states.ts';
export {
  FrozenTimers,
  type InternalTimerQueue,
  type Timer,
  TimerQueue,
  type TimerQueueSnapshot,
} from './timer-queue.ts';
