/**
 * Chooses what a job goes on from. The rule: the newest complete checkpoint, or an error. A checkpoint that is damaged is never
 * passed over in silence, because that would undo what its sinks have committed; the error names the next older one that is
 * intact, and whoever wants that one names it. A checkpoint that was never complete is no candidate.
 */
import { MillraceError } from '../common/index.ts';
import { type FileSystem, joinPath, parentPath } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import type { FileCheckpointStorage, ListedCheckpoint } from './file-checkpoint-storage.ts';
import { checkpointIdOf, folderOfPath, METADATA_FILE } from './layout.ts';
import { filesOf } from './state-handles.ts';
import { verifyCheckpoint } from './verification.ts';

/**
 * @param path the folder of a savepoint or checkpoint, the metadata in it, the folder of a job: then its newest checkpoint,
 *   or the folder that holds those of jobs: then the newest of all
 * @throws MillraceError `STATE_FAILED` if nothing is there or it was never complete, `CORRUPT_DATA` if it is damaged as far as can be
 *   seen without reading all state (that is checked when it is read), `FILE_SYSTEM_FAILED`
 */
export async function findRestorePoint(
  path: string,
  storage: FileCheckpointStorage,
  fileSystem: FileSystem,
): Promise<CompletedCheckpoint> {
  const folder = folderOfPath(path);
  const status = await fileSystem.status(folder);
  const listed = status?.isDirectory ? await storage.listCheckpoints(folder) : [];
  const newest = listed[0];
  if (newest !== undefined) return await intact(newest, listed.slice(1), fileSystem);
  const ofJobs = status?.isDirectory ? await newestOfJobs(folder, storage, fileSystem) : undefined;
  if (ofJobs !== undefined) return ofJobs;
  const checkpointId = checkpointIdOf(folder);
  const siblings = checkpointId === undefined || status === undefined ? [] : await storage.listCheckpoints(parentPath(folder));
  const older = siblings.filter((sibling) => sibling.checkpointId < (checkpointId as number));
  const entry = await storage.readMetadata(folder).then(
    (checkpoint) => ({ checkpointId: checkpoint.checkpointId, path: folder, checkpoint }),
    (error: unknown) => {
      if (error instanceof MillraceError && error.code === 'CORRUPT_DATA') return { checkpointId: 0, path: folder, error };
      throw error;
    },
  );
  return await intact(entry, older, fileSystem);
}

/** In the folder that holds those of jobs: the newest checkpoint of all, `undefined` if there is none. */
async function newestOfJobs(
  folder: string,
  storage: FileCheckpointStorage,
  fileSystem: FileSystem,
): Promise<CompletedCheckpoint | undefined> {
  if (await fileSystem.exists(joinPath(folder, METADATA_FILE))) return undefined;
  let newest: { readonly listed: readonly ListedCheckpoint[]; readonly atMs: number } | undefined;
  for (const { path, isDirectory } of await fileSystem.list(folder)) {
    const listed = isDirectory ? await storage.listCheckpoints(path) : [];
    const atMs = Math.max(...listed.map(({ checkpoint }) => checkpoint?.completedTimestampMs ?? Number.NEGATIVE_INFINITY));
    if (listed.length > 0 && (newest === undefined || atMs > newest.atMs)) newest = { listed, atMs };
  }
  const [first, ...older] = newest?.listed ?? [];
  return first && (await intact(first, older, fileSystem));
}

/** The newest checkpoint in the folder of a job; `undefined` if none was ever complete. @throws MillraceError as `findRestorePoint` */
export async function newestCheckpoint(
  jobDirectory: string,
  storage: FileCheckpointStorage,
  fileSystem: FileSystem,
): Promise<CompletedCheckpoint | undefined> {
  const [newest, ...older] = await storage.listCheckpoints(jobDirectory);
  return newest && (await intact(newest, older, fileSystem));
}

/**
 * The error of a checkpoint that was chosen, and whose state turned out to be damaged when it was read: says what to start from
 * instead.
 * @param damage names the file in its context
 */
export async function damagedRestorePoint(
  { checkpointId, externalPath }: CompletedCheckpoint,
  damage: MillraceError,
  storage: FileCheckpointStorage,
  fileSystem: FileSystem,
): Promise<MillraceError> {
  const siblings = checkpointIdOf(externalPath) === undefined ? [] : await storage.listCheckpoints(parentPath(externalPath));
  const older = siblings.filter((sibling) => sibling.checkpointId < checkpointId);
  const without = older.filter(
    ({ checkpoint }) => checkpoint !== undefined && !filesOf(checkpoint).has(String(damage.context.path)),
  );
  return unusable(externalPath, damage, without, fileSystem);
}

async function intact(
  wanted: ListedCheckpoint,
  older: readonly ListedCheckpoint[],
  fileSystem: FileSystem,
): Promise<CompletedCheckpoint> {
  const damage = await damageOf(wanted, fileSystem);
  if (wanted.checkpoint !== undefined && damage === undefined) return wanted.checkpoint;
  // Whether it is damaged is not known: it may be intact as soon as the file system works again.
  if (isOfFileSystem(damage)) throw damage;
  throw await unusable(wanted.path, damage, older, fileSystem);
}

/** @param older newest first */
async function unusable(
  path: string,
  damage: Error | undefined,
  older: readonly ListedCheckpoint[],
  fileSystem: FileSystem,
): Promise<MillraceError> {
  let next: CompletedCheckpoint | undefined;
  for (const candidate of older) {
    if (next === undefined && (await damageOf(candidate, fileSystem)) === undefined) next = candidate.checkpoint;
  }
  const advice =
    next === undefined
      ? 'No older intact checkpoint is beside it; restore the files from a copy, or start from a savepoint.'
      : `The next older one that is intact is '${next.externalPath}' (checkpoint ${next.checkpointId}, completed ${new Date(next.completedTimestampMs).toISOString()}). To start from it, name that path; what was committed after it may then be committed once more.`;
  const message = `The checkpoint in '${path}' cannot be used. ${damage?.message} ${advice}`;
  return new MillraceError('CORRUPT_DATA', message, {
    cause: damage,
    context: {
      ...(damage instanceof MillraceError ? damage.context : {}),
      checkpoint: path,
      olderIntact: next?.externalPath,
    },
    recoverable: false,
  });
}

async function damageOf({ checkpoint, error }: ListedCheckpoint, fileSystem: FileSystem): Promise<Error | undefined> {
  if (checkpoint === undefined) return error;
  const { damages } = await verifyCheckpoint(checkpoint, fileSystem, 'PRESENCE');
  return damages.find((damage) => !isOfFileSystem(damage)) ?? damages[0];
}

function isOfFileSystem(error: Error | undefined): boolean {
  return error instanceof MillraceError && error.code === 'FILE_SYSTEM_FAILED';
}
