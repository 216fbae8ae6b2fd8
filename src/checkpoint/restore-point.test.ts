import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../common/index.ts';
import { type FileSystem, fileSystemError, joinPath, MemoryFileSystem, writeFile } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import type { StateHandle } from '../state/index.ts';
import type { FileCheckpointStorage } from './file-checkpoint-storage.ts';
import { damagedRestorePoint, findRestorePoint, newestCheckpoint } from './restore-point.ts';
import { JOB_ID, sharedHandles, storageOn, takeCheckpoint, writeDraft } from './sample-checkpoint.test.ts';
import { filesOf } from './state-handles.ts';

interface Job {
  readonly fileSystem: MemoryFileSystem;
  readonly storage: FileCheckpointStorage;
  readonly folder: string;
  readonly checkpoints: readonly [CompletedCheckpoint, CompletedCheckpoint, CompletedCheckpoint];
  find(path: string): Promise<CompletedCheckpoint>;
}

/** Checkpoints 1, 2 and 3 are complete, 4 is not. */
async function job(fileSystem = new MemoryFileSystem()): Promise<Job> {
  const storage = storageOn(fileSystem);
  const take = (id: number) => takeCheckpoint(storage, id);
  const checkpoints = [await take(1), await take(2), await take(3)] as const;
  await writeDraft(storage, 4, 'CHECKPOINT', storage.checkpointDirectory(JOB_ID, 4), []);
  const find = (path: string) => findRestorePoint(path, storage, fileSystem);
  return { fileSystem, storage, folder: storage.jobDirectory(JOB_ID), checkpoints, find };
}

/** One of its files cannot be looked at. */
class BrokenFileSystem extends MemoryFileSystem {
  /** The operation that fails, and the path. */
  failing = '';

  override async status(path: string): ReturnType<FileSystem['status']> {
    this.#fail('status', path);
    return super.status(path);
  }

  override async open(path: string, offset?: number): ReturnType<FileSystem['open']> {
    this.#fail('open', path);
    return super.open(path, offset);
  }

  #fail(operation: string, path: string): void {
    if (this.failing === `${operation} ${path}`) throw fileSystemError(operation, path, 'OTHER');
  }
}

