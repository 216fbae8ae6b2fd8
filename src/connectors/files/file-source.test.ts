import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { MillraceError, seededRandom } from '../../common/index.ts';
import {
  type MalformedRecord,
  OutputTag,
  SourceDriver,
  type SourceDriverOptions,
  type SourceSnapshot,
  sourceContract,
} from '../../connector/index.ts';
import { type FileReader, MemoryFileSystem, writeFile } from '../../filesystem/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { FileSource } from './file-source.ts';
import type { FileSourceCheckpoint } from './file-source-enumerator.ts';
import type { FileSourceSplit } from './file-source-split.ts';
import { lineFormat } from './line-format.test.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function put(fs: MemoryFileSystem, path: string, content: string | Uint8Array): Promise<void> {
  await fs.mkdirs(path.slice(0, path.lastIndexOf('/')));
  await writeFile(fs, path, typeof content === 'string' ? bytesOf(content) : content);
}

async function readAll(source: FileSource<string>, options: SourceDriverOptions<never, never> = {}): Promise<string[]> {
  const driver = new SourceDriver(source, options as object);
  try {
    await driver.start();
    return await driver.readAll();
  } finally {
    await driver.close();
  }
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
const first = lines.slice(0, 25);
const second = lines.slice(25);

async function filesOf(suffix: string, pack: (bytes: Uint8Array) => Uint8Array, header: boolean): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  const text = (part: readonly string[]): Uint8Array => pack(bytesOf((header ? 'T\n' : '') + part.join('\n')));
  await put(fs, `/in/a.txt${suffix}`, text(first));
  await put(fs, `/in/b.txt${suffix}`, header ? text([]) : pack(new Uint8Array(0)));
  await put(fs, `/in/c/d.txt${suffix}`, text(second));
  return fs;
}

for (const [name, suffix, pack] of [
  ['plain files', '', (bytes: Uint8Array) => bytes],
  ['gzip files', '.gz', gzipSync],
  ['zstd files', '.zst', zstdCompressSync],
] as const) {
  for (const [chunkBytes, header] of [
    [64, false],
    [64, true],
    [65_536, false],
  ] as const) {
    const cases = sourceContract({
      create: async () => {
        const fs = await filesOf(suffix, pack, header);
        return FileSource.forFormat(lineFormat({ header }), '/in').withFileSystem(fs).withChunkBytes(chunkBytes);
      },
      expected: lines.map((line) => (header ? `T:${line}` : line)),
      maxBoundaries: name === 'plain files' ? 100 : 15,
    });
    for (const { fact, check } of cases) {
      test(`FileSource of ${name}, ${chunkBytes}-byte chunks${header ? ', with a header' : ''}: ${fact}`, check);
    }
  }
}

test('folders are read recursively, globs match, nothing is read twice, and the order is that of the arguments', async () => {
  const fs = new MemoryFileSystem();
  for (const path of ['/in/b.txt', '/in/a.txt', '/in/sub/c.txt', '/in/_d.txt', '/in/.e.txt', '/other/x.log'])
    await put(fs, path, path);
  const source = FileSource.forFormat(lineFormat(), '/other/*.log', '/in', '/in/a.txt').withFileSystem(fs);
  assert.deepEqual(await readAll(source), ['/other/x.log', '/in/a.txt', '/in/b.txt', '/in/sub/c.txt']);
});

test('an empty folder is empty input', async () => {
  const fs = new MemoryFileSystem();
  await fs.mkdirs('/in');
  assert.deepEqual(await readAll(FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs)), []);
});

test('a missing file and a glob without matches are errors that name the path', async () => {
  const fs = new MemoryFileSystem();
  const missing = await failure(readAll(FileSource.forFormat(lineFormat(), '/in/a.txt').withFileSystem(fs)));
  assert.equal(missing.code, 'SOURCE_FAILED');
  assert.match(missing.message, /'\/in\/a\.txt'/);
  const unmatched = await failure(readAll(FileSource.forFormat(lineFormat(), '/in/*.txt').withFileSystem(fs)));
  assert.equal(unmatched.code, 'SOURCE_FAILED');
  assert.match(unmatched.message, /'\/in\/\*\.txt'/);
});

test('a file that vanishes before it is opened is an error that names it', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a.txt', 'a');
  const driver = new SourceDriver(FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs));
  await driver.start();
  await fs.delete('/in/a.txt');
  assert.match((await failure(driver.readAll())).message, /'\/in\/a\.txt'.*no such file/);
  await driver.close();
});

test('options out of range are refused', () => {
  const source = FileSource.forFormat(lineFormat(), 'x');
  for (const wrong of [
    () => FileSource.forFormat(lineFormat()),
    () => FileSource.forFormat(lineFormat(), ''),
    () => source.withChunkBytes(0),
    () => source.withMaxRecordBytes(Number.NaN),
    () => source.withMaxSplitBytes(0),
    () => source.withMaxSplitBytes(Number.NaN),
    () => source.monitorContinuously(-1),
    () => source.onMalformed('ignore' as never),
  ]) {
    assert.throws(wrong, (error) => error instanceof MillraceError && error.code === 'INVALID_OPTION');
  }
});

