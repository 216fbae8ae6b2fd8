import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { MillraceError, seededRandom } from '../../common/index.ts';
import { type MalformedRecord, OutputTag, SourceDriver, sourceContract } from '../../connector/index.ts';
import { MemoryFileSystem, writeFile } from '../../filesystem/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { FileSource } from './file-source.ts';
import { lineFormat } from './line-format.test.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function put(fs: MemoryFileSystem, path: string, content: string | Uint8Array): Promise<void> {
  await fs.mkdirs(path.slice(0, path.lastIndexOf('/')));
  await writeFile(fs, path, typeof content === 'string' ? bytesOf(content) : content);
}

async function failure(work: Promise<unknown>): Promise<MillraceError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof MillraceError, String(error));
    return error;
  }
  assert.fail('It did not fail.');
}

/** Lines of 0 to 90 characters, a long one now and then. */
function someLines(seed: number, count: number): string[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => `${i}-${'xé'.repeat(random.next() * (i % 17 === 0 ? 200 : 30))}`);
}

const lines = someLines(1, 60);
const withMalformed = 'a\n!one\nb\nc\n!two\n!three\nd\n!four';

async function threeFiles(): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a.txt', lines.slice(0, 25).join('\n'));
  await put(fs, '/in/b.txt', '');
  await put(fs, '/in/c/d.txt', lines.slice(25).join('\n'));
  return fs;
}

for (const [maxSplitBytes, chunkBytes] of [
  [61, 16],
  [700, 65_536],
] as const) {
  const cases = sourceContract({
    create: async () =>
      FileSource.forFormat(lineFormat({ canBeCut: true }), '/in')
        .withFileSystem(await threeFiles())
        .withMaxSplitBytes(maxSplitBytes)
        .withChunkBytes(chunkBytes),
    expected: lines,
  });
  for (const { fact, check } of cases) {
    test(`FileSource of files in pieces of ${maxSplitBytes} bytes, ${chunkBytes}-byte chunks: ${fact}`, check);
  }
}

test('a large file is shared by the readers: each record comes once, wherever the file is cut, with the order kept in each piece', async () => {
  const random = seededRandom(7);
  for (let round = 0; round < 9; round++) {
    const records = Array.from({ length: 30 }, (_, i) => `${i}${'xé'.repeat(random.next() * (i % 9 === 0 ? 60 : 4))}`);
    const text = records.join('\n').replaceAll('\n', () => (random.next() < 0.2 ? '\n\n' : '\n')) + (round % 2 ? '\n' : '');
    const fs = new MemoryFileSystem();
    await put(fs, '/in/a', text);
    for (const maxSplitBytes of [1, 2, 3, 10, 11, 50, 100_000]) {
      const source = FileSource.forFormat(lineFormat({ canBeCut: true }), '/in')
        .withFileSystem(fs)
        .withMaxSplitBytes(maxSplitBytes);
      const driver = new SourceDriver(source.withChunkBytes(16 << (round % 4)), { parallelism: 1 + (round % 3) });
      await driver.start();
      const bySplit = new Map<string, string[]>();
      await driver.run(2, (batch) => {
        if (batch.values.length === 0) return;
        const values = bySplit.get(batch.splitId) ?? [];
        bySplit.set(batch.splitId, values);
        values.push(...batch.values);
      });
      await driver.close();
      const inOrder = [...bySplit].sort(([a], [b]) => Number(a.split('@')[1] ?? 0) - Number(b.split('@')[1] ?? 0));
      assert.deepEqual(
        inOrder.flatMap(([, values]) => values),
        records,
      );
      if (round % 3 === 0) assert.equal(bySplit.size, 1, 'one reader reads the file in one piece');
    }
  }
});

const cuttable = (fs: MemoryFileSystem, maxSplitBytes: number): FileSource<string> =>
  FileSource.forFormat(lineFormat({ canBeCut: true }), '/in')
    .withFileSystem(fs)
    .withMaxSplitBytes(maxSplitBytes);

/** The ids of the splits that records came from. */
async function splitsRead(source: FileSource<string>, parallelism: number): Promise<string[]> {
  const driver = new SourceDriver(source, { parallelism });
  await driver.start();
  const seen = new Set<string>();
  await driver.run(100_000, (batch) => batch.values.length > 0 && seen.add(batch.splitId));
  await driver.close();
  return [...seen].sort();
}

test('files are not cut if they are compressed, if the format does not say where, or if they are small', async () => {
  const fs = new MemoryFileSystem();
  const text = `${'x'.repeat(99)}\n`.repeat(100);
  await put(fs, '/in/a', text);
  await put(fs, '/in/b.gz', gzipSync(bytesOf(text)));
  assert.deepEqual(await splitsRead(cuttable(fs, 6000), 2), ['/in/a', '/in/a/@6000', '/in/b.gz']);
  assert.deepEqual(await splitsRead(cuttable(fs, Number.POSITIVE_INFINITY), 2), ['/in/a', '/in/b.gz']);
  const uncut = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs);
  assert.deepEqual(await splitsRead(uncut.withMaxSplitBytes(6000), 2), ['/in/a', '/in/b.gz']);
  assert.deepEqual(await splitsRead(FileSource.forFormat(lineFormat({ canBeCut: true }), '/in').withFileSystem(fs), 2), [
    '/in/a',
    '/in/b.gz',
  ]);
});

