/**
 * What programs get wrong, and that they are told: an error names the operator, the record and what to do, and nothing is
 * computed from a value that makes no sense.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CollectionSource,
  DataGeneratorSource,
  StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../../src/index.ts';

interface Timed {
  readonly time: unknown;
}

const environment = () => StreamExecutionEnvironment.getExecutionEnvironment();
const timed = () => WatermarkStrategy.forMonotonousTimestamps<Timed>().withTimestampAssigner((x) => x.time as number);

for (const wrong of [null, undefined, Number.NaN, '1000', new Date(5), 5n]) {
  test(`a timestamp assigner that returns ${typeof wrong} (${wrong}) fails the job and is named`, async () => {
    const job = environment()
      .fromCollection<Timed>([{ time: 1 }, { time: wrong }])
      .assignTimestampsAndWatermarks(timed())
      .executeAndCollect();
    await assert.rejects(job, {
      code: 'INVALID_PROGRAM',
      message: /^Operator 'Timestamps\/Watermarks' failed: The timestamp assigner returned .*\n {2}record: \{ time: /,
    });
  });
}

test('a watermark generator in a source that throws is named, not the operator behind it', async () => {
  const strategy = WatermarkStrategy.forGenerator<number>(() => ({
    onEvent: (value) => {
      if (value === 2) throw new Error('no watermark');
    },
    onPeriodicEmit: () => {},
  }));
  const job = environment()
    .fromSource(new CollectionSource([1, 2]), strategy, 'Numbers')
    .map((x) => x * 10)
    .name('Behind')
    .executeAndCollect();
  await assert.rejects(job, { message: /^Operator 'Numbers' failed: no watermark\n {2}record: 2\n/ });
});

test("a function of a source that throws is named with the user's line", async () => {
  const generator = new DataGeneratorSource((index) => {
    if (index === 1) throw new RangeError('no such record');
    return index;
  }, 3);
  const failed = /^Operator 'Numbers' failed: RangeError: no such record\n {2}at .*user-mistakes\.test\.ts/;
  const job = environment().fromSource(generator, WatermarkStrategy.noWatermarks<number>(), 'Numbers').executeAndCollect();
  await assert.rejects(job, { code: 'USER_FUNCTION_FAILED', message: failed });
});

test('an iterable that fails when its iteration begins is named, too', async () => {
  const broken: Iterable<number> = {
    [Symbol.iterator]() {
      throw new Error('not today');
    },
  };
  await assert.rejects(environment().fromCollection(broken).executeAndCollect(), {
    message: /^Operator 'Collection Source' failed: not today/,
  });
});

test('a collection that cannot be iterated is refused where it is given', () => {
  for (const wrong of [5, undefined, null, {}, (async function* () {})()]) {
    assert.throws(() => environment().fromCollection(wrong as never), { code: 'INVALID_PROGRAM', message: /must be an array/ });
  }
});

test('an async function is refused where nothing would wait for it', () => {
  const stream = environment().fromElements(1);
  const keyed = stream.keyBy((x) => x);
  const windowed = keyed.window(TumblingEventTimeWindows.of(10));
  const wait = async (): Promise<never> => Promise.reject(new Error('nobody sees this'));
  const refused: Record<string, () => unknown> = {
    map: () => stream.map(wait),
    filter: () => stream.filter(wait as never),
    flatMap: () => stream.flatMap(async function* () {} as never),
    keyBy: () => stream.keyBy(wait),
    addSink: () => stream.addSink(wait),
    'process(), in processElement,': () => stream.process({ processElement: wait }),
    'process(), in onTimer,': () => keyed.process({ processElement: () => {}, onTimer: wait }),
    reduce: () => keyed.reduce(wait as never),
    'map(), in map2,': () => stream.connect(stream).map((x) => x, wait),
    'flatMap(), in flatMap1,': () => stream.connect(stream).flatMap(wait as never, () => []),
    'reduce(), in reduce,': () => windowed.reduce({ reduce: wait as never }),
    'aggregate(), in add,': () =>
      windowed.aggregate({ createAccumulator: () => 0, add: wait as never, getResult: (a) => a, merge: (a) => a }),
    process: () => windowed.process(wait as never),
    apply: () => windowed.apply(wait as never),
  };
  for (const [where, use] of Object.entries(refused)) {
    assert.throws(use, (error: Error & { code: string }) => {
      assert.equal(error.code, 'INVALID_PROGRAM', where);
      assert.ok(error.message.startsWith(`${where.includes('(') ? where : `${where}()`} takes no async function`), error.message);
      assert.match(error.stack?.split('\n').find((line) => line.includes(' at ')) ?? '', /user-mistakes\.test\.ts/);
      return true;
    });
  }
});

test('what is no function is refused where it is given', () => {
  const stream = environment().fromElements({ key: 'a' });
  const wrong: readonly (readonly [() => unknown, RegExp])[] = [
    [() => stream.map(undefined as never), /^map\(\) takes a function or an object with the method map; got undefined\.$/],
    [() => stream.map({} as never), /got \{\}\.$/],
    [() => stream.keyBy('key' as never), /^keyBy\(\) takes a function; got 'key'\.$/],
    [() => stream.process((() => {}) as never), /^process\(\) takes an object with the method processElement; got \[Function/],
    [() => stream.connect(stream).map({ map1: () => 1 } as never), /methods map1, map2; got .*, which lacks map2\.$/],
  ];
  for (const [use, message] of wrong) assert.throws(use, { code: 'INVALID_PROGRAM', message });
});

test('a record that cannot be shown does not hide why the job failed', async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const job = environment()
    .fromElements(proxy)
    .map(() => {
      throw new Error('the reason');
    })
    .executeAndCollect();
  await assert.rejects(job, { message: /^Operator 'Map' failed: the reason\n {2}record: \(object that cannot be shown\)/ });
});
