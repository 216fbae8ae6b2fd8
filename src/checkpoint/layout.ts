/**
 * Where the files of checkpoints lie, and how they are called:
 *
 *     <directory>/<jobId>/chk-7/_metadata            complete once this file is there
 *     <directory>/<jobId>/chk-7/<16 hex digits>      belongs to checkpoint 7 alone
 *     <directory>/<jobId>/shared/7-<16 hex digits>   written for checkpoint 7; later ones may refer to it
 *     <target>/savepoint-<jobId, 6 digits>-<12 hex digits>/…   everything in one folder, nothing shared
 *
 * Metadata names files relative to its own folder, so that folders can be moved: a name, or `../shared/` and a name. Nothing else
 * is accepted, so that no metadata, whoever wrote it, makes the engine read or delete a file elsewhere.
 * The number in the name of a shared file is that of the checkpoint it was written for: if that one never was complete, no
 * checkpoint refers to the file, and it can go.
 */
import { invariant, MillraceError, type Random } from '../common/index.ts';
import { baseName, joinPath, parentPath } from '../filesystem/index.ts';

export const METADATA_FILE = '_metadata';
const SHARED_FOLDER = 'shared';
const CHECKPOINT_FOLDER = /^chk-(\d{1,15})$/;
const STATE_FILE = /^(?:\d{1,15}-)?[0-9a-f]{16}$/;
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;
/** Checkpoints without a directory: their handles carry everything, and no file is written. */
const IN_MEMORY = 'memory:';

export function jobFolder(directory: string | undefined, jobId: string): string {
  invariant(SAFE_NAME.test(jobId), `a job id is no name for a folder: '${jobId}'`);
  return joinPath(directory ?? IN_MEMORY, jobId);
}

export function checkpointFolder(jobFolder: string, checkpointId: number): string {
  return joinPath(jobFolder, `chk-${checkpointId}`);
}

/** The number of the checkpoint whose folder has this name; `undefined` for other folders, such as those of savepoints. */
export function checkpointIdOf(folder: string): number | undefined {
  const digits = CHECKPOINT_FOLDER.exec(baseName(folder))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function isInMemory(folder: string): boolean {
  return folder.startsWith(IN_MEMORY);
}

/** The folder of the files that checkpoints share, for the folder of a checkpoint; `undefined` for that of a savepoint. */
export function sharedFolder(folder: string): string | undefined {
  return checkpointIdOf(folder) === undefined ? undefined : joinPath(parentPath(folder), SHARED_FOLDER);
}

export function savepointFolder(target: string, jobId: string, random: Random): string {
  return joinPath(target, `savepoint-${jobId.slice(0, 6)}-${hexDigits(12, random)}`);
}

export function exclusiveFileName(random: Random): string {
  return hexDigits(16, random);
}

export function sharedFileName(checkpointId: number, random: Random): string {
  return `${checkpointId}-${hexDigits(16, random)}`;
}

/** Where a file is until all of it is written. */
export function temporaryFile(file: string): string {
  return joinPath(parentPath(file), `.${baseName(file)}.tmp`);
}

/** Whether a file in the folder of a checkpoint is one of ours, finished or not. */
export function isCheckpointFile(name: string): boolean {
  const finished = /^\.(.*)\.tmp$/.exec(name)?.[1] ?? name;
  return finished === METADATA_FILE || STATE_FILE.test(finished);
}

/** Whether a file in the shared folder was written for this checkpoint, finished or not. */
export function isSharedFileOf(checkpointId: number, name: string): boolean {
  return isCheckpointFile(name) && name.replace(/^\./, '').startsWith(`${checkpointId}-`);
}

/** The folder that a user means who names it or the metadata in it. */
export function folderOfPath(path: string): string {
  const folder = baseName(path) === METADATA_FILE ? parentPath(path) : path;
  return folder.length > 1 ? folder.replace(/\/+$/, '') : folder;
}

/** @throws MillraceError `STATE_FAILED` for a file that a checkpoint in `folder` must not refer to */
export function relativeFile(folder: string, file: string): string {
  const name = baseName(file);
  if (STATE_FILE.test(name)) {
    if (file === joinPath(folder, name)) return name;
    const shared = sharedFolder(folder);
    if (shared !== undefined && file === joinPath(shared, name)) return `../${SHARED_FOLDER}/${name}`;
  }
  throw new MillraceError(
    'STATE_FAILED',
    `A checkpoint in '${folder}' cannot refer to the file '${file}': it lies neither in that folder nor in the shared folder of its job.`,
    { context: { path: file, folder } },
  );
}

/** The file that metadata in `folder` names; `undefined` if it must not be named. */
export function resolveFile(folder: string, relative: string): string | undefined {
  if (STATE_FILE.test(relative)) return joinPath(folder, relative);
  const shared = sharedFolder(folder);
  const name = relative.startsWith(`../${SHARED_FOLDER}/`) ? relative.slice(SHARED_FOLDER.length + 4) : '';
  return shared !== undefined && STATE_FILE.test(name) ? joinPath(shared, name) : undefined;
}

export function isSharedFile(folder: string, file: string): boolean {
  return parentPath(file) === sharedFolder(folder);
}

function hexDigits(count: number, random: Random): string {
  let digits = '';
  for (let i = 0; i < count; i++) digits += Math.floor(random.next() * 16).toString(16);
  return digits;
}
