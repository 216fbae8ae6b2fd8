/**
 * Whatever operation of the storage fails, however: a checkpoint is complete and readable to its last byte, or it is not visible;
 * and those before it are intact.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError, seededRandom, silentLogger } from '../common/index.ts';
import { type FileSystem, MemoryFileSystem, readFile, writeFile } from '../filesystem/index.ts';
import { CompletedCheckpointStore } from './completed-checkpoint-store.ts';
import { type Fault, FaultyFileSystem } from './faulty-file-system.test.ts';
import { PowerCutFileSystem } from './power-cut-file-system.test.ts';
import { allFiles, JOB_ID, sharedHandles, someBytes, storageOn, takeCheckpoint, writeAll } from './sample-checkpoint.test.ts';
import { filesOf } from './state-handles.ts';
import { verifyCheckpoint } from './verification.ts';

const OPTIONS = { directory: '/checkpoints', savepointDirectory: '/savepoints', inlineThresholdBytes: 16 };
const NEVER: Fault = { at: Number.POSITIVE_INFINITY, how: 'BEFORE', lasting: false };
const fault = fc.record({
  at: fc.integer({ min: 1, max: 150 }),
  how: fc.constantFrom<Fault['how']>('BEFORE', 'TORN', 'AFTER'),
  lasting: fc.boolean(),
});

/** Takes checkpoints 2, 3 and 4 as a coordinator does that retains two, on a disk that holds checkpoint 1. */
async function run(faulty: FileSystem): Promise<{ completed: number[] }> {
  const storage = storageOn(faulty, OPTIONS, 8);
  const store = new CompletedCheckpointStore(
    { jobId: JOB_ID, numRetained: 2 },
    { storage, fileSystem: faulty, logger: silentLogger },
  );
  const completed: number[] = [];
  for (const { checkpoint } of await storage.listCheckpoints(storage.jobDirectory(JOB_ID))) if (checkpoint) store.add(checkpoint);
  for (const checkpointId of [2, 3, 4]) {
    try {
      const shared = store.latest === undefined ? [] : sharedHandles(store.latest).slice(-2);
      store.add(await takeCheckpoint(storage, checkpointId, { shared }));
      completed.push(checkpointId);
    } catch (error) {
      assert.ok(error instanceof MillraceError && error.code === 'FILE_SYSTEM_FAILED', String(error));
      await storage.discardUnfinished(storage.checkpointDirectory(JOB_ID, checkpointId)).catch(() => {});
    }
    await store.settled();
  }
  return { completed };
}

async function diskWithFirst(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  await takeCheckpoint(storageOn(disk, OPTIONS, 7), 1);
  return disk;
}

test('after a failure at any point, what is visible is complete, and the newest completed one is there', async () => {
  const undisturbed = new FaultyFileSystem(await diskWithFirst(), NEVER);
  assert.deepEqual(await run(undisturbed), { completed: [2, 3, 4] });
  assert.ok(undisturbed.operations > 60 && undisturbed.operations < 150, `${undisturbed.operations} operations`);
  await fc.assert(
    fc.asyncProperty(fault, async (faultDrawn) => {
      const disk = await diskWithFirst();
      const { completed } = await run(new FaultyFileSystem(disk, faultDrawn));
      // What the next process finds.
      const storage = storageOn(disk, OPTIONS, 10);
      const listed = await storage.listCheckpoints(storage.jobDirectory(JOB_ID));
      for (const { checkpoint, error } of listed) {
        assert.equal(error, undefined);
        assert.ok(checkpoint !== undefined);
        assert.deepEqual((await verifyCheckpoint(checkpoint, disk, 'CONTENT')).damages, []);
      }
      const visible = listed.map(({ checkpointId }) => checkpointId);
      const expected = [1, ...completed].slice(-2);
      for (const checkpointId of expected) assert.ok(visible.includes(checkpointId), `${visible} of ${expected}`);
    }),
    { numRuns: 150 },
  );
});

test('after recovery from a failure at any point, exactly the files that the retained checkpoints refer to are left', async () => {
  await fc.assert(
    fc.asyncProperty(fault, async (faultDrawn) => {
      const disk = await diskWithFirst();
      await run(new FaultyFileSystem(disk, faultDrawn));
      const storage = storageOn(disk, OPTIONS, 10);
      const dependencies = { storage, fileSystem: disk, logger: silentLogger };
      const store = new CompletedCheckpointStore({ jobId: JOB_ID, numRetained: 1 }, dependencies);
      await store.recover();
      assert.equal(store.retained.length, 1);
      const { latest } = store;
      assert.ok(latest !== undefined);
      const expected = [...filesOf(latest), `${latest.externalPath}/_metadata`].sort();
      assert.deepEqual((await allFiles(disk, '/checkpoints')).sort(), expected);
      await store.discardAll();
      assert.deepEqual(await disk.list('/checkpoints'), []);
    }),
    { numRuns: 150 },
  );
});

