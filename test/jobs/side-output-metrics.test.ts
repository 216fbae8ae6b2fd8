/** Late data is counted, whether it is dropped or goes to a side output. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  OutputTag,
  type SingleOutputStreamOperator,
  StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  type WatermarkGenerator,
  WatermarkStrategy,
  type WindowedStream,
} from '../../src/index.ts';

const everyRecord: WatermarkGenerator<number> = {
  onEvent: (value, _timestamp, output) => output.emitWatermark(value),
  onPeriodicEmit: () => {},
};

/** Windows of 10 ms over 5, 25, 7, 8, 30: 7 and 8 are late. @returns the counters of the window operator */
async function lateMetrics(
  use: (windows: WindowedStream<number, string, any>) => SingleOutputStreamOperator<number>,
): Promise<Record<string, unknown>> {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  const strategy = WatermarkStrategy.forGenerator<number>(() => everyRecord).withTimestampAssigner((value) => value);
  const keyed = env
    .fromElements(5, 25, 7, 8, 30)
    .assignTimestampsAndWatermarks(strategy)
    .keyBy(() => 'all');
  use(keyed.window(TumblingEventTimeWindows.of(10)))
    .name('windows')
    .discard();
  const client = await env.executeAsync();
  await client.getJobExecutionResult();
  const metrics = Object.entries(await client.getMetrics());
  return Object.fromEntries(metrics.filter(([name]) => name.includes('.windows.')).map(([n, v]) => [n.split('.').at(-1), v]));
}

test('late records that are dropped are counted', async () => {
  const metrics = await lateMetrics((windows) => windows.reduce((a, b) => a + b));
  assert.equal(metrics.numLateRecordsDropped, 2);
  assert.equal(metrics.numSideOutputRecords, 0);
});

test('late records for a side output are counted, and so is that nobody reads it', async () => {
  const late = new OutputTag<number>('late');
  const metrics = await lateMetrics((windows) => windows.sideOutputLateData(late).reduce((a, b) => a + b));
  assert.equal(metrics.numLateRecordsDropped, 0);
  assert.equal(metrics.numSideOutputRecords, 2);
  assert.equal(metrics.numSideOutputRecordsUnread, 2);
});
