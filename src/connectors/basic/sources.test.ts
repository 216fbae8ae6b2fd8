import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../common/index.ts';
import {
  type DecodingFormat,
  type MalformedRecord,
  OutputTag,
  type Source,
  SourceDriver,
  type SourceSplit,
  sourceContract,
} from '../../connector/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { BytesSource } from './bytes-source.ts';
import { CollectionSource } from './collection-source.ts';
import { DataGeneratorSource } from './data-generator-source.ts';
import { SequenceSource } from './sequence-source.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Lines as strings; a line that begins with `!` is malformed. */
const lines: DecodingFormat<string> = {
  name: 'lines',
  createDecoder(context) {
    const decoder = {
      line: context.startLine ?? 1,
      decode(chunk: Uint8Array, start: number, end: number, out: string[], endOfInput: boolean): number {
        let position = start;
        while (position < end) {
          const newline = chunk.subarray(0, end).indexOf(10, position);
          if (newline < 0 && !endOfInput) break;
          const bytes = chunk.slice(position, newline < 0 ? end : newline);
          if (bytes[0] === 33) {
            context.onMalformed({ source: context.source, line: decoder.line, column: 1, offset: 0, message: 'Bad.', bytes });
          } else out.push(new TextDecoder().decode(bytes));
          position = newline < 0 ? end : newline + 1;
          decoder.line++;
        }
        return position;
      },
    };
    return decoder;
  },
};

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const text = range(1, 30).map((i) => 'z'.repeat(i));

function* countTo(count: number): Generator<number> {
  for (let i = 1; i <= count; i++) yield i;
}

function register<T, SplitT extends SourceSplit, C>(
  name: string,
  create: () => Source<T, SplitT, C>,
  expected: readonly T[],
  driver?: () => { clock: VirtualClock; onIdle: () => Promise<void> },
): void {
  for (const { fact, check } of sourceContract({ create, expected, driver })) test(`${name}: ${fact}`, check);
}

register('CollectionSource of an array', () => new CollectionSource(['a', 'b', 'c', undefined, null]), [
  'a',
  'b',
  'c',
  undefined,
  null,
]);
register('CollectionSource of nothing', () => new CollectionSource<string>([]), []);
register('CollectionSource of a set', () => new CollectionSource(new Set(range(1, 20))), range(1, 20));
register('CollectionSource of a generator', () => new CollectionSource({ [Symbol.iterator]: () => countTo(7) }), range(1, 7));
register('SequenceSource', () => new SequenceSource(-3, 40), range(-3, 40));
register('SequenceSource of one number', () => new SequenceSource(5, 5), [5]);
register(
  'DataGeneratorSource',
  () => new DataGeneratorSource((i) => `#${i}`, 33),
  range(0, 32).map((i) => `#${i}`),
);
register('DataGeneratorSource of nothing', () => new DataGeneratorSource((i) => i, 0), []);
register('BytesSource', () => new BytesSource(bytesOf(text.join('\n')), lines, { chunkBytes: 7 }), text);
register('BytesSource of nothing', () => new BytesSource(bytesOf(''), lines, { repeat: 3 }), []);
register(
  'BytesSource in pieces',
  () => new BytesSource(bytesOf(text.join('\n')), { ...lines, recordEnd: 10 }, { chunkBytes: 7 }),
  text,
);
register(
  'BytesSource in pieces, twice over',
  () => new BytesSource(bytesOf(`${text.join('\n')}\n`), { ...lines, recordEnd: 10 }, { repeat: 2 }),
  [...text, ...text],
);
register(
  'BytesSource, three times over',
  () => new BytesSource(bytesOf(`${text.join('\n')}\n`), lines, { repeat: 3, chunkBytes: 100 }),
  [...text, ...text, ...text],
);
register(
  'DataGeneratorSource at a rate',
  () => new DataGeneratorSource((i) => i, 12, { ratePerSecond: 30 }),
  range(0, 11),
  () => {
    const clock = new VirtualClock();
    return { clock, onIdle: () => clock.advanceToAsync(clock.nextTimerMs ?? clock.currentTimeMs()) };
  },
);

