import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MillraceError } from '../../common/index.ts';
import { OperatorHarness, VirtualClock, verifyOperator } from '../../testing/index.ts';
import type { OperatorDefinition } from '../operator.ts';
import type { AsyncFunction, ResultFuture, RichAsyncFunction } from './async-function.ts';
import { AsyncRetryStrategies } from './async-retry-strategies.ts';
import { AsyncWaitOperator, type AsyncWaitOptions } from './async-wait-operator.ts';

function define<IN, OUT>(fn: AsyncFunction<IN, OUT>, options: Partial<AsyncWaitOptions<OUT>> = {}): OperatorDefinition {
  return { create: () => new AsyncWaitOperator(fn, { outputMode: 'ORDERED', timeoutMs: 1000, capacity: 100, ...options }) };
}

/** A call that takes `delayMs` of virtual time. */
function after<R>(clock: VirtualClock, delayMs: number, result: R): Promise<R> {
  return new Promise((resolve) => clock.setTimer(delayMs, () => resolve(result)));
}

async function advance(harness: OperatorHarness<any, any>, byMs: number): Promise<void> {
  await harness.settle();
  const untilMs = harness.clock.currentTimeMs() + byMs;
  for (let next = harness.clock.nextTimerMs; next !== undefined && next <= untilMs; next = harness.clock.nextTimerMs) {
    harness.advanceProcessingTime(next);
    await harness.settle();
  }
  harness.advanceProcessingTime(untilMs);
}

/** Calls that the test completes by hand, by input. */
class ByHand implements RichAsyncFunction<string, string> {
  readonly calls = new Map<string, ResultFuture<string>>();
  readonly called: string[] = [];

  asyncInvoke(input: string, future: ResultFuture<string>): void {
    this.called.push(input);
    this.calls.set(input, future);
  }

  complete(input: string, ...results: string[]): void {
    this.calls.get(input)?.complete(results.length === 0 ? [input.toUpperCase()] : results);
  }
}

test('ordered: results come in the order of the records, with their times, and watermarks in their place', async () => {
  const clock = new VirtualClock();
  const harness = await OperatorHarness.open<number, number>(
    define((delayMs: number) => after(clock, delayMs, delayMs)),
    { clock },
  );
  harness.processElement(30, 1);
  harness.processElement(10, 2);
  harness.processWatermark(2);
  harness.processElement(20, 3);
  harness.processIdle(true);
  await advance(harness, 29);
  assert.deepEqual(harness.takeOutput(), []);
  await advance(harness, 1);
  assert.deepEqual(harness.takeOutput(), [
    { value: 30, timestamp: 1 },
    { value: 10, timestamp: 2 },
    { watermark: 2 },
    { value: 20, timestamp: 3 },
    { idle: true },
  ]);
  await harness.close();
});

test('unordered: results come as they complete, but never across a watermark', async () => {
  const fn = new ByHand();
  const harness = await OperatorHarness.open<string, string>(define(fn, { outputMode: 'UNORDERED' }));
  harness.processElement('a', 1);
  harness.processElement('b', 2);
  harness.processWatermark(2);
  harness.processElement('c', 3);
  fn.complete('c');
  fn.complete('b');
  await harness.settle();
  assert.deepEqual(harness.takeOutput(), [{ value: 'B', timestamp: 2 }]);
  fn.complete('a');
  await harness.settle();
  assert.deepEqual(harness.takeOutput(), [{ value: 'A', timestamp: 1 }, { watermark: 2 }, { value: 'C', timestamp: 3 }]);
  harness.processWatermark(3);
  assert.deepEqual(harness.takeOutput(), [{ watermark: 3 }]);
  await harness.close();
});

test('a promise of one result, of several, and of none', async () => {
  await verifyOperator({
    definition: () =>
      define(async (n: number): Promise<number[] | number | undefined> => (n === 0 ? undefined : n === 1 ? 1 : [n, n])),
    input: [0, 1, 2].map((value) => ({ value, timestamp: value })),
    expected: [1, 2, 2],
  });
});

