/**
 * A file system that fails: for tests of what happens then. From one operation on, everything that changes something fails (as
 * if the process were gone), or that operation alone does (as if the disk were full for a moment). The failing operation
 * may have happened in part (a torn write) or as a whole (only the answer was lost).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileSystem, type FileWriter, fileSystemError, MemoryFileSystem, readFile } from '../filesystem/index.ts';

export interface Fault {
  /** The number, from 1, of the changing operation that fails. */
  readonly at: number;
  /** BEFORE: nothing of it happened. TORN: half of a write did. AFTER: all of it did. */
  readonly how: 'BEFORE' | 'TORN' | 'AFTER';
  readonly lasting: boolean;
}

export class FaultyFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  #fault: Fault;
  /** Changing operations so far. */
  operations = 0;

  constructor(inner: FileSystem, fault: Fault) {
    this.#inner = inner;
    this.#fault = fault;
  }

  /** Nothing fails from now on. */
  heal(): void {
    this.#fault = { at: Number.POSITIVE_INFINITY, how: 'BEFORE', lasting: false };
  }

  open(path: string, offset?: number): ReturnType<FileSystem['open']> {
    return this.#inner.open(path, offset);
  }
  list(path: string): ReturnType<FileSystem['list']> {
    return this.#inner.list(path);
  }
  status(path: string): ReturnType<FileSystem['status']> {
    return this.#inner.status(path);
  }
  exists(path: string): Promise<boolean> {
    return this.#inner.exists(path);
  }
  async create(path: string, options?: { readonly overwrite?: boolean }): Promise<FileWriter> {
    return this.#writer(path, await this.#change('create', path, () => this.#inner.create(path, options)));
  }
  async append(path: string): Promise<FileWriter> {
    return this.#writer(path, await this.#change('append to', path, () => this.#inner.append(path)));
  }
  rename(from: string, to: string): Promise<void> {
    return this.#change('rename', from, () => this.#inner.rename(from, to));
  }
  delete(path: string, options?: { readonly recursive?: boolean }): Promise<boolean> {
    return this.#change('delete', path, () => this.#inner.delete(path, options));
  }
  mkdirs(path: string): Promise<void> {
    return this.#change('create', path, () => this.#inner.mkdirs(path));
  }
  syncDirectory(path: string): Promise<void> {
    return this.#change('sync', path, () => this.#inner.syncDirectory(path));
  }

  #writer(path: string, writer: FileWriter): FileWriter {
    return {
      get position() {
        return writer.position;
      },
      write: (bytes) =>
        this.#change(
          'write',
          path,
          () => writer.write(bytes),
          () => writer.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => this.#change('sync', path, () => writer.sync()),
      close: (options) => (options?.durable ? this.#change('close', path, () => writer.close(options)) : writer.close(options)),
    };
  }

  async #change<R>(verb: string, path: string, work: () => Promise<R>, half?: () => Promise<void>): Promise<R> {
    const { at, how, lasting } = this.#fault;
    const operation = ++this.operations;
    if (operation !== at && !(lasting && operation > at)) return await work();
    if (operation === at && how === 'AFTER') await work();
    if (operation === at && how === 'TORN') await half?.();
    throw fileSystemError(verb, path, 'NO_SPACE');
  }
}

test('a torn write leaves half of the bytes, and the next operations work or fail as told', async () => {
  for (const lasting of [false, true]) {
    const inner = new MemoryFileSystem();
    const faulty = new FaultyFileSystem(inner, { at: 2, how: 'TORN', lasting });
    const writer = await faulty.create('/f');
    await assert.rejects(writer.write(Uint8Array.of(1, 2, 3, 4)), { code: 'FILE_SYSTEM_FAILED' });
    assert.deepEqual([...(await readFile(inner, '/f'))], [1, 2]);
    if (lasting) await assert.rejects(faulty.delete('/f'), { code: 'FILE_SYSTEM_FAILED' });
    else assert.equal(await faulty.delete('/f'), true);
  }
});
