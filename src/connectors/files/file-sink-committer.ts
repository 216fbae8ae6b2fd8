/**
 * Makes finished part files visible: each is moved from its hidden name to its own, then the folders are synced,
 * and once those above them: the sink may have made them.
 * A file that is already in place was committed before; both names taken means that someone else wrote the visible one, which
 * is never overwritten.
 */
import { MillraceError } from '../../common/index.ts';
import type { Committer } from '../../connector/index.ts';
import { DurableFolders, type FileSystem, parentPath } from '../../filesystem/index.ts';
import type { FileSinkCommittable } from './part-file.ts';

export class FileSinkCommitter implements Committer<FileSinkCommittable> {
  readonly #fileSystem: FileSystem;
  readonly #durableFolders: DurableFolders;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
    this.#durableFolders = new DurableFolders(fileSystem);
  }

  async commit(committables: readonly FileSinkCommittable[]): Promise<void> {
    const folders = new Set<string>();
    for (const { hiddenPath, path } of committables) {
      const [pending, visible] = [await this.#fileSystem.exists(hiddenPath), await this.#fileSystem.exists(path)];
      if (pending && visible) {
        throw this.#error(
          path,
          `'${hiddenPath}' cannot take its name '${path}': another file has it. Give each sink its own folder.`,
        );
      }
      if (!pending && !visible) {
        throw this.#error(
          path,
          `'${path}' cannot be committed: its data, '${hiddenPath}', is gone. Was it deleted, or moved away after an earlier commit? ` +
            `If its records are known to be safe, put an empty file at '${path}' and start again.`,
        );
      }
      if (pending) await this.#fileSystem.rename(hiddenPath, path);
      folders.add(parentPath(path));
    }
    for (const folder of folders) {
      await this.#durableFolders.syncAncestors(folder);
      await this.#fileSystem.syncDirectory(folder);
    }
  }

  close(): void {}

  #error(path: string, message: string): MillraceError {
    return new MillraceError('SINK_FAILED', `The file ${message}`, { context: { path }, recoverable: false });
  }
}
