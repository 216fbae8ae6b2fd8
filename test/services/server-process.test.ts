import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { ServerProcess, serverFolder } from './server-process.ts';

/** A server that answers on `port`, and writes how often it has been started. */
function echoServer(folder: string, port: number): ServerProcess {
  const program = `
    const fs = require('node:fs');
    fs.appendFileSync('starts', 'x');
    process.on('SIGTERM', () => { fs.writeFileSync('in-order', ''); process.exit(0); });
    require('node:net').createServer((s) => s.end()).listen(${port}, '127.0.0.1');`;
  writeFileSync(join(folder, 'server.cjs'), program);
  const ready = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(() => resolve(true))).once('error', reject);
    });
  return new ServerProcess({ name: 'echo', folder, command: [process.execPath, 'server.cjs'], ready, startTimeoutMs: 20_000 });
}

/** Whether a process runs; one that has ended and was not reaped does not. */
function runs(pid: number): boolean {
  try {
    return !/^Z?$/.test(
      execFileSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' })
        .trim()
        .slice(0, 1),
    );
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('a server that was killed starts again on the same port and data', async () => {
  const folder = serverFolder('test');
  const server = echoServer(folder, await freePort());
  await server.start();
  const first = server.pid;
  await server.kill();
  assert.equal(server.pid, undefined);
  assert.ok(!existsSync(join(folder, 'in-order')));
  await server.start();
  assert.notEqual(server.pid, first);
  assert.equal(readFileSync(join(folder, 'starts'), 'utf8'), 'xx');
  await server.kill('SIGTERM');
  assert.ok(existsSync(join(folder, 'in-order')));
  await server.stop();
  assert.ok(!existsSync(folder));
});

test('a server that ends instead of answering is reported with its log', async () => {
  const folder = serverFolder('test');
  const command = [process.execPath, '--eval', 'console.log("no room"); process.exit(1)'];
  const server = new ServerProcess({ name: 'hopeless', folder, command, ready: () => Promise.reject(new Error('no')) });
  await assert.rejects(server.start(), /hopeless ended at its start: no room/);
  await server.stop();
});

test('a program that does not exist is reported by name', async () => {
  const command = ['no-such-program-here'];
  const server = new ServerProcess({ name: 'absent', folder: serverFolder('test'), command, ready: async () => false });
  await assert.rejects(server.start(), /absent ended at its start: spawn no-such-program-here ENOENT/);
  await server.stop();
});

test('a server ends, and its folder goes, with the process that started it, even by SIGKILL', async () => {
  const module = fileURLToPath(new URL('./server-process.ts', import.meta.url));
  const program = `
    import { ServerProcess, serverFolder } from ${JSON.stringify(module)};
    const folder = serverFolder('test');
    const command = [process.execPath, '--eval', 'setInterval(() => {}, 1000)'];
    const server = new ServerProcess({ name: 'orphan', folder, command, ready: async () => true });
    await server.start();
    console.log(JSON.stringify({ pid: server.pid, folder }));
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  const { pid, folder } = JSON.parse(line) as { pid: number; folder: string };
  assert.ok(runs(pid));
  parent.kill('SIGKILL');
  await until(() => !runs(pid));
  await until(() => !existsSync(folder));
});

test('a process that forgets its server ends all the same', async () => {
  const module = fileURLToPath(new URL('./server-process.ts', import.meta.url));
  const program = `
    import { ServerProcess, serverFolder } from ${JSON.stringify(module)};
    const command = [process.execPath, '--eval', 'setInterval(() => {}, 1000)'];
    const server = new ServerProcess({ name: 'forgotten', folder: serverFolder('test'), command, ready: async () => true });
    await server.start();
    console.log(server.pid);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  if (parent.exitCode === null) await once(parent, 'exit');
  assert.equal(parent.exitCode, 0);
  await until(() => !runs(Number(line)));
});

test('ports are handed out once', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
  assert.equal(new Set(ports).size, 50);
});
