/**
 * What every `FileSystem` must do, as tests that each implementation registers:
 * `fileSystemContract('LocalFileSystem', async () => ({ fileSystem, root, dispose }))`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../common/index.ts';
import type { FileFailureReason, FileSystem } from './file-system.ts';
import { expandPath } from './glob.ts';
import { joinPath } from './path.ts';
import { readFile, writeFile } from './whole-files.ts';

export interface FileSystemUnderTest {
  readonly fileSystem: FileSystem;
  /** An empty folder. */
  readonly root: string;
  dispose(): Promise<void>;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function fileSystemContract(name: string, open: () => Promise<FileSystemUnderTest>): void {
  const it = (fact: string, body: (fs: FileSystem, at: (path: string) => string) => Promise<void>): void => {
    test(`${name}: ${fact}`, async () => {
      const { fileSystem, root, dispose } = await open();
      try {
        await body(fileSystem, (path) => joinPath(root, path));
      } finally {
        await dispose();
      }
    });
  };
  const fails = (work: Promise<unknown>, reason: FileFailureReason, path: string): Promise<void> =>
    assert.rejects(work, (error) => {
      assert.ok(error instanceof MillraceError, String(error));
      assert.equal(error.code, 'FILE_SYSTEM_FAILED');
      assert.equal(error.context.reason, reason);
      assert.ok(error.message.includes(path), error.message);
      return true;
    });
  const put = async (fs: FileSystem, path: string, text: string): Promise<void> => {
    const writer = await fs.create(path);
    await writer.write(bytesOf(text));
    await writer.close();
  };

  it('what was written is read back, whole or from an offset', async (fs, at) => {
    await put(fs, at('f'), 'hello world');
    assert.equal(textOf(await readFile(fs, at('f'))), 'hello world');
    const reader = await fs.open(at('f'), 6);
    const target = new Uint8Array(3);
    assert.equal(await reader.read(target), 3);
    assert.equal(textOf(target), 'wor');
    assert.equal(await reader.read(target), 2);
    assert.equal(textOf(target.subarray(0, 2)), 'ld');
    assert.equal(await reader.read(target), 0);
    await reader.close();
  });

  it('reading from behind the end finds the end', async (fs, at) => {
    await put(fs, at('f'), 'abc');
    const reader = await fs.open(at('f'), 10);
    assert.equal(await reader.read(new Uint8Array(4)), 0);
    await reader.close();
  });

  it('the same buffer can be written again and again', async (fs, at) => {
    const writer = await fs.create(at('f'));
    const buffer = new Uint8Array(100_000);
    for (let i = 0; i < 5; i++) await writer.write(buffer.fill(65 + i));
    assert.equal(writer.position, 500_000);
    await writer.sync();
    await writer.close({ durable: true });
    await writer.close();
    const all = await readFile(fs, at('f'));
    assert.equal(all.length, 500_000);
    for (let i = 0; i < 5; i++) assert.equal(all[i * 100_000 + 99_999], 65 + i);
  });

  it('a closed writer refuses to write', async (fs, at) => {
    const writer = await fs.create(at('f'));
    await writer.close();
    await fails(writer.write(bytesOf('x')), 'CLOSED', at('f'));
  });

  it('create makes the folders above, and never destroys a file unless told to', async (fs, at) => {
    await put(fs, at('a/b/f'), 'old');
    await fails(fs.create(at('a/b/f')), 'ALREADY_EXISTS', at('a/b/f'));
    assert.equal(textOf(await readFile(fs, at('a/b/f'))), 'old');
    await (await fs.create(at('a/b/f'), { overwrite: true })).close();
    assert.equal((await fs.status(at('a/b/f')))?.length, 0);
    await fails(fs.create(at('a/b/f/g')), 'NOT_A_DIRECTORY', at('a/b/f/g'));
  });

  it('append goes on behind the end', async (fs, at) => {
    await (await fs.append(at('f'))).close();
    await fs.delete(at('f'));
    await put(fs, at('f'), 'one ');
    const writer = await fs.append(at('f'));
    assert.equal(writer.position, 4);
    await writer.write(bytesOf('two'));
    assert.equal(writer.position, 7);
    await writer.close();
    assert.equal(textOf(await readFile(fs, at('f'))), 'one two');
  });

  it('rename moves a file and replaces what is there', async (fs, at) => {
    await put(fs, at('a'), 'A');
    await put(fs, at('b'), 'B');
    await fs.rename(at('a'), at('b'));
    assert.equal(await fs.exists(at('a')), false);
    assert.equal(textOf(await readFile(fs, at('b'))), 'A');
    await fails(fs.rename(at('a'), at('c')), 'NOT_FOUND', at('a'));
    await fails(fs.rename(at('b'), at('no/where')), 'NOT_FOUND', at('no/where'));
    assert.equal(textOf(await readFile(fs, at('b'))), 'A');
  });

  it('a file renamed while it is written keeps what is written', async (fs, at) => {
    const writer = await fs.create(at('.f'));
    await writer.write(bytesOf('1'));
    await fs.rename(at('.f'), at('f'));
    await writer.write(bytesOf('2'));
    await writer.close();
    await fs.syncDirectory(at(''));
    assert.equal(textOf(await readFile(fs, at('f'))), '12');
  });

  it('delete says whether something was there, and spares full folders', async (fs, at) => {
    assert.equal(await fs.delete(at('nothing')), false);
    await put(fs, at('d/f'), 'x');
    await fails(fs.delete(at('d')), 'NOT_EMPTY', at('d'));
    assert.equal(await fs.delete(at('d/f')), true);
    assert.equal(await fs.delete(at('d')), true);
    await put(fs, at('d/e/f'), 'x');
    assert.equal(await fs.delete(at('d'), { recursive: true }), true);
    assert.equal(await fs.exists(at('d')), false);
  });

  it('a listing is sorted and tells files from folders', async (fs, at) => {
    await put(fs, at('b'), '12');
    await put(fs, at('a/x'), '');
    await put(fs, at('B'), '');
    const entries = await fs.list(at(''));
    assert.deepEqual(
      entries.map((entry) => [entry.name, entry.path, entry.isDirectory, entry.length]),
      [
        ['B', at('B'), false, 0],
        ['a', at('a'), true, 0],
        ['b', at('b'), false, 2],
      ],
    );
    await fails(fs.list(at('b')), 'NOT_A_DIRECTORY', at('b'));
    await fails(fs.list(at('c')), 'NOT_FOUND', at('c'));
  });

  it('status describes files and folders, and is undefined for nothing', async (fs, at) => {
    assert.equal(await fs.status(at('f')), undefined);
    assert.equal(await fs.status(at('f/g')), undefined);
    await put(fs, at('f'), 'abc');
    const status = await fs.status(at('f'));
    assert.equal(status?.length, 3);
    assert.equal(status?.isDirectory, false);
    assert.ok((status?.modifiedMs ?? 0) > 0);
    assert.equal(await fs.status(at('f/g')), undefined);
    assert.equal((await fs.status(at('')))?.isDirectory, true);
  });

  it('mkdirs makes folders, twice if need be, but not over a file', async (fs, at) => {
    await fs.mkdirs(at('a/b/c'));
    await fs.mkdirs(at('a/b/c'));
    assert.equal((await fs.status(at('a/b/c')))?.isDirectory, true);
    await put(fs, at('f'), '');
    await fails(fs.mkdirs(at('f')), 'NOT_A_DIRECTORY', at('f'));
    await fails(fs.mkdirs(at('f/g')), 'NOT_A_DIRECTORY', at('f/g'));
  });

  it('folders cannot be opened, missing files neither', async (fs, at) => {
    await fs.mkdirs(at('d'));
    await fails(fs.open(at('d')), 'IS_A_DIRECTORY', at('d'));
    await fails(fs.open(at('f')), 'NOT_FOUND', at('f'));
    await fails(fs.syncDirectory(at('f')), 'NOT_FOUND', at('f'));
  });

  it('writeFile replaces a file in one step and leaves nothing else behind', async (fs, at) => {
    await writeFile(fs, at('f'), bytesOf('one'));
    await writeFile(fs, at('f'), bytesOf('two'));
    assert.equal(textOf(await readFile(fs, at('f'))), 'two');
    assert.deepEqual(
      (await fs.list(at(''))).map((entry) => entry.name),
      ['f'],
    );
  });

  it('paths expand to the files that they stand for', async (fs, at) => {
    for (const path of [
      'in/b.csv',
      'in/a.csv',
      'in/_tmp/x.csv',
      'in/.b.csv',
      'in/2024/c.csv',
      'in/2024/c.txt',
      'in/2025/m/d.csv',
    ]) {
      await put(fs, at(path), path);
    }
    await put(fs, at('in/we[i]rd.csv'), '');
    const expand = async (path: string): Promise<string[] | undefined> =>
      (await expandPath(fs, at(path)))?.map((file) => file.path.slice(at('').length).replace(/^\//, ''));
    assert.deepEqual(await expand('in/a.csv'), ['in/a.csv']);
    assert.deepEqual(await expand('in'), [
      'in/2024/c.csv',
      'in/2024/c.txt',
      'in/2025/m/d.csv',
      'in/a.csv',
      'in/b.csv',
      'in/we[i]rd.csv',
    ]);
    assert.deepEqual(await expand('in/*.csv'), ['in/a.csv', 'in/b.csv', 'in/we[i]rd.csv']);
    assert.deepEqual(await expand('in/**/*.csv'), ['in/2024/c.csv', 'in/2025/m/d.csv', 'in/a.csv', 'in/b.csv', 'in/we[i]rd.csv']);
    assert.deepEqual(await expand('in/202?'), ['in/2024/c.csv', 'in/2024/c.txt', 'in/2025/m/d.csv']);
    assert.deepEqual(await expand('in/{a,b}.csv'), ['in/a.csv', 'in/b.csv']);
    assert.deepEqual(await expand('in/_tmp/*.csv'), ['in/_tmp/x.csv']);
    assert.deepEqual(await expand('in/.*.csv'), ['in/.b.csv']);
    assert.deepEqual(await expand('in/we[i]rd.csv'), ['in/we[i]rd.csv']);
    assert.deepEqual(await expand('in/*.json'), []);
    assert.deepEqual(await expand('out/*.json'), []);
    assert.equal(await expand('out'), undefined);
  });
}
