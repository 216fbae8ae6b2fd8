/**
 * What is late stays late: whatever fails, and however a job goes on, each record is judged by the very watermark that stood in
 * front of it, also if both were in flight when the checkpoint was taken.
 *
 * One split of one source tells time by its records, so it is certain which watermark stands in front of which record. A second
 * source, with nothing to say, has ended or is idle when the first one begins, and may not hold it back after a restore
 * either. The oracle is a loop over the records.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MillraceError, seededRandom } from '../../src/common/index.ts';
import { MemoryFileSystem } from '../../src/filesystem/index.ts';
import {
  type DataStream,
  OutputTag,
  type StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { NO_MUTATION } from '../simulation/mutations.ts';
import { SimulatedCluster } from '../simulation/simulated-cluster.ts';
import { SimulatedProcess } from '../simulation/simulated-process.ts';
import { type Faults, NO_FAULTS, plannedFaults } from './faults.ts';
import type { Item } from './item.ts';
import { ReplayableSource, type TimedItem } from './replayable-source.ts';
import { TransactionalSink } from './transactional-sink.ts';

interface Run {
  readonly parallelism: number;
  /** When it is canceled; the last one is not. */
  readonly afterMs: number;
}

interface LateCase {
  readonly seed: number;
  readonly records: readonly TimedItem[];
  readonly beside: 'NOTHING' | 'ENDED' | 'IDLE';
  readonly keyed: boolean;
  readonly alignment: 'ALIGNED' | 'UNALIGNED';
  readonly channels: 'LOCAL' | 'RINGS';
  readonly failsAt: readonly number[];
  readonly runs: readonly Run[];
}

const WINDOW_MS = 10;
const LATE = new OutputTag<Item>('late');
const IDLE_AFTER_MS = 20;
/** By then, the source beside the other has ended, or is idle. */
const BEGIN_MS = 400;

/** Time is what a third of the records say. */
const tellsTime = ({ v }: Item): boolean => v % 3 === 0;
const byRecords = WatermarkStrategy.forGenerator<Item>(() => ({
  onEvent: (item, t, output) => tellsTime(item) && output.emitWatermark(t),
  onPeriodicEmit: () => {},
}));

/** Threads may be slow. */
const LIMIT_MS = 60_000;

const windowEnd = (t: number): number => (Math.floor(t / WINDOW_MS) + 1) * WINDOW_MS;

function expectedOf({ records, keyed }: LateCase): string[] {
  const lines: string[] = [];
  const sums = new Map<string, number>();
  let watermark = Number.NEGATIVE_INFINITY;
  for (const item of records) {
    const { k, v, t } = item;
    lines.push(`${k} ${v} at ${watermark}`);
    const window = `${k} until ${windowEnd(t)}`;
    if (keyed && windowEnd(t) - 1 <= watermark) lines.push(`${k} ${v} is late`);
    else if (keyed) sums.set(window, (sums.get(window) ?? 0) + v);
    if (tellsTime(item)) watermark = Math.max(watermark, t);
  }
  return [...lines, ...[...sums].map(([window, sum]) => `${window}: ${sum}`)].sort();
}

function build(
  { records, beside, keyed }: LateCase,
  parallelism: number,
  faults: Faults,
  sink: TransactionalSink<string>,
): (env: StreamExecutionEnvironment) => void {
  const [first, ...others] = records as [TimedItem, ...TimedItem[]];
  const delayed = beside === 'NOTHING' ? records : [{ ...first, gapMs: BEGIN_MS }, ...others];
  const last: TimedItem = { k: 0, v: -1, t: 0, gapMs: 2500 };
  return (env) => {
    env.setParallelism(1).setMaxParallelism(8);
    let stream: DataStream<Item> = env.fromSource(new ReplayableSource([delayed], NO_FAULTS), byRecords).uid('source');
    if (beside !== 'NOTHING') {
      const silent = new ReplayableSource([beside === 'IDLE' ? [last] : []], NO_FAULTS);
      stream = stream.union(env.fromSource(silent, byRecords.withIdleness(IDLE_AFTER_MS)).uid('beside'));
    }
    const told = ({ k, v }: Item, watermark: number): string => {
      faults.at('process');
      return `${k} ${v} at ${watermark}`;
    };
    env.setParallelism(keyed ? parallelism : 1);
    if (!keyed) {
      stream
        .rebalance()
        .process<string>({
          processElement: (item, { timerService }, out) => out.collect(told(item, timerService.currentWatermark())),
        })
        .uid('watermarks')
        .sinkTo(sink)
        .uid('sink');
      return;
    }
    const byKey = stream.keyBy(({ k }) => k);
    byKey
      .process<string>({
        processElement: (item, { timerService }, out) => out.collect(told(item, timerService.currentWatermark())),
      })
      .uid('watermarks')
      .sinkTo(sink)
      .uid('sink');
    const windows = byKey
      .window(TumblingEventTimeWindows.of(WINDOW_MS))
      .sideOutputLateData(LATE)
      .process<string>({
        process: (k, { window }, items, out) =>
          out.collect(`${k} until ${window.end}: ${[...items].reduce((sum, { v }) => sum + v, 0)}`),
      })
      .uid('windows');
    windows.sinkTo(sink).uid('sink of windows');
    windows
      .getSideOutput(LATE)
      .map(({ k, v }) => `${k} ${v} is late`)
      .uid('late')
      .sinkTo(sink)
      .uid('sink of late records');
  };
}

