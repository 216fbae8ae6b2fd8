/** How a task waits for a source that has nothing at the moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installHost } from '../../src/api/index.ts';
import { JobClient } from '../../src/client/index.ts';
import { seededRandom } from '../../src/common/index.ts';
import type { Source, SourceSplit, SplitEnumeratorContext } from '../../src/connector/index.ts';
import { StreamExecutionEnvironment, WatermarkStrategy } from '../../src/index.ts';
import { MiniCluster } from '../../src/minicluster/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** Never has a record. Who asks when it will be available makes it answer who asked before. */
class SilentSource implements Source<number, SourceSplit, unknown> {
  readonly name = 'Silent';
  readonly boundedness = 'CONTINUOUS_UNBOUNDED';
  questions = 0;
  private answer: () => void = () => {};

  createEnumerator(_context: SplitEnumeratorContext<SourceSplit>) {
    return {
      start: () => {},
      addReader: () => {},
      handleSplitRequest: () => {},
      addSplitsBack: () => {},
      snapshotState: () => [],
      close: () => {},
    };
  }

  restoreEnumerator(context: SplitEnumeratorContext<SourceSplit>) {
    return this.createEnumerator(context);
  }

  createReader() {
    return {
      start: () => {},
      pollBatch: () => 'NOTHING_AVAILABLE' as const,
      isAvailable: () => {
        this.questions++;
        if (this.questions < 1000) this.answer();
        return new Promise<void>((resolve) => {
          this.answer = resolve;
        });
      },
      addSplits: () => {},
      notifyNoMoreSplits: () => {},
      snapshotState: () => [],
      close: () => {},
    };
  }
}

test('a source that has nothing is asked once when it will have something, whatever else wakes its task', async () => {
  const clock = new VirtualClock();
  const cluster = new MiniCluster({ platform: { clock, scheduler: clock, random: seededRandom(7) } });
  const before = installHost({
    random: seededRandom(7),
    stdout: { write: () => undefined },
    stderr: { write: () => undefined },
    execute: async (submission, functions) => new JobClient(await cluster.submit(submission, functions), cluster.dispatcher),
  });
  try {
    const source = new SilentSource();
    const env = StreamExecutionEnvironment.getExecutionEnvironment().setAutoWatermarkInterval(20);
    env.fromSource(source, WatermarkStrategy.forMonotonousTimestamps<number>()).addSink(() => {});
    const client = await env.executeAsync();
    const result = client.getJobExecutionResult().catch((error: { code?: string }) => error.code);
    await clock.advanceByAsync(1);
    await clock.advanceByAsync(1000);
    assert.equal(source.questions, 1);
    const canceled = client.cancel();
    await clock.advanceByAsync(1000);
    await canceled;
    assert.equal(await result, 'JOB_CANCELED');
  } finally {
    installHost(before);
  }
});
