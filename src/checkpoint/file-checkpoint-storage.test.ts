import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MillraceError } from '../common/index.ts';
import { type FileSystem, joinPath, MemoryFileSystem, readFile, writeFile } from '../filesystem/index.ts';
import { LocalFileSystem } from '../filesystem/node.ts';
import { FileCheckpointStorage } from './file-checkpoint-storage.ts';
import {
  allFiles,
  JOB_ID,
  sharedHandles,
  someBytes,
  storageOn,
  takeCheckpoint,
  writeAll,
  writeDraft,
} from './sample-checkpoint.test.ts';
import { handlesOfCheckpoint, sizeOf } from './state-handles.ts';
import { verifyCheckpoint } from './verification.ts';

interface UnderTest {
  readonly fileSystem: FileSystem;
  readonly root: string;
  readonly storage: FileCheckpointStorage;
}

async function withMemory(body: (under: UnderTest) => Promise<void>): Promise<void> {
  const fileSystem = new MemoryFileSystem();
  await body({ fileSystem, root: '/root', storage: storageIn(fileSystem, '/root') });
}

async function withDisk(body: (under: UnderTest) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-checkpoint-'));
  try {
    const fileSystem = new LocalFileSystem();
    await body({ fileSystem, root, storage: storageIn(fileSystem, root) });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function storageIn(fileSystem: FileSystem, root: string): FileCheckpointStorage {
  const options = { directory: `${root}/checkpoints`, savepointDirectory: `${root}/savepoints`, inlineThresholdBytes: 16 };
  return storageOn(fileSystem, options);
}

function it(fact: string, body: (under: UnderTest) => Promise<void>): void {
  test(`in memory: ${fact}`, () => withMemory(body));
  test(`on disk: ${fact}`, () => withDisk(body));
}

const failsAs =
  (code: string, ...words: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `'${word}' is not in: ${error.message}`);
    return true;
  };

it('a checkpoint is read back as it was written, from its folder and from its metadata file', async ({ storage }) => {
  for (const kind of ['CHECKPOINT', 'SAVEPOINT'] as const) {
    const checkpoint = await takeCheckpoint(storage, 3, { kind });
    assert.deepEqual(await storage.readMetadata(checkpoint.externalPath), checkpoint);
    assert.deepEqual(await storage.readMetadata(`${checkpoint.externalPath}/`), checkpoint);
    assert.deepEqual(await storage.readMetadata(joinPath(checkpoint.externalPath, '_metadata')), checkpoint);
    assert.equal(checkpoint.stateBytes, sizeOf(handlesOfCheckpoint(checkpoint)));
  }
});

it('files lie where Flink puts them', async ({ fileSystem, root, storage }) => {
  await takeCheckpoint(storage, 3);
  const savepoint = await takeCheckpoint(storage, 4, { kind: 'SAVEPOINT' });
  const checkpointFiles = await allFiles(fileSystem, `${root}/checkpoints`);
  const job = `${root}/checkpoints/${JOB_ID}`;
  assert.ok(checkpointFiles.includes(`${job}/chk-3/_metadata`));
  for (const file of checkpointFiles) {
    assert.match(file.slice(job.length), /^\/(chk-3\/(_metadata|[0-9a-f]{16})|shared\/3-[0-9a-f]{16})$/);
  }
  assert.match(savepoint.externalPath, new RegExp(`^${root}/savepoints/savepoint-012345-[0-9a-f]{12}$`));
  for (const file of await allFiles(fileSystem, `${root}/savepoints`)) {
    assert.match(file.slice(savepoint.externalPath.length), /^\/(_metadata|[0-9a-f]{16})$/);
  }
});

it('state up to the threshold travels in its handle, and larger state in a file', async ({ fileSystem, root, storage }) => {
  const output = storage.output(storage.checkpointDirectory(JOB_ID, 1));
  const small = await writeAll(output, 'EXCLUSIVE', someBytes(16, 1));
  assert.deepEqual(small, { kind: 'INLINE', bytes: someBytes(16, 1) });
  assert.deepEqual(await writeAll(output, 'SHARED', new Uint8Array(0)), { kind: 'INLINE', bytes: new Uint8Array(0) });
  assert.deepEqual(await allFiles(fileSystem, root), []);
  const large = await writeAll(output, 'EXCLUSIVE', someBytes(17, 1));
  assert.ok(large.kind === 'FILE');
  assert.deepEqual(await allFiles(fileSystem, root), [large.file]);
});

it('what was written in pieces of any size is read whole, in part, and as a copy', async ({ fileSystem, root, storage }) => {
  const bytes = someBytes(300_000, 2);
  for (const pieceBytes of [999, 40_000, 65_536, 150_000, 300_000]) {
    const stream = await storage.output(storage.checkpointDirectory(JOB_ID, 1)).createStream('EXCLUSIVE');
    const reused = new Uint8Array(pieceBytes);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      reused.set(piece);
      await stream.write(reused.subarray(0, piece.length));
      assert.equal(stream.position, at + piece.length);
    }
    const handle = await stream.finish();
    const input = storage.input();
    assert.deepEqual(await input.read(handle), bytes);
    assert.deepEqual(await input.readRange(handle, 65_530, 100), bytes.subarray(65_530, 65_630));
    assert.deepEqual(await input.readRange(handle, 300_000, 0), new Uint8Array(0));
    await input.copyTo(handle, `${root}/copy`);
    assert.deepEqual(await readFile(fileSystem, `${root}/copy`), bytes);
    await assert.rejects(input.readRange(handle, 299_999, 2), failsAs('CORRUPT_DATA'));
  }
  const inline = { kind: 'INLINE', bytes: bytes.slice(0, 10) } as const;
  assert.deepEqual(await storage.input().readRange(inline, 2, 3), bytes.subarray(2, 5));
  await storage.input().copyTo(inline, `${root}/copy`);
  assert.deepEqual(await readFile(fileSystem, `${root}/copy`), inline.bytes);
});

