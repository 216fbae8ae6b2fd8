import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const home = mkdtempSync(join(tmpdir(), 'millrace-cache-'));
after(() => rmSync(home, { recursive: true, force: true }));
const module = fileURLToPath(new URL('./tool-cache.ts', import.meta.url));

/** Runs `body` in a process of its own, whose cache is in `home`; the log of what it makes is the file `log`. */
function run(body: string): Promise<number | null> {
  const program = `
    import { appendFileSync, writeFileSync } from 'node:fs';
    import { setTimeout as wait } from 'node:timers/promises';
    import { cached } from ${JSON.stringify(module)};
    const log = (text) => appendFileSync(${JSON.stringify(join(home, 'log'))}, text);
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, XDG_CACHE_HOME: home },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  return new Promise((resolve) => child.once('exit', resolve));
}

const made = (): string[] => readdirSync(join(home, 'millrace/services')).sort();

test('processes that want the same thing at once make it once', async () => {
  writeFileSync(join(home, 'log'), '');
  const body = `const folder = await cached('one', async (target) => { log('m'); await wait(100); writeFileSync(target + '/x', 'whole'); });
    process.exitCode = (await import('node:fs')).readFileSync(folder + '/x', 'utf8') === 'whole' ? 0 : 1;`;
  const codes = await Promise.all(Array.from({ length: 4 }, () => run(body)));
  assert.deepEqual(codes, [0, 0, 0, 0]);
  assert.equal(readFileSync(join(home, 'log'), 'utf8'), 'm');
  assert.deepEqual(made(), ['one']);
});

test('what could not be made leaves nothing behind, and is made by the next who wants it', async () => {
  assert.equal(await run(`await cached('two', (target) => { writeFileSync(target + '/x', ''); throw new Error('no'); });`), 1);
  assert.ok(!made().some((name) => name.startsWith('two')));
  assert.equal(await run(`await cached('two', () => {});`), 0);
  assert.ok(made().includes('two'));
});

test('the lock of a process that has died is taken over', async () => {
  mkdirSync(join(home, 'millrace/services'), { recursive: true });
  await run(`await cached('three', () => process.kill(process.pid, 'SIGKILL'));`);
  assert.ok(made().includes('three.lock'));
  assert.equal(await run(`await cached('three', () => {});`), 0);
  assert.ok(made().includes('three') && !made().includes('three.lock'));
});
