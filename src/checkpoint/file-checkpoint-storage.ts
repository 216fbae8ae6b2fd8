/**
 * The files of checkpoints and savepoints on a file system: tasks write state through `output` and read it through `input`, the
 * job's coordinator writes the metadata, and finds, checks and deletes checkpoints.
 *
 * A checkpoint is complete when its metadata is in place under its name, durably; by then, all that it refers to is durable. Whatever
 * fails before leaves no complete checkpoint, and none of the earlier ones is touched. Deleting goes the other way round:
 * the metadata first, so that nothing half deleted looks complete.
 *
 * Without a directory, checkpoints are kept in memory: handles carry the state themselves, no file is written, and a checkpoint is
 * complete at once. That needs no disk, works across threads, and ends with the process. Savepoints are files all the same.
 */
import { invariant, MillraceError, type Random, toError } from '../common/index.ts';
import { DurableFolders, type FileSystem, isNotFound, joinPath, parentPath, readFile } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import type { CheckpointInput, CheckpointOutput } from '../state/index.ts';
import { CheckpointFileInput } from './checkpoint-file-input.ts';
import { CheckpointFileStream } from './checkpoint-file-stream.ts';
import {
  checkpointFolder,
  checkpointIdOf,
  exclusiveFileName,
  folderOfPath,
  isCheckpointFile,
  isInMemory,
  isSharedFile,
  isSharedFileOf,
  jobFolder,
  METADATA_FILE,
  savepointFolder,
  sharedFileName,
  sharedFolder,
  temporaryFile,
} from './layout.ts';
import { decodeMetadata, encodeMetadata } from './metadata.ts';
import { filesOf, handlesOfCheckpoint, sizeOf } from './state-handles.ts';

export interface FileCheckpointStorageOptions {
  /** Where checkpoints go; absent: they are kept in memory. */
  readonly directory?: string;
  /** Where savepoints go for which no target is named. */
  readonly savepointDirectory?: string;
  /** State up to this size goes into the metadata and not into a file of its own. */
  readonly inlineThresholdBytes?: number;
}

export interface FileCheckpointStorageDependencies {
  readonly fileSystem: FileSystem;
  /** The disk that `CheckpointInput.copyTo` copies to; `fileSystem` unless given. */
  readonly localFileSystem?: FileSystem;
  /** Names files: no two threads that write for one job may draw the same numbers. */
  readonly random: Random;
}

/** A complete checkpoint whose size is still to be added up. `externalPath` is the folder that its tasks wrote to. */
export type CheckpointDraft = Omit<CompletedCheckpoint, 'stateBytes'>;

/** A checkpoint in the folder of its job, or what is wrong with it. */
export type ListedCheckpoint = {
  readonly checkpointId: number;
  /** Its folder. */
  readonly path: string;
} & (
  | { readonly checkpoint: CompletedCheckpoint; readonly error?: undefined }
  | { readonly checkpoint?: undefined; readonly error: Error }
);

/** Flink's default. */
export const INLINE_THRESHOLD_BYTES = 20_480;

export class FileCheckpointStorage {
  readonly #options: FileCheckpointStorageOptions;
  readonly #fileSystem: FileSystem;
  readonly #folders: DurableFolders;
  readonly #input: CheckpointFileInput;
  readonly #random: Random;
  /** Folders whose metadata may be there although its writing was reported as failed. */
  readonly #failed = new Set<string>();

  constructor(options: FileCheckpointStorageOptions, dependencies: FileCheckpointStorageDependencies) {
    const { fileSystem, localFileSystem = fileSystem, random } = dependencies;
    this.#options = options;
    this.#fileSystem = fileSystem;
    this.#folders = new DurableFolders(fileSystem);
    this.#input = new CheckpointFileInput({ fileSystem, localFileSystem });
    this.#random = random;
  }