test('an object completes its future at once, later, or by a rejected promise', async () => {
  const clock = new VirtualClock();
  const harness = await OperatorHarness.open<string, string>(
    define<string, string>({
      async asyncInvoke(input, future) {
        if (input === 'fail') throw new Error('no luck');
        if (input === 'now') future.complete(new Set(['x', 'y']));
        else clock.setTimer(5, () => future.complete([input]));
      },
    }),
    { clock },
  );
  harness.processElement('now', 1);
  harness.processElement('later', 2);
  await advance(harness, 5);
  assert.deepEqual(harness.takeValues(), ['x', 'y', 'later']);
  harness.processElement('fail', 3);
  await assert.rejects(harness.settle(), /Operator 'operator' failed: no luck\n {2}record: 'fail'/);
  await harness.close();
});

test('a promise that rejects fails the job, naming operator and record', async () => {
  const harness = await OperatorHarness.open<{ id: number }, never>(define(() => Promise.reject(new RangeError('out of range'))));
  harness.processElement({ id: 7 });
  await assert.rejects(harness.settle(), (error: MillraceError) => {
    assert.equal(error.code, 'USER_FUNCTION_FAILED');
    assert.match(error.message, /Operator 'operator' failed: RangeError: out of range\n {2}record: \{ id: 7 \}/);
    return true;
  });
  await harness.close();
});

test('a call without a result in time fails the job with ASYNC_TIMEOUT, naming the record', async () => {
  const harness = await OperatorHarness.open<string, string>(define(new ByHand(), { timeoutMs: 50 }));
  harness.processElement('slow');
  await advance(harness, 49);
  assert.throws(
    () => harness.advanceProcessingTime(50),
    (error: MillraceError) => error.code === 'ASYNC_TIMEOUT' && /no result after 50 ms.*\n {2}record: 'slow'/.test(error.message),
  );
  await harness.close();
});

test('a timeout method gives another result; that of the call is ignored afterwards, and counts if it comes first', async () => {
  const fn = new ByHand();
  const timedOut: ResultFuture<string>[] = [];
  const harness = await OperatorHarness.open<string, string>(
    define(
      {
        asyncInvoke: (input: string, future: ResultFuture<string>) => fn.asyncInvoke(input, future),
        timeout: (input: string, future: ResultFuture<string>) => {
          if (input === 'b') timedOut.push(future);
          else future.complete([`${input} timed out`]);
        },
      },
      { timeoutMs: 50 },
    ),
  );
  harness.processElement('a');
  harness.processElement('b');
  await advance(harness, 50);
  fn.complete('a');
  fn.complete('b');
  timedOut[0]?.complete(['too late as well']);
  await harness.settle();
  assert.deepEqual(harness.takeValues(), ['a timed out', 'B']);
  await harness.close();
});

test('a timeout of 0 is none, and a result in time cancels it', async () => {
  const clock = new VirtualClock();
  const none = await OperatorHarness.open<string, string>(define(new ByHand(), { timeoutMs: 0 }), { clock });
  none.processElement('a');
  assert.equal(clock.pendingTimers, 0);
  await none.close();
  const some = await OperatorHarness.open<number, number>(
    define(async (n: number) => n),
    { clock },
  );
  some.processElement(1);
  assert.equal(clock.pendingTimers, 1);
  await some.settle();
  assert.equal(clock.pendingTimers, 0);
  await some.close();
});

test('at most `capacity` records are called and not emitted, and the operator is not available meanwhile', async () => {
  const fn = new ByHand();
  const harness = await OperatorHarness.open<string, string>(define(fn, { capacity: 2 }));
  assert.equal(harness.isAvailable(), undefined);
  harness.processElement('a');
  assert.equal(harness.isAvailable(), undefined);
  harness.processBatch(['b', 'c', 'd'].map((value) => ({ value, timestamp: 0 })));
  assert.deepEqual(fn.called, ['a', 'b']);
  const available = harness.isAvailable();
  assert.ok(available);
  fn.complete('b');
  await harness.settle();
  assert.deepEqual(fn.called, ['a', 'b'], 'b waits for a, and so counts');
  fn.complete('a');
  await harness.settle();
  assert.deepEqual(fn.called, ['a', 'b', 'c', 'd']);
  assert.ok(harness.isAvailable());
  fn.complete('c');
  await harness.settle();
  await available;
  assert.equal(harness.isAvailable(), undefined);
  assert.equal(harness.metric('asyncWaitQueueLength'), 1);
  fn.complete('d');
  await harness.settle();
  assert.deepEqual(harness.takeValues(), ['A', 'B', 'C', 'D']);
  await harness.close();
});