test('a record may be longer than the chunk, up to the bound', async () => {
  const fs = new MemoryFileSystem();
  const long = 'y'.repeat(100_000);
  await put(fs, '/in/a.txt', `a\n${long}\nb\n${long}${long}\nc`);
  const source = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs).withChunkBytes(1024);
  assert.deepEqual(await readAll(source.withMaxRecordBytes(210_000)), ['a', long, 'b', long + long, 'c']);
  const error = await failure(readAll(source.withMaxRecordBytes(150_000)));
  assert.equal(error.code, 'MALFORMED_RECORD');
  assert.match(error.message, /\/in\/a\.txt:4:.*maxRecordBytes/);
});

const withMalformed = 'a\n!one\nb\nc\n!two\n!three\nd\n!four';

test("malformed input fails the job with file, line and column under 'fail'", async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a.txt', withMalformed);
  const error = await failure(readAll(FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs)));
  assert.equal(error.code, 'MALFORMED_RECORD');
  assert.match(error.message, /^\/in\/a\.txt:2:1: Unexpected !.*"!one"/);
  assert.deepEqual(error.context, { source: '/in/a.txt', line: 2, column: 1, offset: 2 });
});

test("malformed input is left out and counted under 'skip'", async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a.txt', withMalformed);
  const driver = new SourceDriver(FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs).onMalformed('skip'));
  await driver.start();
  assert.deepEqual(await driver.readAll(), ['a', 'b', 'c', 'd']);
  assert.equal(driver.errors, 4);
  await driver.close();
});

test('malformed input goes to a side output, once each, wherever the split is resumed', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a.txt', withMalformed);
  const tag = new OutputTag<MalformedRecord>('malformed');
  for (const chunkBytes of [16, 65_536]) {
    const source = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs).onMalformed(tag).withChunkBytes(chunkBytes);
    assert.deepEqual(source.sideOutputTags, [tag]);
    for (let boundary = 0; boundary <= 4; boundary++) {
      for (const resumedChunkBytes of [16, 20, 65_536]) {
        const values: string[] = [];
        const side: MalformedRecord[] = [];
        const collect = (batch: { values: string[]; sideOutputs: readonly { value: unknown }[] }): void => {
          values.push(...batch.values);
          side.push(...batch.sideOutputs.map((output) => output.value as MalformedRecord));
        };
        const before = new SourceDriver(source);
        await before.start();
        if (boundary > 0) await before.run(1, collect, () => values.length >= boundary);
        const restoreFrom = before.snapshot();
        await before.close();
        const after = new SourceDriver(source.withChunkBytes(resumedChunkBytes), { restoreFrom });
        await after.start();
        await after.run(2, collect);
        await after.close();
        assert.deepEqual(values, ['a', 'b', 'c', 'd']);
        assert.deepEqual(
          side.map((record) => [record.line, record.offset, new TextDecoder().decode(record.bytes)]),
          [
            [2, 2, '!one'],
            [5, 11, '!two'],
            [6, 16, '!three'],
            [8, 25, '!four'],
          ],
        );
        assert.equal(before.errors + after.errors, 4);
      }
    }
  }
});

test('a watching source reads each new file once, and waits for more', async () => {
  const clock = new VirtualClock();
  const fs = new MemoryFileSystem(clock);
  await put(fs, '/in/a.txt', 'a1\na2\n');
  const source = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs).monitorContinuously(1000);
  assert.equal(source.boundedness, 'CONTINUOUS_UNBOUNDED');
  const steps = [
    async () => put(fs, '/in/b.txt', 'b1'),
    async () => {},
    async () => {
      await put(fs, '/in/a.txt', 'changed');
      await put(fs, '/in/.hidden', 'hidden');
      await put(fs, '/in/c.txt', 'c1');
    },
  ];
  const onIdle = async (): Promise<void> => {
    await clock.advanceByAsync(0);
    await steps.shift()?.();
    await clock.advanceByAsync(1000);
  };
  const driver = new SourceDriver(source, { clock, onIdle });
  await driver.start();
  assert.deepEqual(await driver.readSome(3), ['a1', 'a2', 'b1']);
  const restoreFrom = driver.snapshot();
  assert.deepEqual(await driver.readSome(1), ['c1']);
  assert.equal(driver.poll(10).status, 'NOTHING_AVAILABLE');
  await driver.close();

  const resumed = new SourceDriver(source, { clock, onIdle, restoreFrom });
  await resumed.start();
  assert.deepEqual(await resumed.readSome(1), ['c1']);
  await resumed.close();
});

