import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runNode } from '../run-node.ts';
import { wordsOf } from './words.ts';

test('words are letters and digits with apostrophes inside, in lower case', () => {
  assert.deepEqual(wordsOf("Don't — he said: 'Go!' Ärger 7"), ["don't", 'he', 'said', 'go', 'ärger', '7']);
  assert.deepEqual(wordsOf(' ... '), []);
});

test('word-count counts the words of a file, the most frequent first', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-word-count-'));
  const many = Array.from({ length: 25 }, (_, i) => `word${String(i).padStart(2, '0')}`).join('\n');
  try {
    writeFileSync(join(folder, 'plain.txt'), 'To be, or not to be,\nthat is the question.');
    writeFileSync(join(folder, 'many.txt.gz'), gzipSync(many));
    const plain = await runNode('run.ts', 'word-count', join(folder, 'plain.txt'));
    assert.equal(plain.stderr, '');
    assert.deepEqual(
      plain.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.trim()),
      ['2  be', '2  to', '1  is', '1  not', '1  or', '1  question', '1  that', '1  the'],
    );
    assert.equal(plain.code, 0);
    const compressed = await runNode('run.ts', 'word-count', join(folder, 'many.txt.gz'));
    assert.match(compressed.stdout, /1 {2}word19\n +and 5 more words\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('word-count says which file is missing', async () => {
  const { code, stderr } = await runNode('run.ts', 'word-count', 'no-such-file.txt');
  assert.equal(code, 1);
  assert.match(stderr, /no-such-file\.txt/);
});

test('socket-word-count counts the words of a connection per window', { timeout: 60_000 }, async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const module = new URL('socket-word-count.ts', import.meta.url);
  const program = `import { countWords } from '${module}'; await countWords('127.0.0.1', ${port}, 20);`;
  const args = ['--conditions=millrace-source', '--input-type=module', '--eval', program];
  const counter = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [connection] = (await once(server, 'connection')) as [Socket];
    connection.write('to be or\nnot to be\n');
    const totals = new Map<string, number>();
    let counted = 0;
    for await (const line of createInterface({ input: counter.stdout })) {
      const [word = '', count] = line.split(': ');
      totals.set(word, (totals.get(word) ?? 0) + Number(count));
      counted += Number(count);
      // What a window holds when the connection ends is not printed, so the server waits until all has been.
      if (counted === 6) connection.end();
    }
    assert.deepEqual(Object.fromEntries(totals), { to: 2, be: 2, or: 1, not: 1 });
  } finally {
    counter.kill();
    server.close();
  }
});
