/**
 * Spill files on the local disk, in a folder of their own below a given one.
 *
 * Where the system allows it (not on Windows), a file loses its name as soon as it is open: it is then gone when its process
 * ends, however it ends. Files are not synced, since nothing relies on them after a crash; what was written lately is read
 * back from the system's own cache.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '../common/index.ts';
import type { SpillFile, SpillStorage } from './spill-storage.ts';

export class NodeSpillStorage implements SpillStorage {
  private readonly parent: string;
  private readonly files = new Set<SpillFile>();
  private folder: string | undefined;
  private count = 0;

  /** @param folder is made when the first file is; of it, `dispose` removes only what is the storage's own */
  constructor(folder: string) {
    this.parent = folder;
  }

  create(name: string): SpillFile {
    this.folder ??= attempt('make a folder in', this.parent, () => {
      mkdirSync(this.parent, { recursive: true });
      return mkdtempSync(join(this.parent, 'spill-'));
    });
    const path = join(this.folder, `${++this.count}-${name.replace(/[^\w.-]/g, '_').slice(0, 100)}`);
    const descriptor = attempt('create', path, () => openSync(path, 'wx+'));
    const file = new NodeSpillFile(path, descriptor, tryToUnlink(path), () => this.files.delete(file));
    this.files.add(file);
    return file;
  }

  dispose(): void {
    for (const file of this.files) file.delete();
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
    this.folder = undefined;
  }
}

class NodeSpillFile implements SpillFile {
  private readonly path: string;
  private descriptor: number | undefined;
  private readonly unlinked: boolean;
  private readonly onDelete: () => void;
  private end = 0;

  constructor(path: string, descriptor: number, unlinked: boolean, onDelete: () => void) {
    this.path = path;
    this.descriptor = descriptor;
    this.unlinked = unlinked;
    this.onDelete = onDelete;
  }

  get length(): number {
    return this.end;
  }

  append(bytes: Uint8Array): void {
    const { path, end } = this;
    attempt('write', path, () => {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.open(), bytes, done, bytes.length - done, end + done);
      }
    });
    this.end += bytes.length;
  }

  read(position: number, into: Uint8Array): void {
    // No closure on the way of a good read: this is the path of a cold record.
    let done = 0;
    try {
      while (done < into.length) {
        const count = readSync(this.open(), into, done, into.length - done, position + done);
        if (count === 0) throw new Error(`it ends at ${position + done}, but was written up to ${this.end}`);
        done += count;
      }
    } catch (error) {
      throw failure('read', this.path, error);
    }
  }

  delete(): void {
    if (this.descriptor === undefined) return;
    closeSync(this.descriptor);
    this.descriptor = undefined;
    if (!this.unlinked) rmSync(this.path, { force: true });
    this.onDelete();
  }

  private open(): number {
    if (this.descriptor === undefined) throw new Error('it was deleted');
    return this.descriptor;
  }
}

function tryToUnlink(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

function attempt<T>(action: string, path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw failure(action, path, error);
  }
}

function failure(action: string, path: string, cause: unknown): MillraceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError(
    'FILE_SYSTEM_FAILED',
    `Cannot ${action} '${path}', where state goes that does not fit in memory: ${why}. Check the space and the permissions of that disk, or choose another folder (io.tmp.dirs).`,
    { cause, context: { path } },
  );
}
