/**
 * What state needs of the storage of checkpoints: streams to write to, and handles by which to find again what was written.
 *
 * A handle is plain data: it travels in messages and stands in the metadata of checkpoints. What it refers to is durable
 * (written, synced, renamed into place) before the handle exists, and its checksum is verified when it is read.
 */
export type StateHandle =
  /** Few bytes travel in the message itself and stand in the metadata. */
  | { readonly kind: 'INLINE'; readonly bytes: Uint8Array }
  /** A part of a file. `file` is a path on the file system of the checkpoints; metadata keeps it relative to itself. */
  | {
      readonly kind: 'FILE';
      readonly file: string;
      readonly offset: number;
      readonly length: number;
      /** CRC-32 (IEEE 802.3) of the part. */
      readonly crc32: number;
    };

/** EXCLUSIVE: belongs to one checkpoint and goes with it. SHARED: later checkpoints may refer to it, too. */
export type CheckpointScope = 'EXCLUSIVE' | 'SHARED';

/** Where the state of one task goes in one checkpoint. */
export interface CheckpointOutput {
  createStream(scope: CheckpointScope): Promise<CheckpointOutputStream>;
  /**
   * Whether this checkpoint may refer to what an earlier one wrote instead of writing it again: not a savepoint, and not to the
   * files of another job that this one was started from. Absent: it may.
   */
  mayReferTo?(handle: StateHandle): boolean;
}

export interface CheckpointOutputStream {
  /** Bytes written so far. */
  readonly position: number;
  /** Takes all of `bytes`, which may be reused once the promise resolves. @throws MillraceError `FILE_SYSTEM_FAILED` */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Resolves when all is durable: to a handle of the whole, INLINE if it is small.
   * @throws MillraceError `FILE_SYSTEM_FAILED`; nothing is left behind then
   */
  finish(): Promise<StateHandle>;
  /** Removes what was written; after `finish` does nothing. */
  abort(): Promise<void>;
}

/** Reads what handles refer to. */
export interface CheckpointInput {
  /** @throws MillraceError `CORRUPT_DATA` if the checksum does not fit, `FILE_SYSTEM_FAILED` */
  read(handle: StateHandle): Promise<Uint8Array>;
  /** A portion of what a handle refers to; without a check of the handle's checksum. The caller has one of its own. */
  readRange(handle: StateHandle, offset: number, length: number): Promise<Uint8Array>;
  /** Brings a file to a local path, for state that is read in place; the checksum is verified. */
  copyTo(handle: StateHandle, localPath: string): Promise<void>;
}
