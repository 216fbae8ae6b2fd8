/**
 * The life of whole jobs on one thread: how they end, whatever happens in whichever state, and that everything that was opened is
 * closed once.
 *
 * It is over 500 lines because every way for a job to end is a case of its own on the same small source and sink.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobClient } from '../client/index.ts';
import { MillraceError } from '../common/index.ts';
import {
  type InputStatus,
  type RecordBatch,
  type Sink,
  type Source,
  type SourceSplit,
  type SplitEnumeratorContext,
  StaticSplitEnumerator,
} from '../connector/index.ts';
import { DataGeneratorSource } from '../connectors/basic/index.ts';
import { IntCounter, StreamExecutionEnvironment, WatermarkStrategy } from '../index.ts';

const environment = (): StreamExecutionEnvironment => StreamExecutionEnvironment.getExecutionEnvironment();

interface SourceHooks {
  start?(context: SplitEnumeratorContext<SourceSplit>): void | Promise<void>;
  handleSplitRequest?(): void;
  closed?(what: 'enumerator' | 'reader'): void;
}

/** Has one split; gives the records that are pushed, until it is ended. */
class PushSource implements Source<number> {
  readonly name = 'Push Source';
  readonly boundedness = 'BOUNDED';
  private readonly hooks: SourceHooks;
  private readonly records: number[] = [];
  private ended = false;
  private hasSplit = false;
  private wake = Promise.withResolvers<void>();

  constructor(hooks: SourceHooks = {}) {
    this.hooks = hooks;
  }

  push(...records: number[]): this {
    this.records.push(...records);
    this.wake.resolve();
    return this;
  }

  end(): this {
    this.ended = true;
    this.wake.resolve();
    return this;
  }

  createEnumerator(context: SplitEnumeratorContext<SourceSplit>) {
    const { hooks } = this;
    const splits = new StaticSplitEnumerator(context, [{ splitId: 'only' }]);
    return {
      start: () => (hooks.start ? hooks.start(context) : splits.start()),
      addReader: () => {},
      handleSplitRequest: (i: number) => (hooks.handleSplitRequest ? hooks.handleSplitRequest() : splits.handleSplitRequest(i)),
      addSplitsBack: () => {},
      snapshotState: () => [],
      close: () => hooks.closed?.('enumerator'),
    };
  }

  restoreEnumerator(context: SplitEnumeratorContext<SourceSplit>) {
    return this.createEnumerator(context);
  }

  createReader({ sendSplitRequest }: { sendSplitRequest(): void }) {
    return {
      start: () => sendSplitRequest(),
      pollBatch: (batch: RecordBatch<number>, maxRecords: number): InputStatus => {
        if (!this.hasSplit) return 'NOTHING_AVAILABLE';
        batch.splitId = 'only';
        for (const record of this.records.splice(0, maxRecords)) batch.push(record);
        if (this.records.length > 0) return 'MORE_AVAILABLE';
        if (this.ended) return 'END_OF_INPUT';
        this.wake = Promise.withResolvers();
        return 'NOTHING_AVAILABLE';
      },
      isAvailable: () => this.wake.promise,
      addSplits: () => {
        this.hasSplit = true;
        this.wake.resolve();
      },
      notifyNoMoreSplits: () => {},
      snapshotState: () => [],
      close: () => this.hooks.closed?.('reader'),
    };
  }
}

interface SinkHooks {
  open?(): void | Promise<void>;
  write?(value: number): void;
  flush?(): void | Promise<void>;
  commit?(): void;
  close?(): void;
}

const sinkOf = (hooks: SinkHooks): Sink<number, number> => ({
  name: 'Hooked Sink',
  async createWriter() {
    await hooks.open?.();
    return {
      write: (value) => hooks.write?.(value),
      flush: () => hooks.flush?.(),
      prepareCommit: () => [1],
      close: () => hooks.close?.(),
    };
  },
  createCommitter: () => ({ commit: () => hooks.commit?.(), close: () => {} }),
});