test('a watching source goes on at another parallelism: files that were seen are not read again, new ones are', async () => {
  const clock = new VirtualClock();
  const fs = new MemoryFileSystem(clock);
  for (const name of ['a', 'b', 'c']) await put(fs, `/in/${name}`, `${name}1\n${name}2\n`);
  const source = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs).monitorContinuously(1000);
  const onIdle = (): Promise<void> => clock.advanceByAsync(100);
  const seen: string[] = [];
  let restoreFrom: SourceSnapshot<FileSourceSplit, FileSourceCheckpoint> | undefined;
  for (const [parallelism, count] of [
    [2, 3],
    [3, 7],
    [1, 8],
  ] as const) {
    const driver = new SourceDriver(source, { clock, onIdle, parallelism, ...(restoreFrom && { restoreFrom }) });
    await driver.start();
    seen.push(...(await driver.readSome(count - seen.length, 1)));
    restoreFrom = driver.snapshot();
    await driver.close();
    if (count === 3) await put(fs, '/in/d', 'd1\nd2\n');
  }
  assert.deepEqual(seen.sort(), ['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'd1', 'd2']);
});

test('a watching source may begin with a folder that is empty, or a glob that matches nothing yet', async () => {
  const clock = new VirtualClock();
  const fs = new MemoryFileSystem(clock);
  await fs.mkdirs('/in');
  const source = FileSource.forFormat(lineFormat(), '/in', '/*/x.txt').withFileSystem(fs).monitorContinuously(10);
  const driver = new SourceDriver(source, {
    clock,
    onIdle: async () => {
      await put(fs, '/out/x.txt', 'x');
      await clock.advanceByAsync(10);
    },
  });
  await driver.start();
  assert.deepEqual(await driver.readSome(1), ['x']);
  await driver.close();
});

test('a folder that vanishes while it is watched fails the job', async () => {
  const clock = new VirtualClock();
  const fs = new MemoryFileSystem(clock);
  await fs.mkdirs('/in');
  const source = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs).monitorContinuously(10);
  const onIdle = async (): Promise<void> => {
    await fs.delete('/in', { recursive: true });
    await clock.advanceByAsync(10);
  };
  const driver = new SourceDriver(source, { clock, onIdle });
  await driver.start();
  assert.match((await failure(driver.readSome(1))).message, /'\/in'/);
  await driver.close();
});

test('progress counts the bytes in storage, compressed ones too', async () => {
  const fs = new MemoryFileSystem();
  const packed = gzipSync(bytesOf('a\n'.repeat(1000)));
  await put(fs, '/in/a.gz', packed);
  await put(fs, '/in/b', 'b\n'.repeat(1000));
  const source = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs);
  const driver = new SourceDriver(source);
  await driver.start();
  const total = packed.length + 2000;
  const progress = (): number[] => [driver.gauge('progressDone'), driver.gauge('progressTotal')];
  assert.deepEqual(progress(), [0, total]);
  let bytes = 0;
  await driver.run(500, (batch) => {
    bytes += batch.bytes;
  });
  assert.deepEqual(progress(), [total, total]);
  assert.equal(bytes, total);
  await driver.close();
});

test('a paused split delivers nothing until it is resumed', async () => {
  const fs = new MemoryFileSystem();
  await put(fs, '/in/a', 'a\nb\nc');
  const driver = new SourceDriver(FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs));
  await driver.start();
  const values = await driver.readSome(1, 1);
  const reader = driver.readers[0];
  reader?.pauseOrResumeSplits?.(['/in/a'], []);
  assert.equal(driver.poll(10).status, 'NOTHING_AVAILABLE');
  const available = reader?.isAvailable();
  reader?.pauseOrResumeSplits?.([], ['/in/a']);
  await available;
  assert.deepEqual([...values, ...(await driver.readAll())], ['a', 'b', 'c']);
  await driver.close();
});

test('many small files are read through a few buffers', async () => {
  const buffers = new Set<ArrayBufferLike>();
  class WatchedFileSystem extends MemoryFileSystem {
    override async open(path: string, position?: number): Promise<FileReader> {
      const reader = await super.open(path, position);
      return {
        read: (target) => {
          buffers.add(target.buffer);
          return reader.read(target);
        },
        close: () => reader.close(),
      };
    }
  }
  const fs = new WatchedFileSystem();
  const names = Array.from({ length: 50 }, (_, i) => `file${String(i).padStart(2, '0')}`);
  for (const name of names) await put(fs, `/in/${name}`, `${name}a\n${name}b`);
  const source = FileSource.forFormat(lineFormat(), '/in').withFileSystem(fs);
  assert.deepEqual(
    await readAll(source),
    names.flatMap((name) => [`${name}a`, `${name}b`]),
  );
  assert.ok(buffers.size <= 6, `${buffers.size} buffers for 50 files`);
});
