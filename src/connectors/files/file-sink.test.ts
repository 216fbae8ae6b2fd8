import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Logger, type LogLevel, MillraceError } from '../../common/index.ts';
import { SinkDriver, type SinkDriverOptions, sinkContract } from '../../connector/index.ts';
import { type FileSystem, type FileWriter, isHidden, MemoryFileSystem, readFile, writeFile } from '../../filesystem/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { dateTimeBucketAssigner } from './bucket-assigner.ts';
import { CrashingDisk } from './crashing-disk.test.ts';
import { FileSink } from './file-sink.ts';
import { lineFormat } from './line-format.test.ts';

type Unpack = (bytes: Uint8Array) => Uint8Array;
const plain: Unpack = (bytes) => bytes;

/** All files below `folder` and what is in them, hidden ones too. */
async function contents(fs: FileSystem, folder: string, unpack = plain): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = async (path: string): Promise<void> => {
    for (const entry of await fs.list(path)) {
      if (entry.isDirectory) await visit(entry.path);
      else found[entry.path.slice(folder.length + 1)] = new TextDecoder().decode(unpack(await readFile(fs, entry.path)));
    }
  };
  if (await fs.exists(folder)) await visit(folder);
  return found;
}

/** Paths of the hidden files below the sink's folder. */
async function hiddenFiles(fs: FileSystem): Promise<string[]> {
  return Object.keys(await contents(fs, '/out')).filter((path) => isHidden(baseName(path)));
}

class KeptLog implements Logger {
  readonly lines: string[] = [];