it('a stream that is aborted leaves nothing, and one that is finished stays', async ({ fileSystem, root, storage }) => {
  const output = storage.output(storage.checkpointDirectory(JOB_ID, 1));
  const stream = await output.createStream('EXCLUSIVE');
  await stream.write(someBytes(100, 1));
  await stream.abort();
  await stream.abort();
  await assert.rejects(stream.write(someBytes(1, 1)), failsAs('ILLEGAL_STATE'));
  await assert.rejects(stream.finish(), failsAs('ILLEGAL_STATE'));
  const caught = await output.createStream('EXCLUSIVE');
  await caught.write(someBytes(100, 1));
  const refused = assert.rejects(caught.finish(), failsAs('ILLEGAL_STATE'));
  await caught.abort();
  await refused;
  assert.deepEqual(await allFiles(fileSystem, root), []);
  const finished = await output.createStream('EXCLUSIVE');
  await finished.write(someBytes(100, 1));
  const handle = await finished.finish();
  await finished.abort();
  assert.deepEqual(await storage.input().read(handle), someBytes(100, 1));
});

it('a checkpoint may refer to the shared files of its own job only, and a savepoint to none', async ({ storage }) => {
  const handle = sharedHandles(await takeCheckpoint(storage, 1))[0];
  assert.ok(handle?.kind === 'FILE');
  const next = storage.output(storage.checkpointDirectory(JOB_ID, 2));
  assert.equal(next.mayReferTo?.(handle), true);
  assert.equal(next.mayReferTo?.({ kind: 'INLINE', bytes: new Uint8Array(1) }), true);
  assert.equal(next.mayReferTo?.(await writeAll(next, 'EXCLUSIVE', someBytes(99, 1))), false);
  const savepoint = storage.savepointDirectory(JOB_ID);
  assert.equal(storage.output(savepoint).mayReferTo?.(handle), false);
  const otherJob = storage.checkpointDirectory('f'.repeat(32), 2);
  assert.equal(storage.output(otherJob).mayReferTo?.(handle), false);
  for (const [kind, path] of [
    ['SAVEPOINT', savepoint],
    ['CHECKPOINT', otherJob],
  ] as const) {
    const draft = await writeDraft(storage, 2, kind, path, [handle]);
    await assert.rejects(storage.writeMetadata(draft), failsAs('STATE_FAILED', handle.file));
  }
});

it('a moved folder works: a savepoint by itself, a checkpoint with the shared folder beside it', async (under) => {
  const { fileSystem, root, storage } = under;
  const savepoint = await takeCheckpoint(storage, 5, { kind: 'SAVEPOINT' });
  await fileSystem.mkdirs(`${root}/elsewhere`);
  await fileSystem.rename(savepoint.externalPath, `${root}/elsewhere/renamed`);
  const first = await takeCheckpoint(storage, 6);
  await takeCheckpoint(storage, 7, { shared: sharedHandles(first) });
  await fileSystem.rename(`${root}/checkpoints/${JOB_ID}`, `${root}/elsewhere/job`);
  for (const path of ['renamed', 'job/chk-7']) {
    const moved = await storage.readMetadata(`${root}/elsewhere/${path}`);
    assert.equal(moved.externalPath, `${root}/elsewhere/${path}`);
    const { damages, files } = await verifyCheckpoint(moved, fileSystem, 'CONTENT');
    assert.deepEqual(damages, []);
    assert.ok(files >= 6);
  }
});