const damagedWith =
  (...words: string[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.equal(error.code, 'CORRUPT_DATA', error.message);
    assert.equal(error.recoverable, false);
    for (const word of words) assert.ok(error.message.includes(word), `'${word}' is not in: ${error.message}`);
    return true;
  };

test('the folder of a job stands for its newest complete checkpoint', async () => {
  const { find, folder, checkpoints, storage, fileSystem } = await job();
  assert.deepEqual(await find(folder), checkpoints[2]);
  assert.deepEqual(await find(`${folder}/`), checkpoints[2]);
  assert.deepEqual(await newestCheckpoint(folder, storage, fileSystem), checkpoints[2]);
  assert.equal(await newestCheckpoint('/nowhere', storage, fileSystem), undefined);
});

test('a checkpoint and a savepoint are found by their folder and by their metadata file', async () => {
  const { find, checkpoints, storage } = await job();
  const savepoint = await takeCheckpoint(storage, 9, { kind: 'SAVEPOINT' });
  for (const checkpoint of [checkpoints[0], savepoint]) {
    assert.deepEqual(await find(checkpoint.externalPath), checkpoint);
    assert.deepEqual(await find(joinPath(checkpoint.externalPath, '_metadata')), checkpoint);
  }
});

test('a checkpoint that was never complete is refused by name, and nothing else is taken for it', async () => {
  const { find, folder } = await job();
  await assert.rejects(find(`${folder}/chk-4`), { code: 'STATE_FAILED', message: /never complete/ });
  await assert.rejects(find(`${folder}/chk-5`), { code: 'STATE_FAILED', message: /no such folder/ });
});

test('damaged metadata of the newest checkpoint is an error that names it and the next older intact one', async () => {
  const { find, fileSystem, folder, checkpoints } = await job();
  await writeFile(fileSystem, `${folder}/chk-3/_metadata`, new Uint8Array(10));
  for (const path of [folder, `${folder}/chk-3`, `${folder}/chk-3/_metadata`]) {
    await assert.rejects(
      find(path),
      damagedWith(`'${folder}/chk-3/_metadata'`, `'${folder}/chk-2' (checkpoint 2`, 'name that path'),
    );
  }
  assert.deepEqual(await find(`${folder}/chk-2`), checkpoints[1]);
});

test('a damaged checkpoint in the middle names the next older one, not a newer one', async () => {
  const { find, fileSystem, folder, checkpoints } = await job();
  await writeFile(fileSystem, `${folder}/chk-2/_metadata`, new Uint8Array(10));
  await assert.rejects(find(`${folder}/chk-2`), damagedWith(`'${folder}/chk-1' (checkpoint 1`));
  assert.deepEqual(await find(folder), checkpoints[2]);
});

test('a missing or shortened file of the newest checkpoint is an error that names the file; damaged older ones are passed over', async () => {
  const { find, fileSystem, folder, checkpoints } = await job();
  const file = [...filesOf(checkpoints[2])].at(-1) as string;
  await writeFile(fileSystem, file, new Uint8Array(1));
  await writeFile(fileSystem, `${folder}/chk-2/_metadata`, new Uint8Array(10));
  await assert.rejects(find(folder), damagedWith(`'${file}'`, 'cut off', `'${folder}/chk-1' (checkpoint 1`));
  await fileSystem.delete(file);
  await assert.rejects(find(folder), damagedWith(`'${file}'`, 'is not there', `'${folder}/chk-1' (checkpoint 1`));
  await fileSystem.delete([...filesOf(checkpoints[0])][0] as string);
  await assert.rejects(find(folder), damagedWith(`'${file}'`, 'No older intact checkpoint'));
});

test('state that is found damaged when it is read names the next older checkpoint that does not need the file', async () => {
  const { fileSystem, storage, folder } = await job();
  const shared = sharedHandles(await takeCheckpoint(storage, 5));
  const newest = await takeCheckpoint(storage, 6, { shared });
  const damaged = (path: string): MillraceError =>
    new MillraceError('CORRUPT_DATA', `'${path}' is damaged.`, { context: { path } });
  const own = [...filesOf(newest)].find((file) => file.startsWith(newest.externalPath)) as string;
  damagedWith(
    `'${own}'`,
    `'${folder}/chk-5' (checkpoint 5`,
  )(await damagedRestorePoint(newest, damaged(own), storage, fileSystem));
  const [common] = shared as [Extract<StateHandle, { kind: 'FILE' }>];
  damagedWith(
    `'${common.file}'`,
    `'${folder}/chk-3' (checkpoint 3`,
  )(await damagedRestorePoint(newest, damaged(common.file), storage, fileSystem));
  const savepoint = await takeCheckpoint(storage, 9, { kind: 'SAVEPOINT' });
  damagedWith('No older intact checkpoint')(
    await damagedRestorePoint(savepoint, damaged([...filesOf(savepoint)][0] as string), storage, fileSystem),
  );
});

test('a file system that fails during the look leaves open whether anything is damaged', async () => {
  const broken = new BrokenFileSystem();
  const { find, folder, checkpoints } = await job(broken);
  const [file] = [...filesOf(checkpoints[2])] as [string];
  for (const failing of [`status ${file}`, `open ${folder}/chk-3/_metadata`]) {
    broken.failing = failing;
    for (const path of [folder, `${folder}/chk-3`, '/checkpoints']) {
      await assert.rejects(find(path), { code: 'FILE_SYSTEM_FAILED' }, `${failing} for ${path}`);
    }
    assert.deepEqual(await find(`${folder}/chk-2`), checkpoints[1]);
  }
});

test('a damaged savepoint is an error that names the file', async () => {
  const { find, fileSystem, storage } = await job();
  const savepoint = await takeCheckpoint(storage, 9, { kind: 'SAVEPOINT' });
  const file = [...filesOf(savepoint)][0] as string;
  await fileSystem.delete(file);
  await assert.rejects(find(savepoint.externalPath), damagedWith(`'${file}'`, 'No older intact checkpoint'));
});
