/**
 * The complete checkpoints of a job that are kept to go on from.
 *
 * A new checkpoint pushes out the oldest of the job's own beyond the number to retain, and the files that then no checkpoint needs
 * are deleted, behind the back of whoever adds: a slow or failing storage delays no commit, and what could not be deleted is logged
 * and tried again with the next checkpoint. Savepoints, and checkpoints of other jobs that this one was started from, belong to
 * the user: they are what to go on from until a newer checkpoint is complete, and are never deleted here.
 */
import { type Logger, MillraceError, toError } from '../common/index.ts';
import { type FileSystem, parentPath } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import type { FileCheckpointStorage } from './file-checkpoint-storage.ts';
import { newestCheckpoint } from './restore-point.ts';
import { SharedStateRegistry } from './shared-state-registry.ts';

export interface CompletedCheckpointStoreOptions {
  readonly jobId: string;
  /** At least 1. */
  readonly numRetained: number;
}

export interface CompletedCheckpointStoreDependencies {
  readonly storage: FileCheckpointStorage;
  /** That of the storage. */
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
}

export class CompletedCheckpointStore {
  readonly #numRetained: number;
  readonly #jobDirectory: string;
  readonly #storage: FileCheckpointStorage;
  readonly #fileSystem: FileSystem;
  readonly #logger: Logger;
  readonly #sharedFiles = new SharedStateRegistry();
  /** Oldest first. */
  #retained: CompletedCheckpoint[] = [];
  #toDiscard: CompletedCheckpoint[] = [];
  #cleaning: Promise<void> = Promise.resolve();

  constructor(options: CompletedCheckpointStoreOptions, { storage, fileSystem, logger }: CompletedCheckpointStoreDependencies) {
    if (!(options.numRetained >= 1)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `At least one checkpoint must be retained, not ${options.numRetained}: set 'execution.checkpointing.num-retained'.`,
      );
    }
    this.#numRetained = options.numRetained;
    this.#jobDirectory = storage.jobDirectory(options.jobId);
    this.#storage = storage;
    this.#fileSystem = fileSystem;
    this.#logger = logger;
  }

  /** What a restart goes on from. */
  get latest(): CompletedCheckpoint | undefined {
    return this.#retained.at(-1);
  }

  /** Oldest first. */
  get retained(): readonly CompletedCheckpoint[] {
    return this.#retained;
  }

  /**
   * Takes over what an earlier run of the same job left in its folder: the retained checkpoints, newest included; what was never
   * complete is deleted. Before any task runs.
   * @throws MillraceError `CORRUPT_DATA` if the newest is damaged, `FILE_SYSTEM_FAILED`
   */
  async recover(): Promise<void> {
    await newestCheckpoint(this.#jobDirectory, this.#storage, this.#fileSystem);
    const listed = await this.#storage.listCheckpoints(this.#jobDirectory);
    for (const { path, checkpoint, error } of listed.reverse()) {
      if (checkpoint !== undefined) this.add(checkpoint);
      else this.#logger.log('warn', `A retained checkpoint is damaged and is left where it is: ${error.message}`, { path });
    }
    await this.settled();
    // What damaged ones refer to is not known.
    const someDamaged = listed.some(({ error }) => error !== undefined);
    await this.#storage.removeLeftovers(this.#jobDirectory, (file) => someDamaged || this.#sharedFiles.has(file));
  }

  /** From now on, this is what a restart goes on from. Called in the order of checkpoint ids. */
  add(checkpoint: CompletedCheckpoint): void {
    this.#sharedFiles.register(checkpoint);
    this.#retained.push(checkpoint);
    const owned = this.#retained.filter((retained) => this.#owns(retained));
    const subsumed = new Set(owned.slice(0, Math.max(0, owned.length - this.#numRetained)));
    if (this.#owns(checkpoint)) for (const retained of this.#retained) if (!this.#owns(retained)) subsumed.add(retained);
    this.#drop(subsumed);
  }

  /** Deletes all checkpoints that belong to the job: it has ended, and none is to be kept. Failures are logged. */
  async discardAll(): Promise<void> {
    this.#drop(new Set(this.#retained));
    await this.settled();
    await this.#storage.removeEmptyFolders(this.#jobDirectory).catch((error: unknown) => {
      this.#logger.log('warn', `The folder of the job's checkpoints could not be removed: ${toError(error).message}`);
    });
  }

  /** Resolves when nothing is being deleted any more. */
  settled(): Promise<void> {
    return this.#cleaning;
  }

  #owns({ kind, externalPath }: CompletedCheckpoint): boolean {
    return kind === 'CHECKPOINT' && parentPath(externalPath) === this.#jobDirectory;
  }

  #drop(dropped: ReadonlySet<CompletedCheckpoint>): void {
    this.#retained = this.#retained.filter((checkpoint) => !dropped.has(checkpoint));
    for (const checkpoint of dropped) {
      this.#sharedFiles.unregister(checkpoint);
      if (this.#owns(checkpoint)) this.#toDiscard.push(checkpoint);
    }
    if (this.#toDiscard.length > 0) this.#cleaning = this.#cleaning.then(() => this.#discard());
  }

  async #discard(): Promise<void> {
    const failed: CompletedCheckpoint[] = [];
    for (const checkpoint of this.#toDiscard.splice(0)) {
      try {
        await this.#storage.discard(checkpoint, (file) => this.#sharedFiles.has(file));
      } catch (error) {
        failed.push(checkpoint);
        const message = `Checkpoint ${checkpoint.checkpointId} is not needed any more, but could not be deleted: ${toError(error).message}`;
        this.#logger.log('warn', message, { path: checkpoint.externalPath });
      }
    }
    this.#toDiscard.push(...failed);
  }
}