it('nothing, an unfinished checkpoint, another folder and a file are told apart', async ({ fileSystem, root, storage }) => {
  await writeDraft(storage, 8, 'CHECKPOINT', storage.checkpointDirectory(JOB_ID, 8), []);
  await fileSystem.mkdirs(`${root}/other`);
  const unfinished = storage.checkpointDirectory(JOB_ID, 8);
  await assert.rejects(storage.readMetadata(`${root}/nowhere`), failsAs('STATE_FAILED', `'${root}/nowhere'`, 'no such folder'));
  await assert.rejects(storage.readMetadata(unfinished), failsAs('STATE_FAILED', 'never complete', unfinished));
  await assert.rejects(storage.readMetadata(`${root}/other`), failsAs('STATE_FAILED', 'holds no checkpoint'));
  await writeFile(fileSystem, `${root}/file`, someBytes(3, 1));
  await assert.rejects(storage.readMetadata(`${root}/file`), failsAs('STATE_FAILED', 'is no checkpoint'));
});

it('a complete checkpoint is never written over, nor deleted as an unfinished one', async ({ fileSystem, storage }) => {
  const checkpoint = await takeCheckpoint(storage, 1);
  await assert.rejects(storage.writeMetadata({ ...checkpoint, jobName: 'other' }), failsAs('STATE_FAILED', 'already'));
  await assert.rejects(storage.discardUnfinished(checkpoint.externalPath), failsAs('STATE_FAILED', 'is complete'));
  assert.deepEqual(await storage.readMetadata(checkpoint.externalPath), checkpoint);
  assert.deepEqual((await verifyCheckpoint(checkpoint, fileSystem, 'CONTENT')).damages, []);
});

