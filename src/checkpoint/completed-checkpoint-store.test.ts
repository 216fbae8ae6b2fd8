import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogLevel, silentLogger } from '../common/index.ts';
import { type FileSystem, MemoryFileSystem, writeFile } from '../filesystem/index.ts';
import type { CompletedCheckpoint } from '../protocol/index.ts';
import { CompletedCheckpointStore } from './completed-checkpoint-store.ts';
import { FaultyFileSystem } from './faulty-file-system.test.ts';
import type { FileCheckpointStorage } from './file-checkpoint-storage.ts';
import { allFiles, JOB_ID, sharedHandles, storageOn, takeCheckpoint, writeDraft } from './sample-checkpoint.test.ts';
import { filesOf } from './state-handles.ts';
import { verifyCheckpoint } from './verification.ts';

interface Opened {
  readonly fileSystem: FileSystem;
  readonly storage: FileCheckpointStorage;
  readonly store: CompletedCheckpointStore;
  readonly warnings: string[];
}

function open(numRetained: number, fileSystem: FileSystem = new MemoryFileSystem(), seed = 7): Opened {
  const storage = storageOn(fileSystem, undefined, seed);
  const warnings: string[] = [];
  const logger = { log: (_: LogLevel, message: string) => void warnings.push(message) };
  const store = new CompletedCheckpointStore({ jobId: JOB_ID, numRetained }, { storage, fileSystem, logger });
  return { fileSystem, storage, store, warnings };
}

const idsOf = (checkpoints: readonly CompletedCheckpoint[]): number[] => checkpoints.map(({ checkpointId }) => checkpointId);

async function filesOnDisk(fileSystem: FileSystem): Promise<string[]> {
  return (await allFiles(fileSystem, '/checkpoints')).sort();
}

function filesNeeded(checkpoints: readonly CompletedCheckpoint[]): string[] {
  const files = checkpoints.flatMap((checkpoint) => [...filesOf(checkpoint), `${checkpoint.externalPath}/_metadata`]);
  return [...new Set(files)].sort();
}

test('the newest checkpoints are retained, and exactly their files are left', async () => {
  const { fileSystem, storage, store } = open(2);
  assert.deepEqual(store.retained, []);
  for (let id = 1; id <= 5; id++) {
    // Each refers to the shared files of the one before, but for the oldest of them.
    const shared = store.latest === undefined ? [] : sharedHandles(store.latest).slice(-2);
    store.add(await takeCheckpoint(storage, id, { shared }));
    await store.settled();
    assert.equal(store.latest?.checkpointId, id);
    assert.deepEqual(await filesOnDisk(fileSystem), filesNeeded(store.retained));
  }
  assert.deepEqual(idsOf(store.retained), [4, 5]);
});

test('a shared file goes when the last retained checkpoint that refers to it does', async () => {
  const { fileSystem, storage, store } = open(1);
  const first = await takeCheckpoint(storage, 1);
  const [handle] = sharedHandles(first);
  assert.ok(handle?.kind === 'FILE');
  store.add(first);
  store.add(await takeCheckpoint(storage, 2, { shared: [handle] }));
  await store.settled();
  assert.equal(await fileSystem.exists(first.externalPath), false);
  assert.equal(await fileSystem.exists(handle.file), true);
  store.add(await takeCheckpoint(storage, 3));
  await store.settled();
  assert.equal(await fileSystem.exists(handle.file), false);
});

test('a savepoint is gone on from until a newer checkpoint is complete, pushes none out, and is never deleted', async () => {
  const { fileSystem, storage, store } = open(1);
  store.add(await takeCheckpoint(storage, 1));
  const savepoint = await takeCheckpoint(storage, 2, { kind: 'SAVEPOINT' });
  store.add(savepoint);
  assert.equal(store.latest, savepoint);
  assert.deepEqual(idsOf(store.retained), [1, 2]);
  store.add(await takeCheckpoint(storage, 3));
  await store.settled();
  assert.deepEqual(idsOf(store.retained), [3]);
  await store.discardAll();
  assert.deepEqual((await verifyCheckpoint(savepoint, fileSystem, 'CONTENT')).damages, []);
});

