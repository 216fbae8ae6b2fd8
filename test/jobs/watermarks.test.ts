/**
 * Event time of whole jobs, on virtual time: watermarks per split, idleness, alignment, and the end of bounded input.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installHost } from '../../src/api/index.ts';
import { JobClient } from '../../src/client/index.ts';
import { seededRandom } from '../../src/common/index.ts';
import type {
  InputStatus,
  RecordBatch,
  Source,
  SourceReader,
  SourceReaderContext,
  SourceSplit,
  SplitEnumeratorContext,
} from '../../src/connector/index.ts';
import { StreamExecutionEnvironment, type WatermarkGenerator, WatermarkStrategy } from '../../src/index.ts';
import { MiniCluster } from '../../src/minicluster/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** Runs `program` with a cluster on virtual time installed. */
async function onVirtualTime<R>(program: (clock: VirtualClock) => Promise<R>): Promise<R> {
  const clock = new VirtualClock();
  const cluster = new MiniCluster({ platform: { clock, scheduler: clock, random: seededRandom(7) } });
  const before = installHost({
    random: seededRandom(7),
    stdout: { write: () => undefined },
    stderr: { write: () => undefined },
    execute: async (submission, functions) => new JobClient(await cluster.submit(submission, functions), cluster.dispatcher),
  });
  try {
    return await program(clock);
  } finally {
    installHost(before);
  }
}

interface Split extends SourceSplit {
  readonly script: readonly number[];
}

/** Gives one record of each split per poll round, as long as a split has some and is not paused; ends when told to. */
class ScriptedSource implements Source<number, Split, unknown> {
  readonly name = 'Scripted';
  readonly boundedness = 'CONTINUOUS_UNBOUNDED';
  readonly polled: string[] = [];
  readonly paused = new Set<string>();
  private readonly splits: Split[];
  private readonly positions = new Map<string, number>();
  private ended = false;
  private turn = 0;
  private wake = Promise.withResolvers<void>();

  constructor(scripts: Readonly<Record<string, readonly number[]>>) {
    this.splits = Object.entries(scripts).map(([splitId, script]) => ({ splitId, script }));
  }

  append(splitId: string, ...records: number[]): void {
    const split = this.splits.find((s) => s.splitId === splitId) as Split;
    (split.script as number[]).push(...records);
    this.wake.resolve();
  }

  end(): void {
    this.ended = true;
    this.wake.resolve();
  }

  createEnumerator(context: SplitEnumeratorContext<Split>) {
    return {
      start: () => {},
      addReader: (subtask: number) => context.assignSplits(new Map([[subtask, this.splits]])),
      handleSplitRequest: () => {},
      addSplitsBack: () => {},
      snapshotState: () => [],
      close: () => {},
    };
  }

  restoreEnumerator(context: SplitEnumeratorContext<Split>) {
    return this.createEnumerator(context);
  }

  createReader(_context: SourceReaderContext): SourceReader<number, Split> {
    let assigned: readonly Split[] = [];
    return {
      start: () => {},
      pollBatch: (batch: RecordBatch<number>): InputStatus => {
        for (let tried = 0; tried < assigned.length; tried++) {
          const split = assigned[this.turn++ % assigned.length] as Split;
          const position = this.positions.get(split.splitId) ?? 0;
          if (this.paused.has(split.splitId) || position >= split.script.length) continue;
          this.positions.set(split.splitId, position + 1);
          batch.splitId = split.splitId;
          batch.push(split.script[position] as number);
          this.polled.push(`${split.splitId}${split.script[position]}`);
          return 'MORE_AVAILABLE';
        }
        if (this.ended) return 'END_OF_INPUT';
        this.wake = Promise.withResolvers();
        return 'NOTHING_AVAILABLE';
      },
      isAvailable: () => this.wake.promise,
      addSplits: (splits) => {
        assigned = [...assigned, ...splits];
        this.wake.resolve();
      },
      notifyNoMoreSplits: () => {},
      snapshotState: () => [],
      pauseOrResumeSplits: (toPause, toResume) => {
        for (const id of toPause) this.paused.add(id);
        for (const id of toResume) this.paused.delete(id);
        this.wake.resolve();
      },
      close: () => {},
    };
  }
}

const byValue = (strategy: WatermarkStrategy<number>) => strategy.withTimestampAssigner((value) => value);