test('a stream that fails leaves no file, unless nothing can be removed any more', async () => {
  await fc.assert(
    fc.asyncProperty(fault, fc.integer({ min: 17, max: 200_000 }), async ({ at, how }, length) => {
      const disk = new MemoryFileSystem();
      const faulty = new FaultyFileSystem(disk, { at: (at % 8) + 1, how, lasting: false });
      const storage = storageOn(faulty, OPTIONS);
      const bytes = someBytes(length, 1);
      try {
        const handle = await writeAll(storage.output('/checkpoints/job/chk-1'), 'EXCLUSIVE', bytes);
        assert.deepEqual(await storage.input().read(handle), bytes);
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.code === 'FILE_SYSTEM_FAILED', String(error));
        const left = await allFiles(disk, '/');
        // A file that was created without an answer is nobody's; it goes with its checkpoint.
        assert.ok(
          how === 'AFTER' && (at % 8) + 1 === 1 ? left.every((file) => file.endsWith('.tmp')) : left.length === 0,
          `${left}`,
        );
        await storage.discardUnfinished('/checkpoints/job/chk-1');
        assert.deepEqual(await allFiles(disk, '/'), []);
      }
    }),
    { numRuns: 150 },
  );
});

test('after a power cut at any moment, what is visible is complete, and what was reported complete is there', async () => {
  const cut = fc.record({ after: fc.integer({ min: 0, max: 150 }), seed: fc.integer() });
  await fc.assert(
    fc.asyncProperty(cut, async ({ after, seed }) => {
      const computer = new PowerCutFileSystem();
      await takeCheckpoint(storageOn(computer, OPTIONS, 7), 1);
      const faulty = new FaultyFileSystem(computer, { at: after + 1, how: 'BEFORE', lasting: true });
      const { completed } = await run(faulty);
      const disk = await computer.cutPower(seededRandom(seed));
      const storage = storageOn(disk, OPTIONS, 10);
      const listed = await storage.listCheckpoints(storage.jobDirectory(JOB_ID));
      for (const { checkpoint, error } of listed) {
        assert.equal(error, undefined);
        assert.deepEqual(checkpoint && (await verifyCheckpoint(checkpoint, disk, 'CONTENT')).damages, []);
      }
      const visible = listed.map(({ checkpointId }) => checkpointId);
      for (const checkpointId of [1, ...completed].slice(-2))
        assert.ok(visible.includes(checkpointId), `${visible} of ${completed}`);
    }),
    { numRuns: 150 },
  );
});

test('a bit that flips anywhere in any file is found', async () => {
  const disk = new MemoryFileSystem();
  const storage = storageOn(disk, OPTIONS);
  const { externalPath } = await takeCheckpoint(storage, 1);
  const files = await allFiles(disk, '/checkpoints');
  const contents = await Promise.all(files.map((file) => readFile(disk, file)));
  const bit = fc
    .nat(files.length - 1)
    .chain((index) => fc.tuple(fc.constant(index), fc.nat((contents[index] as Uint8Array).length * 8 - 1)));
  await fc.assert(
    fc.asyncProperty(bit, async ([index, at]) => {
      const file = files[index] as string;
      const content = contents[index] as Uint8Array;
      await writeFile(disk, file, content.with(at >> 3, (content[at >> 3] as number) ^ (1 << (at & 7))));
      if (file.endsWith('_metadata')) {
        await assert.rejects(storage.readMetadata(externalPath), { code: 'CORRUPT_DATA' });
      } else {
        const { damages } = await verifyCheckpoint(await storage.readMetadata(externalPath), disk, 'CONTENT');
        assert.deepEqual(
          damages.map((error) => (error as MillraceError).context.path),
          [file],
        );
      }
      await writeFile(disk, file, content);
    }),
    { numRuns: 150 },
  );
});

test('what a failed writing of metadata left in place after all is removed with its checkpoint', async () => {
  const disk = new MemoryFileSystem();
  const counted = new FaultyFileSystem(disk, NEVER);
  const { externalPath } = await takeCheckpoint(storageOn(counted, OPTIONS), 1);
  assert.ok(await disk.exists(`${externalPath}/_metadata`));
  // The last operation, the sync of the folder, fails, and so does the deletion that follows.
  const again = new MemoryFileSystem();
  const faulty = new FaultyFileSystem(again, { at: counted.operations, how: 'BEFORE', lasting: true });
  const storage = storageOn(faulty, OPTIONS);
  await assert.rejects(takeCheckpoint(storage, 1), { code: 'FILE_SYSTEM_FAILED' });
  assert.ok(await again.exists(`${externalPath}/_metadata`));
  faulty.heal();
  await storage.discardUnfinished(externalPath);
  assert.deepEqual(await allFiles(again, '/'), []);
});
