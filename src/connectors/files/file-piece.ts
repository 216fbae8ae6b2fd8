/**
 * Reads one piece of a file that was cut by bytes, from its first record to the end of its last one (`file-source-split.ts` says
 * which these are). What it delivers are whole records, so that a decoder sees a file of its own.
 *
 * Little is read twice: a buffer for each cut, and the records that the cuts went through.
 */
import type { FileReader, FileSystem } from '../../filesystem/index.ts';

/** How much is read at a time where a record end is looked for. */
const SEARCH_BYTES = 32 * 1024;
const NO_BYTES = new Uint8Array(0);

export interface FilePiece {
  readonly path: string;
  /** Where the file is read from. */
  readonly offset: number;
  /** Whether the file was cut there, so that the first record is to be looked for. */
  readonly isCut: boolean;
  /** Where the file was cut behind the piece; `Infinity` if it was not. */
  readonly end: number;
  readonly recordEnd: number;
}

/** Opens the file, and finds where the first record of the piece begins. */
export async function openFilePiece(fileSystem: FileSystem, piece: FilePiece): Promise<FilePieceReader> {
  const { path, offset, isCut, end, recordEnd } = piece;
  if (!isCut) return new FilePieceReader(await fileSystem.open(path, offset), NO_BYTES, piece);
  const file = await fileSystem.open(path, offset - 1);
  try {
    const buffer = new Uint8Array(SEARCH_BYTES);
    for (let at = offset - 1; at < end - 1; ) {
      const count = await file.read(buffer);
      if (count === 0) return new FilePieceReader(file, NO_BYTES, { ...piece, offset: at });
      const first = buffer.subarray(0, count).indexOf(recordEnd) + 1;
      if (first > 0) return new FilePieceReader(file, buffer.subarray(first, count), { ...piece, offset: at + first });
      at += count;
    }
    // No record begins in the piece: all of it belongs to one that began before it.
    return new FilePieceReader(file, NO_BYTES, { ...piece, offset: end });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Delivers what is read of a file until the first record end from the byte before `end` on. */
export class FilePieceReader implements FileReader {
  /** Where its first byte is in the file. */
  readonly start: number;
  readonly #file: FileReader;
  readonly #end: number;
  readonly #recordEnd: number;
  /** Read while the first record was looked for. */
  #found: Uint8Array;
  #offset: number;
  #isDone: boolean;

  constructor(file: FileReader, found: Uint8Array, { offset, end, recordEnd }: Omit<FilePiece, 'path' | 'isCut'>) {
    this.start = offset;
    this.#file = file;
    this.#found = found;
    this.#offset = offset;
    this.#end = end;
    this.#recordEnd = recordEnd;
    this.#isDone = offset >= end;
  }

  async read(target: Uint8Array): Promise<number> {
    if (this.#isDone) return 0;
    const left = this.#end - this.#offset;
    let count = Math.min(this.#found.length, target.length);
    if (count > 0) {
      target.set(this.#found.subarray(0, count));
      this.#found = this.#found.subarray(count);
    } else {
      count = await this.#file.read(target.subarray(0, left > 0 ? left : SEARCH_BYTES));
    }
    const searchFrom = Math.max(0, left - 1);
    const end = count > searchFrom ? target.subarray(0, count).indexOf(this.#recordEnd, searchFrom) + 1 : 0;
    this.#isDone = end > 0;
    const delivered = end > 0 ? end : count;
    this.#offset += delivered;
    return delivered;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