test('a result that does not suit is asked for again after the delay, until the strategy gives up', async () => {
  const times: number[] = [];
  const clock = new VirtualClock();
  const harness = await OperatorHarness.open<string, number>(
    define(
      async (_input: string) => {
        times.push(clock.currentTimeMs());
        return times.length;
      },
      {
        timeoutMs: 0,
        retryStrategy: AsyncRetryStrategies.fixedDelay<number>({
          maxAttempts: 3,
          delayMs: 10,
          ifResult: ([n]) => (n as number) < 9,
        }),
      },
    ),
    { clock },
  );
  harness.processElement('a');
  await advance(harness, 100);
  assert.deepEqual(times, [0, 10, 20, 30]);
  assert.deepEqual(harness.takeValues(), [4]);
  await harness.close();
});

test('errors are retried with growing delays, but not those that the predicate excludes', async () => {
  const times: number[] = [];
  const clock = new VirtualClock();
  const harness = await OperatorHarness.open<string, string>(
    define(
      (input: string) => {
        times.push(clock.currentTimeMs());
        if (input === 'fatal') throw new TypeError('fatal');
        return times.length < 5 ? Promise.reject(new Error('busy')) : Promise.resolve('done');
      },
      {
        retryStrategy: AsyncRetryStrategies.exponentialBackoff<string>({
          maxAttempts: 5,
          initialDelayMs: 10,
          maxDelayMs: 35,
          multiplier: 2,
          ifException: (error) => !(error instanceof TypeError),
        }),
      },
    ),
    { clock },
  );
  harness.processElement('a');
  await advance(harness, 200);
  assert.deepEqual(times, [0, 10, 30, 65, 100]);
  assert.deepEqual(harness.takeValues(), ['done']);
  assert.throws(() => harness.processElement('fatal'), /TypeError: fatal/);
  await harness.close();
});

test('the timeout covers all attempts and ends a wait between two of them', async () => {
  let attempts = 0;
  const clock = new VirtualClock();
  const harness = await OperatorHarness.open<string, string>(
    define<string, string>(
      {
        asyncInvoke: (_input, future) => {
          attempts++;
          future.completeExceptionally(new Error('busy'));
        },
        timeout: (input, future) => future.complete([`${input} given up`]),
      },
      { timeoutMs: 25, retryStrategy: AsyncRetryStrategies.fixedDelay({ maxAttempts: 100, delayMs: 10 }) },
    ),
    { clock },
  );
  harness.processElement('a');
  await advance(harness, 1000);
  assert.equal(attempts, 3);
  assert.deepEqual(harness.takeValues(), ['a given up']);
  assert.equal(clock.pendingTimers, 0);
  await harness.close();
});

test('a call that fails after its time is over is not made again', async () => {
  const fn = new ByHand();
  const harness = await OperatorHarness.open<string, string>(
    define<string, string>(
      { asyncInvoke: (input, future) => fn.asyncInvoke(input, future), timeout: () => {} },
      { timeoutMs: 25, retryStrategy: AsyncRetryStrategies.fixedDelay({ maxAttempts: 100, delayMs: 10 }) },
    ),
  );
  harness.processElement('a');
  await advance(harness, 30);
  fn.calls.get('a')?.completeExceptionally(new Error('busy'));
  await assert.rejects(harness.settle(), /busy/);
  await harness.close();
});

