/** Whole jobs on the local host: streams that meet, side outputs, topologies that fork and join, accumulators. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AsyncDataStream,
  type DataStream,
  IntCounter,
  ListAccumulator,
  MapStateDescriptor,
  type MillraceError,
  OutputTag,
  type RuntimeContext,
  StreamExecutionEnvironment,
  ValueStateDescriptor,
  WatermarkStrategy,
} from '../../src/index.ts';

const environment = (): StreamExecutionEnvironment => StreamExecutionEnvironment.getExecutionEnvironment();
const byNumber = (a: number, b: number): number => a - b;

interface Event {
  readonly user: string;
  readonly at: number;
}

/** Watermarks trail the records by `disorderMs`. */
function events(env: StreamExecutionEnvironment, records: readonly Event[], disorderMs = 1_000_000): DataStream<Event> {
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Event>(disorderMs).withTimestampAssigner((e) => e.at);
  return env.fromCollection(records).assignTimestampsAndWatermarks(strategy);
}

test('a stream united with itself gives every record twice, and time goes on behind it', async () => {
  const env = environment();
  const numbers = events(env, [
    { user: 'a', at: 1 },
    { user: 'b', at: 2 },
  ]);
  const timers = numbers
    .union(numbers)
    .keyBy((e) => e.user)
    .process<string>({
      processElement: (e, context) => context.timerService.registerEventTimeTimer(e.at + 10),
      onTimer: (timestamp, context, out) => out.collect(`${context.getCurrentKey()}@${timestamp}`),
    });
  assert.deepEqual((await timers.executeAndCollect()).sort(), ['a@11', 'b@12']);

  const twice = environment().fromElements(1, 2);
  assert.deepEqual(
    (
      await twice
        .union(twice, twice)
        .map((n) => n * 10)
        .executeAndCollect()
    ).sort(byNumber),
    [10, 10, 10, 20, 20, 20],
  );
});

test('a diamond: two ways of one stream meet again, with all records of both', async () => {
  const env = environment();
  const numbers = env.fromSequence(1, 2000);
  const even = numbers.filter((n) => n % 2 === 0);
  const odd = numbers.filter((n) => n % 2 === 1).map((n) => -n);
  const sums = await even
    .connect(odd)
    .keyBy(
      () => 'all',
      () => 'all',
    )
    .map(
      (n) => n,
      (n) => n,
    )
    .keyBy(() => 0)
    .sum()
    .executeAndCollect();
  assert.equal(sums.length, 2000);
  assert.equal(sums.at(-1), 1000);
});

test('a stream can be connected to itself', async () => {
  const numbers = environment().fromElements(1, 2, 3);
  const both = numbers.connect(numbers).map(
    (n) => `first ${n}`,
    (n) => `second ${n}`,
  );
  assert.deepEqual((await both.executeAndCollect()).sort(), [
    'first 1',
    'first 2',
    'first 3',
    'second 1',
    'second 2',
    'second 3',
  ]);
});

test('connected streams of different types: map, flatMap and process, as functions and as objects', async () => {
  const env = environment();
  const words = env.fromElements('to be', 'or not');
  const numbers = env.fromElements(1, 2);
  const flat = words.connect(numbers).flatMap<string | number>(
    (line) => line.split(' '),
    (n, out) => {
      for (let i = 0; i < n; i++) out.collect(n);
    },
  );
  const processed = words.connect(numbers).process<string>({
    processElement1: (line, _context, out) => out.collect(line.toUpperCase()),
    processElement2: (n, _context, out) => out.collect(String(n)),
  });
  const all = flat.map(String).union(processed);
  assert.deepEqual((await all.executeAndCollect()).sort(), ['1', '1', '2', '2', '2', 'OR NOT', 'TO BE', 'be', 'not', 'or', 'to']);
});

test('keyed connected streams share state per key', async () => {
  const env = environment();
  const names = env.fromElements({ id: 1, name: 'Ada' }, { id: 2, name: 'Bob' });
  const cities = env.fromElements({ person: 2, city: 'Rome' }, { person: 1, city: 'Oslo' });
  class Pairing {
    private state!: ReturnType<RuntimeContext['getState']>;
    open(context: RuntimeContext): void {
      this.state = context.getState(new ValueStateDescriptor('half'));
    }
    processElement1(
      person: { id: number; name: string },
      context: { getCurrentKey(): number },
      out: { collect(text: string): void },
    ): void {
      this.meet(person.name, (other) => out.collect(`${context.getCurrentKey()} ${person.name} ${other}`));
    }
    processElement2(
      home: { person: number; city: string },
      context: { getCurrentKey(): number },
      out: { collect(text: string): void },
    ): void {
      this.meet(home.city, (other) => out.collect(`${context.getCurrentKey()} ${other} ${home.city}`));
    }
    private meet(own: string, pair: (other: string) => void): void {
      const other = this.state.value() as string | undefined;
      if (other === undefined) this.state.update(own);
      else pair(other);
    }
  }
  const pairs = names
    .keyBy((n) => n.id)
    .connect(cities.keyBy((c) => c.person))
    .process<string>(new Pairing());
  assert.deepEqual((await pairs.executeAndCollect()).sort(), ['1 Ada Oslo', '2 Bob Rome']);
});

