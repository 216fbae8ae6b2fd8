/**
 * Makes the names of folders durable: a file is found again only if all folders above it are.
 *
 * One sync for each file that is moved into a folder, also when many are finished at once: to let one sync serve all of them
 * was measured (64 files of 100 kB at once: 22 ms against 25 ms; up to 8: no difference) and left out.
 */
import { MillraceError } from '../common/index.ts';
import { type FileSystem, parentPath } from '../filesystem/index.ts';

export class DurableFolders {
  readonly #fileSystem: FileSystem;
  readonly #synced = new Set<string>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Makes a folder durable that exists, with those above it: some of them may have been created with it. Does so once. */
  async syncAncestors(folder: string): Promise<void> {
    if (this.#synced.has(folder)) return;
    for (let child = folder, parent = parentPath(child); parent !== child; child = parent, parent = parentPath(child)) {
      try {
        await this.#fileSystem.syncDirectory(parent);
      } catch (error) {
        // Nothing was created in a folder that may not even be opened, and further up it is no different.
        if (!(error instanceof MillraceError && error.context.reason === 'NOT_PERMITTED')) throw error;
        break;
      }
    }
    this.#synced.add(folder);
  }
}
