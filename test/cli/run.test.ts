import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CLI, millrace, NODE, node, programFolder, startProcess } from './program-runner.ts';

const START = `import { StreamExecutionEnvironment } from 'millrace';
const env = StreamExecutionEnvironment.getExecutionEnvironment();
`;

const folder = programFolder({
  'job.ts': `${START}env.fromCollection([1, 2, 3, 4, 5]).map((x) => x * 2).print();\nawait env.execute('Simple job');\n`,
  'several.ts': `import { IntCounter, StreamExecutionEnvironment } from 'millrace';
import { here, isMain } from './lib/parts.ts';
console.log(new URL(here).pathname.endsWith('/lib/parts.ts'), isMain, import.meta.main, process.argv.slice(2).join());
for (const n of [1, 2]) {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  const counter = new IntCounter();
  env
    .fromSequence(1, n)
    .map({ open: (context) => context.addAccumulator('seen', counter), map: (x: number) => (counter.add(1), x) })
    .print('job ' + n);
  await env.execute('Job ' + n);
}
const env = StreamExecutionEnvironment.getExecutionEnvironment();
env.fromElements('last').print();
await env.executeAsync('Nobody waits');
`,
  'lib/parts.ts': `export const here = import.meta.url;\nexport const isMain = import.meta.main;\nexport const Yippie = 1;\n`,
  'syntax.ts': `const fine = 1;\nconst broken: number = {;\n`,
  'no-name.ts': `import {\n  StreamExecutionEnvironmet,\n} from 'millrace';\nStreamExecutionEnvironmet.getExecutionEnvironment();\n`,
  'no-local-name.ts': `import { Yipie } from './lib/parts.ts';\nconsole.log(Yipie);\n`,
  'no-file.ts': `console.log('started');\nimport './lib/absent.ts';\n`,
  'no-package.ts': `import absent from 'absent-package';\nconsole.log(absent);\n`,
  'no-execute.ts': `${START}env.fromElements(1).print();\n`,
  'empty.ts': `${START}await env.execute('Nothing');\n`,
  'uid.ts': `${START}env\n  .fromElements(1)\n  .map((x) => x).uid('same')\n  .filter((x) => x > 0)\n  .uid('same')\n  .print();\nawait env.execute();\n`,
  'option.ts': `import { StreamExecutionEnvironment } from 'millrace';\n
StreamExecutionEnvironment.getExecutionEnvironment({ 'parallelism.default': () => 2 });\n`,
  'top.ts': `interface Gone { readonly types: number }\n\nfunction deep(): never {\n  throw new TypeError('boom');\n}\ndeep();\n`,
  'fails.ts': `${START}interface Order { readonly id: number; readonly total: number }

function check(order: Order): Order {
  if (Number.isNaN(order.total)) throw new RangeError('the total is no number');
  return order;
}
env.fromElements<Order>({ id: 1, total: 2 }, { id: 2, total: NaN }).map((order) => check(order)).name('Check').print();
await env.execute('Orders');
`,
  'unseen.ts': `${START}env.fromElements(1).map((x) => { if (x) throw new Error('nobody looks'); return x; }).print();
await env.executeAsync('Unseen');\n`,
  'caught.ts': `${START}env.fromElements(1).map((x) => { if (x) throw new Error('expected'); return x; }).print();
await env.execute('Caught').catch((error) => console.log('caught', error.code));\n`,
  'standstill.ts': `${START}await new Promise(() => {});\n`,
  'many.ts': `${START}env.fromSequence(1, 1_000_000).print();\nawait env.execute('Many');\n`,
  'floating.ts': `${START}env.fromElements(1).map((x) => { if (x) throw new Error('floating'); return x; }).print();
void env.execute('Floating');\n`,
});

