/**
 * What a writer of a file sink finds in the sink's folder when it starts, and what it does about it.
 *
 * Left by a crash, `.inprogress.` files are in no checkpoint: they are deleted at every start. `.pending.` files may be in one.
 * - In a start without a checkpoint they stay: the checkpoint or savepoint of another run that holds them may be restored yet.
 * - After a restore, those that the restored checkpoint holds are committed before any writer runs. The others belong to
 *   checkpoints that this run does not go on from. Once a checkpoint of this run is complete, restoring one of those would
 *   show records twice, those committed here and those committed there; so from then on they are of no use, and are deleted.
 *
 * No name is given twice: subtask and number make a name; a subtask counts on from the highest number that it finds, hidden or
 * visible, and when it begins a part it makes sure that no visible file came to that name during the search (another subtask
 * may commit restored files of it then; a listing can miss a file that is being moved).
 * Each subtask looks after the files with its index, the first one also after those of subtasks that no longer exist.
 */
import type { SinkInitContext } from '../../connector/index.ts';
import { type FileSystem, isNotFound, joinPath } from '../../filesystem/index.ts';
import { parsePartName } from './part-file.ts';

export interface SinkFolderStock {
  /** By bucket, the first free number for a part of this subtask. */
  readonly firstCounters: ReadonlyMap<string, number>;
  /** Files to delete once a checkpoint of this run is complete. */
  readonly superseded: readonly string[];
}

/** Goes through the folder once, after what was restored to this subtask has been committed. */
export async function takeStock(
  settings: { readonly path: string; readonly partPrefix: string },
  fileSystem: FileSystem,
  context: SinkInitContext,
): Promise<SinkFolderStock> {
  const { logger, operatorId, parallelism, subtaskIndex } = context;
  const firstCounters = new Map<string, number>();
  const pending: string[] = [];
  const visit = async (folder: string, bucketId: string): Promise<void> => {
    for (const entry of await fileSystem.list(folder)) {
      if (entry.isDirectory) {
        if (!entry.isSymbolicLink) await visit(entry.path, joinPath(bucketId, entry.name));
        continue;
      }
      const part = parsePartName(entry.name, settings.partPrefix);
      if (part === undefined) continue;
      if (part.subtaskIndex === subtaskIndex) {
        firstCounters.set(bucketId, Math.max(firstCounters.get(bucketId) ?? 0, part.counter + 1));
      }
      const isMine = part.subtaskIndex === subtaskIndex || (subtaskIndex === 0 && part.subtaskIndex >= parallelism);
      if (!isMine || part.owner !== operatorId) continue;
      if (part.state === 'PENDING') {
        pending.push(entry.path);
      } else {
        logger.log('info', `Deletes '${entry.path}', which an earlier run left unfinished.`);
        await fileSystem.delete(entry.path);
      }
    }
  };
  try {
    await visit(settings.path, '');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  if (!context.isRestored && pending.length > 0) {
    logger.log(
      'warn',
      `${pending.length} files of an earlier run, as '${pending[0]}', wait for a checkpoint that was not restored. Delete them if it never will be.`,
    );
  }
  return { firstCounters, superseded: context.isRestored ? pending : [] };
}
