import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SinkDriver, sinkContract } from '../../connector/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { CollectSink } from './collect-sink.ts';
import { DiscardingSink } from './discarding-sink.ts';
import { PrintSink } from './print-sink.ts';
import { streamOutput, type TextOutput } from './text-output.ts';

/** An output that keeps what is written, and can be full. */
class KeptOutput implements TextOutput {
  readonly writes: string[] = [];
  room: PromiseWithResolvers<void> | undefined;

  write(text: string): Promise<void> | undefined {
    this.writes.push(text);
    return this.room?.promise;
  }

  get lines(): string[] {
    return this.writes.join('').split('\n').slice(0, -1);
  }
}

const words = Array.from({ length: 5000 }, (_, i) => `word ${i}`);

for (const { fact, check } of sinkContract({
  create: () => {
    const output = new KeptOutput();
    return { sink: new PrintSink<string>({ output }), read: () => output.lines };
  },
  values: words,
})) {
  test(`PrintSink: ${fact}`, check);
}

for (const { fact, check } of sinkContract({
  create: () => {
    const sink = new CollectSink<string>();
    return { sink, read: () => sink.values };
  },
  values: words,
  driver: { checkpointingEnabled: true },
})) {
  test(`CollectSink with checkpoints: ${fact}`, check);
}

test('without checkpoints a collect sink sends at once, in batches', async () => {
  const clock = new VirtualClock();
  const sink = new CollectSink<string>();
  const driver = new SinkDriver(sink, { clock });
  await driver.start();
  await driver.write(words.slice(0, 1003));
  assert.equal(sink.values.length, 1000);
  clock.advanceBy(10);
  assert.equal(sink.values.length, 1003);
  await driver.runAll(words.slice(1003));
  assert.deepEqual(sink.values, words);
  assert.equal(clock.pendingTimers, 0);
});

test('with checkpoints a collect sink shows what a complete one holds, and not twice what is committed twice', async () => {
  const sink = new CollectSink<string>();
  const options = { checkpointingEnabled: true };
  const first = new SinkDriver(sink, options);
  await first.start();
  await first.write(['a', 'b']);
  const one = await first.snapshot(1);
  await first.write(['lost']);
  assert.deepEqual(sink.values, []);
  await first.commit(one.committables);
  await first.close();
  for (const attemptNumber of [1, 2]) {
    const again = new SinkDriver(sink, { ...options, attemptNumber }, one);
    await again.start();
    await again.write([`c${attemptNumber}`]);
    await again.commit((await again.snapshot(2)).committables);
    await again.close();
  }
  assert.deepEqual(sink.values, ['a', 'b', 'c1', 'c2']);
});

test('a collect sink with a callback hands values on and keeps none', async () => {
  const seen: number[] = [];
  const sink = new CollectSink<number>((value) => seen.push(value));
  await new SinkDriver(sink).runAll([1, 2]);
  assert.deepEqual(seen, [1, 2]);
  assert.deepEqual(sink.values, []);
});

test('a discarding sink takes everything', async () => {
  await new SinkDriver(new DiscardingSink<number>()).runAll([1, 2, 3]);
});

test('strings are printed as they are, other values on one line', async () => {
  const output = new KeptOutput();
  await new SinkDriver(new PrintSink<unknown>({ output })).runAll([
    2,
    "it's",
    { a: 'x', b: [1, null] },
    ['two\nlines'],
    undefined,
    3n,
  ]);
  assert.deepEqual(output.lines, ['2', "it's", "{ a: 'x', b: [1, null] }", "['two\\nlines']", 'undefined', '3n']);
});

test('a prefix and, with several subtasks, the number of the subtask open each line', async () => {
  const output = new KeptOutput();
  await new SinkDriver(new PrintSink<number>({ output, prefix: 'late' })).runAll([1]);
  await new SinkDriver(new PrintSink<number>({ output, prefix: 'late' }), { parallelism: 2, subtaskIndex: 1 }).runAll([2]);
  await new SinkDriver(new PrintSink<number>({ output }), { parallelism: 2 }).runAll([3]);
  assert.deepEqual(output.lines, ['late> 1', 'late:2> 2', '1> 3']);
});

test('lines are written together, and soon after the first', async () => {
  const clock = new VirtualClock();
  const output = new KeptOutput();
  const driver = new SinkDriver(new PrintSink<number>({ output }), { clock });
  await driver.start();
  await driver.write([1, 2, 3]);
  assert.deepEqual(output.writes, []);
  clock.advanceBy(10);
  assert.deepEqual(output.writes, ['1\n2\n3\n']);
  await driver.write([4]);
  await driver.prepareCommit();
  assert.deepEqual(output.writes, ['1\n2\n3\n', '4\n']);
  assert.equal(clock.pendingTimers, 0);
  await driver.close();
});

test('a full stream holds back the input until it has drained', async () => {
  const output = new KeptOutput();
  output.room = Promise.withResolvers<void>();
  const driver = new SinkDriver(new PrintSink<string>({ output }));
  await driver.start();
  await driver.write(['x'.repeat(20_000)]);
  let available = false;
  const waiting = driver.writer.isAvailable?.()?.then(() => {
    available = true;
  });
  assert.ok(waiting !== undefined);
  await Promise.resolve();
  assert.equal(available, false);
  output.room.resolve();
  await waiting;
  assert.equal(driver.writer.isAvailable?.(), undefined);
  await driver.close();
});

test('a stream that fails fails the sink', async () => {
  const listeners = new Map<string, (error?: Error) => void>();
  const stream = {
    write: () => false,
    on: (event: string, listener: (error?: Error) => void) => listeners.set(event, listener),
  };
  const driver = new SinkDriver(new PrintSink<string>({ output: streamOutput(stream, 'stdout') }));
  await driver.start();
  await driver.write(['x'.repeat(20_000)]);
  listeners.get('error')?.(new Error('EPIPE'));
  await assert.rejects(driver.write(['y'.repeat(20_000)]), /Cannot write to stdout: EPIPE/);
  await driver.close();
});