test('by default a file of 5 MiB is enough for three readers', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a', `${'x'.repeat(1023)}\n`.repeat(5 * 1024));
  const source = FileSource.forFormat(lineFormat({ canBeCut: true }), '/in').withFileSystem(fs);
  assert.deepEqual(await splitsRead(source, 3), ['/in/a', '/in/a/@2097152', '/in/a/@4194304']);
});

test('a reader that is slow is not left behind by more than one piece for each reader, also after a restore', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a', 'abcd\n'.repeat(400));
  const source = cuttable(fs, 100);
  let driver = new SourceDriver(source, { parallelism: 3 });
  await driver.start();
  const pollOthers = async (): Promise<number> => {
    let records = 0;
    for (let turn = 0; turn < 200; turn++) {
      for (const subtask of [1, 2]) records += driver.poll(100, subtask).values.length;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return records;
  };
  assert.equal(await pollOthers(), 3 * 20);
  for (let goOn = 0; goOn < 2; goOn++) {
    const restoreFrom = driver.snapshot();
    await driver.close();
    driver = new SourceDriver(source, { parallelism: 3, restoreFrom });
    await driver.start();
    assert.equal(await pollOthers(), 0);
  }
  assert.equal((await driver.readAll(100)).length, 400 - 60);
  await driver.close();
});

test('a file whose reading began uncut is read to its end by one reader after a rescale', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a', 'a\nb\nc\nd\n');
  const one = new SourceDriver(cuttable(fs, 2));
  await one.start();
  assert.deepEqual(await one.readSome(1, 1), ['a']);
  const restoreFrom = one.snapshot();
  assert.deepEqual(restoreFrom.splits, [
    [{ splitId: '/in/a', path: '/in/a', length: 8, position: { offset: 0, line: 1, recordsToSkip: 1 } }],
  ]);
  await one.close();
  const two = new SourceDriver(cuttable(fs, 2), { parallelism: 2, restoreFrom });
  await two.start();
  assert.deepEqual(await two.readAll(), ['b', 'c', 'd']);
  await two.close();
});

test('a checkpoint with pieces of a file does not go on with a format that knows no pieces', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a', 'a\nb\nc\nd\n');
  const before = new SourceDriver(cuttable(fs, 2), { parallelism: 2 });
  await before.start();
  const restoreFrom = before.snapshot();
  await before.close();
  const after = new SourceDriver(FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs), { parallelism: 2, restoreFrom });
  await after.start();
  assert.match((await failure(after.readAll())).message, /has a piece of '\/in\/a'.*format 'lines'/);
  await after.close();
});

test('what is malformed behind the first piece is reported with its byte, not its line', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a.txt', withMalformed);
  const tag = new OutputTag<MalformedRecord>('malformed');
  const driver = new SourceDriver(cuttable(fs, 10).onMalformed(tag), { parallelism: 2 });
  await driver.start();
  const side: MalformedRecord[] = [];
  await driver.run(1, (batch) => side.push(...batch.sideOutputs.map((output) => output.value as MalformedRecord)));
  await driver.close();
  const found = side.map(({ line, column, offset }) => ({ line, column, offset }));
  assert.deepEqual(
    found.sort((a, b) => a.offset - b.offset),
    [
      { line: 2, column: 1, offset: 2 },
      { line: undefined, column: 1, offset: 11 },
      { line: undefined, column: 1, offset: 16 },
      { line: undefined, column: 1, offset: 25 },
    ],
  );
  await put(fs, '/in/a.txt', withMalformed.replace('!one', '-one'));
  const failing = new SourceDriver(cuttable(fs, 10), { parallelism: 2 });
  await failing.start();
  const error = await failure(failing.readAll());
  await failing.close();
  assert.match(error.message, /^\/in\/a\.txt, byte 11, column 1: Unexpected !.*"!two"/);
  assert.deepEqual(error.context, { source: '/in/a.txt', column: 1, offset: 11 });

  const long = 'y'.repeat(100_000);
  await put(fs, '/in/a.txt', `a\nb\n${long}`);
  const bounded = new SourceDriver(cuttable(fs, 3).withMaxRecordBytes(50_000), { parallelism: 2 });
  await bounded.start();
  assert.match((await failure(bounded.readAll())).message, /^\/in\/a\.txt, byte 4: the record that begins here.*maxRecordBytes/);
  await bounded.close();
});

test('a watching source cuts new files, too', async () => {
  const clock = new VirtualClock();
  const fs = new MemoryFileSystem(clock);
  await put(fs, '/in/a', 'a\nb\nc\n');
  const source = cuttable(fs, 2).monitorContinuously(100);
  const onIdle = async (): Promise<void> => {
    await put(fs, '/in/b', 'd\ne\nf\n');
    await clock.advanceByAsync(100);
  };
  const driver = new SourceDriver(source, { parallelism: 2, clock, onIdle });
  await driver.start();
  assert.deepEqual((await driver.readSome(6)).sort(), ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.equal(driver.snapshot().enumerator.seenPaths.length, 2);
  await driver.close();
});
