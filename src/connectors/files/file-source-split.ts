/** What a file source hands to its readers: one file each, and where to begin in it. */
import { type DecodePosition, type SourceSplit, START_POSITION } from '../../connector/index.ts';
import type { FileStatus } from '../../filesystem/index.ts';

/** A file that is read from `position` on. Its id is its path. */
export interface FileSourceSplit extends SourceSplit {
  readonly path: string;
  /** Bytes in storage when it was found; 0 if unknown (pipes). */
  readonly length: number;
  /** In plain bytes, if the file is compressed. */
  readonly position: DecodePosition;
}

export function splitOf(file: FileStatus): FileSourceSplit {
  return { splitId: file.path, path: file.path, length: file.length, position: START_POSITION };
}