describe('millrace run', { concurrency: 3 }, () => {
  test('prints what the job prints, and nothing else', async () => {
    assert.deepEqual(await millrace(folder, 'run', 'job.ts'), { stdout: '2\n4\n6\n8\n10\n', stderr: '', exitCode: 0 });
    assert.deepEqual(await node(folder, 'job.ts'), { stdout: '2\n4\n6\n8\n10\n', stderr: '', exitCode: 0 });
  });

  test('runs several jobs, hands arguments over, keeps import.meta, and waits for what the program does not wait for', async () => {
    const { stdout, exitCode } = await millrace(folder, 'run', '--json', 'several.ts', 'a', '--', '--b');
    const lines = stdout.trim().split('\n');
    assert.deepEqual(lines.slice(0, 5), ['true false true a,--b', 'job 1> 1', 'job 2> 1', 'job 2> 2', 'last']);
    const results = lines.slice(5).map((line) => JSON.parse(line));
    assert.deepEqual(
      results.map(({ jobName, status, recordsIn, recordsOut, accumulators }) => [
        jobName,
        status,
        recordsIn,
        recordsOut,
        accumulators,
      ]),
      [
        ['Job 1', 'FINISHED', 1, 1, { seen: 1 }],
        ['Job 2', 'FINISHED', 2, 2, { seen: 2 }],
        ['Nobody waits', 'FINISHED', 1, 1, {}],
      ],
    );
    assert.match(results[0].jobId, /^[0-9a-f]{32}$/);
    assert.equal(exitCode, 0);
  });

  const failures: Record<string, string | RegExp> = {
    'syntax.ts': `Error: syntax.ts:2:25: Expected identifier but found ";".
  2 | const broken: number = {;
    |                         ^
`,
    'no-name.ts': `Error: no-name.ts:2:3: 'millrace' has no export 'StreamExecutionEnvironmet'. Did you mean 'StreamExecutionEnvironment'?
  2 |   StreamExecutionEnvironmet,
    |   ^^^^^^^^^^^^^^^^^^^^^^^^^
`,
    'no-local-name.ts': `Error: no-local-name.ts:1:10: No matching export in "lib/parts.ts" for import "Yipie". Did you mean to import "Yippie" instead?
  1 | import { Yipie } from './lib/parts.ts';
    |          ^^^^^
`,
    'no-file.ts': `Error: no-file.ts:2:8: Could not resolve "./lib/absent.ts".
  2 | import './lib/absent.ts';
    |        ^^^^^^^^^^^^^^^^^
`,
    'no-package.ts': `Error: no-package.ts:1:20: Cannot find package 'absent-package'. Install it: npm install absent-package
  1 | import absent from 'absent-package';
    |                    ^^^^^^^^^^^^^^^^
`,
    'absent.ts': "Error: There is no file 'absent.ts'.\n",
    'package.json': /^Error: 'package\.json' is not TypeScript or JavaScript/,
    'no-execute.ts': /^Error: 'no-execute\.ts' came to its end without running a job\. Call execute\(\)/,
    'empty.ts': /^Error: Job 'Nothing' has no operators\. .*\n {2}at empty\.ts:3:11\n$/,
    'uid.ts':
      /^Error: Two operators have the uid 'same': 'Map' \(at uid\.ts:5:4\) and 'Filter' \(at uid\.ts:6:4\)\. .*\n {2}at uid\.ts:9:11\n$/,
    'option.ts':
      /^Error: Configuration key 'parallelism\.default' expects a whole number, at least 1; got a function\.\n {2}at option\.ts:3:28\n$/,
    'top.ts': 'Error: TypeError: boom\n  at deep (top.ts:4:9)\n  at top.ts:6:1\n',
    'fails.ts': `Error: Operator 'Check' failed: RangeError: the total is no number
  record: { id: 2, total: NaN }
  at check (fails.ts:6:40)
  at fails.ts:9:84
`,
    'unseen.ts': /^Error: Operator 'Map' failed: nobody looks\n {2}record: 1\n {2}at unseen\.ts:3:/,
    'standstill.ts': "Error: 'standstill.ts' awaits something that nothing is left to bring about.\n",
    'floating.ts': /^Error: Operator 'Map' failed: floating\n/,
  };
  for (const [program, expected] of Object.entries(failures)) {
    test(`reports what is wrong with ${program}, and exits with 1`, async () => {
      const { stdout, stderr, exitCode } = await millrace(folder, 'run', program);
      if (typeof expected === 'string') assert.equal(stderr, expected);
      else assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /src\/|node:internal/);
      assert.equal(exitCode, 1);
      assert.doesNotMatch(stdout, /started/);
    });
  }

  test('ends quietly when whoever reads the output goes away', async () => {
    const run = startProcess(folder, [...NODE, CLI, 'run', 'many.ts']);
    await run.printed('1\n');
    run.child.stdout.destroy();
    const { stderr, exitCode } = await run.outcome;
    assert.deepEqual([stderr, exitCode], ['', 141]);
  });

  test('leaves a failure to the program that deals with it', async () => {
    assert.deepEqual(await millrace(folder, 'run', 'caught.ts'), {
      stdout: 'caught USER_FUNCTION_FAILED\n',
      stderr: '',
      exitCode: 0,
    });
  });

  test('tells how a job failed with --json, too', async () => {
    const { stdout, exitCode } = await millrace(folder, 'run', '--json', 'fails.ts');
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    assert.equal(result.status, 'FAILED');
    assert.equal(result.failure.code, 'USER_FUNCTION_FAILED');
    assert.equal(result.failure.record, '{ id: 2, total: NaN }');
    assert.equal(exitCode, 1);
  });

  test("shows the engine's own stack only with --stacktrace", async () => {
    const { stderr } = await millrace(folder, 'run', '--stacktrace', 'fails.ts');
    assert.match(stderr, /^Error: Operator 'Check' failed/);
    assert.match(stderr, /Caused by: RangeError: the total is no number\n {4}at check \(.*fails\.ts:6:40\)[\s\S]*stream-task/);
  });

  test('checks the configuration before it loads the program', async () => {
    const run = async (...args: string[]) => (await millrace(folder, 'run', ...args, 'no-file.ts')).stderr;
    assert.match(
      await run('-D', 'paralelism.default=2'),
      /Unknown configuration key 'paralelism\.default'\. Did you mean 'parallelism\.default'\?/,
    );
    assert.match(await run('-Dparallelism.default'), /-D takes key=value/);
    assert.match(await run('-p', 'many'), /'parallelism\.default' expects a whole number, at least 1; got "many"/);
  });
});