test('parallel readers of a sequence read contiguous ranges', async () => {
  const driver = new SourceDriver(new SequenceSource(1, 10), { parallelism: 3 });
  await driver.start();
  assert.deepEqual(
    [0, 1, 2].map((subtask) => driver.poll(100, subtask).values),
    [
      [1, 2, 3, 4],
      [5, 6, 7],
      [8, 9, 10],
    ],
  );
  await driver.close();
});

test('parallel readers of a generator take turns', async () => {
  const driver = new SourceDriver(new DataGeneratorSource((i) => i, 'unbounded'), { parallelism: 3 });
  await driver.start();
  assert.deepEqual(driver.poll(3, 1).values, [1, 4, 7]);
  assert.deepEqual(driver.poll(3, 0).values, [0, 3, 6]);
  await driver.close();
});

async function rated(ratePerSecond: number): Promise<{
  clock: VirtualClock;
  due: () => number;
  close: () => Promise<void>;
}> {
  const clock = new VirtualClock();
  const driver = new SourceDriver(new DataGeneratorSource((i) => i, 'unbounded', { ratePerSecond }), { clock });
  await driver.start();
  const due = (): number => {
    let count = 0;
    for (;;) {
      const { values, status } = driver.poll(7);
      count += values.length;
      if (status === 'NOTHING_AVAILABLE') return count;
    }
  };
  return { clock, due, close: () => driver.close() };
}

test('a rated generator keeps its rate to the record', async () => {
  for (const ratePerSecond of [3, 250, 10_000]) {
    const { clock, due, close } = await rated(ratePerSecond);
    let count = due();
    assert.equal(count, 0);
    for (let ms = 0; ms < 10_000; ms += 20) {
      clock.advanceBy(20);
      count += due();
      assert.equal(count, Math.floor((ratePerSecond * (ms + 20)) / 1000 + 1e-6));
    }
    await close();
  }
});

test('parallel readers of a rated generator keep its rate together', async () => {
  const clock = new VirtualClock();
  const driver = new SourceDriver(new DataGeneratorSource((i) => i, 'unbounded', { ratePerSecond: 100 }), {
    clock,
    parallelism: 4,
  });
  await driver.start();
  const counts = [0, 0, 0, 0];
  for (let ms = 0; ms < 2000; ms += 20) {
    clock.advanceBy(20);
    for (const reader of counts.keys()) counts[reader] = (counts[reader] as number) + driver.poll(1000, reader).values.length;
  }
  assert.deepEqual(counts, [50, 50, 50, 50]);
  await driver.close();
});

test('a rated generator that was held up makes good a tenth of a second at most', async () => {
  const { clock, due, close } = await rated(1000);
  clock.advanceBy(5000);
  assert.equal(due(), 100);
  clock.advanceBy(50);
  assert.equal(due(), 50);
  await close();
});

test('a rated generator sets one timer for many records, and the next record is due when it fires', async () => {
  const clock = new VirtualClock();
  const driver = new SourceDriver(new DataGeneratorSource((i) => i, 'unbounded', { ratePerSecond: 100_000 }), { clock });
  await driver.start();
  driver.poll(10);
  const available = driver.readers[0]?.isAvailable();
  await Promise.resolve();
  assert.equal(clock.pendingTimers, 1);
  clock.advanceTo(clock.nextTimerMs as number);
  await available;
  assert.equal(driver.poll(10_000).values.length, 500);
  await driver.close();
});

test('an array and a sequence know how far they are', async () => {
  for (const source of [new CollectionSource([1, 2, 3, 4]), new SequenceSource(1, 4), new DataGeneratorSource((i) => i, 4)]) {
    const driver = new SourceDriver<number, SourceSplit, unknown>(source as Source<number, SourceSplit, unknown>);
    await driver.start();
    const progress = (): number[] => [driver.gauge('progressDone'), driver.gauge('progressTotal')];
    assert.deepEqual(progress(), [0, 4]);
    driver.poll(3);
    assert.deepEqual(progress(), [3, 4]);
    const restored = new SourceDriver<number, SourceSplit, unknown>(source as Source<number, SourceSplit, unknown>, {
      parallelism: 2,
      restoreFrom: driver.snapshot(),
    });
    await restored.start();
    assert.deepEqual([restored.gauge('progressDone'), restored.gauge('progressTotal')], [0, 1]);
    await driver.close();
    await restored.close();
  }
});