test('a checkpoint of another job that this one was started from is never deleted', async () => {
  const { fileSystem, storage, store } = open(1);
  const draft = await writeDraft(storage, 8, 'CHECKPOINT', storage.checkpointDirectory('f'.repeat(32), 8), []);
  const foreign = await storage.writeMetadata(draft);
  store.add(foreign);
  assert.equal(store.latest, foreign);
  store.add(await takeCheckpoint(storage, 9));
  await store.discardAll();
  assert.deepEqual((await verifyCheckpoint(foreign, fileSystem, 'CONTENT')).damages, []);
  assert.deepEqual(await filesOnDisk(fileSystem), filesNeeded([foreign]));
});

test('a new process takes over what is retained, counts its shared files, and removes what was never complete', async () => {
  const before = open(3);
  const { fileSystem } = before;
  for (let id = 1; id <= 3; id++) {
    const shared = before.store.latest === undefined ? [] : sharedHandles(before.store.latest);
    before.store.add(await takeCheckpoint(before.storage, id, { shared }));
  }
  await writeDraft(before.storage, 4, 'CHECKPOINT', before.storage.checkpointDirectory(JOB_ID, 4), []);
  const { store, storage, warnings } = open(2, fileSystem, 8);
  await store.recover();
  assert.deepEqual(store.retained, before.store.retained.slice(1));
  assert.deepEqual(await filesOnDisk(fileSystem), filesNeeded(store.retained));
  store.add(await takeCheckpoint(storage, 4));
  store.add(await takeCheckpoint(storage, 5));
  await store.settled();
  assert.deepEqual(await filesOnDisk(fileSystem), filesNeeded(store.retained));
  assert.deepEqual(warnings, []);
});

test('a recovery fails if the newest checkpoint is damaged, and warns if an older one is, whose files it leaves', async () => {
  const before = open(3);
  for (let id = 1; id <= 3; id++) before.store.add(await takeCheckpoint(before.storage, id));
  const { fileSystem } = before;
  const damage = (id: number) => writeFile(fileSystem, `/checkpoints/${JOB_ID}/chk-${id}/_metadata`, new Uint8Array(9));
  await damage(2);
  const files = await filesOnDisk(fileSystem);
  const { store, warnings } = open(3, fileSystem, 8);
  await store.recover();
  assert.deepEqual(idsOf(store.retained), [1, 3]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] as string, /chk-2/);
  assert.deepEqual(await filesOnDisk(fileSystem), files);
  await damage(3);
  await assert.rejects(open(3, fileSystem, 9).store.recover(), { code: 'CORRUPT_DATA', message: /chk-3.*chk-1/s });
});

test('what cannot be deleted is logged, and tried again with the next checkpoint', async () => {
  const disk = new MemoryFileSystem();
  const { storage } = open(1, disk);
  const checkpoints = [await takeCheckpoint(storage, 1), await takeCheckpoint(storage, 2), await takeCheckpoint(storage, 3)];
  const { store, warnings } = open(1, new FaultyFileSystem(disk, { at: 3, how: 'BEFORE', lasting: false }));
  const [first, second, third] = checkpoints as [CompletedCheckpoint, CompletedCheckpoint, CompletedCheckpoint];
  store.add(first);
  store.add(second);
  await store.settled();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] as string, /Checkpoint 1 .* could not be deleted/);
  assert.equal(await disk.exists(first.externalPath), true);
  store.add(third);
  await store.settled();
  assert.deepEqual(await filesOnDisk(disk), filesNeeded([third]));
});

test('no checkpoint to retain is refused, with the option', () => {
  const fileSystem = new MemoryFileSystem();
  const dependencies = { storage: storageOn(fileSystem), fileSystem, logger: silentLogger };
  assert.throws(() => new CompletedCheckpointStore({ jobId: JOB_ID, numRetained: 0 }, dependencies), {
    code: 'INVALID_OPTION',
    message: /num-retained/,
  });
});
