/**
 * The file system of the machine, through Node. See `FileSystem` for what it promises. Paths may be `file:` URLs; one with another
 * scheme is refused, as it would otherwise become a folder of that name.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../common/index.ts';
import {
  type FileFailureReason,
  type FileReader,
  type FileStatus,
  type FileSystem,
  type FileWriter,
  fileSystemError,
} from './file-system.ts';

const REASONS: Readonly<Record<string, FileFailureReason>> = {
  ENOENT: 'NOT_FOUND',
  EEXIST: 'ALREADY_EXISTS',
  ENOTDIR: 'NOT_A_DIRECTORY',
  EISDIR: 'IS_A_DIRECTORY',
  ENOTEMPTY: 'NOT_EMPTY',
  EACCES: 'NOT_PERMITTED',
  EPERM: 'NOT_PERMITTED',
  EROFS: 'NOT_PERMITTED',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EBADF: 'CLOSED',
};

/** How many files of a folder are asked for their status at once. */
const STATUS_BATCH = 32;

export class LocalFileSystem implements FileSystem {
  async open(path: string, offset = 0): Promise<FileReader> {
    return attempt('open', path, async () => {
      const handle = await open(local(path), 'r');
      try {
        const status = await handle.stat();
        if (status.isDirectory()) throw fileSystemError('open', path, 'IS_A_DIRECTORY');
        if (!status.isFile() && offset > 0) {
          throw fileSystemError('open', path, 'OTHER', new Error(`a pipe or device cannot be read from byte ${offset}`));
        }
        return new LocalFileReader(path, handle, status.isFile() ? offset : null);
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  async create(path: string, options: { readonly overwrite?: boolean } = {}): Promise<FileWriter> {
    return attempt('create', path, async () => {
      await makeFolder(dirname(local(path)), path);
      return new LocalFileWriter(path, await open(local(path), options.overwrite ? 'w' : 'wx'), 0);
    });
  }

  async append(path: string): Promise<FileWriter> {
    return attempt('append to', path, async () => {
      await makeFolder(dirname(local(path)), path);
      const handle = await open(local(path), 'a');
      return new LocalFileWriter(path, handle, (await handle.stat()).size);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(`move to '${to}' the file`, from, () => rename(local(from), local(to)));
  }

  async delete(path: string, options: { readonly recursive?: boolean } = {}): Promise<boolean> {
    return attempt('delete', path, async () => {
      const status = await this.status(path);
      if (status === undefined) return false;
      if (options.recursive) await rm(local(path), { recursive: true, force: true });
      else if (status.isDirectory) await rmdir(local(path));
      else await unlink(local(path));
      return true;
    });
  }

  async list(path: string): Promise<FileStatus[]> {
    return attempt('list', path, async () => {
      const base = path.endsWith('/') ? path : `${path}/`;
      const entries = await readdir(local(path), { withFileTypes: true });
      entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
      const found: FileStatus[] = [];
      for (let i = 0; i < entries.length; i += STATUS_BATCH) {
        const batch = entries.slice(i, i + STATUS_BATCH);
        const statuses = await Promise.all(batch.map((entry) => this.status(base + entry.name)));
        for (let k = 0; k < batch.length; k++) {
          const status = statuses[k];
          const isSymbolicLink = batch[k]?.isSymbolicLink() === true;
          if (status !== undefined) found.push(isSymbolicLink ? { ...status, isSymbolicLink } : status);
        }
      }
      return found;
    });
  }

  async status(path: string): Promise<FileStatus | undefined> {
    return attempt('read the status of', path, async () => {
      try {
        const status = await stat(local(path));
        const isDirectory = status.isDirectory();
        return {
          path,
          name: path.slice(path.lastIndexOf('/') + 1),
          length: isDirectory ? 0 : status.size,
          modifiedMs: status.mtimeMs,
          isDirectory,
          isSymbolicLink: false,
        };
      } catch (error) {
        const reason = reasonOf(error);
        if (reason === 'NOT_FOUND' || reason === 'NOT_A_DIRECTORY') return undefined;
        throw error;
      }
    });
  }

  async exists(path: string): Promise<boolean> {
    return (await this.status(path)) !== undefined;
  }

  async mkdirs(path: string): Promise<void> {
    await attempt('create', path, () => makeFolder(local(path), path));
  }

  async syncDirectory(path: string): Promise<void> {
    await attempt('sync', path, async () => {
      const handle = await open(local(path), 'r');
      try {
        if (!(await handle.stat()).isDirectory()) throw fileSystemError('sync', path, 'NOT_A_DIRECTORY');
        // Windows cannot sync a folder, and makes names durable without it.
        if (process.platform !== 'win32') await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }
}

class LocalFileReader implements FileReader {
  readonly #path: string;
  readonly #handle: FileHandle;
  /** `null` for pipes and devices, which have none. */
  #position: number | null;

  constructor(path: string, handle: FileHandle, position: number | null) {
    this.#path = path;
    this.#handle = handle;
    this.#position = position;
  }

  async read(target: Uint8Array): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(target, 0, target.length, this.#position);
      if (this.#position !== null) this.#position += bytesRead;
      return bytesRead;
    } catch (error) {
      throw fileSystemError('read', this.#path, reasonOf(error), error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

class LocalFileWriter implements FileWriter {
  readonly #path: string;
  readonly #handle: FileHandle;
  #closed = false;
  position: number;

  constructor(path: string, handle: FileHandle, position: number) {
    this.#path = path;
    this.#handle = handle;
    this.position = position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) throw fileSystemError('write', this.#path, 'CLOSED');
    await attempt('write', this.#path, async () => {
      let written = 0;
      while (written < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written);
        written += bytesWritten;
        this.position += bytesWritten;
      }
    });
  }

  async sync(): Promise<void> {
    if (this.#closed) throw fileSystemError('sync', this.#path, 'CLOSED');
    await attempt('sync', this.#path, () => this.#handle.sync());
  }

  async close(options: { readonly durable?: boolean } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await attempt('close', this.#path, async () => {
      try {
        if (options.durable) await this.#handle.sync();
      } finally {
        await this.#handle.close();
      }
    });
  }
}

/** @throws MillraceError `INVALID_OPTION` for a scheme other than `file:` */
function local(path: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):\//i.exec(path)?.[1]?.toLowerCase();
  if (scheme === undefined) return path;
  if (scheme === 'file' && URL.canParse(path)) return fileURLToPath(path);
  throw new MillraceError(
    'INVALID_OPTION',
    `There is no file system for '${path}': files can be on this machine only. Give a path, or a URL that begins with 'file:///'.`,
    { context: { path }, recoverable: false },
  );
}

/** Others may create and delete the folders above at the same time. */
const MOST_ATTEMPTS = 5;

/**
 * Creates a folder and those above it. Not by Node's own recursion, which never ends where a file system makes no folders
 * and says that there is none (/proc). A file in the place of a folder is reported as such.
 */
async function makeFolder(folder: string, path: string, attempts = 1): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (await isFolder(folder)) return;
    const reason = reasonOf(error);
    if (reason === 'ALREADY_EXISTS') throw fileSystemError('create', path, 'NOT_A_DIRECTORY', error);
    const parent = dirname(folder);
    if (reason !== 'NOT_FOUND' || parent === folder) throw error;
    if (!(await isFolder(parent))) await makeFolder(parent, path);
    else if (attempts === MOST_ATTEMPTS) {
      throw fileSystemError('create', path, 'OTHER', new Error(`'${parent}' takes no folders`));
    }
    await makeFolder(folder, path, attempts + 1);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

function reasonOf(error: unknown): FileFailureReason {
  const code = (error as { code?: unknown }).code;
  return (typeof code === 'string' && REASONS[code]) || 'OTHER';
}

async function attempt<R>(verb: string, path: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof MillraceError ? error : fileSystemError(verb, path, reasonOf(error), error);
  }
}