test('one call that completes twice is retried once', async () => {
  let calls = 0;
  const harness = await OperatorHarness.open<string, number>(
    define<string, number>(
      {
        asyncInvoke: (_input, future) => {
          const n = ++calls;
          future.complete([n]);
          future.complete([n]);
          future.completeExceptionally(new Error('late'));
        },
      },
      {
        retryStrategy: AsyncRetryStrategies.fixedDelay<number>({
          maxAttempts: 9,
          delayMs: 1,
          ifResult: ([n]) => (n as number) < 3,
        }),
      },
    ),
  );
  harness.processElement('a');
  await advance(harness, 50);
  assert.equal(calls, 3);
  assert.deepEqual(harness.takeValues(), [3]);
  await harness.close();
});

test('finish waits for calls under way, for records that wait their turn, and for retries', async () => {
  const clock = new VirtualClock();
  let failures = 2;
  const harness = await OperatorHarness.open<number, number>(
    define(
      async (n: number) => {
        await after(clock, n, undefined);
        if (n === 3 && failures-- > 0) throw new Error('busy');
        return n;
      },
      { capacity: 1, timeoutMs: 0, retryStrategy: AsyncRetryStrategies.fixedDelay({ maxAttempts: 2, delayMs: 7 }) },
    ),
    { clock },
  );
  harness.processBatch([5, 3, 4].map((value) => ({ value, timestamp: value })));
  await harness.finish();
  assert.deepEqual(
    harness
      .takeOutput()
      .slice(0, 3)
      .map((o) => ('value' in o ? o.value : o)),
    [5, 3, 4],
  );
  assert.equal(clock.currentTimeMs(), 5 + 3 * 3 + 2 * 7 + 4);
  await harness.close();
});

test('what is under way is in the snapshot, with watermarks, and is called again after a restore', async () => {
  const before = new ByHand();
  const first = await OperatorHarness.open<string, string>(define(before, { capacity: 2 }));
  first.processElement('a', 1);
  first.processElement('b', 2);
  first.processWatermark(2);
  first.processElement('c', 3);
  before.complete('b');
  await first.settle();
  const restored = [await first.snapshot()];
  await first.close();
  before.complete('a');
  const fn = new ByHand();
  const second = await OperatorHarness.open<string, string>(define(fn, { capacity: 2 }), { restored });
  assert.deepEqual(fn.called, ['a', 'b']);
  fn.complete('b');
  fn.complete('a');
  await second.settle();
  fn.complete('c');
  await second.settle();
  assert.deepEqual(second.takeOutput(), [
    { value: 'A', timestamp: 1 },
    { value: 'B', timestamp: 2 },
    { watermark: 2 },
    { value: 'C', timestamp: 3 },
  ]);
  const unused = new ByHand();
  const third = await OperatorHarness.open<string, string>(define(unused), { restored: [await second.snapshot()] });
  assert.deepEqual(unused.called, [], 'nothing is left in the state');
  await third.close();
  await second.close();
});

test('results that come after the operator was closed are ignored', async () => {
  const fn = new ByHand();
  const harness = await OperatorHarness.open<string, string>(define(fn));
  harness.processElement('a');
  await harness.close();
  fn.complete('a');
  await harness.settle();
  assert.deepEqual(harness.takeOutput(), []);
});

test('rich functions are opened before restored records are called', async () => {
  const log: string[] = [];
  const fn = (): RichAsyncFunction<string, string> => ({
    open: async () => void log.push('open'),
    asyncInvoke: (input) => void log.push(input),
    close: () => void log.push('close'),
  });
  const first = await OperatorHarness.open<string, string>(define(fn()));
  first.processElement('a');
  const restored = [await first.snapshot()];
  await first.close();
  const second = await OperatorHarness.open<string, string>(define(fn()), { restored });
  await second.close();
  assert.deepEqual(log, ['open', 'a', 'close', 'open', 'a', 'close']);
});

test('strategies refuse numbers that are not above 0', () => {
  assert.throws(() => AsyncRetryStrategies.fixedDelay({ maxAttempts: 0, delayMs: 1 }), /maxAttempts above 0; got 0/);
  assert.throws(() => AsyncRetryStrategies.fixedDelay({ maxAttempts: 1, delayMs: 0 }), /delayMs above 0/);
  assert.throws(
    () => AsyncRetryStrategies.exponentialBackoff({ maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1, multiplier: -1 }),
    /multiplier above 0/,
  );
});
