/**
 * How the keyed state of one operator on one subtask is found in a checkpoint. Plain data.
 *
 * Two formats. KEY_GROUPS is canonical: every backend reads and writes it, key group by key group; savepoints are always
 * of it. INCREMENTAL is a backend's own: files, most of them shared with earlier checkpoints; only the backend that wrote
 * it can read it, at any parallelism.
 */
import type { CheckpointOutput, StateHandle } from './checkpoint-streams.ts';
import type { KeyGroupRange } from './key-groups.ts';
import type { StateMeta } from './keyed-state-backend.ts';

/** Where the bytes of one key group are within the content of a handle. */
export interface KeyGroupOffset {
  readonly keyGroup: number;
  readonly offset: number;
  readonly length: number;
  readonly crc32: number;
}

export interface KeyGroupsHandle {
  readonly format: 'KEY_GROUPS';
  readonly maxParallelism: number;
  /** The key groups that the subtask owned, those without state included. */
  readonly keyGroupRange: KeyGroupRange;
  readonly states: readonly StateMeta[];
  /** Ascending; only key groups that hold state. The bytes are those of `KeyGroupBytes`. */
  readonly keyGroups: readonly KeyGroupOffset[];
  readonly content: StateHandle;
}

export interface IncrementalKeyedStateHandle {
  readonly format: 'INCREMENTAL';
  /** The name of the backend that wrote it. */
  readonly backend: string;
  readonly maxParallelism: number;
  readonly keyGroupRange: KeyGroupRange;
  readonly states: readonly StateMeta[];
  /** What the backend says about its files, for itself. */
  readonly meta: StateHandle;
  /** The backend's files by name. */
  readonly files: readonly { readonly name: string; readonly shared: boolean; readonly handle: StateHandle }[];
}

export type KeyedStateHandle = KeyGroupsHandle | IncrementalKeyedStateHandle;

/** A snapshot whose content is fixed, and still to be written. Either `write` or `discard` is called, once. */
export interface PendingKeyedSnapshot {
  /**
   * Writes in portions, letting the thread go on in between. Resolves when everything is durable.
   * @throws MillraceError `FILE_SYSTEM_FAILED`, `NOT_SERIALIZABLE`; nothing exclusive is left behind then
   */
  write(output: CheckpointOutput): Promise<KeyedStateHandle>;
  discard(): void;
}

export interface SnapshotRequest {
  readonly checkpointId: number;
  /** `true` for savepoints: KEY_GROUPS whatever the backend. */
  readonly canonical: boolean;
}