test('MILLRACE_LOG and --log-level say what is logged to stderr', async () => {
  const quiet = startProcess(folder, [...NODE, CLI, 'run', '--log-level', 'info', 'job.ts'], { MILLRACE_LOG: 'debug' });
  assert.equal((await quiet.outcome).stderr, '');
  const loud = await startProcess(folder, [...NODE, 'job.ts'], { MILLRACE_LOG: 'debug' }).outcome;
  assert.match(loud.stderr, /^DEBUG Job 'Simple job' goes from CREATED to RUNNING jobId=[0-9a-f]{32}\n/);
  assert.equal(loud.stdout, '2\n4\n6\n8\n10\n');
  const wrong = await startProcess(folder, [...NODE, CLI, 'run', 'job.ts'], { MILLRACE_LOG: 'loud' }).outcome;
  assert.match(
    wrong.stderr,
    /^Error: The environment variable MILLRACE_LOG must be one of debug, info, warn, error; got 'loud'\./,
  );
});

test('node job.ts shows the line of the program first, and a failing job with its message first', async () => {
  const { stderr: empty, exitCode } = await node(folder, 'empty.ts');
  assert.match(empty, /^file:.*empty\.ts:3\nawait env\.execute\('Nothing'\);\n/);
  assert.equal(exitCode, 1);
  const { stderr: fails } = await node(folder, 'fails.ts');
  assert.match(
    fails,
    /MillraceError: Operator 'Check' failed: RangeError: the total is no number\n {2}record: .*\n {2}at check \(.*fails\.ts:6:40\)\n/,
  );
  const { stderr: unseen } = await node(folder, 'unseen.ts');
  assert.match(unseen, /^ERROR Operator 'Map' failed: nobody looks/);
});
