/**
 * A file system in memory: for tests, benchmarks, and hosts without a disk, such as a browser.
 *
 * It behaves as a POSIX one does: an open reader or writer follows its file through renames and deletions. A relative path
 * and the same one behind `/` are the same file. Everything in it is as durable as the process.
 */
import { type Clock, systemClock } from '../common/index.ts';
import { type FileReader, type FileStatus, type FileSystem, type FileWriter, fileSystemError } from './file-system.ts';

class MemoryFile {
  readonly kind = 'FILE';
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;
  modifiedMs: number;

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }

  append(more: Uint8Array, nowMs: number): void {
    const length = this.length + more.length;
    if (length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.bytes.length * 2, 256));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(more, this.length);
    this.length = length;
    this.modifiedMs = nowMs;
  }
}

class MemoryFolder {
  readonly kind = 'FOLDER';
  readonly entries = new Map<string, MemoryFile | MemoryFolder>();
  readonly modifiedMs: number;

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }
}

type Entry = MemoryFile | MemoryFolder;

export class MemoryFileSystem implements FileSystem {
  readonly #clock: Clock;
  readonly #root: MemoryFolder;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#root = new MemoryFolder(clock.currentTimeMs());
  }

  async open(path: string, offset = 0): Promise<FileReader> {
    const file = this.#file('open', path);
    let position = offset;
    let closed = false;
    return {
      async read(target) {
        if (closed) throw fileSystemError('read', path, 'CLOSED');
        const end = Math.min(file.length, position + target.length);
        if (end <= position) return 0;
        target.set(file.bytes.subarray(position, end));
        const count = end - position;
        position = end;
        return count;
      },
      async close() {
        closed = true;
      },
    };
  }

  async create(path: string, options: { readonly overwrite?: boolean } = {}): Promise<FileWriter> {
    const { name, folder } = this.#place('create', path, true);
    const existing = folder.entries.get(name);
    if (existing?.kind === 'FOLDER') throw fileSystemError('create', path, 'IS_A_DIRECTORY');
    if (existing !== undefined && !options.overwrite) throw fileSystemError('create', path, 'ALREADY_EXISTS');
    const file = new MemoryFile(this.#clock.currentTimeMs());
    folder.entries.set(name, file);
    return this.#writer(path, file);
  }

  async append(path: string): Promise<FileWriter> {
    const { name, folder } = this.#place('append to', path, true);
    let file = folder.entries.get(name);
    if (file?.kind === 'FOLDER') throw fileSystemError('append to', path, 'IS_A_DIRECTORY');
    if (file === undefined) {
      file = new MemoryFile(this.#clock.currentTimeMs());
      folder.entries.set(name, file);
    }
    return this.#writer(path, file);
  }

  #writer(path: string, file: MemoryFile): FileWriter {
    const clock = this.#clock;
    let closed = false;
    const check = (): void => {
      if (closed) throw fileSystemError('write', path, 'CLOSED');
    };
    return {
      get position() {
        return file.length;
      },
      async write(bytes) {
        check();
        file.append(bytes, clock.currentTimeMs());
      },
      async sync() {
        check();
      },
      async close() {
        closed = true;
      },
    };
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#place('rename', from, false);
    const moved = source.folder.entries.get(source.name);
    if (moved === undefined) throw fileSystemError('rename', from, 'NOT_FOUND');
    const target = this.#place('rename to', to, false);
    const replaced = target.folder.entries.get(target.name);
    if (replaced === moved) return;
    if (replaced?.kind === 'FOLDER') {
      if (moved.kind === 'FILE') throw fileSystemError('rename to', to, 'IS_A_DIRECTORY');
      if (replaced.entries.size > 0) throw fileSystemError('rename to', to, 'NOT_EMPTY');
    } else if (replaced?.kind === 'FILE' && moved.kind === 'FOLDER') {
      throw fileSystemError('rename to', to, 'NOT_A_DIRECTORY');
    }
    source.folder.entries.delete(source.name);
    target.folder.entries.set(target.name, moved);
  }

  async delete(path: string, options: { readonly recursive?: boolean } = {}): Promise<boolean> {
    if (this.#find(path) === undefined) return false;
    const { name, folder } = this.#place('delete', path, false);
    const entry = folder.entries.get(name);
    if (entry?.kind === 'FOLDER' && entry.entries.size > 0 && !options.recursive) {
      throw fileSystemError('delete', path, 'NOT_EMPTY');
    }
    return folder.entries.delete(name);
  }

  async list(path: string): Promise<FileStatus[]> {
    const folder = this.#find(path);
    if (folder === undefined) throw fileSystemError('list', path, 'NOT_FOUND');
    if (folder.kind === 'FILE') throw fileSystemError('list', path, 'NOT_A_DIRECTORY');
    const base = path.endsWith('/') ? path : `${path}/`;
    const names = [...folder.entries.keys()].sort();
    return names.map((name) => statusOf(base + name, folder.entries.get(name) as Entry));
  }

  async status(path: string): Promise<FileStatus | undefined> {
    const entry = this.#find(path);
    return entry && statusOf(path, entry);
  }

  async exists(path: string): Promise<boolean> {
    return this.#find(path) !== undefined;
  }

  async mkdirs(path: string): Promise<void> {
    this.#folder('create', path, namesOf(path), true);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#folder('sync', path, namesOf(path), false);
  }

  #find(path: string): Entry | undefined {
    let entry: Entry = this.#root;
    for (const name of namesOf(path)) {
      const next: Entry | undefined = entry.kind === 'FOLDER' ? entry.entries.get(name) : undefined;
      if (next === undefined) return undefined;
      entry = next;
    }
    return entry;
  }

  #file(verb: string, path: string): MemoryFile {
    const entry = this.#find(path);
    if (entry === undefined) throw fileSystemError(verb, path, 'NOT_FOUND');
    if (entry.kind === 'FOLDER') throw fileSystemError(verb, path, 'IS_A_DIRECTORY');
    return entry;
  }

  #place(verb: string, path: string, make: boolean): { name: string; folder: MemoryFolder } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw fileSystemError(verb, path, 'IS_A_DIRECTORY');
    return { name, folder: this.#folder(verb, path, names, make) };
  }

  #folder(verb: string, path: string, names: readonly string[], make: boolean): MemoryFolder {
    let folder = this.#root;
    for (const name of names) {
      let next = folder.entries.get(name);
      if (next === undefined) {
        if (!make) throw fileSystemError(verb, path, 'NOT_FOUND');
        next = new MemoryFolder(this.#clock.currentTimeMs());
        folder.entries.set(name, next);
      }
      if (next.kind === 'FILE') throw fileSystemError(verb, path, 'NOT_A_DIRECTORY');
      folder = next;
    }
    return folder;
  }
}

function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

function statusOf(path: string, entry: Entry): FileStatus {
  const isDirectory = entry.kind === 'FOLDER';
  return {
    path,
    name: path.slice(path.lastIndexOf('/') + 1),
    length: isDirectory ? 0 : entry.length,
    modifiedMs: entry.modifiedMs,
    isDirectory,
    isSymbolicLink: false,
  };
}
