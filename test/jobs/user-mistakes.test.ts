/**
 * What programs get wrong, and that they are told: an error names the operator, the record and what to do, and nothing is
 * computed from a value that makes no sense.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectionSource, StreamExecutionEnvironment, WatermarkStrategy } from '../../src/index.ts';

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
