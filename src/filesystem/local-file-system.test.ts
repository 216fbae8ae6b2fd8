import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fileSystemContract } from './file-system-contract.test.ts';
import { expandPath } from './glob.ts';
import { LocalFileSystem } from './local-file-system.ts';

const temporaryFolder = async (): Promise<string> => realpath(await mkdtemp(join(tmpdir(), 'millrace-fs-')));

fileSystemContract('LocalFileSystem', async () => {
  const root = await temporaryFolder();
  return { fileSystem: new LocalFileSystem(), root, dispose: () => rm(root, { recursive: true, force: true }) };
});

fileSystemContract('LocalFileSystem with URLs', async () => {
  const folder = await temporaryFolder();
  const root = pathToFileURL(folder).href;
  return { fileSystem: new LocalFileSystem(), root, dispose: () => rm(folder, { recursive: true, force: true }) };
});

test('a URL of another kind is refused instead of becoming a folder', async () => {
  const fileSystem = new LocalFileSystem();
  for (const path of ['s3://bucket/checkpoints', 'hdfs:///x', 'HTTP://host/x']) {
    await assert.rejects(fileSystem.create(`${path}/a`), { code: 'INVALID_OPTION', message: /no file system for '.*a'/ });
  }
});

test('a file system that makes no folders says so at once', { skip: process.platform !== 'linux' }, async () => {
  const fileSystem = new LocalFileSystem();
  for (const path of ['/proc/millrace', '/proc/millrace/a/b', '/proc/self/fdinfo/x']) {
    await assert.rejects(fileSystem.mkdirs(path), { code: 'FILE_SYSTEM_FAILED', message: /'\/proc.*' takes no folders/ }, path);
  }
});

test('many may create the same folders at once', async () => {
  const root = await temporaryFolder();
  try {
    const paths = Array.from({ length: 100 }, (_, i) => join(root, 'a', `b${i % 3}`, 'c', `d${i % 7}`));
    await Promise.all(paths.map((path) => new LocalFileSystem().mkdirs(path)));
    for (const path of paths) assert.ok((await new LocalFileSystem().status(path))?.isDirectory);
  } finally {
    await rm(root, { recursive: true });
  }
});

test('a symbolic link upwards does not make files appear twice, and a broken one is not there', async () => {
  const root = await temporaryFolder();
  try {
    await writeFile(join(root, 'a.txt'), 'x');
    await symlink(root, join(root, 'loop'));
    await symlink(join(root, 'a.txt'), join(root, 'b.txt'));
    await symlink(join(root, 'gone'), join(root, 'c.txt'));
    const names = (await expandPath(new LocalFileSystem(), root))?.map((file) => file.name);
    assert.deepEqual(names, ['a.txt', 'b.txt']);
    assert.deepEqual(
      (await expandPath(new LocalFileSystem(), `${root}/**`))?.map((file) => file.name),
      ['a.txt', 'b.txt'],
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
