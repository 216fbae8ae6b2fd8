/**
 * What programs get wrong, and that they are told: an error names the operator, the record and what to do, and nothing is
 * computed from a value that makes no sense.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectionSource, DataGeneratorSource, StreamExecutionEnvironment, WatermarkStrategy } from '../../src/index.ts';

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
