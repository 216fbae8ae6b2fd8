/** Redis, etcd and PostgreSQL as test services: each answers, and keeps its data when it is killed and started again. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { startEtcd } from './etcd.ts';
import { findPostgres, startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

test('Redis keeps what it has answered', async () => {
  const redis = await startRedis({ own: true });
  const ask = async <T>(run: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(redis.port);
    try {
      return await run(client);
    } finally {
      client.disconnect();
    }
  };
  assert.equal(await ask((client) => client.set('a', '1')), 'OK');
  await redis.kill();
  await redis.start();
  assert.equal(await ask((client) => client.get('a')), '1');
  await redis.stop();
});

test('Redis speaks TLS, and knows users and passwords', async () => {
  const user = { username: 'alice', password: 'wonder-land-1' };
  const redis = await startRedis({ tls: true, user, password: 'default-1' });
  const client = new Redis({ port: redis.tls?.port as number, tls: { ca: redis.tls?.ca as string }, ...user });
  assert.equal(await client.ping(), 'PONG');
  client.disconnect();
  const stranger = new Redis({ port: redis.port, retryStrategy: () => null });
  stranger.on('error', () => {});
  await assert.rejects(stranger.ping());
  stranger.disconnect();
  await redis.stop();
});

test('etcd keeps what it has answered', async () => {
  const etcd = await startEtcd({ own: true });
  const call = async (path: string, body: object) => {
    const response = await fetch(`http://${etcd.address}/v3/kv/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { connection: 'close' },
    });
    return (await response.json()) as { kvs?: { value: string }[] };
  };
  const key = Buffer.from('leader').toString('base64');
  await call('put', { key, value: Buffer.from('me').toString('base64') });
  await etcd.kill();
  await etcd.start();
  const [found] = (await call('range', { key })).kvs ?? [];
  assert.equal(Buffer.from(found?.value ?? '', 'base64').toString(), 'me');
  await etcd.stop();
});

test('PostgreSQL keeps a prepared transaction', async () => {
  const postgres = await startPostgres({ own: true });
  const psql = (...statements: string[]): string =>
    execFileSync(
      join(findPostgres() ?? '', 'psql'),
      [
        '-h',
        '127.0.0.1',
        '-p',
        `${postgres.port}`,
        '-U',
        'test',
        '-d',
        'postgres',
        '-qtA',
        ...statements.flatMap((s) => ['-c', s]),
      ],
      { encoding: 'utf8' },
    ).trim();
  psql('create table t (x int)');
  psql("begin; insert into t values (1); prepare transaction 'first'");
  // As a crash, but it takes the server's children along: after SIGKILL they hold its memory until they find out.
  await postgres.kill('SIGQUIT');
  await postgres.start();
  assert.equal(psql('select count(*) from t'), '0');
  psql("commit prepared 'first'");
  assert.equal(psql('select count(*) from t'), '1');
  await postgres.stop();
});