it('files that are missing, cut off or changed are found, by presence or by content', async ({ fileSystem, storage }) => {
  const checkpoint = await takeCheckpoint(storage, 1);
  const files = (await allFiles(fileSystem, storage.jobDirectory(JOB_ID))).filter((file) => !file.endsWith('_metadata'));
  const [missing, cut, changed] = files as [string, string, string];
  assert.deepEqual((await verifyCheckpoint(checkpoint, fileSystem, 'CONTENT')).damages, []);
  const rewrite = async (file: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> =>
    writeFile(fileSystem, file, change(await readFile(fileSystem, file)));
  await fileSystem.delete(missing);
  await rewrite(cut, (bytes) => bytes.slice(0, -1));
  await rewrite(changed, (bytes) => bytes.with(3, (bytes[3] as number) ^ 1));
  const damaged = async (depth: 'PRESENCE' | 'CONTENT') =>
    new Set(
      (await verifyCheckpoint(checkpoint, fileSystem, depth)).damages.map((error) => (error as MillraceError).context.path),
    );
  assert.deepEqual(await damaged('PRESENCE'), new Set([missing, cut]));
  assert.deepEqual(await damaged('CONTENT'), new Set([missing, cut, changed]));
  for (const handle of handlesOfCheckpoint(checkpoint)) {
    if (handle.kind !== 'FILE' || ![missing, cut, changed].includes(handle.file)) continue;
    await assert.rejects(storage.input().read(handle), failsAs('CORRUPT_DATA', handle.file));
    await assert.rejects(storage.input().copyTo(handle, `${handle.file}.copy`), failsAs('CORRUPT_DATA', handle.file));
    assert.equal(await fileSystem.exists(`${handle.file}.copy`), false);
  }
});

it('a discarded checkpoint goes with its files, but for shared ones that are needed and files of others', async (under) => {
  const { fileSystem, storage } = under;
  const first = await takeCheckpoint(storage, 1);
  const second = await takeCheckpoint(storage, 2, { shared: sharedHandles(first) });
  const foreign = joinPath(first.externalPath, 'notes.txt');
  await writeFile(fileSystem, foreign, someBytes(3, 1));
  const needed = sharedHandles(second).map((handle) => (handle.kind === 'FILE' ? handle.file : ''));
  await storage.discard(first, (file) => needed.includes(file));
  assert.deepEqual((await verifyCheckpoint(second, fileSystem, 'CONTENT')).damages, []);
  assert.deepEqual(await allFiles(fileSystem, first.externalPath), [foreign]);
  await storage.discard(second, () => false);
  await fileSystem.delete(foreign);
  await storage.discardUnfinished(first.externalPath);
  await fileSystem.mkdirs(storage.checkpointDirectory(JOB_ID, 3));
  await storage.removeEmptyFolders(storage.jobDirectory(JOB_ID));
  assert.equal(await fileSystem.exists(storage.jobDirectory(JOB_ID)), false);
});

it('an unfinished checkpoint goes with all that was written for it, shared files included', async ({ fileSystem, storage }) => {
  const complete = await takeCheckpoint(storage, 1);
  const before = await allFiles(fileSystem, storage.jobDirectory(JOB_ID));
  const directory = storage.checkpointDirectory(JOB_ID, 11);
  const draft = await writeDraft(storage, 11, 'CHECKPOINT', directory, sharedHandles(complete));
  const torn = await storage.output(directory).createStream('SHARED');
  await torn.write(someBytes(99, 1));
  assert.ok((await allFiles(fileSystem, storage.jobDirectory(JOB_ID))).length > before.length + 3);
  await storage.discardUnfinished(directory);
  await torn.abort();
  assert.deepEqual(await allFiles(fileSystem, storage.jobDirectory(JOB_ID)), before);
  assert.deepEqual((await verifyCheckpoint(complete, fileSystem, 'CONTENT')).damages, []);
  assert.equal(await fileSystem.exists(directory), false);
  assert.equal(draft.externalPath, directory);
});

it('checkpoints are listed newest first: damaged ones with their error, unfinished ones not at all', async (under) => {
  const { fileSystem, storage } = under;
  const jobDirectory = storage.jobDirectory(JOB_ID);
  assert.deepEqual(await storage.listCheckpoints(jobDirectory), []);
  for (const checkpointId of [2, 10, 9]) await takeCheckpoint(storage, checkpointId);
  await writeDraft(storage, 11, 'CHECKPOINT', storage.checkpointDirectory(JOB_ID, 11), []);
  await writeFile(fileSystem, joinPath(jobDirectory, 'chk-9/_metadata'), someBytes(100, 1));
  const listed = await storage.listCheckpoints(jobDirectory);
  assert.deepEqual(
    listed.map(({ checkpointId }) => checkpointId),
    [10, 9, 2],
  );
  assert.deepEqual(
    listed.map(({ checkpoint }) => checkpoint?.checkpointId),
    [10, undefined, 2],
  );
  assert.ok(failsAs('CORRUPT_DATA', 'chk-9')(listed[1]?.error));
});

test('without a directory, state of any size stays in its handles and no file is written', async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = storageOn(fileSystem, {});
  const checkpoint = await takeCheckpoint(storage, 1);
  const handle = await writeAll(storage.output(storage.checkpointDirectory(JOB_ID, 2)), 'SHARED', someBytes(100_000, 1));
  assert.ok(handle.kind === 'INLINE');
  assert.deepEqual(await storage.input().read(handle), someBytes(100_000, 1));
  await storage.discard(checkpoint, () => false);
  await storage.discardUnfinished(storage.checkpointDirectory(JOB_ID, 2));
  assert.deepEqual(await storage.listCheckpoints(storage.jobDirectory(JOB_ID)), []);
  assert.deepEqual(await fileSystem.list('/'), []);
  await assert.rejects(storage.readMetadata(checkpoint.externalPath), failsAs('STATE_FAILED', 'There is no checkpoint'));
});

test('without a directory, a savepoint is written to files all the same', async () => {
  const fileSystem = new MemoryFileSystem();
  const storage = storageOn(fileSystem, { savepointDirectory: '/savepoints', inlineThresholdBytes: 16 });
  const savepoint = await takeCheckpoint(storage, 1, { kind: 'SAVEPOINT' });
  const { damages, files } = await verifyCheckpoint(await storage.readMetadata(savepoint.externalPath), fileSystem, 'CONTENT');
  assert.deepEqual(damages, []);
  assert.ok(files > 3);
});

test('a savepoint without a folder to go to is refused, with the option that sets one', () => {
  assert.throws(
    () => storageOn(new MemoryFileSystem(), {}).savepointDirectory(JOB_ID),
    failsAs('INVALID_OPTION', 'savepoint-dir'),
  );
  const storage = new FileCheckpointStorage(
    { savepointDirectory: '/a' },
    { fileSystem: new MemoryFileSystem(), random: { next: () => 0 } },
  );
  assert.equal(storage.savepointDirectory(JOB_ID, '/b'), '/b/savepoint-012345-000000000000');
  assert.equal(storage.savepointDirectory(JOB_ID), '/a/savepoint-012345-000000000000');
});
