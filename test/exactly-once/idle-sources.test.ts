/** A source without records does not hold back the time of the others if it may be idle, in jobs of several subtasks, too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/common/index.ts';
import { MemoryFileSystem } from '../../src/filesystem/index.ts';
import {
  type DataStream,
  type StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { NO_MUTATION } from '../simulation/mutations.ts';
import { SimulatedCluster } from '../simulation/simulated-cluster.ts';
import { SimulatedProcess } from '../simulation/simulated-process.ts';
import { NO_FAULTS } from './faults.ts';
import type { Item } from './item.ts';
import { ReplayableSource, type TimedItem } from './replayable-source.ts';
import { TransactionalSink } from './transactional-sink.ts';

const PAUSE_MS = 400;
/** Later than everything that the other source has: it may come late, and is not late. */
const AFTER_PAUSE: TimedItem = { k: 0, v: 1000, t: 100_000, gapMs: PAUSE_MS };
const PAUSING: TimedItem[] = [{ k: 0, v: 100, t: 3, gapMs: 0 }, AFTER_PAUSE];
/** One every 10 ms, for longer than the pause. */
const STEADY = Array.from({ length: 60 }, (_, i): TimedItem => ({ k: 0, v: 1, t: 10 * i, gapMs: 10 }));

/** Sums up both sources in windows of 100 ms. @returns the sums, with the time at which each came */
async function sums(idlenessMs: number | undefined, parallelism: number): Promise<{ sum: number; atMs: number }[]> {
  const clock = new VirtualClock();
  const process = new SimulatedProcess(clock);
  const random = seededRandom(parallelism);
  const fileSystem = new MemoryFileSystem(clock);
  const sink = new TransactionalSink<{ sum: number; atMs: number }>();
  const monotonous = WatermarkStrategy.forMonotonousTimestamps<Item>();
  const strategy = idlenessMs === undefined ? monotonous : monotonous.withIdleness(idlenessMs);
  const build = (env: StreamExecutionEnvironment): void => {
    env.setParallelism(parallelism);
    const source = (records: readonly TimedItem[]): DataStream<Item> =>
      env.fromSource(new ReplayableSource([records], NO_FAULTS), strategy);
    source(PAUSING)
      .union(source(STEADY))
      .keyBy(({ k }) => k)
      .window(TumblingEventTimeWindows.of(100))
      .reduce(({ k, v, t }, next) => ({ k, v: v + next.v, t }))
      .map(({ v }) => ({ sum: v, atMs: clock.currentTimeMs() }))
      .sinkTo(sink);
  };
  const { client } = await SimulatedCluster.start(
    build,
    { 'execution.checkpointing.interval': 50, 'pipeline.auto-watermark-interval': 10 },
    { processPer: 'TASK', channels: 'LOCAL', messageMs: 0, workMs: 0, turnMs: 0.1, slowness: 1 },
    {
      process,
      random,
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
  return sink.values.sort((a, b) => a.atMs - b.atMs);
}

const RIGHT = [110, 10, 10, 10, 10, 10, 1000];

for (const parallelism of [1, 3]) {
  test(`at parallelism ${parallelism}, windows end while a source is idle, and nothing of it is late when it comes back`, async () => {
    const found = await sums(50, parallelism);
    assert.deepEqual(
      found.map(({ sum }) => sum),
      RIGHT,
    );
    assert.ok((found[2]?.atMs as number) < PAUSE_MS, `the third window ended at ${found[2]?.atMs} ms`);
  });

  test(`at parallelism ${parallelism}, a source that may not be idle holds back all windows`, async () => {
    const found = await sums(undefined, parallelism);
    assert.deepEqual(found.map(({ sum }) => sum).sort(), [...RIGHT].sort());
    assert.ok((found[0]?.atMs as number) >= PAUSE_MS, `the first window ended at ${found[0]?.atMs} ms`);
  });
}