test('broadcast state: every record of one stream is known to those of the other that come later', async () => {
  const env = environment();
  const descriptor = new MapStateDescriptor<string, number>('limits');
  const tag = new OutputTag<string>('commands');
  const limits = env.fromElements({ name: 'x', limit: 3 }).broadcast(descriptor);
  const early: number[] = [];
  // Nothing orders the two streams: records may come before the limit.
  const result = env
    .fromElements(1, 5, 4)
    .keyBy((n) => n)
    .connect(limits)
    .process<number>({
      processElement(n, context, out) {
        const limit = context.getBroadcastState(descriptor).get('x');
        if (limit === undefined) early.push(n);
        else if (n > limit) out.collect(n);
      },
      processBroadcastElement({ name, limit }, context, out) {
        context.getBroadcastState(descriptor).put(name, limit);
        context.output(tag, `${name}=${limit}`);
        for (const n of early) if (n > limit) out.collect(n);
      },
    });
  const commands = result.getSideOutput(tag);
  const all = await result.map(String).union(commands).executeAndCollect();
  assert.deepEqual(all.sort(), ['4', '5', 'x=3']);
});

test('a write to broadcast state from the other side fails the job, naming operator and record', async () => {
  const env = environment();
  const descriptor = new MapStateDescriptor<string, number>('limits');
  const job = env
    .fromElements(17)
    .connect(env.fromElements(0).broadcast(descriptor))
    .process<number>({
      processElement: (n, context) =>
        (context.getBroadcastState(descriptor) as never as Map<string, number> & { put(k: string, v: number): void }).put('x', n),
      processBroadcastElement: () => {},
    })
    .name('Limits');
  await assert.rejects(
    job.executeAndCollect(),
    /Operator 'Limits' failed: Broadcast state 'limits' was written by.*\n {2}record: 17/,
  );
});

test('an interval join of two streams, with late records in side outputs of both', async () => {
  const env = environment();
  const clicks = events(env, [
    { user: 'a', at: 100 },
    { user: 'b', at: 200 },
  ]);
  const buys = events(env, [
    { user: 'a', at: 105 },
    { user: 'a', at: 111 },
    { user: 'b', at: 199 },
    { user: 'b', at: 200 },
  ]);
  const joined = clicks
    .keyBy((e) => e.user)
    .intervalJoin(buys.keyBy((e) => e.user))
    .between(0, 11)
    .upperBoundExclusive()
    .process((click, buy) => `${click.user} ${click.at} ${buy.at}`);
  assert.deepEqual((await joined.executeAndCollect()).sort(), ['a 100 105', 'b 200 200']);
});

test('side outputs of process functions on plain and keyed streams', async () => {
  const env = environment();
  const odd = new OutputTag<number>('odd');
  const large = new OutputTag<string>('large');
  const numbers = env.fromSequence(1, 6).process<number>({
    processElement(n, context, out) {
      if (n % 2 === 1) context.output(odd, n);
      else out.collect(n);
      if (n > 4) context.output(large, `large ${n}`);
    },
  });
  const keyed = numbers
    .keyBy((n) => n)
    .process<number>({
      processElement(n, context, out) {
        out.collect(n * 10);
        context.output(odd, -n);
      },
    });
  const all = numbers.getSideOutput(odd).union(keyed, keyed.getSideOutput(odd)).map(String).union(numbers.getSideOutput(large));
  const expected = ['1', '3', '5', '20', '40', '60', '-2', '-4', '-6', 'large 5', 'large 6'];
  assert.deepEqual((await all.executeAndCollect()).sort(), expected.sort());
});

test('asynchronous calls keep the order, and stay within their capacity', async () => {
  const env = environment();
  const numbers = env.fromSequence(1, 500);
  let running = 0;
  let most = 0;
  const ordered = AsyncDataStream.orderedWait(
    numbers,
    async (n) => {
      most = Math.max(most, ++running);
      for (let i = 0; i < n % 7; i++) await Promise.resolve();
      running--;
      return [n, n];
    },
    60_000,
    { capacity: 10 },
  );
  const result = await ordered.map((n) => n + 1).executeAndCollect();
  assert.deepEqual(result, Array.from({ length: 500 }, (_, i) => [i + 2, i + 2]).flat());
  assert.ok(most > 1 && most <= 10, `${most} calls at a time`);
});

