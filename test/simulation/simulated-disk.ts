/**
 * A disk on virtual time: operations are slow and may fail, half done or done without an answer; and at a crash it forgets
 * what was not synced.
 *
 * The disk keeps, for each file and each folder, what it holds now and what it held at its last sync. After a crash, a folder has the
 * names that were synced and the changes up to some moment since, as on disks with a journal: a rename within a folder is carried out
 * or not. A file has its synced content and a part of what was written since. Chance decides for each one apart. What was closed
 * durably in a folder that was synced afterwards is therefore sure to be there.
 */
import type { Random } from '../../src/common/index.ts';
import {
  baseName,
  type FileFailureReason,
  type FileReader,
  type FileStatus,
  type FileSystem,
  type FileWriter,
  fileSystemError,
  parentPath,
} from '../../src/filesystem/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

class DiskFile {
  bytes = new Uint8Array(0);
  synced = new Uint8Array(0);
}

/** Changes one folder in one step. */
type NameChange = (entries: Map<string, Entry>) => void;

class DiskFolder {
  entries = new Map<string, Entry>();
  synced = new Map<string, Entry>();
  /** Since the last sync. */
  changes: NameChange[] = [];

  change(change: NameChange): void {
    change(this.entries);
    this.changes.push(change);
  }

  sync(): void {
    this.synced = new Map(this.entries);
    this.changes = [];
  }
}

type Entry = DiskFile | DiskFolder;

export interface DiskFaults {
  /** The longest that an operation takes. */
  readonly maxDelayMs: number;
  /** How likely an operation fails. */
  readonly failureRate: number;
}

export interface SimulatedDiskOptions {
  readonly random: Random;
  /** What goes wrong now. */
  faults(): DiskFaults;
  /** Whether there is no room now. */
  isFull(): boolean;
  /** Called with every operation. */
  onOperation(operation: string, path: string): void;
}

export class SimulatedDisk {
  readonly #options: SimulatedDiskOptions;
  #root = new DiskFolder();

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
  }

  /** The disk as a process sees it: with the process, its pending operations end, carried out or not. QUIET: nothing goes wrong. */
  mount(process: SimulatedProcess, mode: 'ADVERSE' | 'QUIET' = 'ADVERSE'): FileSystem {
    return new MountedDisk(this, mode === 'QUIET' ? undefined : process);
  }

  /** The power is gone. */
  crash(): void {
    const { random } = this.#options;
    const seen = new Map<Entry, Entry>();
    const after = (entry: Entry): Entry => {
      const known = seen.get(entry);
      if (known) return known;
      if (entry instanceof DiskFile) {
        const file = new DiskFile();
        const { bytes, synced } = entry;
        const kept = synced.length + Math.floor(random.next() * (bytes.length - synced.length + 1));
        file.bytes = bytes.slice(0, kept);
        file.synced = file.bytes;
        seen.set(entry, file);
        return file;
      }
      const folder = new DiskFolder();
      seen.set(entry, folder);
      const names = new Map(entry.synced);
      const kept = Math.floor(random.next() * (entry.changes.length + 1));
      for (const change of entry.changes.slice(0, kept)) change(names);
      for (const [name, child] of names) folder.entries.set(name, after(child));
      folder.sync();
      return folder;
    };
    this.#root = after(this.#root) as DiskFolder;
  }

  /**
   * One operation: takes its time, and may fail before, in the middle of, or after its work.
   * @param process that it ends with; `undefined`: nothing happens to it
   * @param options.half what is done of it if it fails in the middle
   */
  async operate<R>(
    process: SimulatedProcess | undefined,
    verb: string,
    path: string,
    work: () => R,
    { changes = false, half }: { readonly changes?: boolean; readonly half?: () => void } = {},
  ): Promise<R> {
    if (process === undefined) return work();
    const { random, faults, isFull, onOperation } = this.#options;
    const { maxDelayMs, failureRate } = faults();
    const before = random.next() * random.next() * maxDelayMs;
    if (before > 0) await process.delay(before);
    onOperation(verb, path);
    if (changes && isFull() && verb !== 'delete') throw fileSystemError(verb, path, 'NO_SPACE');
    if (random.next() < failureRate) {
      const how = random.next();
      if (changes && how < 0.3) half?.();
      else if (changes && how < 0.6) work();
      throw fileSystemError(verb, path, 'OTHER', new Error('the disk has a fault'));
    }
    const result = work();
    const after = random.next() * random.next() * maxDelayMs;
    if (after > 0) await process.delay(after);
    return result;
  }

  find(path: string): Entry | undefined {
    let entry: Entry | undefined = this.#root;
    for (const name of namesOf(path)) entry = entry instanceof DiskFolder ? entry.entries.get(name) : undefined;
    return entry;
  }

  folder(verb: string, path: string, make: boolean): DiskFolder {
    let folder = this.#root;
    for (const name of namesOf(path)) {
      let entry = folder.entries.get(name);
      if (entry === undefined && make) {
        const made = new DiskFolder();
        folder.change((entries) => entries.set(name, made));
        entry = made;
      }
      if (entry === undefined) throw fileSystemError(verb, path, 'NOT_FOUND');
      if (!(entry instanceof DiskFolder)) throw fileSystemError(verb, path, 'NOT_A_DIRECTORY');
      folder = entry;
    }
    return folder;
  }
}

class MountedDisk implements FileSystem {
  readonly #disk: SimulatedDisk;
  readonly #process: SimulatedProcess | undefined;

  constructor(disk: SimulatedDisk, process: SimulatedProcess | undefined) {
    this.#disk = disk;
    this.#process = process;
  }

