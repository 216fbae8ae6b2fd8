/** Small files, read and written in one piece. */
import type { FileSystem } from './file-system.ts';
import { parentPath } from './path.ts';

/** Reads a whole file into memory. */
export async function readFile(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const reader = await fileSystem.open(path);
  try {
    let bytes = new Uint8Array(8192);
    let length = 0;
    for (;;) {
      const count = await reader.read(bytes.subarray(length));
      if (count === 0) return bytes.slice(0, length);
      length += count;
      if (length === bytes.length) {
        const larger = new Uint8Array(length * 2);
        larger.set(bytes);
        bytes = larger;
      }
    }
  } finally {
    await reader.close();
  }
}

/**
 * Writes a whole file so that, whatever happens, either the old content is there or all of the new one: hidden beside the
 * target first, synced, then moved into place.
 */
export async function writeFile(fileSystem: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const folder = parentPath(path);
  const hidden = `${path.slice(0, path.lastIndexOf('/') + 1)}.${path.slice(path.lastIndexOf('/') + 1)}.tmp`;
  const writer = await fileSystem.create(hidden, { overwrite: true });
  try {
    await writer.write(bytes);
    await writer.close({ durable: true });
  } catch (error) {
    await writer.close().catch(() => {});
    await fileSystem.delete(hidden).catch(() => false);
    throw error;
  }
  await fileSystem.rename(hidden, path);
  await fileSystem.syncDirectory(folder);
}
