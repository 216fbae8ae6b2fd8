/** Programs whose slots are threads, run as users run them. What threads must not change is compared with one thread. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { millrace, NODE, node, programFolder, startProcess } from '../cli/program-runner.ts';

const IMPORTS = `import { existsSync, appendFileSync } from 'node:fs';
import { IntCounter, StreamExecutionEnvironment } from 'millrace';
`;
const START = `${IMPORTS}const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2 });
`;

const folder = programFolder({
  'sums.ts': `${IMPORTS}console.log('top level');
const parallelism = Number(process.argv[2]);
const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': parallelism });
env
  .fromSequence(1, 20_000)
  .map((x) => ({ key: 'k' + (x % 50), count: 1, sum: x, text: 'ä'.repeat(x % 5) }))
  .keyBy((x) => x.key)
  .reduce((a, b) => ({ key: a.key, count: a.count + b.count, sum: a.sum + b.sum, text: b.text }))
  .filter((x) => x.count === 400)
  .map((x) => x.key + '=' + x.sum)
  .print();
const { jobName } = await env.execute('Sums');
console.log('end of', jobName);
`,
  'jobs.ts': `${START}
env.fromSequence(1, 100)
  .map({ counter: new IntCounter(), open(context) { context.addAccumulator('seen', this.counter); }, map(x) { this.counter.add(1); return x; } })
  .rebalance().map((x) => x).discard();
const first = await env.execute('First');
appendFileSync('between.txt', 'x');
const seen = first.accumulators.seen;
if (seen !== 100) throw new Error('saw ' + seen);
env.fromSequence(1, seen).rebalance().map((x) => x + seen).filter((x) => x === 200).print();
const client = await env.executeAsync('Second');
await client.getJobExecutionResult();
const metrics = await client.getMetrics();
console.log(Object.entries(metrics).filter(([name]) => /^Second\\.Sequence Source\\.\\d\\.Sequence Source\\.numRecordsOut$/.test(name)).map(([, n]) => n));
appendFileSync('behind.txt', 'x');
`,
  'main.ts': `${START}async function main() {
  env.fromSequence(1, 3).rebalance().map((x) => { console.log('in a task'); console.error('to stderr'); return x; }).discard();
  await env.execute();
}
console.log('top level');
if (import.meta.main !== false) main();
`,
  'much.ts': `${START}
env.fromSequence(0, 60_000).map((x) => x + ' ' + 'x'.repeat(40)).print();
await env.execute();
`,
  'random.ts': `${START}
const stream = env.fromSequence(1, 3).rebalance();
const next = process.argv.includes('other') || (await import('node:worker_threads')).isMainThread
  ? stream.map((x) => x).name('Here')
  : stream.filter((x) => x > 0).name('There');
next.print();
await env.execute('Moody');
`,
  'unreached.ts': `${START}
const { isMainThread } = await import('node:worker_threads');
if (isMainThread || process.argv[2] !== 'skip') {
  if (!isMainThread && process.argv[2] === 'throw') throw new Error('no second time');
  if (!isMainThread && process.argv[2] === 'exit') process.exit(3);
  if (!isMainThread && process.argv[2] === 'wait') await new Promise(() => {});
  env.fromSequence(1, 3).rebalance().map((x) => x).print();
  await env.execute('Shy');
}
`,
  'exit.ts': `${START}
env.fromSequence(1, 1000).rebalance().map((x) => {
  if (x === 500 && !existsSync('exited-' + process.argv[2])) {
    appendFileSync('exited-' + process.argv[2], 'x');
    process.exit(7);
  }
  return x;
}).map((x) => x).addSink({ invoke: () => {} });
const strategy = process.argv[2];
if (strategy === 'restart') env.setRestartStrategy({ type: 'fixed-delay', attempts: 2, delayMs: 1 });
await env.execute('Exits');
console.log('survived');
`,
  'stray.ts': `${START}
env.fromSequence(1, 1000).rebalance().map((x) => {
  if (x === 5) setTimeout(() => { throw new RangeError('stray'); }, 1);
  return new Promise(() => {}), x;
}).map({ map: (x) => x, close: () => new Promise((resolve) => setTimeout(resolve, 50)) }).discard();
await env.execute('Stray');
`,
  'stuck.ts': `${IMPORTS}
const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2, 'task.cancellation.timeout': '300 ms' });
env.fromSequence(1, 1000).rebalance().map((x) => {
  if (x === 5) for (appendFileSync('stuck', 'x'), console.log('stuck'); ; );
  return x;
}).discard();
const client = await env.executeAsync('Stuck');
const result = client.getJobExecutionResult();
while (!existsSync('stuck')) await new Promise((resolve) => setTimeout(resolve, 20));
await client.cancel();
await result.catch((error) => console.log(error.code));
`,
  'memory.ts': `${IMPORTS}
const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': 2,
  'taskmanager.memory.process.size': '320 mb',
});
let kept: unknown;
env.fromSequence(1, 1000).rebalance().map((x) => { for (let i = 0; i < 1e6; i++) kept = { kept, x, i }; return x; }).discard();
await env.execute('Greedy');
`,
  'at-once.ts': `import { isMainThread } from 'node:worker_threads';
import { StreamExecutionEnvironment } from 'millrace';
if (!isMainThread) setTimeout(() => { throw new Error('as if a port were taken'); }, 0);
await new Promise((resolve) => setTimeout(resolve, 20));
const start = (name, n) => {
  const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2 });
  env.fromSequence(1, n).rebalance().filter((x) => x === n).map((x) => name + x).print();
  return env.executeAsync(name);
};
const first = await start('A', 1000);
const others = await Promise.all([start('B', 2000), start('C', 3000)]);
await Promise.all([first, ...others].map((client) => client.getJobExecutionResult()));
`,
  'collect.ts': `import { CollectSink, StreamExecutionEnvironment } from 'millrace';
const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2 });
const sink = new CollectSink<bigint>();
const stream = env.fromSequence(1, 500).rebalance().map((x) => BigInt(x));
let collected: bigint[];
if (process.argv[2] === 'sink') {
  stream.sinkTo(sink);
  await env.execute('Collecting');
  collected = sink.values;
} else collected = await stream.executeAndCollect();
console.log(collected.length, collected.reduce((a, b) => a + b));
env.fromCollection(collected).rebalance().map((x) => x).print();
await env.execute('Next');
`,
  'endless.ts': `import { DataGeneratorSource, StreamExecutionEnvironment, WatermarkStrategy } from 'millrace';
const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2 });
env.fromSource(new DataGeneratorSource((i) => i, 'unbounded', { ratePerSecond: 1000 }), WatermarkStrategy.noWatermarks<number>())
  .rebalance().map((x) => { if (x === 10) console.log('ten'); return x; }).discard();
try {
  await env.execute('Endless');
} finally {
  console.log('put away');
}
`,
  'checkpoints.ts': `import { appendFileSync, existsSync } from 'node:fs';
import { DataGeneratorSource, StreamExecutionEnvironment, WatermarkStrategy } from 'millrace';
const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2 });
env.enableCheckpointing(50).setRestartStrategy({ type: 'fixed-delay', attempts: 3, delayMs: 1 });
env.fromSource(new DataGeneratorSource((i) => i, 4000, { ratePerSecond: 4000 }), WatermarkStrategy.noWatermarks<number>())
  .map((x) => {
    if (x > 2500 && !existsSync('crashed')) {
      appendFileSync('crashed', 'x');
      process.exit(9);
    }
    return { key: x % 10, count: 1, sum: x };
  })
  .keyBy((x) => x.key)
  .reduce((a, b) => ({ key: a.key, count: a.count + b.count, sum: a.sum + b.sum }))
  .filter((x) => x.count === 400)
  .map((x) => x.key + '=' + x.sum)
  .print();
await env.execute('Checkpointed');
`,
  'count.ts': `import { DataGeneratorSource, StreamExecutionEnvironment, WatermarkStrategy } from 'millrace';
const [uid, end] = process.argv.slice(2);
const env = StreamExecutionEnvironment.getExecutionEnvironment();
env.fromSource(new DataGeneratorSource((i) => i, 3000, { ratePerSecond: 3000 }), WatermarkStrategy.noWatermarks<number>()).uid('numbers')
  .map((x) => ({ key: x % 3, count: 1 }))
  .keyBy((x) => x.key)
  .reduce((a, b) => ({ key: a.key, count: a.count + b.count }))
  .uid(uid)
  .filter((x) => x.count === 1000)
  .map((x) => x.key + ' is complete')
  .print();
const client = await env.executeAsync('Count');
if (end === 'stop') {
  while ((await client.getProgress()).recordsIn < 500) await new Promise((resolve) => setTimeout(resolve, 20));
  console.log(await client.stopWithSavepoint(false, 'savepoints'));
}
await client.getJobExecutionResult();
`,
  'job.test.ts': `import { test } from 'node:test';
import { StreamExecutionEnvironment } from 'millrace';
test('runs', async () => {
  const env = StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': 2 });
  env.fromSequence(1, 3).rebalance().map((x) => x).print();
  await env.execute();
});
`,
});

const lines = (text: string): string[] => text.trimEnd().split('\n');
const withoutPrefix = (text: string): string[] => lines(text).map((line) => line.replace(/^\d> /, ''));

describe('a program whose slots are threads', { concurrency: 3 }, () => {
  test('prints what it prints on one thread, with the subtask in front, and its top level once', async () => {
    const [one, two, bundled] = await Promise.all([
      node(folder, 'sums.ts', '1'),
      node(folder, 'sums.ts', '2'),
      millrace(folder, 'run', 'sums.ts', '3'),
    ]);
    const expected = lines(one.stdout).sort();
    for (const { stdout, stderr, exitCode } of [two, bundled]) {
      assert.equal(stderr, '');
      assert.equal(exitCode, 0);
      assert.equal(lines(stdout)[0], 'top level');
      assert.equal(lines(stdout).at(-1), 'end of Sums');
      assert.deepEqual(withoutPrefix(stdout).sort(), expected);
      for (const prefix of ['1> ', '2> ']) assert.ok(stdout.includes(prefix));
    }
  });

  test('may run several jobs that depend on one another; what lies between and behind them is done as often as needed', async () => {
    const { stdout, stderr, exitCode } = await node(folder, 'jobs.ts');
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    assert.deepEqual(withoutPrefix(lines(stdout)[0] as string), ['200']);
    assert.equal(lines(stdout)[1], '[ 50, 50 ]');
    assert.equal(readFileSync(join(folder, 'between.txt'), 'utf8'), 'xxx');
    assert.equal(readFileSync(join(folder, 'behind.txt'), 'utf8'), 'x');
  });

  test('may run several jobs at once, whatever becomes of what else it starts', async () => {
    const { stdout, stderr, exitCode } = await node(folder, 'at-once.ts');
    assert.equal(stderr, '');
    assert.deepEqual(withoutPrefix(stdout).sort(), ['A1000', 'B2000', 'C3000']);
    assert.equal(exitCode, 0);
  });

  test('may begin by asking whether it is the program, and print from its functions', async () => {
    const { stdout, stderr, exitCode } = await node(folder, 'main.ts');
    assert.equal(stdout, `top level\n${'in a task\n'.repeat(3)}`);
    assert.equal(stderr, 'to stderr\n'.repeat(3));
    assert.equal(exitCode, 0);
  });

  test('prints all lines, those of each subtask in their order, however many there are', async () => {
    const { stdout } = await node(folder, 'much.ts');
    for (const subtask of ['1', '2']) {
      const numbers = lines(stdout).filter((line) => line.startsWith(`${subtask}> `));
      const values = numbers.map((line) => Number(line.split(' ')[1]));
      assert.ok(values.every((value, i) => i === 0 || value > (values[i - 1] as number)));
    }
    assert.equal(lines(stdout).length, 60_001);
  });

  test('fails when it builds another job the second time, with the operator and its line', async () => {
    const { stderr, exitCode } = await node(folder, 'random.ts');
    assert.match(
      stderr,
      /In slot [01], the program built another job 'Moody': where it had operator 'Here' \(.*random\.ts:7:\d+\) the first time, it has operator 'There' \(.*random\.ts:8:\d+\)\. Each slot runs the program once more/,
    );
    assert.equal(exitCode, 1);
  });

  for (const [how, message] of [
    ['skip', /In slot [01], the program did not get to job 'Shy': it came to its end, or waits for something/],
    ['wait', /In slot [01], the program did not get to job 'Shy': it came to its end, or waits for something/],
    ['throw', /In slot [01], the program did not get to job 'Shy': no second time \(at .*unreached\.ts:7:\d+\)/],
    [
      'exit',
      /Slot [01] could not run '.*unreached\.ts' once more as far as job 'Shy'\. .*process\.exit\(3\) was called at .*unreached\.ts:8/,
    ],
  ] as const) {
    test(`fails when it does not get to the job the second time (${how})`, async () => {
      const { stderr, exitCode, stdout } = await node(folder, 'unreached.ts', how);
      assert.match(stderr, message);
      assert.equal(stdout, '');
      assert.equal(exitCode, 1);
    });
  }

  test('loses a slot when a function ends its thread; a restart takes a new one', async () => {
    const failed = await node(folder, 'exit.ts');
    assert.match(
      failed.stderr,
      /Task .*Map.* \([12]\/2\) failed: Slot [01] was lost: process\.exit\(7\) was called at .*exit\.ts:\d+/,
    );
    assert.equal(failed.exitCode, 1);
    const restarted = await node(folder, 'exit.ts', 'restart');
    assert.equal(restarted.stdout, 'survived\n');
    assert.equal(restarted.exitCode, 0);
    assert.ok(existsSync(join(folder, 'exited-restart')));
  });

  test('goes on from its newest checkpoint when a slot was lost, with every record counted once', async () => {
    const { stdout, stderr, exitCode } = await startProcess(folder, [...NODE, 'checkpoints.ts'], { MILLRACE_LOG: 'warn' })
      .outcome;
    assert.match(stderr, /restarts from checkpoint \d+, because .* Slot [01] was lost: process\.exit\(9\)/);
    const expected = Array.from({ length: 10 }, (_, key) => `${key}=${400 * key + (399 * 400 * 10) / 2}`);
    assert.deepEqual([...new Set(withoutPrefix(stdout))].sort(), expected);
    assert.equal(exitCode, 0);
  });

  test('gets what its sinks collect, and cannot build another job from it', async () => {
    const [collected, sink] = await Promise.all([node(folder, 'collect.ts'), node(folder, 'collect.ts', 'sink')]);
    for (const { stdout } of [collected, sink]) assert.equal(stdout, '500 125250n\n');
    assert.match(collected.stderr, /did not get to job 'Next', its 2nd job: .*executeAndCollect/);
    assert.match(
      sink.stderr,
      /did not get to job 'Next', its 2nd job: What a CollectSink collects is on the program's own thread only/,
    );
  });

  test('is canceled by Ctrl-C, and puts away what it has', async () => {
    const { child, printed, outcome } = startProcess(folder, [...NODE, 'endless.ts']);
    await printed('ten');
    child.kill('SIGINT');
    const { stdout, stderr, exitCode } = await outcome;
    assert.equal(stdout, 'ten\nput away\n');
    assert.match(stderr, /^Canceling 'Endless'\. Press Ctrl-C again to exit at once\.\n/);
    assert.equal(exitCode, 130);
  });

  test('starts from a savepoint on another number of slots, and leaves state behind only if it is allowed', async () => {
    const stopped = await millrace(folder, 'run', '-p', '2', 'count.ts', 'sums', 'stop');
    const path = stopped.stdout.trim();
    assert.match(path, /savepoint-/, stopped.stderr);
    const [resumed, refused, allowed] = await Promise.all([
      millrace(folder, 'run', '-p', '3', '--from-savepoint', path, 'count.ts', 'sums'),
      millrace(folder, 'run', '-p', '2', '-s', path, 'count.ts', 'others'),
      millrace(folder, 'run', '-p', '2', '-s', path, '-n', 'count.ts', 'others'),
    ]);
    assert.deepEqual(withoutPrefix(resumed.stdout).sort(), ['0 is complete', '1 is complete', '2 is complete']);
    assert.equal(resumed.exitCode, 0);
    assert.match(refused.stderr, /^Error: .*sums/);
    assert.equal(refused.exitCode, 1);
    assert.equal(allowed.stdout, '');
    assert.equal(allowed.exitCode, 0);
  });

  test('fails with an error that nothing caught', async () => {
    const { stderr, exitCode } = await node(folder, 'stray.ts');
    assert.match(stderr, /Slot [01] was lost: an error was thrown that nothing caught: RangeError: stray/);
    assert.equal(exitCode, 1);
  });

  test('is canceled though one of its functions never returns', async () => {
    const { stdout, stderr, exitCode } = await node(folder, 'stuck.ts');
    assert.equal(stdout, 'stuck\nJOB_CANCELED\n');
    assert.match(stderr, /WARN {2}Slot [01] was lost: task .* did not stop within 0\.3 s of its cancellation/);
    assert.equal(exitCode, 0);
  });

  test('fails when a slot runs out of memory, and says which option helps', async () => {
    const { stderr, exitCode } = await node(folder, 'memory.ts');
    assert.match(stderr, /Slot [01] was lost: its thread ran out of memory: .*taskmanager\.memory\.process\.size/);
    assert.equal(exitCode, 1);
  });

  test('runs on one thread in a test or when it is told to, and says so', async () => {
    const [inTest, told] = await Promise.all([
      startProcess(folder, [...NODE, 'job.test.ts'], { MILLRACE_LOG: 'info' }).outcome,
      millrace(folder, 'run', '--log-level', 'info', '-D', 'execution.local.threads=false', 'main.ts'),
    ]);
    assert.match(
      inTest.stderr,
      /Job '.*' runs with one subtask of each operator on one thread, because it is run by a test runner\./,
    );
    assert.equal(inTest.exitCode, 0);
    assert.match(
      told.stderr,
      /Job '.*' runs with one subtask of each operator on one thread, because execution\.local\.threads is false\./,
    );
    assert.equal(told.stdout, `top level\n${'in a task\n'.repeat(3)}`);
  });
});
