/**
 * The job of the benchmark `recovery`: a value of a kilobyte for each of many keys, then updates without end. Says on its standard
 * output when all keys have their value (`FULL`), and when the first record comes out (`FIRST`).
 *
 * Usage: `node recovery-job.ts KEYS BACKEND FOLDER [RESTORE_PATH]`
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import {
  DataGeneratorSource,
  StreamExecutionEnvironment,
  type ValueState,
  ValueStateDescriptor,
  WatermarkStrategy,
} from 'millrace';
import { sharedMemory } from './shared.ts';

const [keyCount = '1', backend = 'hashmap', folder = '', restorePath = ''] = process.argv.slice(2);
const keys = Number(keyCount);
const FILLER = 'x'.repeat(990);

const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': 2,
  'state.backend.type': backend,
  'execution.checkpointing.interval': '500 ms',
  'execution.checkpointing.dir': join(folder, 'checkpoints'),
  'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
  ...(restorePath === '' ? {} : { 'execution.state-recovery.path': restorePath }),
});

const written = new Int32Array(sharedMemory('recovery', 4));
let state: ValueState<{ count: number; text: string }>;
env
  .fromSource(
    new DataGeneratorSource((index) => index % keys, 'unbounded', { ratePerSecond: 50_000 }),
    WatermarkStrategy.noWatermarks<number>(),
    'Keys',
  )
  .uid('keys')
  .keyBy((key) => key)
  .process<number>({
    open(context) {
      state = context.getState(new ValueStateDescriptor<{ count: number; text: string }>('value'));
    },
    processElement(key, _context, out) {
      const count = (state.value()?.count ?? 0) + 1;
      state.update({ count, text: FILLER + key });
      out.collect(count);
    },
  })
  .uid('values')
  .addSink((count) => {
    const n = Atomics.add(written, 0, 1) + 1;
    if (n === 1) writeSync(1, `FIRST ${count}\n`);
    if (n === keys) writeSync(1, 'FULL\n');
  });

await (isMainThread ? env.execute('Recovery') : env.executeAsync('Recovery'));
