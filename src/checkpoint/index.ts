export {
  CompletedCheckpointStore,
  type CompletedCheckpointStoreDependencies,
  type CompletedCheckpointStoreOptions,
} from './completed-checkpoint-store.ts';
export { disposeCheckpoint } from './disposal.ts';
export {
  type CheckpointDraft,
  FileCheckpointStorage,
  type FileCheckpointStorageDependencies,
  type FileCheckpointStorageOptions,
  INLINE_THRESHOLD_BYTES,
  type ListedCheckpoint,
} from './file-checkpoint-storage.ts';
export {
  type CheckpointInspection,
  inspectCheckpoint,
  type KeyedInspection,
  type KeyedStateInspection,
  type OperatorInspection,
  type OperatorStateInspection,
  type TimersInspection,
} from './inspection.ts';
export { damagedRestorePoint, findRestorePoint, newestCheckpoint } from './restore-point.ts';
export { filesOf } from './state-handles.ts';
export { type Verification, verifyCheckpoint } from './verification.ts';
