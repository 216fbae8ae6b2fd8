/**
 * Files as the engine sees them: what checkpoints, the file connectors and spilling need of a storage, and no more.
 *
 * Paths are strings with `/` between names. Everything that waits is asynchronous; bytes move in buffers that the caller
 * brings, so memory stays bounded. Three promises carry the sinks and the checkpoints: `create` without `overwrite` never
 * destroys a file, `rename` is atomic and replaces its target, and what was closed durably and whose folder was synced
 * survives a power cut. Failures are `MillraceError`s `FILE_SYSTEM_FAILED`, with path, operation and reason in their context.
 */
import { MillraceError } from '../common/index.ts';

export interface FileStatus {
  /** The folder's path as it was given, then `/` and the name. */
  readonly path: string;
  readonly name: string;
  /** Bytes; 0 for folders and for files whose size nobody knows (pipes). */
  readonly length: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  readonly isDirectory: boolean;
  /** Whether a listing found a symbolic link there; the other fields describe its target. */
  readonly isSymbolicLink: boolean;
}

/** Reads one file from front to back. One call at a time. */
export interface FileReader {
  /** Fills at most all of `target`; resolves to the number of bytes read, 0 at the end of the file and only there. */
  read(target: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** Writes one file from front to back. One call at a time. */
export interface FileWriter {
  /** Bytes in the file, those from before an `append` included. */
  readonly position: number;
  /** Writes all of `bytes`, which may be reused once the promise resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when all written so far is on the storage itself. */
  sync(): Promise<void>;
  /** A second call does nothing. */
  close(options?: { readonly durable?: boolean }): Promise<void>;
}

export interface FileSystem {
  /** Opens a file for reading from byte `offset` on. */
  open(path: string, offset?: number): Promise<FileReader>;
  /** Creates a file, and the folders above it. Fails if it exists, unless `overwrite` is set. */
  create(path: string, options?: { readonly overwrite?: boolean }): Promise<FileWriter>;
  /** Opens a file for writing behind its end; creates it if there is none. */
  append(path: string): Promise<FileWriter>;
  /** Moves a file or folder. The target's folder must exist; a file there is replaced in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Returns `false` if nothing was there. A folder that is not empty needs `recursive`. */
  delete(path: string, options?: { readonly recursive?: boolean }): Promise<boolean>;
  /** What a folder holds, sorted by name in code unit order. */
  list(path: string): Promise<FileStatus[]>;
  /** `undefined` if nothing is there. */
  status(path: string): Promise<FileStatus | undefined>;
  exists(path: string): Promise<boolean>;
  /** Creates a folder and those above it; existing ones are fine. */
  mkdirs(path: string): Promise<void>;
  /** Makes the names in a folder durable: files created in it, moved into it or out of it. */
  syncDirectory(path: string): Promise<void>;
}

export type FileFailureReason =
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'NOT_A_DIRECTORY'
  | 'IS_A_DIRECTORY'
  | 'NOT_EMPTY'
  | 'NOT_PERMITTED'
  | 'NO_SPACE'
  | 'CLOSED'
  | 'OTHER';

const EXPLANATIONS: Readonly<Record<FileFailureReason, string>> = {
  NOT_FOUND: 'there is no such file or folder',
  ALREADY_EXISTS: 'it exists already',
  NOT_A_DIRECTORY: 'a part of the path is a file, not a folder',
  IS_A_DIRECTORY: 'it is a folder, not a file',
  NOT_EMPTY: 'the folder is not empty',
  NOT_PERMITTED: 'permission was denied',
  NO_SPACE: 'the storage is full',
  CLOSED: 'it is closed already',
  OTHER: 'the storage reported an error',
};

/** The error of a file system operation (`verb`: "open", "list"). */
export function fileSystemError(verb: string, path: string, reason: FileFailureReason, cause?: unknown): MillraceError {
  const detail = reason === 'OTHER' && cause instanceof Error ? `: ${cause.message}` : '';
  return new MillraceError('FILE_SYSTEM_FAILED', `Cannot ${verb} '${path}': ${EXPLANATIONS[reason]}${detail}.`, {
    cause,
    context: { path, operation: verb, reason },
  });
}

/** Whether an error says that a file or folder is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof MillraceError && error.context.reason === 'NOT_FOUND';
}
