import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SinkDriver } from '../../connector/index.ts';
import { CommandCheck, describeCommand, type RedisCommand } from './redis-command.ts';
import { RedisLookup } from './redis-lookup.ts';
import type { RedisConnectionOptions } from './redis-options.ts';
import { RedisSink } from './redis-sink.ts';
import { readSecret } from './secret.ts';

const command = (value: number): RedisCommand => ['SET', 'k', value];

test('options that cannot be are refused when the sink or lookup is made', () => {
  const wrong: [RedisConnectionOptions, RegExp][] = [
    [{ port: 70_000 }, /port must be from 1 to 65535; it is 70000/],
    [{ database: -1 }, /database/],
    [{ commandTimeoutMs: 0 }, /commandTimeoutMs must be positive/],
    [{ retryTimeoutMs: -1 }, /retryTimeoutMs must not be negative/],
    [{ password: 'hunter2' as never }, /password must say where the password is found/],
    [{ tls: { certFile: 'a.pem' } }, /belong together/],
  ];
  for (const [connection, message] of wrong) {
    assert.throws(() => new RedisSink({ connection, command }), { code: 'INVALID_OPTION', message });
    assert.throws(() => new RedisLookup({ connection, key: String, result: () => 1 }), { code: 'INVALID_OPTION', message });
  }
  assert.throws(() => new RedisSink({ command, maxBatchSize: 0 }), { code: 'INVALID_OPTION' });
  assert.throws(() => new RedisSink({ command: ['SET'] as never }), { code: 'INVALID_OPTION' });
  assert.throws(() => new RedisLookup({ key: String, result: () => 1, cache: { maxRows: 0 } }), /cache.maxRows must be positive/);
  assert.throws(() => new RedisLookup({ key: String, result: () => 1, maxBatchSize: 1.5 }), /maxBatchSize/);
});

test('a password that is not meant to be in the program is not in the message either', () => {
  try {
    new RedisSink({ connection: { password: 'hunter2' as never }, command });
    assert.fail();
  } catch (error) {
    assert.doesNotMatch(String((error as Error).message), /hunter2/);
  }
});

test('a secret is read from where its reference says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-secret-'));
  const file = join(folder, 'password');
  writeFileSync(file, 'from a file\n');
  process.env.MILLRACE_SECRET_TEST = 'from the environment';
  assert.equal(await readSecret({ file }, 'it'), 'from a file');
  assert.equal(await readSecret({ env: 'MILLRACE_SECRET_TEST' }, 'it'), 'from the environment');
  assert.equal(await readSecret(async () => 'from a function', 'it'), 'from a function');
  delete process.env.MILLRACE_SECRET_TEST;
  rmSync(folder, { recursive: true });
  const missing = { code: 'INVALID_OPTION' };
  await assert.rejects(readSecret({ env: 'MILLRACE_SECRET_TEST' }, 'the password'), {
    ...missing,
    message: /should hold the password, is not set/,
  });
  await assert.rejects(readSecret({ file }, 'the password'), { ...missing, message: /cannot be read/ });
});

test('commands that a repeat would change are refused, unless that is allowed', () => {
  const strict = new CommandCheck(false);
  strict.check(['HSET', 'a', 'b', 1]);
  strict.check(['hset', 'a', 'b', 1]);
  for (const name of ['INCR', 'hincrby', 'RPUSH', 'XADD', 'PUBLISH']) {
    assert.throws(() => strict.check([name, 'a']), { code: 'INVALID_PROGRAM', message: new RegExp(name, 'i') });
    new CommandCheck(true).check([name, 'a']);
  }
});

test('commands about the connection, and what is no command, are refused always', () => {
  const check = new CommandCheck(true);
  for (const name of ['MULTI', 'exec', 'SUBSCRIBE', 'AUTH', 'SELECT']) {
    assert.throws(() => check.check([name]), { code: 'INVALID_PROGRAM', message: /about the connection/ });
  }
  assert.throws(() => check.check([] as never), { code: 'INVALID_PROGRAM' });
  assert.throws(() => check.check(['SET', 'k', undefined as never]), {
    code: 'INVALID_PROGRAM',
    message: /argument 2 of SET k is undefined/,
  });
});

test('a command is described by its name and key, not by what it writes', () => {
  assert.equal(describeCommand(['set', 'user:1', 'secret']), 'SET user:1');
  assert.equal(describeCommand(['PING']), 'PING');
  assert.equal(describeCommand(['SET', new Uint8Array(3), 'x']), 'SET');
  assert.ok(describeCommand(['SET', 'k'.repeat(1000)]).length < 120);
});

test('a Redis that cannot be reached is reported with its address and how long it was tried', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const sink = new RedisSink<number>({ connection: { port, retryTimeoutMs: 200 }, command });
  const message = new RegExp(`Redis at 127.0.0.1:${port} does not answer: connect ECONNREFUSED .*tried for \\d+ ms`);
  await assert.rejects(new SinkDriver(sink).start(), { code: 'SINK_FAILED', message });
});

test('a server that accepts and never answers is given up after the time for connecting', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const sink = new RedisSink<number>({ connection: { port, connectTimeoutMs: 100, retryTimeoutMs: 0 }, command });
  await assert.rejects(new SinkDriver(sink).start(), { code: 'SINK_FAILED', message: /no connection within 100 ms/ });
  server.close();
});