test('how far a generator without end or an iterable is nobody knows', async () => {
  for (const source of [new DataGeneratorSource((i) => i, 'unbounded'), new CollectionSource(new Set([1]))]) {
    const driver = new SourceDriver<number, SourceSplit, unknown>(source as Source<number, SourceSplit, unknown>);
    await driver.start();
    assert.ok(Number.isNaN(driver.gauge('progressTotal')));
    await driver.close();
  }
});

test('parallel readers of bytes share the rounds, or pieces that end where records do', async () => {
  const bytes = bytesOf('aaa\nb\n!c\ndddddd\ne\nf');
  const read = async (options: { repeat?: number; parallelism: number; format?: DecodingFormat<string> }) => {
    const { parallelism, repeat = 1, format = { ...lines, recordEnd: 10 } } = options;
    const tag = new OutputTag<MalformedRecord>('malformed');
    const source = new BytesSource(bytes, format, { repeat, chunkBytes: 4, onMalformed: tag });
    const driver = new SourceDriver(source, { parallelism });
    await driver.start();
    const values: string[][] = Array.from({ length: parallelism }, () => []);
    const malformedLines = new Set<number | undefined>();
    await driver.run(10, (batch, subtask) => {
      values[subtask]?.push(...batch.values);
      for (const { value } of batch.sideOutputs) malformedLines.add((value as MalformedRecord).line);
    });
    await driver.close();
    assert.deepEqual([...malformedLines], [3]);
    return values;
  };
  const all = ['aaa', 'b', 'dddddd', 'e', 'f'];
  assert.deepEqual(await read({ parallelism: 2, format: lines }), [all, []]);
  assert.deepEqual(await read({ parallelism: 2 }), [
    ['aaa', 'b'],
    ['dddddd', 'e', 'f'],
  ]);
  assert.deepEqual(await read({ parallelism: 3 }), [['aaa', 'b'], ['dddddd'], ['e', 'f']]);
  assert.deepEqual((await read({ parallelism: 9 })).flat().sort(), all);
  assert.deepEqual(await read({ parallelism: 2, repeat: 3 }), [all, [...all, ...all]]);
});

test('malformed records among bytes in memory fail, are skipped, or go to a side output', async () => {
  const bytes = bytesOf('a\n!b\nc\n!d');
  const tag = new OutputTag<MalformedRecord>('malformed');
  const readAll = async (
    onMalformed: 'fail' | 'skip' | OutputTag<MalformedRecord>,
  ): Promise<[string[], number, (number | undefined)[]]> => {
    const driver = new SourceDriver(new BytesSource(bytes, lines, { onMalformed, repeat: 2, chunkBytes: 3 }));
    await driver.start();
    const values: string[] = [];
    const side: (number | undefined)[] = [];
    await driver.run(1, (batch) => {
      values.push(...batch.values);
      side.push(...batch.sideOutputs.map((output) => (output.value as MalformedRecord).line));
    });
    return [values, driver.errors, side];
  };
  await assert.rejects(
    readAll('fail'),
    (error) => error instanceof MillraceError && /^bytes in memory:2:1: Bad\./.test(error.message),
  );
  assert.deepEqual(await readAll('skip'), [['a', 'c', 'a', 'c'], 4, []]);
  assert.deepEqual(await readAll(tag), [['a', 'c', 'a', 'c'], 4, [2, 4, 2, 4]]);
});

test('options that make no sense are refused', () => {
  for (const wrong of [
    () => new SequenceSource(2, 1),
    () => new SequenceSource(0.5, 1),
    () => new SequenceSource(0, 2 ** 60),
    () => new DataGeneratorSource((i) => i, -1),
    () => new DataGeneratorSource((i) => i, 1, { ratePerSecond: 0 }),
    () => new BytesSource(bytesOf(''), lines, { repeat: 0 }),
  ]) {
    assert.throws(wrong, (error) => error instanceof MillraceError && error.code === 'INVALID_OPTION');
  }
});
