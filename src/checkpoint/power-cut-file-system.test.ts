/**
 * A file system that forgets, when the power goes, what was not synced: for tests of durability. Of the content of each file and of
 * the names in each folder, the disk has what was there at the last sync, or what is there now, or something in between; chance
 * decides for each one apart.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '../common/index.ts';
import {
  baseName,
  type FileSystem,
  type FileWriter,
  joinPath,
  MemoryFileSystem,
  parentPath,
  readFile,
  writeFile,
} from '../filesystem/index.ts';

type File = { readonly id: string };
type Folder = Map<string, File | Folder>;

/** Files have names of their own in a memory file system; folders, here, say which file has which name. */
export class PowerCutFileSystem implements FileSystem {
  readonly #inner = new MemoryFileSystem();
  readonly #root: Folder = new Map();
  readonly #synced = new Map<File | Folder, Uint8Array | Folder>();
  #files = 0;

  /** What is found when the power is back. */
  async cutPower(random: Random): Promise<FileSystem> {
    const disk = new MemoryFileSystem();
    const restore = async (path: string, folder: Folder): Promise<void> => {
      await disk.mkdirs(path);
      const synced = (this.#synced.get(folder) ?? new Map()) as Folder;
      for (const name of new Set([...synced.keys(), ...folder.keys()])) {
        const entry = (random.next() < 0.5 ? synced : folder).get(name);
        const target = joinPath(path, name);
        if (entry instanceof Map) await restore(target, entry);
        else if (entry !== undefined) await writeFile(disk, target, await this.#contentAfterCut(entry, random));
      }
    };
    await restore('/', this.#root);
    return disk;
  }

  async #contentAfterCut(file: File, random: Random): Promise<Uint8Array> {
    const now = await readFile(this.#inner, file.id);
    const synced = (this.#synced.get(file) ?? new Uint8Array(0)) as Uint8Array;
    const length = synced.length + Math.floor(random.next() * (now.length - synced.length + 1));
    return now.slice(0, length);
  }

  open(path: string, offset?: number): ReturnType<FileSystem['open']> {
    return this.#inner.open(this.#idOf(path), offset);
  }

  async create(path: string, options?: { readonly overwrite?: boolean }): Promise<FileWriter> {
    const folder = this.#folder(parentPath(path), true) as Folder;
    const file = { id: `/${++this.#files}` };
    assert.ok(options?.overwrite || !folder.has(baseName(path)));
    folder.set(baseName(path), file);
    const writer = await this.#inner.create(file.id);
    const sync = async (): Promise<void> => void this.#synced.set(file, await readFile(this.#inner, file.id));
    return {
      get position() {
        return writer.position;
      },
      write: (bytes) => writer.write(bytes),
      sync,
      close: async (closing) => {
        if (closing?.durable) await sync();
        await writer.close();
      },
    };
  }

  async append(path: string): Promise<FileWriter> {
    assert.fail(`nothing appends, as to ${path}`);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#folder(parentPath(from), false);
    const entry = source?.get(baseName(from));
    const target = this.#folder(parentPath(to), false);
    assert.ok(source && entry && target);
    source.delete(baseName(from));
    target.set(baseName(to), entry);
  }

  async delete(path: string): Promise<boolean> {
    return this.#folder(parentPath(path), false)?.delete(baseName(path)) ?? false;
  }

  async list(path: string): ReturnType<FileSystem['list']> {
    const folder = this.#folder(path, false);
    if (folder === undefined) return await this.#inner.list(path);
    const found = await Promise.all([...folder.keys()].sort().map((name) => this.status(joinPath(path, name))));
    return found.filter((status) => status !== undefined);
  }

  async status(path: string): ReturnType<FileSystem['status']> {
    const entry = this.#find(path);
    if (entry === undefined) return undefined;
    const isDirectory = entry instanceof Map;
    const length = isDirectory ? 0 : ((await this.#inner.status(entry.id))?.length ?? 0);
    return { path, name: baseName(path), length, modifiedMs: 0, isDirectory, isSymbolicLink: false };
  }

  async exists(path: string): Promise<boolean> {
    return this.#find(path) !== undefined;
  }

  async mkdirs(path: string): Promise<void> {
    this.#folder(path, true);
  }

  async syncDirectory(path: string): Promise<void> {
    const folder = this.#folder(path, false);
    if (folder === undefined) await this.#inner.syncDirectory(path);
    else this.#synced.set(folder, new Map(folder));
  }

  #find(path: string): File | Folder | undefined {
    let entry: File | Folder | undefined = this.#root;
    for (const name of path.split('/').filter(Boolean)) entry = entry instanceof Map ? entry.get(name) : undefined;
    return entry;
  }

  #folder(path: string, make: boolean): Folder | undefined {
    let folder = this.#root;
    for (const name of path.split('/').filter(Boolean)) {
      let entry = folder.get(name);
      if (entry === undefined && make) folder.set(name, (entry = new Map()));
      if (!(entry instanceof Map)) return undefined;
      folder = entry;
    }
    return folder;
  }

  #idOf(path: string): string {
    const entry = this.#find(path);
    return entry === undefined || entry instanceof Map ? path : entry.id;
  }
}

test('only a file that was synced in a folder that was synced is sure to survive a power cut', async () => {
  const survives = async (syncFile: boolean, syncFolder: boolean): Promise<Set<string>> => {
    const computer = new PowerCutFileSystem();
    const writer = await computer.create('/f');
    await writer.write(Uint8Array.of(1, 2));
    await writer.close({ durable: syncFile });
    if (syncFolder) await computer.syncDirectory('/');
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const disk = await computer.cutPower(seededRandom(seed));
      outcomes.add((await disk.exists('/f')) ? String(await readFile(disk, '/f')) : 'gone');
    }
    return outcomes;
  };
  assert.deepEqual(await survives(true, true), new Set(['1,2']));
  assert.deepEqual(await survives(true, false), new Set(['gone', '1,2']));
  assert.deepEqual(await survives(false, true), new Set(['', '1', '1,2']));
});
