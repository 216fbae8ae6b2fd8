/**
 * Makes the names of folders durable: a file is found again only if all folders above it are.
 *
 * Each folder is synced once for what was created above it. One sync for each file that is moved into a folder stays with the
 * caller, also when many are finished at once: to let one sync serve all of them was measured for checkpoints (64 files of
 * 100 kB at once: 22 ms against 25 ms; up to 8: no difference) and left out.
 */
import { MillraceError } from '../common/index.ts';
import type { FileSystem } from './file-system.ts';
import { parentPath } from './path.ts';

export class DurableFolders {
  readonly #fileSystem: FileSystem;
  /** Folders that are durable, with all above them. */
  readonly #durable = new Set<string>();

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /**
   * Makes the name of a folder durable that exists, and of those above it: some of them may have been created with it. Does so
   * once. What is in the folder itself is not synced.
   * @throws MillraceError FILE_SYSTEM_FAILED if a folder above cannot be synced, other than for want of permission.
   */
  async syncAncestors(folder: string): Promise<void> {
    const synced: string[] = [];
    for (
      let child = folder, parent = parentPath(child);
      parent !== child && !this.#durable.has(child);
      child = parent, parent = parentPath(child)
    ) {
      try {
        await this.#fileSystem.syncDirectory(parent);
      } catch (error) {
        // Nothing was created in a folder that may not even be opened, and further up it is no different.
        if (!(error instanceof MillraceError && error.context.reason === 'NOT_PERMITTED')) throw error;
        synced.push(child);
        break;
      }
      synced.push(child);
    }
    for (const path of synced) this.#durable.add(path);
  }
}
