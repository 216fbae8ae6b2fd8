/** Functions of a program that do what they must not: the message says what, where, and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Collector, StreamExecutionEnvironment, WatermarkStrategy } from '../../src/index.ts';

const environment = (): StreamExecutionEnvironment => StreamExecutionEnvironment.getExecutionEnvironment();

test('a flatMap that returns no iterable is told so, with operator and record', async () => {
  const env = environment();
  env
    .fromElements(1)
    .flatMap((() => null) as unknown as (x: number) => number[])
    .name('split')
    .print();
  await assert.rejects(env.execute(), /Operator 'split' failed: TypeError: flatMap returned null\. Return an array.*record: 1/s);
});

test('a record that is emitted after the end is refused where it is emitted, not lost', async () => {
  let kept: Collector<number> | undefined;
  const env = environment();
  const emitted = env.fromElements(1).process<number>({
    processElement(value, _context, out) {
      kept = out;
      out.collect(value);
    },
  });
  assert.deepEqual(await emitted.executeAndCollect(), [1]);
  assert.throws(() => kept?.collect(2), { code: 'ILLEGAL_STATE', message: /'Process' emitted a record after it had ended/ });
});

test('a source whose enumerator cannot be made fails its job, with its name', async () => {
  const env = environment();
  const broken = {
    name: 'broken',
    boundedness: 'BOUNDED' as const,
    createEnumerator: () => {
      throw new Error('no such place');
    },
    restoreEnumerator: () => {
      throw new Error('never');
    },
    createReader: () => {
      throw new Error('never');
    },
  };
  env.fromSource(broken, WatermarkStrategy.noWatermarks(), 'orders').print();
  await assert.rejects(env.execute(), { code: 'SOURCE_FAILED', message: /Source 'orders' failed: no such place/ });
});
