/** Signals and terminals, with real ones. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { CLI, NODE, programFolder, startProcess } from './program-runner.ts';

const START = `import { DataGeneratorSource, StreamExecutionEnvironment, WatermarkStrategy } from 'millrace';
const env = StreamExecutionEnvironment.getExecutionEnvironment();
`;

const folder = programFolder({
  'unbounded.ts': `${START}env
  .fromSource(new DataGeneratorSource((i) => i, 'unbounded', { ratePerSecond: 1000 }), WatermarkStrategy.noWatermarks<number>())
  .addSink({ open: () => console.log('open'), invoke: (x) => { if (x === 10) console.log('ten'); }, close: () => console.log('close') });
try {
  await env.execute('Endless');
} finally {
  console.log('put away');
}
`,
  'stuck.ts': `${START}env
  .fromSource(new DataGeneratorSource((i) => i, 'unbounded', { ratePerSecond: 1000 }), WatermarkStrategy.noWatermarks<number>())
  .addSink({ open: () => console.log('open'), invoke: () => {}, close: () => new Promise((resolve) => setTimeout(resolve, 60_000)) });
await env.execute('Stuck');
`,
  'own.ts': `${START}env
  .fromSource(new DataGeneratorSource((i) => i, 'unbounded', { ratePerSecond: 1000 }), WatermarkStrategy.noWatermarks<number>())
  .discard();
const client = await env.executeAsync('Own');
process.on('SIGINT', async () => {
  console.log('mine', await client.getJobStatus());
  await client.cancel();
  console.log(await client.getJobStatus());
});
console.log('ready');
`,
  'after.ts': `${START}env.fromElements(1).print();
await env.execute();
console.log('listeners', process.listenerCount('SIGINT'), process.listenerCount('SIGTERM'));
`,
  'long.ts': `${START}env
  .fromSource(new DataGeneratorSource((i) => i, 1000, { ratePerSecond: 1000 }), WatermarkStrategy.noWatermarks<number>(), 'Numbers')
  .filter((x) => { if (x === 800) console.log('by the program'); return x === 900; })
  .print();
await env.execute('Long');
`,
});

const ways = { 'millrace run': [...NODE, CLI, 'run'], node: NODE } as const;

describe('a signal', { concurrency: 3 }, () => {
  for (const [way, command] of Object.entries(ways)) {
    for (const [signal, exitCode] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      test(`${signal} cancels a job of ${way} in order, and the exit code tells it`, async () => {
        const run = startProcess(folder, [...command, 'unbounded.ts']);
        await run.printed('ten');
        run.child.kill(signal);
        const outcome = await run.outcome;
        assert.equal(outcome.stdout, 'open\nten\nclose\nput away\n');
        assert.match(outcome.stderr, /^Canceling 'Endless'\. .* again to exit at once\.\n$/);
        assert.equal(outcome.exitCode, exitCode);
      });
    }

    test(`a second one ends ${way} at once`, async () => {
      const run = startProcess(folder, [...command, 'stuck.ts']);
      await run.printed('open');
      run.child.kill('SIGINT');
      await run.printed('Canceling');
      run.child.kill('SIGINT');
      assert.equal((await run.outcome).exitCode, 130);
    });
  }

  test('is the program’s if it listens to it, and nobody else’s', async () => {
    const run = startProcess(folder, [...NODE, 'own.ts']);
    await run.printed('ready');
    run.child.kill('SIGINT');
    const { stdout, stderr } = await run.outcome;
    assert.equal(stdout, 'ready\nmine RUNNING\nCANCELED\n');
    assert.equal(stderr, '');
  });

  test('is left to others when no job runs', async () => {
    const { stdout } = await startProcess(folder, [...NODE, 'after.ts']).outcome;
    assert.equal(stdout, '1\nlisteners 0 0\n');
  });
});

/** `script` of util-linux runs a command on a terminal of its own. Where it is missing, status-line.test.ts is what there is. */
const hasScript = /util-linux/.test(String(spawnSync('script', ['--version']).stdout));

function onTerminal(...command: readonly string[]) {
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return startProcess(folder, ['script', '-qec', quoted, '/dev/null'], { COLUMNS: '120' });
}

/** What is to be seen at the end: each line after all that was erased in it. */
function seen(output: string): string[] {
  return output.split(/\r*\n/).map((line) => line.split('\r\u001b[2K').at(-1) ?? '');
}

if (hasScript) {
  for (const [way, command] of Object.entries(ways)) {
    test(`a job of ${way} shows its progress on a terminal, and other output stays whole`, async () => {
      const { stdout, exitCode } = await onTerminal(...command, 'long.ts').outcome;
      assert.match(stdout, /\rLong: [\d,]+ records · \S+( k)?\/s · \d+ % · \d+ (ms|s) left|Long: [\d,]+ records · .* %/);
      const [program, printed, summary, end] = seen(stdout);
      assert.equal(program, 'by the program');
      assert.equal(printed, '900');
      assert.match(summary ?? '', /^Job 'Long' finished after [\d.]+ s: 1,000 records in \(.*\/s\), 1 out$/);
      assert.equal(end, '');
      assert.equal(exitCode, 0);
    });
  }

  test('--no-progress shows none', async () => {
    const { stdout } = await onTerminal(...NODE, CLI, 'run', '--no-progress', 'long.ts').outcome;
    assert.deepEqual(seen(stdout), ['by the program', '900', '']);
  });

  test('Ctrl-C on a terminal leaves no half line behind', async () => {
    const run = onTerminal(...NODE, CLI, 'run', 'unbounded.ts');
    await run.printed('Endless: ');
    run.child.stdin.write('\u0003');
    const { stdout, exitCode } = await run.outcome;
    const [open, ten, canceling, ...rest] = seen(stdout);
    assert.deepEqual([open, ten], ['open', 'ten']);
    assert.match(canceling ?? '', /Canceling 'Endless'\. Press Ctrl-C again to exit at once\.$/);
    assert.deepEqual(rest.slice(0, 1), ['close']);
    assert.match(rest[1] ?? '', /^(put away|Job 'Endless' was canceled after .*)$/);
    assert.equal(exitCode, 130);
  });
}
