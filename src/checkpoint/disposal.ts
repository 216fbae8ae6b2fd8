/** Deletes a savepoint or retained checkpoint that its user has no use for any more. */
import { parentPath } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import type { FileCheckpointStorage } from './file-checkpoint-storage.ts';
import { checkpointIdOf } from './layout.ts';
import { filesOf } from './state-handles.ts';

/**
 * Files that other checkpoints in the folder of the job refer to stay; all shared ones do if one of those checkpoints is damaged.
 * @param path its folder, or the metadata file in it
 * @returns what was deleted
 * @throws MillraceError as `readMetadata`, `FILE_SYSTEM_FAILED`
 */
export async function disposeCheckpoint(path: string, storage: FileCheckpointStorage): Promise<CompletedCheckpoint> {
  const checkpoint = await storage.readMetadata(path);
  const folder = checkpoint.externalPath;
  const listed = checkpointIdOf(folder) === undefined ? [] : await storage.listCheckpoints(parentPath(folder));
  const others = listed.filter((other) => other.path !== folder);
  const needed = new Set(others.flatMap((other) => (other.checkpoint === undefined ? [] : [...filesOf(other.checkpoint)])));
  const someUnknown = others.some(({ error }) => error !== undefined);
  await storage.discard(checkpoint, (file) => someUnknown || needed.has(file));
  return checkpoint;
}
