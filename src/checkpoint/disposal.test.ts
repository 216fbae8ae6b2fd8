import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFileSystem, writeFile } from '../filesystem/index.ts';
import { disposeCheckpoint } from './disposal.ts';
import { allFiles, JOB_ID, sharedHandles, storageOn, takeCheckpoint } from './sample-checkpoint.test.ts';
import { filesOf } from './state-handles.ts';
import { verifyCheckpoint } from './verification.ts';

test('a savepoint goes with its folder, and a path that is none deletes nothing', async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = storageOn(fileSystem);
  const savepoint = await takeCheckpoint(storage, 1, { kind: 'SAVEPOINT' });
  await assert.rejects(disposeCheckpoint('/savepoints', storage), { code: 'STATE_FAILED' });
  assert.equal((await disposeCheckpoint(`${savepoint.externalPath}/_metadata`, storage)).checkpointId, 1);
  assert.deepEqual(await fileSystem.list('/savepoints'), []);
});

test('a retained checkpoint leaves the shared files that another one needs, and all of them if another is damaged', async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = storageOn(fileSystem);
  const first = await takeCheckpoint(storage, 1);
  const second = await takeCheckpoint(storage, 2, { shared: sharedHandles(first) });
  const third = await takeCheckpoint(storage, 3, { shared: sharedHandles(second) });
  await disposeCheckpoint(first.externalPath, storage);
  await disposeCheckpoint(third.externalPath, storage);
  assert.deepEqual((await verifyCheckpoint(second, fileSystem, 'CONTENT')).damages, []);
  const shared = `/checkpoints/${JOB_ID}/shared`;
  assert.deepEqual(
    (await allFiles(fileSystem, shared)).sort(),
    [...filesOf(second)].filter((file) => file.startsWith(shared)).sort(),
  );
  const fourth = await takeCheckpoint(storage, 4);
  await writeFile(fileSystem, `${second.externalPath}/_metadata`, new Uint8Array(3));
  await disposeCheckpoint(fourth.externalPath, storage);
  assert.equal((await allFiles(fileSystem, shared)).length, 3);
});