test('asynchronous calls between two exchanges, unordered, with retries', async () => {
  const env = environment();
  const failed = new Set<number>();
  const results = AsyncDataStream.unorderedWait(
    env.fromSequence(1, 3000).rebalance(),
    async (n: number) => {
      await Promise.resolve();
      failed.add(n);
      return n;
    },
    0,
    { capacity: 7 },
  )
    .keyBy((n) => n % 2)
    .reduce((a, b) => a + b);
  const collected = await results.executeAndCollect();
  assert.equal(collected.length, 3000);
  assert.equal(Math.max(...collected), (2 + 3000) * 750);
  assert.equal(failed.size, 3000);
});

test('a failing asynchronous call fails the job with operator and record', async () => {
  const job = AsyncDataStream.orderedWait(
    environment().fromElements(1, 2),
    async (n) => {
      if (n === 2) throw new RangeError('not 2');
      return n;
    },
    0,
  ).name('Look-up');
  await assert.rejects(job.executeAndCollect(), (error: MillraceError) => {
    assert.match(error.message, /Operator 'Look-up' failed: RangeError: not 2\n {2}record: 2/);
    assert.equal(error.code, 'USER_FUNCTION_FAILED');
    return true;
  });
});

test('a timeout method replaces the result of a call that takes too long, by the real clock', async () => {
  const results = AsyncDataStream.orderedWait<number, string>(
    environment().fromElements(1, 2),
    {
      asyncInvoke: (n, future) => {
        if (n === 2) future.complete(['in time']);
      },
      timeout: (n, future) => future.complete([`${n} timed out`]),
    },
    5,
  );
  assert.deepEqual(await results.executeAndCollect(), ['1 timed out', 'in time']);
});

test('options of asynchronous calls that make no sense are refused', () => {
  const numbers = environment().fromElements(1);
  assert.throws(
    () => AsyncDataStream.orderedWait(numbers, async (n) => n, 1, { capacity: 0 }),
    /capacity of async I\/O .* got 0/,
  );
  assert.throws(() => AsyncDataStream.orderedWait(numbers, async (n) => n, -1), /timeout of async I\/O .* got -1/);
});

test('accumulators of all operators are merged into the result, however often they are asked for', async () => {
  const env = environment();
  const counting = (name: string) => {
    const counter = new IntCounter();
    return {
      open: (context: RuntimeContext) => context.addAccumulator(name, counter),
      map: (n: number) => {
        counter.add();
        return n;
      },
    };
  };
  const last = new ListAccumulator<number>();
  env
    .fromSequence(1, 10)
    .map(counting('seen'))
    .filter({
      open: (context) => context.addAccumulator('last', last),
      filter: (n) => {
        last.add(n);
        return n > 7;
      },
    })
    .keyBy((n) => n)
    .map(counting('seen'))
    .discard();
  const client = await env.executeAsync();
  const result = await client.getJobExecutionResult();
  assert.deepEqual(result.accumulators, { seen: 13, last: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
  assert.deepEqual(await client.getAccumulators(), result.accumulators);
  assert.deepEqual(await client.getAccumulators(), result.accumulators);
});

test('rich functions see where they run', async () => {
  const env = environment();
  const seen: unknown[] = [];
  const rich = {
    open(context: RuntimeContext): void {
      seen.push([
        context.jobName,
        context.taskName,
        context.taskNameWithSubtasks,
        context.indexOfThisSubtask,
        context.numberOfParallelSubtasks,
        context.maxNumberOfParallelSubtasks,
        context.attemptNumber,
      ]);
      context.getIntCounter('opened').add(2);
      context.getIntCounter('opened').add(3);
    },
    map: (n: number) => n,
    close: () => void seen.push('closed'),
  };
  env.fromElements(1).rebalance().map(rich).name('Rich').discard();
  const result = await env.execute('Where');
  assert.deepEqual(seen, [['Where', 'Rich -> Discarding Sink', 'Rich -> Discarding Sink (1/1)#0', 0, 1, 128, 0], 'closed']);
  assert.deepEqual(result.accumulators, { opened: 5 });
});

test('streams of two environments cannot meet', () => {
  const one = environment().fromElements(1);
  const other = environment().fromElements(2);
  for (const meet of [
    () => one.union(other),
    () => one.connect(other),
    () => one.connect(other.broadcast(new MapStateDescriptor('s'))),
    () => one.keyBy((n) => n).connect(other.keyBy((n) => n)),
    () => one.keyBy((n) => n).intervalJoin(other.keyBy((n) => n)),
  ]) {
    assert.throws(meet, /needs streams of one environment/);
  }
});

test('custom partitioning and broadcasting are recorded in the graph', () => {
  const env = environment();
  const numbers = env.fromElements(1, 2);
  numbers
    .partitionCustom(
      (key: number, n) => key % n,
      (n) => n,
    )
    .map((n) => n)
    .discard();
  numbers
    .broadcast()
    .map((n) => n)
    .discard();
  const { edges } = env.getStreamGraph();
  assert.deepEqual(
    edges.filter((e) => e.source === 1).map((e) => e.partitioner),
    ['CUSTOM', 'BROADCAST'],
  );
});
