/**
 * Counts, for each shared file, the retained checkpoints that refer to it: a file may be deleted exactly when none does.
 */
import { invariant } from '../common/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import { isSharedFile } from './layout.ts';
import { filesOf } from './state-handles.ts';

export class SharedStateRegistry {
  readonly #references = new Map<string, number>();

  has(file: string): boolean {
    return this.#references.has(file);
  }

  get size(): number {
    return this.#references.size;
  }

  register(checkpoint: CompletedCheckpoint): void {
    for (const file of sharedFilesOf(checkpoint)) this.#references.set(file, (this.#references.get(file) ?? 0) + 1);
  }

  unregister(checkpoint: CompletedCheckpoint): void {
    for (const file of sharedFilesOf(checkpoint)) {
      const count = this.#references.get(file);
      invariant(count !== undefined, `the shared file '${file}' was never registered`);
      if (count === 1) this.#references.delete(file);
      else this.#references.set(file, count - 1);
    }
  }
}

function sharedFilesOf(checkpoint: CompletedCheckpoint): string[] {
  return [...filesOf(checkpoint)].filter((file) => isSharedFile(checkpoint.externalPath, file));
}