  open(path: string, offset = 0): Promise<FileReader> {
    return this.#read('open', path, () => {
      const file = this.#disk.find(path);
      if (!(file instanceof DiskFile)) throw failure('open', path, file);
      let position = offset;
      return {
        read: (target) =>
          this.#read('read', path, () => {
            const bytes = file.bytes.subarray(position, position + target.length);
            target.set(bytes);
            position += bytes.length;
            return bytes.length;
          }),
        close: async () => {},
      };
    });
  }

  create(path: string, options: { readonly overwrite?: boolean } = {}): Promise<FileWriter> {
    return this.#change('create', path, () => {
      const folder = this.#disk.folder('create', parentPath(path), true);
      const existing = folder.entries.get(baseName(path));
      if (existing instanceof DiskFolder) throw fileSystemError('create', path, 'IS_A_DIRECTORY');
      if (existing !== undefined && !options.overwrite) throw fileSystemError('create', path, 'ALREADY_EXISTS');
      const file = new DiskFile();
      folder.change((entries) => entries.set(baseName(path), file));
      return this.#writer(path, file);
    });
  }

  append(path: string): Promise<FileWriter> {
    return this.#change('append to', path, () => {
      const folder = this.#disk.folder('append to', parentPath(path), true);
      const existing = folder.entries.get(baseName(path));
      if (existing instanceof DiskFolder) throw fileSystemError('append to', path, 'IS_A_DIRECTORY');
      const file = existing ?? new DiskFile();
      if (existing === undefined) folder.change((entries) => entries.set(baseName(path), file));
      return this.#writer(path, file);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change('rename', from, () => {
      const source = this.#disk.folder('rename', parentPath(from), false);
      const target = this.#disk.folder('rename to', parentPath(to), false);
      const moved = source.entries.get(baseName(from));
      if (moved === undefined) throw fileSystemError('rename', from, 'NOT_FOUND');
      const replaced = target.entries.get(baseName(to));
      if (replaced === moved) return;
      if (replaced instanceof DiskFolder && (moved instanceof DiskFile || replaced.entries.size > 0)) {
        throw fileSystemError('rename to', to, moved instanceof DiskFile ? 'IS_A_DIRECTORY' : 'NOT_EMPTY');
      }
      if (replaced instanceof DiskFile && moved instanceof DiskFolder) throw fileSystemError('rename to', to, 'NOT_A_DIRECTORY');
      if (source === target) {
        source.change((entries) => {
          entries.delete(baseName(from));
          entries.set(baseName(to), moved);
        });
        return;
      }
      target.change((entries) => entries.set(baseName(to), moved));
      source.change((entries) => entries.delete(baseName(from)));
    });
  }

  delete(path: string, options: { readonly recursive?: boolean } = {}): Promise<boolean> {
    return this.#change('delete', path, () => {
      const entry = this.#disk.find(path);
      if (entry === undefined) return false;
      if (entry instanceof DiskFolder && entry.entries.size > 0 && !options.recursive) {
        throw fileSystemError('delete', path, 'NOT_EMPTY');
      }
      this.#disk.folder('delete', parentPath(path), false).change((entries) => entries.delete(baseName(path)));
      return true;
    });
  }

  list(path: string): Promise<FileStatus[]> {
    return this.#read('list', path, () => {
      const { entries } = this.#disk.folder('list', path, false);
      const base = path.endsWith('/') ? path : `${path}/`;
      return [...entries.keys()].sort().map((name) => statusOf(base + name, entries.get(name) as Entry));
    });
  }

  status(path: string): Promise<FileStatus | undefined> {
    return this.#read('status', path, () => {
      const entry = this.#disk.find(path);
      return entry && statusOf(path, entry);
    });
  }

  exists(path: string): Promise<boolean> {
    return this.#read('status', path, () => this.#disk.find(path) !== undefined);
  }

  mkdirs(path: string): Promise<void> {
    return this.#change('create', path, () => void this.#disk.folder('create', path, true));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#change('sync', path, () => {
      this.#disk.folder('sync', path, false).sync();
    });
  }

  #writer(path: string, file: DiskFile): FileWriter {
    let closed = false;
    const sync = (): void => void (file.synced = file.bytes);
    const append = (bytes: Uint8Array): void => {
      if (closed) throw fileSystemError('write', path, 'CLOSED');
      const longer = new Uint8Array(file.bytes.length + bytes.length);
      longer.set(file.bytes);
      longer.set(bytes, file.bytes.length);
      file.bytes = longer;
    };
    return {
      get position() {
        return file.bytes.length;
      },
      write: (bytes) =>
        this.#change(
          'write',
          path,
          () => append(bytes),
          () => append(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => this.#change('sync', path, sync),
      close: async (options) => {
        if (closed) return;
        if (options?.durable) await this.#change('sync', path, sync);
        closed = true;
      },
    };
  }

  #read<R>(verb: string, path: string, work: () => R): Promise<R> {
    return this.#disk.operate(this.#process, verb, path, work);
  }

  #change<R>(verb: string, path: string, work: () => R, half?: () => void): Promise<R> {
    return this.#disk.operate(this.#process, verb, path, work, { changes: true, ...(half ? { half } : {}) });
  }
}

function failure(verb: string, path: string, found: Entry | undefined): Error {
  const reason: FileFailureReason = found === undefined ? 'NOT_FOUND' : 'IS_A_DIRECTORY';
  return fileSystemError(verb, path, reason);
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function statusOf(path: string, entry: Entry): FileStatus {
  const isDirectory = entry instanceof DiskFolder;
  const length = isDirectory ? 0 : entry.bytes.length;
  return { path, name: baseName(path), length, modifiedMs: 0, isDirectory, isSymbolicLink: false };
}
