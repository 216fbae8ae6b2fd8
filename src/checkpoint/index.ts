export {
  CompletedCheckpointStore,
  type CompletedCheckpointStoreDependencies,
  type CompletedCheckpointStoreOptions,
} from './completed-checkpoint-store.ts';
export {
  type CheckpointDraft,
  FileCheckpointStorage,
  type FileCheckpointStorageDependencies,
  type FileCheckpointStorageOptions,
  INLINE_THRESHOLD_BYTES,
  type ListedCheckpoint,
} from './file-checkpoint-storage.ts';
export { findRestorePoint, newestCheckpoint } from './restore-point.ts';
export { type Verification, verifyCheckpoint } from './verification.ts';
