import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { millrace, programFolder } from './program-runner.ts';

const folder = programFolder({
  'plan.ts': `import { StreamExecutionEnvironment } from 'millrace';
console.log('printed by the program');
for (const name of ['First', 'Second']) {
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env
    .fromElements(1, 2)
    .map(() => { throw new Error('nothing runs'); })
    .keyBy((x: number) => x)
    .reduce((a) => a)
    .uid('sums')
    .print();
  const { accumulators } = await env.execute(name);
  console.log(accumulators);
}
`,
  'half.ts': `import { StreamExecutionEnvironment } from 'millrace';
const env = StreamExecutionEnvironment.getExecutionEnvironment();
env.fromElements(1).print();
const { accumulators } = await env.execute('First');
(accumulators.total as any).toFixed();
`,
  'none.ts': `export {};\n`,
});

describe('millrace info', { concurrency: 3 }, () => {
  test('prints the tree of every job, and runs none', async () => {
    const { stdout, stderr, exitCode } = await millrace(folder, 'info', 'plan.ts');
    const tree = (name: string): string => `Job '${name}': 2 vertices

1. parallelism 1
   Source: Collection Source
   └─ Map

2. parallelism 1  <- HASH from 1
   Keyed Reduce  (keyed)  [uid sums]
   └─ Sink: Print to Std. Out
`;
    assert.equal(stdout, `${tree('First')}\n${tree('Second')}`);
    assert.equal(stderr, 'printed by the program\n{}\n{}\n');
    assert.equal(exitCode, 0);
  });

  test("prints Flink's execution plan as JSON", async () => {
    const { stdout } = await millrace(folder, 'info', '--json', 'plan.ts');
    const plans = stdout.split(/^(?=\{)/m).map((text) => JSON.parse(text));
    assert.equal(plans.length, 2);
    assert.deepEqual(
      plans[0].nodes.map((n: { pact: string; type: string }) => [n.pact, n.type]),
      [
        ['Data Source', 'Source: Collection Source'],
        ['Operator', 'Map'],
        ['Operator', 'Keyed Reduce'],
        ['Data Sink', 'Sink: Print to Std. Out'],
      ],
    );
    assert.deepEqual(plans[0].nodes[2].predecessors, [{ id: 2, ship_strategy: 'HASH', side: 'first' }]);
  });

  test('takes the configuration of the command line', async () => {
    const { stdout } = await millrace(folder, 'info', '-p', '3', 'plan.ts');
    assert.match(stdout, /\n2\. parallelism 3 /);
  });

  test('prints the plans that it has when the program stumbles over the missing result', async () => {
    const { stdout, stderr, exitCode } = await millrace(folder, 'info', 'half.ts');
    assert.match(stdout, /^Job 'First'/);
    assert.match(stderr, /^Error: TypeError: .*\n {2}at half\.ts:5:/);
    assert.equal(exitCode, 1);
  });

  test('says so when there is no plan', async () => {
    const { stderr, exitCode } = await millrace(folder, 'info', 'none.ts');
    assert.match(stderr, /^Error: 'none\.ts' came to its end without executing a job, so there is no plan\./);
    assert.equal(exitCode, 1);
  });
});

describe('millrace', { concurrency: 3 }, () => {
  test('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.equal((await millrace(folder, '--version')).stdout, `${version}\n`);
  });

  test('has help with examples and exit codes, for each command as well', async () => {
    for (const args of [['--help'], ['run', '--help'], ['help', 'run']]) {
      const { stdout, exitCode } = await millrace(folder, ...args);
      assert.match(stdout, /^Usage: millrace /);
      assert.match(stdout, /\nExamples:\n {2}millrace run job\.ts/);
      assert.match(stdout, /\nExit codes:\n/);
      assert.equal(exitCode, 0);
    }
  });

  test('suggests what was meant', async () => {
    const command = await millrace(folder, 'rnu', 'plan.ts');
    assert.match(command.stderr, /unknown command 'rnu'\n\(Did you mean run\?\)/);
    assert.equal(command.exitCode, 1);
    const option = await millrace(folder, 'run', '--jsno', 'plan.ts');
    assert.match(option.stderr, /unknown option '--jsno'\n\(Did you mean --json\?\)/);
    assert.equal(option.exitCode, 1);
  });
});
