/**
 * What a file source hands to its readers: a file or a piece of one, and where to begin in it.
 *
 * A large file is cut by bytes, wherever a cut falls. A record belongs to the piece in which its first byte is: a piece begins behind
 * the first record end at or after the byte before its start, and goes on to the first one at or after the byte before its end.
 */
import { type DecodePosition, type SourceSplit, START_POSITION } from '../../connector/index.ts';
import type { FileStatus } from '../../filesystem/index.ts';

/** A file that is read from `position` on. Its id is its path, with the start behind it if it is a piece. */
export interface FileSourceSplit extends SourceSplit {
  readonly path: string;
  /** Bytes in storage when it was found; 0 if unknown (pipes). */
  readonly length: number;
  /** In plain bytes, if the file is compressed. */
  readonly position: DecodePosition;
  /** Set while `position` is where the file was cut, and the first record behind it is not found yet. */
  readonly isCut?: true;
  /** Where the file was cut behind this piece; absent if it goes on to the end of the file. */
  readonly end?: number;
}

/** Where a split begins, or goes on. */
export interface PlaceInFile {
  readonly path: string;
  readonly offset: number;
}

export function placeOf({ path, position }: FileSourceSplit): PlaceInFile {
  return { path, offset: position.offset };
}

/** @param maxBytes how large a piece may be */
export function splitsOf(file: FileStatus, maxBytes: number): FileSourceSplit[] {
  const { path, length } = file;
  const splits: FileSourceSplit[] = [];
  for (let start = 0; start === 0 || start < length; start += maxBytes) {
    const end = start + maxBytes;
    splits.push({
      // No other file can have this path: it would be in a folder with the name of this one.
      splitId: start === 0 ? path : `${path}/@${start}`,
      path,
      length: Math.min(end, length) - start,
      position: start === 0 ? START_POSITION : { offset: start, line: 1, recordsToSkip: 0, isLineRelative: true },
      ...(start > 0 && { isCut: true }),
      ...(end < length && { end }),
    });
  }
  return splits;
}
