/** Savepoints as programs take them and start from them: at another parallelism, on another backend, by a changed program. */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { millrace, node, type Outcome, programFolder } from '../cli/program-runner.ts';

const folder = programFolder({
  'count.ts': `import { DataGeneratorSource, StreamExecutionEnvironment, TumblingEventTimeWindows, ValueStateDescriptor, WatermarkStrategy } from 'millrace';
const [parallelism, change, end, path, ...options] = process.argv.slice(2);
const env = StreamExecutionEnvironment.getExecutionEnvironment({
  'parallelism.default': Number(parallelism),
  ...(path === '' ? {} : { 'execution.state-recovery.path': path }),
  ...Object.fromEntries(options.map((option) => option.split('='))),
});
let numbers = env.fromSource(new DataGeneratorSource((x) => ({ x }), 2000, { ratePerSecond: 2000 }),
  WatermarkStrategy.forMonotonousTimestamps().withTimestampAssigner((v) => v.x), 'Numbers').uid('numbers');
const counting = (name) => ({
  open(context) { this.count = context.getState(new ValueStateDescriptor(name)); },
  processElement(v, context, out) {
    this.count.update((this.count.value() ?? 0) + 1);
    out.collect({ x: v.x, count: this.count.value() });
  },
});
if (change === 'added') numbers = numbers.keyBy((v) => v.x % 3).process(counting('more')).uid('added');
const counted = change === 'removed' ? numbers.map((v) => ({ x: v.x, count: 0 })) : numbers.keyBy((v) => v.x % 20).process(counting('count')).uid('count');
const windows = numbers.keyBy((v) => v.x % 4).window(TumblingEventTimeWindows.of(500)).reduce((a, b) => ({ x: a.x + b.x })).uid('windows').map((v) => ({ sum: v.x }));
counted.union(windows).addSink((v) => console.log(v.sum === undefined ? 'count ' + v.x + ' ' + v.count : 'sum ' + v.sum)).uid('out').setParallelism(1);
const client = await env.executeAsync('Counts');
const result = client.getJobExecutionResult();
if (end === 'stop' || end === 'drain') {
  for (;;) {
    const metrics = Object.entries(await client.getMetrics());
    if (metrics.some(([name, value]) => name.endsWith('Sink.numRecordsIn') && value >= 100)) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  console.log('savepoint', await client.stopWithSavepoint(end === 'drain', 'savepoints'));
}
await result;
`,
});

const rows = (kind: string, ...outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.startsWith(`${kind} `));
const savepointOf = ({ stdout, stderr }: Outcome): string => {
  const path = /^savepoint (.*)$/m.exec(stdout)?.[1];
  assert.ok(path, stderr);
  return path;
};
const program = (...args: string[]): Promise<Outcome> => node(folder, 'count.ts', ...args);

/** Each number once, each key counted without a gap, and the windows whole. */
function assertWhole(...outcomes: readonly Outcome[]): void {
  for (const { stderr } of outcomes) assert.equal(stderr, '');
  const counts = rows('count', ...outcomes);
  assert.equal(counts.length, 2000);
  assert.deepEqual(new Set(counts), new Set(Array.from({ length: 2000 }, (_, x) => `count ${x} ${Math.floor(x / 20) + 1}`)));
  const sum = rows('sum', ...outcomes).reduce((total, line) => total + Number(line.split(' ')[1]), 0);
  assert.equal(sum, (1999 * 2000) / 2);
}

describe('a savepoint', { concurrency: 2 }, () => {
  let first: Outcome;
  let path: string;
  before(async () => {
    first = await program('1', '', 'stop', '');
    path = savepointOf(first);
  });

  test('is gone on from at more subtasks, and then at fewer, on another state backend', async () => {
    const second = await program('3', '', 'stop', path);
    const third = await program('2', '', '', savepointOf(second), 'state.backend.type=hashlog');
    assertWhole(first, second, third);
    assert.equal(rows('sum', first, second, third).length, 16);
  });

  test('can be moved, and be named by a URL', async () => {
    cpSync(join(folder, path), join(folder, 'moved'), { recursive: true });
    assertWhole(first, await program('2', '', '', pathToFileURL(join(folder, 'moved')).href));
    const { stdout } = await millrace(folder, 'savepoint', 'inspect', 'moved');
    assert.match(stdout, /uid 'count'/);
    rmSync(join(folder, 'moved'), { recursive: true });
    const gone = await program('1', '', '', 'moved');
    assert.match(gone.stderr, /There is no checkpoint or savepoint at 'moved': no such folder/);
  });

  test('that drained a job has fired its windows; the job goes on behind them', async () => {
    const drained = await program('2', '', 'drain', '');
    const rest = await program('1', '', '', savepointOf(drained));
    assertWhole(drained, rest);
  });

  test('serves a program with another operator, though one that has no uid and no state is another then', async () => {
    assertWhole(first, await program('2', 'added', '', path));
  });

  test('is refused by a program that has no use for its state, unless that may be left behind', async () => {
    const refused = await program('1', 'removed', '', path);
    assert.match(refused.stderr, /holds state of operators that the program does not have: 'KeyedProcess' \(uid 'count'\)\. /);
    assert.equal(refused.exitCode, 1);
    const allowed = await program('1', 'removed', '', path, 'execution.state-recovery.ignore-unclaimed-state=true');
    assert.match(allowed.stderr, /The state of operator 'count' is left behind/);
    assert.equal(allowed.exitCode, 0);
  });

  test('is refused at another max parallelism', async () => {
    const { stderr } = await program('1', '', '', path, 'pipeline.max-parallelism=64');
    assert.match(stderr, /has 128 key groups, but the operator has a max parallelism of 64 now\. Call setMaxParallelism\(128\)/);
  });
});
