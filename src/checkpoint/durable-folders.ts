/**
 * Makes names in folders durable. Two things are kept in mind: a file is found again only if all folders above it are, too; and
 * when many files of one folder are finished at once, one sync of the folder serves all that were moved into it before it began.
 */
import { type FileSystem, parentPath } from '../filesystem/index.ts';

export class DurableFolders {
  readonly #fileSystem: FileSystem;
  readonly #running = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #ancestorsSynced = new Set<string>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Resolves when what is in the folder now is durable. @throws MillraceError `FILE_SYSTEM_FAILED` */
  sync(folder: string): Promise<void> {
    const waiting = this.#waiting.get(folder);
    if (waiting !== undefined) return waiting;
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    const next = running
      .catch(() => {})
      .then(() => {
        this.#waiting.delete(folder);
        return this.#start(folder);
      });
    this.#waiting.set(folder, next);
    return next;
  }

  /** Makes the folder itself durable, with those above it: some of them may have been created with it. */
  async syncAncestors(folder: string): Promise<void> {
    if (this.#ancestorsSynced.has(folder)) return;
    for (let child = folder, parent = parentPath(child); parent !== child; child = parent, parent = parentPath(child)) {
      try {
        await this.sync(parent);
      } catch (error) {
        // Nothing was created in a folder that may not even be opened, and further up it is no different.
        if ((error as { context?: { reason?: unknown } }).context?.reason !== 'NOT_PERMITTED') throw error;
        break;
      }
    }
    this.#ancestorsSynced.add(folder);
  }

  #start(folder: string): Promise<void> {
    const sync = this.#fileSystem.syncDirectory(folder).finally(() => this.#running.delete(folder));
    this.#running.set(folder, sync);
    return sync;
  }
}
