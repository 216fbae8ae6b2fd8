import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runNode } from './run-node.ts';

const demoFolders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('millrace-demo-'));

test('the demo counts every window as the recount does, and leaves nothing behind', async () => {
  const before = new Set(demoFolders());
  const { code, stdout, stderr } = await runNode('demo.ts', '--events', '150000', '--seed', '7');
  assert.equal(stderr, '');
  assert.match(
    stdout,
    /check: [\d,]+ window counts equal, and \d+ malformed and [1-9]\d* late events went to the side outputs\n$/,
  );
  assert.match(stdout, /top 10 of 100 campaigns/);
  assert.equal(code, 0);
  assert.deepEqual(
    demoFolders().filter((name) => !before.has(name)),
    [],
  );
});

test('with --keep the events and the part files stay', async () => {
  const { code, stdout } = await runNode('demo.ts', '--events', '1000', '--keep');
  const folder = /^kept {2}(.+)$/m.exec(stdout)?.[1] ?? '';
  try {
    assert.equal(code, 0);
    assert.ok(existsSync(join(folder, 'ad-events.jsonl')));
    assert.deepEqual(readdirSync(join(folder, 'output')).sort(), ['counts', 'malformed']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a number of events that is none is refused', async () => {
  const { code, stderr } = await runNode('demo.ts', '--events', 'many');
  assert.equal(code, 1);
  assert.equal(stderr, "--events must be a whole number of at least 1; got 'many'.\n");
});