  log(_level: LogLevel, message: string): void {
    this.lines.push(message);
  }
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const sinkOn = (fs: FileSystem): FileSink<string> => FileSink.forFormat('/out', lineFormat()).withFileSystem(fs);

async function run(sink: FileSink<string>, values: Iterable<string>, options: SinkDriverOptions = {}): Promise<void> {
  await new SinkDriver(sink, options).runAll(values);
}

for (const [name, compression, unpack] of [
  ['plain parts', undefined, plain],
  ['gzip parts', 'gzip', gunzipSync],
  ['zstd parts', 'zstd', zstdDecompressSync],
] as const) {
  const cases = sinkContract({
    create: () => {
      const fs = new MemoryFileSystem();
      const rolling = sinkOn(fs).withRollingPolicy({ maxPartBytes: 100_000 });
      return {
        sink: compression === undefined ? rolling : rolling.withCompression(compression),
        async read() {
          const files = Object.entries(await contents(fs, '/out', unpack)).filter(([path]) => !isHidden(path));
          files.sort(([a], [b]) => Number(a.split('-')[2]?.split('.')[0]) - Number(b.split('-')[2]?.split('.')[0]));
          return files.flatMap(([, text]) => text.split('\n').slice(0, -1));
        },
      };
    },
    values: Array.from({ length: 20_000 }, (_, i) => `record ${i} ${'ü'.repeat(i % 30)}`),
  });
  for (const { fact, check } of cases) test(`FileSink of ${name}: ${fact}`, check);
}

test('parts are named by subtask and number, and hidden until the commit', async () => {
  const fs = new MemoryFileSystem();
  const sink = sinkOn(fs).withPartNames({ prefix: 'counts', suffix: '.txt' }).withRollingPolicy({ maxRecords: 2 });
  const driver = new SinkDriver(sink, { subtaskIndex: 3, parallelism: 4, operatorId: 'abc' });
  await driver.start();
  await driver.write(['a', 'b', 'c']);
  const committables = await driver.prepareCommit();
  assert.deepEqual(Object.keys(await contents(fs, '/out')), ['.counts-3-0.txt.inprogress.abc', '.counts-3-1.txt.inprogress.abc']);
  await driver.commit(committables);
  await driver.close();
  assert.deepEqual(await contents(fs, '/out'), { 'counts-3-0.txt': 'a\nb\n', 'counts-3-1.txt': 'c\n' });
});

test('a compressed part has the suffix that readers know it by', async () => {
  const fs = new MemoryFileSystem();
  await run(sinkOn(fs).withPartNames({ suffix: '.json' }).withCompression('gzip'), ['a']);
  assert.deepEqual(await contents(fs, '/out', gunzipSync), { 'part-0-0.json.gz': 'a\n' });
});

test('each part begins with the header of the format', async () => {
  const fs = new MemoryFileSystem();
  const sink = FileSink.forFormat('/out', lineFormat({ header: true }))
    .withFileSystem(fs)
    .withRollingPolicy({ maxRecords: 1 });
  await run(sink, ['a', 'b']);
  assert.deepEqual(await contents(fs, '/out'), { 'part-0-0': 'title\na\n', 'part-0-1': 'title\nb\n' });
});

test('a part is full when it has its bytes', async () => {
  const fs = new MemoryFileSystem();
  await run(sinkOn(fs).withRollingPolicy({ maxPartBytes: 4 }), ['a', 'b', 'ccc', 'd']);
  assert.deepEqual(await contents(fs, '/out'), { 'part-0-0': 'a\nb\n', 'part-0-1': 'ccc\n', 'part-0-2': 'd\n' });
});

test('a part is rolled when it is old, even while it is written to, and when it is idle', async () => {
  const clock = new VirtualClock();
  const fs = new MemoryFileSystem(clock);
  const driver = new SinkDriver(sinkOn(fs).withRollingPolicy({ rolloverIntervalMs: 1000, inactivityIntervalMs: 400 }), { clock });
  await driver.start();
  for (let i = 0; i < 6; i++) {
    await driver.write([`a${i}`]);
    clock.advanceBy(200);
  }
  clock.advanceBy(150);
  await driver.write(['b']);
  clock.advanceBy(500);
  await driver.write(['c']);
  await driver.commit(await driver.prepareCommit());
  await driver.close();
  assert.deepEqual(await contents(fs, '/out'), {
    'part-0-0': 'a0\na1\na2\na3\na4\n',
    'part-0-1': 'a5\nb\n',
    'part-0-2': 'c\n',
  });
  assert.equal(clock.pendingTimers, 0);
});

test('limits of time that are switched off set no timer', async () => {
  const clock = new VirtualClock();
  const sink = sinkOn(new MemoryFileSystem(clock));
  const driver = new SinkDriver(sink.withRollingPolicy({ rolloverIntervalMs: Infinity, inactivityIntervalMs: Infinity }), {
    clock,
  });
  await driver.start();
  assert.equal(clock.pendingTimers, 0);
  await driver.close();
});

test('buckets are folders with parts and numbers of their own', async () => {
  const fs = new MemoryFileSystem();
  const sink = sinkOn(fs)
    .withBucketAssigner((value) => (value === '' ? '' : `first=${value[0]}/x`))
    .withRollingPolicy({ maxRecords: 2 });
  await run(sink, ['a1', 'b1', 'a2', 'a3', '', 'b2']);
  assert.deepEqual(await contents(fs, '/out'), {
    'first=a/x/part-0-0': 'a1\na2\n',
    'first=a/x/part-0-1': 'a3\n',
    'first=b/x/part-0-0': 'b1\nb2\n',
    'part-0-0': '\n',
  });
});

test('a bucket id that is not a safe relative path is refused', async () => {
  for (const bucketId of [
    '../up',
    'a/../../b',
    '/abs',
    'a//b',
    'a/',
    '.',
    'a/./b',
    '.hidden',
    '_x',
    'a\\b',
    'c:',
    'a\u0000',
    'é'.repeat(128),
  ]) {
    const driver = new SinkDriver(sinkOn(new MemoryFileSystem()).withBucketAssigner(() => bucketId));
    await driver.start();
    await assert.rejects(driver.write(['x']), (error) => {
      assert.ok(error instanceof MillraceError && error.code === 'SINK_FAILED', String(error));
      return error.message.includes('bucket id');
    });
    await driver.close();
  }
});

test('date-time buckets follow the clock or the records, in UTC', async () => {
  const clock = new VirtualClock(Date.UTC(2024, 1, 29, 23, 59));
  const fs = new MemoryFileSystem(clock);
  const driver = new SinkDriver(sinkOn(fs).withBucketAssigner(dateTimeBucketAssigner()), { clock });
  await driver.start();
  await driver.write(['a']);
  clock.advanceBy(60_000);
  await driver.write(['b']);
  await driver.commit(await driver.prepareCommit());
  await driver.close();
  assert.deepEqual(await contents(fs, '/out'), { '2024-02-29--23/part-0-0': 'a\n', '2024-03-01--00/part-0-0': 'b\n' });

  const byEvent = dateTimeBucketAssigner<string>({ time: 'event', pattern: 'yyyy/MM/dd/HH-mm' });
  const at = (timestamp: number): string => byEvent('', { timestamp, currentWatermark: 0, currentProcessingTime: () => 0 });
  assert.equal(at(Date.UTC(2023, 11, 31, 7, 5, 59)), '2023/12/31/07-05');
  assert.equal(at(-1), '1969/12/31/23-59');
  assert.throws(() => at(Number.NEGATIVE_INFINITY), /no timestamp/);
});

test('files of earlier runs are kept: numbers go on behind them', async () => {
  const fs = new MemoryFileSystem();
  for (let i = 0; i < 11; i++) await run(sinkOn(fs), [`run ${i}`]);
  const files = await contents(fs, '/out');
  assert.equal(Object.keys(files).length, 11);
  assert.equal(files['part-0-10'], 'run 10\n');
});

test('a crash leaves hidden files only, and the next start of the same sink cleans up its own', async () => {
  const fs = new MemoryFileSystem();
  for (const [operatorId, subtaskIndex] of [
    ['mine', 0],
    ['mine', 1],
    ['other', 0],
  ] as const) {
    const crashed = new SinkDriver(
      sinkOn(fs).withBucketAssigner((value) => value),
      { operatorId, subtaskIndex, parallelism: 2 },
    );
    await crashed.start();
    await crashed.write(['', 'bucket']);
    await crashed.prepareCommit();
  }
  await writeFile(fs, '/out/.part-0-9.inprogress', new Uint8Array(1));
  await writeFile(fs, '/out/.hand-made', new Uint8Array(1));
  const kept = ['.hand-made', '.part-0-1.inprogress.other', '.part-0-9.inprogress', 'bucket/.part-0-1.inprogress.other'];
  assert.equal((await hiddenFiles(fs)).length, 8);
  await run(sinkOn(fs), ['anew'], { operatorId: 'mine' });
  assert.deepEqual(await hiddenFiles(fs), kept);
  assert.equal((await contents(fs, '/out'))['part-0-2'], 'anew\n');
});

test('a part that a checkpoint may hold has a name of its own, and stays until a later checkpoint of a restored run', async () => {
  const fs = new MemoryFileSystem();
  const logger = new KeptLog();
  const options = { operatorId: 'mine', checkpointingEnabled: true, logger };
  const sink = sinkOn(fs).withBucketAssigner((value: string) => (value === 'b' ? 'bucket' : ''));
  const first = new SinkDriver(sink, options);
  await first.start();
  await first.write(['a']);
  const one = await first.snapshot(1);
  await first.write(['a', 'b']);
  await first.snapshot(2);
  await first.write(['a']);
  await first.writer.flush(false);
  assert.deepEqual(await hiddenFiles(fs), [
    '.part-0-0.pending.mine',
    '.part-0-1.pending.mine',
    '.part-0-2.inprogress.mine',
    'bucket/.part-0-0.pending.mine',
  ]);

  const fresh = new SinkDriver(sink, options);
  await fresh.start();
  await fresh.notifyCheckpointComplete(1);
  await fresh.close();
  assert.deepEqual(await hiddenFiles(fs), ['.part-0-0.pending.mine', '.part-0-1.pending.mine', 'bucket/.part-0-0.pending.mine']);
  assert.match(logger.lines.at(-1) ?? '', /3 files of an earlier run.*wait for a checkpoint/);

  const restored = new SinkDriver(sink, options, one);
  await restored.start();
  assert.deepEqual(await hiddenFiles(fs), ['.part-0-1.pending.mine', 'bucket/.part-0-0.pending.mine']);
  await restored.write(['a']);
  const two = await restored.snapshot(2);
  assert.deepEqual(two.committables, [{ hiddenPath: '/out/.part-0-2.pending.mine', path: '/out/part-0-2' }]);
  await restored.commit(two.committables);
  await restored.notifyCheckpointComplete(2);
  await restored.close();
  assert.deepEqual(await contents(fs, '/out'), { 'part-0-0': 'a\n', 'part-0-2': 'a\n' });
});

test('a subtask looks after its own files, the first one also after those of subtasks that are no more', async () => {
  const fs = new MemoryFileSystem();
  for (const index of [0, 1, 2]) await writeFile(fs, `/out/.part-${index}-0.inprogress.mine`, new Uint8Array(1));
  const start = async (subtaskIndex: number): Promise<void> => {
    const driver = new SinkDriver(sinkOn(fs), { operatorId: 'mine', subtaskIndex, parallelism: 2 });
    await driver.start();
    await driver.close();
  };
  await start(1);
  assert.deepEqual(await hiddenFiles(fs), ['.part-0-0.inprogress.mine', '.part-2-0.inprogress.mine']);
  await start(0);
  assert.deepEqual(await hiddenFiles(fs), []);
});

test('a savepoint without periodic checkpoints holds its parts as a checkpoint does', async () => {
  const fs = new MemoryFileSystem();
  const driver = new SinkDriver(sinkOn(fs), { operatorId: 'mine' });
  await driver.start();
  await driver.write(['a']);
  const savepoint = await driver.snapshot(1);
  assert.deepEqual(await hiddenFiles(fs), ['.part-0-0.pending.mine']);
  await driver.close();
  const restored = new SinkDriver(sinkOn(fs), { operatorId: 'mine' }, savepoint);
  await restored.runAll(['b']);
  assert.deepEqual(await contents(fs, '/out'), { 'part-0-0': 'a\n', 'part-0-1': 'b\n' });
});

test('a part is not begun under a name that came to be meanwhile', async () => {
  const fs = new MemoryFileSystem();
  const driver = new SinkDriver(sinkOn(fs));
  await driver.start();
  await writeFile(fs, '/out/part-0-0', new TextEncoder().encode('restored'));
  await driver.write(['mine']);
  await assert.rejects(driver.prepareCommit(), (error) => {
    assert.ok(error instanceof MillraceError && error.code === 'SINK_FAILED' && error.recoverable);
    return /part-0-0' exists already/.test(error.message);
  });
  await driver.close();
  assert.deepEqual(await contents(fs, '/out'), { 'part-0-0': 'restored' });
});

test('a commit never replaces a file of someone else, and misses data that is gone', async () => {
  const fs = new MemoryFileSystem();
  const driver = new SinkDriver(sinkOn(fs));
  await driver.start();
  await driver.write(['mine']);
  const committables = await driver.prepareCommit();
  await writeFile(fs, '/out/part-0-0', new TextEncoder().encode('theirs'));
  await assert.rejects(driver.commit(committables), /another file has it/);
  assert.equal((await contents(fs, '/out'))['part-0-0'], 'theirs');
  await fs.delete('/out', { recursive: true });
  await assert.rejects(driver.commit(committables), /is gone/);
  await driver.close();
});

/** A file system whose writes wait for `open()`, or fail. */
class GatedFileSystem extends MemoryFileSystem {
  gate = Promise.withResolvers<void>();
  bytesWritten = 0;
  failure: Error | undefined;