async function outputOf(of: LateCase): Promise<string[]> {
  const clock = new VirtualClock();
  const random = seededRandom(of.seed);
  const fileSystem = new MemoryFileSystem(clock);
  const faults = plannedFaults(of.failsAt.map((call) => ({ point: 'process', call })));
  const sink = new TransactionalSink<string>();
  for (const [i, { parallelism, afterMs }] of of.runs.entries()) {
    const isLast = i === of.runs.length - 1;
    const checkpoints = 'execution.checkpointing';
    const hasCheckpoint = (await fileSystem.exists('/checkpoints')) && (await fileSystem.list('/checkpoints')).length > 0;
    const process = new SimulatedProcess(clock);
    const { client } = await SimulatedCluster.start(
      build(of, parallelism, faults, sink),
      {
        'pipeline.auto-watermark-interval': 10,
        'execution.buffer-timeout.interval': 0,
        'restart-strategy.type': 'fixed-delay',
        'restart-strategy.fixed-delay.attempts': 100,
        'restart-strategy.fixed-delay.delay': 5,
        [`${checkpoints}.interval`]: 10,
        [`${checkpoints}.unaligned.enabled`]: of.alignment === 'UNALIGNED',
        [`${checkpoints}.dir`]: '/checkpoints',
        [`${checkpoints}.externalized-checkpoint-retention`]: 'RETAIN_ON_CANCELLATION',
        ...(hasCheckpoint ? { 'execution.state-recovery.path': '/checkpoints' } : {}),
      },
      { processPer: 'TASK', channels: of.channels, messageMs: 2, workMs: 1, turnMs: 0.5, slowness: 20 },
      {
        process,
        random,
        mount: () => fileSystem,
        mutation: NO_MUTATION,
        loses: () => false,
        isHealed: () => false,
        record: () => {},
      },
    );
    const result = client.getJobExecutionResult();
    if (!isLast) process.setTimer(afterMs, () => void client.cancel());
    let ended: 'FINISHED' | 'CANCELED' | Error | undefined;
    result.then(
      () => (ended = 'FINISHED'),
      (error: MillraceError) => (ended = error.code === 'JOB_CANCELED' ? 'CANCELED' : error),
    );
    const endMs = clock.monotonicMs() + LIMIT_MS;
    while (ended === undefined && clock.monotonicMs() < endMs) await clock.advanceByAsync(100);
    process.kill();
    if (ended === 'FINISHED') return sink.values.filter((line) => !line.includes(' -1 ') && !line.endsWith(': -1')).sort();
    if (ended !== 'CANCELED') throw ended ?? new Error(`The job does not end within ${LIMIT_MS} ms.`);
  }
  throw new Error('The last run did not finish.');
}

const record: fc.Arbitrary<TimedItem> = fc
  .tuple(fc.nat(6), fc.nat(999), fc.nat(60), fc.constantFrom(0, 0, 0, 0, 1, 5))
  .map(([k, v, t, gapMs]) => ({ k, v, t, gapMs }));

/** With times that go on, and records that lag behind. */
const records = fc
  .array(record, { minLength: 1, maxLength: 60 })
  .map((drawn) => drawn.map((item, i): TimedItem => ({ ...item, t: 2 * i + item.t })));

const common = {
  seed: fc.nat(),
  records,
  channels: fc.constantFrom('LOCAL' as const, 'RINGS' as const),
  failsAt: fc.uniqueArray(fc.integer({ min: 1, max: 120 }), { maxLength: 4 }),
};
const afterMs = fc.integer({ min: 5, max: 150 });
const SEED = 20_261_124;

test('after any failures and changes of parallelism, every record meets the watermark that stood in front of it', async () => {
  const cases = fc.record({
    ...common,
    beside: fc.constant('NOTHING' as const),
    keyed: fc.constant(true),
    alignment: fc.constantFrom('ALIGNED' as const, 'UNALIGNED' as const, 'UNALIGNED' as const),
    runs: fc.array(fc.record({ parallelism: fc.integer({ min: 1, max: 4 }), afterMs }), { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async (of) => assert.deepEqual(await outputOf(of), expectedOf(of))),
    { numRuns: 40, seed: SEED },
  );
});

test('a source that has ended or is idle holds nothing back after a restore either', async () => {
  const cases = fc.record({
    ...common,
    beside: fc.constantFrom('NOTHING' as const, 'ENDED' as const, 'IDLE' as const),
    keyed: fc.boolean(),
    alignment: fc.constantFrom('ALIGNED' as const, 'UNALIGNED' as const),
    runs: fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.array(afterMs, { minLength: 1, maxLength: 2 }))
      .map(([parallelism, moments]) => moments.map((ms): Run => ({ parallelism, afterMs: ms + BEGIN_MS }))),
  });
  await fc.assert(
    fc.asyncProperty(cases, async (of) => assert.deepEqual(await outputOf(of), expectedOf(of))),
    { numRuns: 40, seed: SEED },
  );
});