/** A map function that notes what happens to it in `log`. */
const noted = (log: string[], name: string, map: (x: number) => number = (x) => x) => ({
  open: () => void log.push(`open ${name}`),
  map,
  close: () => void log.push(`close ${name}`),
});

const start = (env: StreamExecutionEnvironment, source: Source<number>) =>
  env.fromSource(source, WatermarkStrategy.noWatermarks<number>());

async function failureOf(client: JobClient): Promise<MillraceError> {
  const error = await client.getJobExecutionResult().then(
    () => assert.fail('the job should not have finished'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof MillraceError);
  return error;
}

/** Resolves when a record has reached the end of the job. */
function firstRecord(): { readonly reached: Promise<void>; readonly see: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { reached: promise, see: resolve };
}

test('a job is CREATED while it opens, RUNNING while it takes input, and FINISHED behind its end', async () => {
  const env = environment();
  const source = new PushSource().push(1);
  const opening = Promise.withResolvers<void>();
  const record = firstRecord();
  start(env, source).sinkTo(sinkOf({ open: () => opening.promise, write: record.see }));
  const client = await env.executeAsync('Life');
  assert.equal(await client.getJobStatus(), 'CREATED');
  opening.resolve();
  await record.reached;
  assert.equal(await client.getJobStatus(), 'RUNNING');
  source.end();
  const result = await client.getJobExecutionResult();
  assert.equal(await client.getJobStatus(), 'FINISHED');
  assert.equal(result.jobName, 'Life');
  assert.equal(result.jobId, client.jobId);
  assert.ok(result.netRuntimeMs > 0);
});

test('a failing open is the failure of the job: no record is processed, and what was opened is closed', async () => {
  const env = environment();
  const log: string[] = [];
  start(env, new PushSource().push(1).end())
    .map(noted(log, 'first', () => assert.fail('a record was processed')))
    .map({ open: () => Promise.reject(new Error('no connection')), map: (x: number) => x })
    .name('Broken')
    .map(noted(log, 'last'))
    .sinkTo(sinkOf({ close: () => void log.push('close sink') }));
  const client = await env.executeAsync();
  const error = await failureOf(client);
  assert.equal(error.code, 'USER_FUNCTION_FAILED');
  assert.match(error.message, /^Operator 'Broken' failed in open: no connection/);
  assert.equal(await client.getJobStatus(), 'FAILED');
  assert.deepEqual(
    log.filter((line) => line !== 'close first'),
    ['open last', 'close last', 'close sink'],
  );
});

test('a failing open in one task stops the others before they take input', async () => {
  const env = environment();
  const closed: string[] = [];
  start(env, new PushSource({ closed: (what) => void closed.push(what) }).push(1).end())
    .map({ open: () => Promise.reject(new Error('no')), map: (x: number) => x })
    .disableChaining()
    .sinkTo(sinkOf({ write: () => assert.fail('a record came through'), close: () => void closed.push('sink') }))
    .disableChaining();
  await failureOf(await env.executeAsync());
  assert.ok(closed.includes('sink') && closed.includes('enumerator'));
});

test('a failure names the operator, the record and the line, and closes every operator once', async () => {
  const env = environment();
  const log: string[] = [];
  start(env, new PushSource().push(1, 2, 3).end())
    .map(
      noted(log, 'map', (x) => {
        if (x === 2) throw new RangeError('two is too many');
        return x;
      }),
    )
    .name('Counted')
    .sinkTo(
      sinkOf({
        flush: () => void log.push('flush'),
        commit: () => void log.push('commit'),
        close: () => void log.push('close sink'),
      }),
    );
  const error = await failureOf(await env.executeAsync());
  assert.match(
    error.message,
    /^Operator 'Counted' failed: RangeError: two is too many\n {2}record: 2\n {2}at .*job-life-cycle\.test\.ts:\d+/,
  );
  assert.equal(error.context.operator, 'Counted');
  assert.equal((error.cause as Error).message, 'two is too many');
  assert.deepEqual(log, ['open map', 'close map', 'close sink']);
});

test('a failing finish fails the job, and nothing is committed', async () => {
  const env = environment();
  let committed = false;
  start(env, new PushSource().push(1).end()).sinkTo(
    sinkOf({
      flush: () => Promise.reject(new Error('disk full')),
      commit: () => {
        committed = true;
      },
    }),
  );
  const error = await failureOf(await env.executeAsync());
  assert.match(error.message, /^Operator 'Hooked Sink' failed in finish: disk full/);
  assert.equal(committed, false);
});

test('a failing close fails a job that had nothing else to complain of, and the other operators are closed', async () => {
  const env = environment();
  const log: string[] = [];
  start(env, new PushSource().end())
    .map({
      map: (x: number) => x,
      close: () => {
        throw new Error('stuck');
      },
    })
    .name('Sticky')
    .sinkTo(sinkOf({ close: () => void log.push('close sink') }));
  const error = await failureOf(await env.executeAsync());
  assert.match(error.message, /^Operator 'Sticky' failed in close: stuck/);
  assert.deepEqual(log, ['close sink']);
});

test('the first failure is that of the job; what fails after it does not hide it', async () => {
  const env = environment();
  start(env, new PushSource().push(1).end())
    .map({
      map: (): number => {
        throw new Error('first');
      },
      close: () => {
        throw new Error('second');
      },
    })
    .sinkTo(sinkOf({ close: () => assert.fail('third') }));
  assert.match((await failureOf(await env.executeAsync())).message, /failed: first\n/);
});

test('a failure behind a full channel stops the task that is in the middle of writing to it', async () => {
  const env = environment();
  const log: string[] = [];
  env
    .fromSequence(1, 200_000)
    .flatMap((x) => Array.from({ length: 20 }, () => x))
    .map(noted(log, 'producer'))
    .keyBy((x) => x % 7)
    .process({
      processElement(value) {
        if (value === 5000) throw new Error('consumer');
      },
      close: () => void log.push('close consumer'),
    })
    .discard();
  assert.match((await failureOf(await env.executeAsync())).message, /failed: consumer\n {2}record: 5000/);
  assert.deepEqual(log.sort(), ['close consumer', 'close producer', 'open producer']);
});

test('a job that is canceled while an operator opens closes it when it is open', async () => {
  const env = environment();
  const log: string[] = [];
  const [began, opening] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  start(env, new PushSource().push(1)).sinkTo(
    sinkOf({
      async open() {
        began.resolve();
        await opening.promise;
        log.push('open');
      },
      write: () => void log.push('write'),
      close: () => void log.push('close'),
    }),
  );
  const client = await env.executeAsync('Slow start');
  await began.promise;
  const canceled = client.cancel();
  assert.equal(await client.getJobStatus(), 'CANCELLING');
  opening.resolve();
  await canceled;
  assert.equal(await client.getJobStatus(), 'CANCELED');
  assert.deepEqual(log, ['open', 'close']);
  const error = await failureOf(client);
  assert.equal(error.code, 'JOB_CANCELED');
  assert.match(error.message, /'Slow start'/);
});

test('a running job that is canceled closes its operators and commits nothing; canceling again waits for the same end', async () => {
  const env = environment();
  const log: string[] = [];
  const record = firstRecord();
  start(env, new PushSource({ closed: (what) => void log.push(`close ${what}`) }).push(1)).sinkTo(
    sinkOf({
      write: record.see,
      flush: () => void log.push('flush'),
      commit: () => void log.push('commit'),
      close: () => void log.push('close sink'),
    }),
  );
  const client = await env.executeAsync();
  await record.reached;
  await Promise.all([client.cancel(), client.cancel()]);
  assert.equal(await client.getJobStatus(), 'CANCELED');
  assert.deepEqual(log.sort(), ['close enumerator', 'close reader', 'close sink']);
});

test('an unbounded source at full speed can be canceled', async () => {
  const env = environment();
  const record = firstRecord();
  start(env, new DataGeneratorSource((i) => i, 'unbounded')).addSink(record.see);
  const client = await env.executeAsync();
  await record.reached;
  await client.cancel();
  assert.equal(await client.getJobStatus(), 'CANCELED');
});

test('a job can be canceled by its own function: the record at work is finished, operators are closed behind it', async () => {
  const env = environment();
  const log: string[] = [];
  let client: JobClient | undefined;
  const ready = Promise.withResolvers<void>();
  start(env, new PushSource({ start: () => ready.promise }).push(1, 2))
    .map(noted(log, 'map'))
    .sinkTo(
      sinkOf({
        write(value) {
          void client?.cancel();
          log.push(`write ${value}`);
        },
        close: () => void log.push('close sink'),
      }),
    );
  // The split comes by request, which waits until the enumerator has started.
  client = await env.executeAsync();
  ready.resolve();
  assert.equal((await failureOf(client)).code, 'JOB_CANCELED');
  assert.deepEqual(log, ['open map', 'write 1', 'write 2', 'close map', 'close sink']);
});

test('a job that is canceled while it finishes commits nothing', async () => {
  const env = environment();
  const log: string[] = [];
  const [began, flushing] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  start(env, new PushSource().push(1).end()).sinkTo(
    sinkOf({
      flush() {
        began.resolve();
        return flushing.promise;
      },
      commit: () => void log.push('commit'),
      close: () => void log.push('close'),
    }),
  );
  const client = await env.executeAsync();
  await began.promise;
  await client.cancel();
  flushing.resolve();
  await flushing.promise;
  assert.equal(await client.getJobStatus(), 'CANCELED');
  assert.deepEqual(log, ['close']);
});

test('canceling a job that is failing waits for it to fail', async () => {
  const env = environment();
  const [closing, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  start(env, new PushSource().push(1))
    .map({
      map: (x: number) => x,
      close() {
        closing.resolve();
        return closed.promise;
      },
    })
    .map((): number => {
      throw new Error('broken');
    })
    .disableChaining()
    .discard();
  const client = await env.executeAsync();
  await closing.promise;
  assert.equal(await client.getJobStatus(), 'FAILING');
  const canceled = client.cancel();
  closed.resolve();
  await canceled;
  assert.equal(await client.getJobStatus(), 'FAILED');
  assert.match((await failureOf(client)).message, /broken/);
});

test('canceling a job that has finished changes nothing', async () => {
  const env = environment();
  start(env, new PushSource().end()).discard();
  const client = await env.executeAsync();
  await client.getJobExecutionResult();
  await client.cancel();
  assert.equal(await client.getJobStatus(), 'FINISHED');
});

for (const [what, hooks] of Object.entries({
  'throws when it starts': {
    start: () => {
      throw new Error('no such topic');
    },
  },
  'rejects when it starts': { start: () => Promise.reject(new Error('no such topic')) },
  'throws at a request': {
    handleSplitRequest: () => {
      throw new Error('no such topic');
    },
  },
  'throws in the handler of an asynchronous call': {
    start: (context) =>
      context.callAsync(
        () => Promise.reject(new Error('no such topic')),
        (_, error) => {
          throw error;
        },
      ),
  },
  'throws in an asynchronous call before it becomes one': {
    start: (context) =>
      context.callAsync(
        () => {
          throw new Error('no such topic');
        },
        (_, error) => {
          throw error;
        },
      ),
  },
} satisfies Record<string, SourceHooks>)) {
  test(`an enumerator that ${what} fails the job in the name of its source`, async () => {
    const env = environment();
    const closed: string[] = [];
    start(env, new PushSource({ ...hooks, closed: (w) => void closed.push(w) }))
      .name('Orders')
      .discard();
    const error = await failureOf(await env.executeAsync());
    assert.equal(error.code, 'SOURCE_FAILED');
    assert.equal(error.message, "Source 'Orders' failed: no such topic");
    assert.deepEqual(closed.sort(), ['enumerator', 'reader']);
  });
}

test('accumulators can be read while the job runs and after it', async () => {
  const env = environment();
  const source = new PushSource().push(1, 2, 3);
  const counter = new IntCounter();
  const record = firstRecord();
  start(env, source)
    .map({
      open: (context) => context.addAccumulator('seen', counter),
      map(x: number) {
        counter.add(1);
        return x;
      },
    })
    .addSink((x) => {
      if (x === 3) record.see();
    });
  const client = await env.executeAsync();
  await record.reached;
  assert.deepEqual(await client.getAccumulators(), { seen: 3 });
  source.push(4).end();
  assert.deepEqual((await client.getJobExecutionResult()).accumulators, { seen: 4 });
  assert.deepEqual(await client.getAccumulators(), { seen: 4 });
});

test('an accumulator that has no value fails the job instead of hanging it', async () => {
  const env = environment();
  class Broken extends IntCounter {
    override getLocalValue(): number {
      throw new Error('no value');
    }
  }
  start(env, new PushSource().end())
    .map({ open: (context) => context.addAccumulator('broken', new Broken()), map: (x: number) => x })
    .discard();
  const error = await failureOf(await env.executeAsync());
  assert.match(error.message, /accumulators failed: no value/);
});

test('two pipelines that look the same have metrics of their own, and progress sums them', async () => {
  const env = environment();
  for (const n of [3, 5])
    env
      .fromSequence(1, n)
      .map((x) => x)
      .discard();
  const client = await env.executeAsync('Twins');
  await client.getJobExecutionResult();
  const metrics = await client.getMetrics();
  const counts = Object.entries(metrics)
    .filter(([name]) => /\.Map\.numRecordsIn$/.test(name))
    .map(([, value]) => value);
  assert.deepEqual(counts.sort(), [3, 5]);
  const progress = await client.getProgress();
  assert.equal(progress.recordsIn, 8);
  assert.equal(progress.recordsOut, 8);
  assert.equal(progress.fraction, 1);
  assert.equal(progress.watermark, Number.POSITIVE_INFINITY);
});

test('progress counts operators of one name in one chain apart', async () => {
  const env = environment();
  const stream = env.fromSequence(1, 4);
  stream.discard();
  stream.filter((x) => x > 2).discard();
  const client = await env.executeAsync();
  await client.getJobExecutionResult();
  assert.equal((await client.getProgress()).recordsOut, 6);
});

test('executeAndCollect returns what a bounded stream holds', async () => {
  assert.deepEqual(await environment().fromSequence(1, 3).executeAndCollect(), [1, 2, 3]);
});

test('executeAndCollect with a limit ends an unbounded stream in order', async () => {
  const env = environment();
  const log: string[] = [];
  const records = await start(env, new DataGeneratorSource((i) => i, 'unbounded'))
    .map(noted(log, 'map'))
    .executeAndCollect({ limit: 3 });
  assert.deepEqual(records, [0, 1, 2]);
  assert.deepEqual(log, ['open map', 'close map']);
});

test('executeAndCollect reports a failure, and refuses a limit below one', async () => {
  const failing = environment()
    .fromElements(1)
    .map((): number => {
      throw new Error('broken');
    });
  await assert.rejects(failing.executeAndCollect({ limit: 1 }), /broken/);
  await assert.rejects(environment().fromElements(1).executeAndCollect({ limit: 0 }), { code: 'INVALID_OPTION' });
});

test('executing leaves the environment empty, so that a program can run one job after the other', async () => {
  const env = environment();
  const seen: number[] = [];
  for (const n of [1, 2]) {
    env.fromElements(n).addSink((x) => seen.push(x));
    await env.execute();
  }
  assert.deepEqual(seen, [1, 2]);
  await assert.rejects(env.execute(), { code: 'INVALID_PROGRAM' });
});

test('a stream of a job that was executed cannot be used again', async () => {
  const env = environment();
  const stream = env.fromElements(1);
  stream.discard();
  await env.execute();
  assert.throws(() => stream.map((x) => x), { code: 'INVALID_PROGRAM' });
});

test('jobs that run at the same time do not disturb each other', async () => {
  const collect = (n: number) => environment().fromSequence(1, n).executeAndCollect();
  const [a, b] = await Promise.all([collect(1000), collect(2000)]);
  assert.equal(a?.length, 1000);
  assert.equal(b?.length, 2000);
});
