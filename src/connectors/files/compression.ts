/** Compressed files: which suffix means which compression, and the seam behind which the platform's codecs stand. */
import type { FileReader, FileWriter } from '../../filesystem/index.ts';

export interface Compression {
  readonly name: string;
  /** The end of the file names that it applies to, with the dot. */
  readonly suffix: string;
  /** A reader of the plain bytes. Closing it closes `compressed`. */
  decompress(compressed: FileReader, path: string): FileReader;
  /** A writer of plain bytes. Closing it ends the compressed data and closes `target`; `position` counts plain bytes. */
  compress(target: FileWriter, path: string): FileWriter;
}

/** The compression that a file name calls for. */
export function compressionOf(path: string, compressions: readonly Compression[]): Compression | undefined {
  return compressions.find((compression) => path.endsWith(compression.suffix));
}
