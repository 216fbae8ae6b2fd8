/** Whether the files of a checkpoint are what was written. */
import { type MillraceError, toError } from '../common/index.ts';
import type { FileSystem } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import { CheckpointFileInput } from './checkpoint-file-input.ts';
import { type FileHandle, handlesOfCheckpoint } from './state-handles.ts';

export interface Verification {
  readonly files: number;
  readonly bytes: number;
  /** One for each file that is missing, cut off, changed or not readable; its path is in the context. */
  readonly damages: readonly (MillraceError | Error)[];
}

/**
 * Looks at every file of a checkpoint. PRESENCE: it is there and long enough, which costs nothing; CONTENT: all of it is read and its
 * checksum fits.
 */
export async function verifyCheckpoint(
  checkpoint: CompletedCheckpoint,
  fileSystem: FileSystem,
  depth: 'PRESENCE' | 'CONTENT',
): Promise<Verification> {
  const input = new CheckpointFileInput({ fileSystem, localFileSystem: fileSystem });
  const parts = new Map<string, FileHandle>();
  for (const handle of handlesOfCheckpoint(checkpoint)) {
    if (handle.kind === 'FILE') parts.set(`${handle.offset} ${handle.length} ${handle.file}`, handle);
  }
  const files = new Set<string>();
  const damages = new Map<string, Error>();
  let bytes = 0;
  for (const part of parts.values()) {
    files.add(part.file);
    bytes += part.length;
    if (damages.has(part.file)) continue;
    try {
      await input.checkPresence(part);
      if (depth === 'CONTENT') await input.verify(part);
    } catch (error) {
      damages.set(part.file, toError(error));
    }
  }
  return { files: files.size, bytes, damages: [...damages.values()] };
}