/** Runs a job that notes the watermark whenever it moves; `steps` drives it. */
async function watermarksOf(
  source: ScriptedSource,
  strategy: WatermarkStrategy<number>,
  steps: (clock: VirtualClock) => Promise<void>,
): Promise<number[]> {
  return onVirtualTime(async (clock) => {
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    const seen: number[] = [];
    env.fromSource(source, strategy, 'scripted').sinkTo({
      name: 'watermarks',
      createWriter: () => ({
        write: () => {},
        writeWatermark: (watermark) => void seen.push(watermark),
        flush: () => {},
        close: () => {},
      }),
    });
    const client = await env.executeAsync();
    await clock.advanceByAsync(1);
    await steps(clock);
    source.end();
    const result = client.getJobExecutionResult();
    await clock.advanceByAsync(1000);
    await result;
    return seen;
  });
}

test('the slowest split holds back the watermark, and the end of input closes all event time', async () => {
  const source = new ScriptedSource({ a: [1000, 2000, 3000], b: [1500] });
  const strategy = byValue(WatermarkStrategy.forMonotonousTimestamps<number>());
  const seen = await watermarksOf(source, strategy, async (clock) => {
    await clock.advanceByAsync(200);
    source.append('b', 2500);
    await clock.advanceByAsync(200);
  });
  assert.deepEqual(seen, [1499, 2499, Number.POSITIVE_INFINITY]);
});

test('an idle split no longer holds back the watermark, and a record makes it count again', async () => {
  const source = new ScriptedSource({ a: [1000], b: [10] });
  const strategy = byValue(WatermarkStrategy.forMonotonousTimestamps<number>()).withIdleness(500);
  const seen = await watermarksOf(source, strategy, async (clock) => {
    await clock.advanceByAsync(200);
    for (let value = 2000; value <= 5000; value += 1000) {
      source.append('a', value);
      await clock.advanceByAsync(200);
    }
    source.append('b', 4500);
    source.append('a', 9000);
    await clock.advanceByAsync(200);
  });
  assert.deepEqual(seen.slice(0, 1), [9]);
  assert.ok(seen.includes(3999) || seen.includes(4999), `${seen}`);
  assert.equal(seen.at(-2), 4999);
  assert.equal(seen.at(-1), Number.POSITIVE_INFINITY);
});

test('out-of-orderness is allowed for', async () => {
  const source = new ScriptedSource({ a: [5000, 3000, 4000] });
  const seen = await watermarksOf(source, byValue(WatermarkStrategy.forBoundedOutOfOrderness<number>(1000)), (clock) =>
    clock.advanceByAsync(200),
  );
  assert.deepEqual(seen, [3999, Number.POSITIVE_INFINITY]);
});

test('a generator of the program can emit for every record', async () => {
  const punctuated: WatermarkGenerator<number> = {
    onEvent: (value, _timestamp, output) => {
      if (value % 2 === 0) output.emitWatermark(value);
    },
    onPeriodicEmit: () => {},
  };
  const source = new ScriptedSource({ a: [1, 2, 3, 4] });
  const strategy = byValue(WatermarkStrategy.forGenerator<number>(() => punctuated));
  assert.deepEqual(await watermarksOf(source, strategy, async () => {}), [2, 4, Number.POSITIVE_INFINITY]);
});

test('a split that is too far ahead of its group pauses until the slow one has caught up', async () => {
  const source = new ScriptedSource({ fast: [1000, 20_000], slow: [1000] });
  const strategy = byValue(WatermarkStrategy.forMonotonousTimestamps<number>()).withWatermarkAlignment('group', 5000, 100);
  await watermarksOf(source, strategy, async (clock) => {
    await clock.advanceByAsync(500);
    assert.deepEqual([...source.paused], ['fast']);
    source.append('fast', 21_000);
    source.append('slow', 2000);
    await clock.advanceByAsync(500);
    assert.ok(!source.polled.includes('fast21000'), 'a paused split was read');
    source.append('slow', 18_000);
    await clock.advanceByAsync(500);
    assert.deepEqual([...source.paused], []);
    assert.ok(source.polled.includes('fast21000'));
  });
});

test('two sources of one alignment group hold each other together', async () => {
  await onVirtualTime(async (clock) => {
    const env = StreamExecutionEnvironment.getExecutionEnvironment();
    const strategy = byValue(WatermarkStrategy.forMonotonousTimestamps<number>()).withWatermarkAlignment('group', 5000, 100);
    const ahead = new ScriptedSource({ x: [50_000] });
    const behind = new ScriptedSource({ y: [1000] });
    env
      .fromSource(ahead, strategy, 'ahead')
      .union(env.fromSource(behind, strategy, 'behind'))
      .discard();
    const client = await env.executeAsync();
    await clock.advanceByAsync(600);
    assert.deepEqual([[...ahead.paused], [...behind.paused]], [['x'], []]);
    behind.append('y', 49_000);
    await clock.advanceByAsync(600);
    assert.deepEqual([...ahead.paused], []);
    ahead.end();
    behind.end();
    const result = client.getJobExecutionResult();
    await clock.advanceByAsync(600);
    await result;
  });
});