  /** For the state of tasks; `directory` is that of `CheckpointOptions`. Touches the disk only when a file is needed. */
  output(directory: string): CheckpointOutput {
    const { inlineThresholdBytes = INLINE_THRESHOLD_BYTES } = this.#options;
    const shared = sharedFolder(directory);
    const checkpointId = checkpointIdOf(directory);
    const threshold = isInMemory(directory) ? Number.POSITIVE_INFINITY : inlineThresholdBytes;
    const dependencies = { fileSystem: this.#fileSystem };
    return {
      createStream: async (scope) => {
        const file =
          scope === 'SHARED' && shared !== undefined && checkpointId !== undefined
            ? joinPath(shared, sharedFileName(checkpointId, this.#random))
            : joinPath(directory, exclusiveFileName(this.#random));
        return new CheckpointFileStream({ file, inlineThresholdBytes: threshold }, dependencies);
      },
      mayReferTo: (handle) => handle.kind === 'INLINE' || isSharedFile(directory, handle.file),
    };
  }

  input(): CheckpointInput {
    return this.#input;
  }

  /** The folder with all checkpoints of a job. */
  jobDirectory(jobId: string): string {
    return jobFolder(this.#options.directory, jobId);
  }

  /** The folder for the files of a checkpoint; it is created with the first file. */
  checkpointDirectory(jobId: string, checkpointId: number): string {
    return checkpointFolder(this.jobDirectory(jobId), checkpointId);
  }

  /**
   * A new name for the folder of a savepoint.
   * @param target the folder to create it in; the configured one unless given
   * @throws MillraceError `INVALID_OPTION` if there is neither
   */
  savepointDirectory(jobId: string, target = this.#options.savepointDirectory): string {
    if (target === undefined || target === '') {
      throw new MillraceError(
        'INVALID_OPTION',
        "A savepoint needs a folder to go to, and none is given. Name one, or set 'execution.checkpointing.savepoint-dir'.",
      );
    }
    return savepointFolder(target, jobId, this.#random);
  }

  /**
   * Makes a checkpoint complete: when the promise resolves it is durable; when it rejects there is no such checkpoint, as far as
   * the storage lets us see to it, and it is to be discarded.
   * @throws MillraceError `FILE_SYSTEM_FAILED`; `STATE_FAILED` if it refers to files elsewhere, or is complete already
   */
  async writeMetadata(draft: CheckpointDraft): Promise<CompletedCheckpoint> {
    const checkpoint: CompletedCheckpoint = { ...draft, stateBytes: sizeOf(handlesOfCheckpoint(draft)) };
    const folder = checkpoint.externalPath;
    if (isInMemory(folder)) return checkpoint;
    const content = encodeMetadata(checkpoint);
    const file = joinPath(folder, METADATA_FILE);
    if (await this.#fileSystem.exists(file)) {
      throw new MillraceError('STATE_FAILED', `There is a checkpoint in '${folder}' already.`, { context: { path: folder } });
    }
    const hidden = temporaryFile(file);
    const writer = await this.#fileSystem.create(hidden, { overwrite: true });
    try {
      await writer.write(content);
      await writer.close({ durable: true });
      await this.#folders.syncAncestors(parentPath(folder));
      await this.#fileSystem.syncDirectory(parentPath(folder));
      await this.#fileSystem.rename(hidden, file);
      await this.#fileSystem.syncDirectory(folder);
    } catch (error) {
      this.#failed.add(folder);
      await writer.close().catch(() => {});
      for (const path of [hidden, file]) await this.#fileSystem.delete(path).catch(() => false);
      await this.#fileSystem.syncDirectory(folder).catch(() => {});
      throw error;
    }
    return checkpoint;
  }

  /**
   * What a checkpoint or savepoint consists of. Its other files are not looked at: see `verifyCheckpoint`.
   * @param path its folder, or the metadata file in it
   * @throws MillraceError `STATE_FAILED` if nothing is there, the checkpoint was never complete, or is of a newer version;
   *   `CORRUPT_DATA`; `FILE_SYSTEM_FAILED`
   */
  async readMetadata(path: string): Promise<CompletedCheckpoint> {
    const folder = folderOfPath(path);
    let content: Uint8Array;
    try {
      content = await readFile(this.#fileSystem, joinPath(folder, METADATA_FILE));
    } catch (error) {
      if (!isNotFound(error) && !isNotFolder(error)) throw error;
      throw await this.#describeAbsence(folder);
    }
    return decodeMetadata(content, folder);
  }

  /** The checkpoints in the folder of a job that are or were complete, newest first. @throws MillraceError `FILE_SYSTEM_FAILED` */
  async listCheckpoints(jobDirectory: string): Promise<ListedCheckpoint[]> {
    const listed: ListedCheckpoint[] = [];
    for (const { checkpointId, path } of await this.#checkpointFolders(jobDirectory)) {
      try {
        listed.push({ checkpointId, path, checkpoint: await this.readMetadata(path) });
      } catch (error) {
        if (!isAbsence(error)) listed.push({ checkpointId, path, error: toError(error) });
      }
    }
    return listed.sort((a, b) => b.checkpointId - a.checkpointId);
  }

  /**
   * Deletes a checkpoint with its files. Files in its folder that are not ours are left.
   * @param stillReferenced whether another checkpoint refers to a shared file
   * @throws MillraceError `FILE_SYSTEM_FAILED`; the checkpoint is not complete any more then, or untouched
   */
  async discard(checkpoint: CompletedCheckpoint, stillReferenced: (file: string) => boolean): Promise<void> {
    const folder = checkpoint.externalPath;
    if (isInMemory(folder)) return;
    await this.#deleteMetadata(folder);
    for (const file of filesOf(checkpoint)) {
      if (isSharedFile(folder, file) && !stillReferenced(file)) await this.#fileSystem.delete(file);
    }
    await this.#deleteOwnFiles(folder);
  }

  /**
   * Deletes what was written for a checkpoint that never was complete and will not be: no other refers to its shared files. To be
   * called again if a task acknowledges it later still.
   * @throws MillraceError `FILE_SYSTEM_FAILED`; `STATE_FAILED` if there is a complete checkpoint, which is left as it is
   */
  async discardUnfinished(directory: string): Promise<void> {
    if (isInMemory(directory)) return;
    if (!this.#failed.has(directory) && (await this.#fileSystem.exists(joinPath(directory, METADATA_FILE)))) {
      const message = `The checkpoint in '${directory}' is complete and is not deleted: it may be that of another run with the same job id.`;
      throw new MillraceError('STATE_FAILED', message, { context: { path: directory } });
    }
    await this.#deleteMetadata(directory);
    this.#failed.delete(directory);
    const checkpointId = checkpointIdOf(directory);
    const shared = sharedFolder(directory);
    if (checkpointId !== undefined && shared !== undefined) {
      for (const { name, path } of await this.#listOrNone(shared)) {
        if (isSharedFileOf(checkpointId, name)) await this.#fileSystem.delete(path);
      }
    }
    await this.#deleteOwnFiles(directory);
  }

  /**
   * Deletes what crashes left in the folder of a job: all but its complete checkpoints and the shared files that are needed. Only while
   * no task of the job runs. @throws MillraceError `FILE_SYSTEM_FAILED`
   */
  async removeLeftovers(jobDirectory: string, stillReferenced: (file: string) => boolean): Promise<void> {
    for (const { path } of await this.#checkpointFolders(jobDirectory)) {
      if (!(await this.#fileSystem.exists(joinPath(path, METADATA_FILE)))) await this.#deleteOwnFiles(path);
    }
    const shared = sharedFolder(checkpointFolder(jobDirectory, 0)) as string;
    for (const { name, path } of isInMemory(jobDirectory) ? [] : await this.#listOrNone(shared)) {
      if (isCheckpointFile(name) && !stillReferenced(path)) await this.#fileSystem.delete(path);
    }
  }

  /** Removes the folders of a job whose checkpoints are all gone. @throws MillraceError `FILE_SYSTEM_FAILED` */
  async removeEmptyFolders(jobDirectory: string): Promise<void> {
    if (isInMemory(jobDirectory)) return;
    // A task that had not heard of a checkpoint's end made its folder anew.
    for (const { path } of await this.#checkpointFolders(jobDirectory)) await this.#deleteIfEmpty(path);
    await this.#deleteIfEmpty(sharedFolder(checkpointFolder(jobDirectory, 0)) as string);
    await this.#deleteIfEmpty(jobDirectory);
  }

  async #deleteMetadata(folder: string): Promise<void> {
    invariant(folder !== '', 'a checkpoint has a folder');
    await this.#fileSystem.delete(joinPath(folder, METADATA_FILE));
    if (await this.#fileSystem.exists(folder)) await this.#fileSystem.syncDirectory(folder);
  }

  async #deleteOwnFiles(folder: string): Promise<void> {
    for (const { name, path, isDirectory } of await this.#listOrNone(folder)) {
      if (!isDirectory && isCheckpointFile(name)) await this.#fileSystem.delete(path);
    }
    await this.#deleteIfEmpty(folder);
  }

  async #deleteIfEmpty(folder: string): Promise<void> {
    if ((await this.#fileSystem.exists(folder)) && (await this.#listOrNone(folder)).length === 0) {
      await this.#fileSystem.delete(folder);
    }
  }

  async #checkpointFolders(jobDirectory: string): Promise<{ checkpointId: number; path: string }[]> {
    const folders: { checkpointId: number; path: string }[] = [];
    if (isInMemory(jobDirectory)) return folders;
    for (const { name, path, isDirectory } of await this.#listOrNone(jobDirectory)) {
      const checkpointId = checkpointIdOf(name);
      if (isDirectory && checkpointId !== undefined) folders.push({ checkpointId, path });
    }
    return folders;
  }

  async #listOrNone(folder: string): ReturnType<FileSystem['list']> {
    try {
      return await this.#fileSystem.list(folder);
    } catch (error) {
      if (isNotFound(error) || isNotFolder(error)) return [];
      throw error;
    }
  }

  async #describeAbsence(folder: string): Promise<MillraceError> {
    const status = isInMemory(folder) ? undefined : await this.#fileSystem.status(folder);
    const error = (reason: string, message: string): MillraceError =>
      new MillraceError('STATE_FAILED', message, { context: { path: folder, reason }, recoverable: false });
    if (status === undefined) return error('NOT_FOUND', `There is no checkpoint or savepoint at '${folder}': no such folder.`);
    if (!status.isDirectory) {
      return error(
        'NOT_FOUND',
        `'${folder}' is no checkpoint or savepoint. Name its folder, or the ${METADATA_FILE} file in it.`,
      );
    }
    const entries = await this.#fileSystem.list(folder);
    const unfinished = checkpointIdOf(folder) !== undefined || entries.some(({ name }) => isCheckpointFile(name));
    const checkpoints = entries.filter(({ name }) => checkpointIdOf(name) !== undefined).map(({ name }) => name);
    if (checkpoints.length > 0) {
      const some = checkpoints.slice(0, 5).join(', ') + (checkpoints.length > 5 ? ', …' : '');
      return error('NOT_FOUND', `'${folder}' is the folder of a job. Name one of the checkpoints in it: ${some}.`);
    }
    if (!unfinished) {
      return error('NOT_FOUND', `The folder '${folder}' holds no checkpoint or savepoint: there is no ${METADATA_FILE} in it.`);
    }
    return error(
      'UNFINISHED',
      `The checkpoint in '${folder}' was never complete: there is no ${METADATA_FILE} in it. It cannot be started from; choose one that was completed.`,
    );
  }
}

/** Whether an error says that there is no checkpoint, or one that was never complete: not that one is damaged. */
export function isAbsence(error: unknown): boolean {
  const reason = error instanceof MillraceError && error.code === 'STATE_FAILED' ? error.context.reason : undefined;
  return reason === 'NOT_FOUND' || reason === 'UNFINISHED';
}

function isNotFolder(error: unknown): boolean {
  return error instanceof MillraceError && error.context.reason === 'NOT_A_DIRECTORY';
}
