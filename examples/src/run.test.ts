import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runNode } from './run-node.ts';

test('npm run example lists every example with its arguments', async () => {
  const { code, stdout } = await runNode('run.ts');
  assert.equal(code, 0);
  for (const call of ['word-count FILE', 'socket-word-count HOST PORT', 'flights ', 'exactly-once [SECONDS]'])
    assert.ok(stdout.includes(`  ${call}`), call);
});

test('an unknown example is refused with the names of those that exist', async () => {
  const { code, stdout, stderr } = await runNode('run.ts', 'fligths');
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /no example 'fligths'.*word-count, socket-word-count, flights, exactly-once/);
});

test('an example with missing arguments says how it is called', async () => {
  const { code, stderr } = await runNode('run.ts', 'socket-word-count', '127.0.0.1');
  assert.equal(code, 1);
  assert.equal(stderr, 'Usage: npm run example -- socket-word-count HOST PORT\n');
});

test('an argument too many is refused', async () => {
  const { code, stderr } = await runNode('run.ts', 'exactly-once', '3', '4');
  assert.equal(code, 1);
  assert.equal(stderr, 'Usage: npm run example -- exactly-once [SECONDS]\n');
});