  override async create(path: string): Promise<FileWriter> {
    const writer = await super.create(path);
    const write = async (bytes: Uint8Array): Promise<void> => {
      await this.gate.promise;
      if (this.failure !== undefined) throw this.failure;
      this.bytesWritten += bytes.length;
      await writer.write(bytes);
    };
    return { position: 0, write, sync: () => writer.sync(), close: (options) => writer.close(options) };
  }
}

test('the sink holds back its input while too many bytes are on their way', async () => {
  const fs = new GatedFileSystem();
  const driver = new SinkDriver(sinkOn(fs).withMaxBytesInFlight(1_000_000));
  await driver.start();
  const record = 'x'.repeat(999);
  let written = 0;
  while (driver.writer.isAvailable?.() === undefined) {
    await driver.write([record]);
    written++;
    assert.ok(written < 1200, 'the sink takes records without bound');
  }
  assert.ok(written >= 1000);
  assert.equal(fs.bytesWritten, 0);
  fs.gate.resolve();
  await driver.write([record]);
  await driver.commit(await driver.prepareCommit());
  assert.equal(fs.bytesWritten, (written + 1) * 1000);
  await driver.close();
});

test('parts that are being closed hold back the input too', async () => {
  const fs = new GatedFileSystem();
  const driver = new SinkDriver(sinkOn(fs).withMaxBytesInFlight(1_000_000).withRollingPolicy({ maxRecords: 1 }));
  await driver.start();
  let written = 0;
  while (driver.writer.isAvailable?.() === undefined && written < 1000) {
    await driver.write(['x']);
    written++;
  }
  assert.ok(written < 20, `${written} parts are open at once`);
  fs.gate.resolve();
  await driver.close();
  assert.deepEqual(await contents(fs, '/out'), {});
});

test('a write that fails in the background fails the sink, with the path, and wakes whoever waits', async () => {
  const fs = new GatedFileSystem();
  fs.failure = new Error('disk on fire');
  const driver = new SinkDriver(sinkOn(fs).withMaxBytesInFlight(100_000));
  await driver.start();
  const writing = driver.write(Array.from({ length: 1000 }, () => 'x'.repeat(999)));
  fs.gate.resolve();
  await assert.rejects(writing, (error) => {
    assert.ok(error instanceof MillraceError && error.code === 'SINK_FAILED');
    return /'\/out\/\.part-0-0.*disk on fire/.test(error.message);
  });
  await driver.close();
  assert.deepEqual(await contents(fs, '/out'), {});
});

test('options out of range are refused', () => {
  const sink = FileSink.forFormat('out', lineFormat());
  for (const wrong of [
    () => FileSink.forFormat('', lineFormat()),
    () => sink.withRollingPolicy({ maxRecords: 0 }),
    () => sink.withRollingPolicy({ rolloverIntervalMs: Number.NaN }),
    () => sink.withPartNames({ prefix: '../x' }),
    () => sink.withPartNames({ suffix: '/x' }),
    () => sink.withPartNames({ suffix: '1' }),
    () => sink.withMaxBytesInFlight(0),
    () => sink.withCompression('lzw' as never),
  ]) {
    assert.throws(wrong, (error) => error instanceof MillraceError && error.code === 'INVALID_OPTION');
  }
});

test('the bytes that go out are counted', async () => {
  const driver = new SinkDriver(sinkOn(new MemoryFileSystem()), {});
  await driver.runAll(['abc', 'de']);
  assert.equal(driver.counters.get('numBytesOut'), 'abc\nde\n'.length);
});

test('a bucket assigner that returns no string is told so, by the first record already', async () => {
  for (const wrong of [undefined, null, 5]) {
    const sink = sinkOn(new MemoryFileSystem()).withBucketAssigner(() => wrong as never);
    await assert.rejects(run(sink, ['a']), {
      code: 'SINK_FAILED',
      message: /The bucket id .* cannot be used: it is not a string/,
    });
  }
});

for (const checkpointingEnabled of [true, false]) {
  const how = checkpointingEnabled ? 'with checkpoints' : 'at the end of the input';
  test(`committed parts survive a power cut, however deep the folders are that the sink made (${how})`, async () => {
    const crashing = new CrashingDisk();
    const view = crashing.mount(Number.POSITIVE_INFINITY, () => 0);
    const sink = FileSink.forFormat('/new/and/deep/out', lineFormat())
      .withFileSystem(view)
      .withBucketAssigner((value) => `day/${value}`);
    const driver = new SinkDriver(sink, { checkpointingEnabled });
    await driver.start();
    await driver.write(['a', 'b']);
    await driver.commit(await driver.prepareCommit());
    await driver.close();
    await crashing.cutPower();
    const found = Object.values(await contents(crashing.disk, '/new/and/deep/out')).sort();
    assert.deepEqual(found, ['a\n', 'b\n']);
  });
}
