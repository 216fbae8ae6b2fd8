/** Timers of processing time at the end of the input: they fire no more, however long a job waits for its last checkpoint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/common/index.ts';
import { MemoryFileSystem } from '../../src/filesystem/index.ts';
import { type DataStream, type StreamExecutionEnvironment, WatermarkStrategy } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { NO_MUTATION } from '../simulation/mutations.ts';
import { SimulatedCluster } from '../simulation/simulated-cluster.ts';
import { SimulatedProcess } from '../simulation/simulated-process.ts';
import { NO_FAULTS } from './faults.ts';
import type { Item } from './item.ts';
import { ReplayableSource, type TimedItem } from './replayable-source.ts';
import { TransactionalSink } from './transactional-sink.ts';

const recordsOf = (count: number): TimedItem[] => Array.from({ length: count }, (_, i) => ({ k: i, v: 1, t: i, gapMs: 10 }));

test('a timer that was due after the end of the input does not fire while other tasks go on', async () => {
  const clock = new VirtualClock();
  const process = new SimulatedProcess(clock);
  const fileSystem = new MemoryFileSystem(clock);
  const sink = new TransactionalSink<string>();
  const build = (env: StreamExecutionEnvironment): void => {
    const source = (count: number): DataStream<Item> =>
      env.fromSource(new ReplayableSource([recordsOf(count)], NO_FAULTS), WatermarkStrategy.noWatermarks<Item>());
    source(3)
      .keyBy(({ k }) => k)
      .process<string>({
        processElement: (_, { timerService }) =>
          timerService.registerProcessingTimeTimer(timerService.currentProcessingTime() + 15),
        onTimer: (_, { getCurrentKey }, out) => out.collect(`timer of ${getCurrentKey()}`),
      })
      .sinkTo(sink);
    source(30)
      .map(() => 'other')
      .sinkTo(sink);
  };
  const { client } = await SimulatedCluster.start(
    build,
    { 'execution.checkpointing.interval': 1000 },
    { processPer: 'TASK', channels: 'LOCAL', messageMs: 0, workMs: 0, turnMs: 0, slowness: 1 },
    {
      process,
      random: seededRandom(1),
      mount: () => fileSystem,
      mutation: NO_MUTATION,
      loses: () => false,
      isHealed: () => true,
      record: () => {},
    },
  );
  const result = client.getJobExecutionResult();
  await clock.advanceByAsync(5000);
  await result;
  assert.deepEqual(
    sink.values.filter((value) => value !== 'other'),
    ['timer of 0'],
  );
  assert.equal(sink.values.length, 31);
});
