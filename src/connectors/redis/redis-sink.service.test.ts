import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { FaultyProxy } from '../../../test/services/faulty-proxy.ts';
import { type RedisService, startRedis } from '../../../test/services/redis.ts';
import { SinkDriver, sinkContract } from '../../connector/index.ts';
import { StreamExecutionEnvironment } from '../../index.ts';
import { type RedisCommand, type RedisConnectionOptions, RedisSink, type RedisSinkOptions } from './index.ts';

let redis: RedisService;
let client: Redis;
let proxy: FaultyProxy;
before(async () => {
  redis = await startRedis({ own: true });
  client = new Redis(redis.port);
  client.on('error', () => {});
  proxy = await FaultyProxy.listen(redis.port);
});
after(async () => {
  client.disconnect();
  await proxy.close();
  await redis.stop();
});

let keys = 0;
const newKey = (): string => `key-${++keys}`;

/** A sink to the server, or to the proxy before it. */
function sinkOf<T>(
  command: RedisSinkOptions<T>['command'],
  options: Partial<RedisSinkOptions<T>> = {},
  connection: RedisConnectionOptions = {},
): RedisSink<T> {
  return new RedisSink<T>({ connection: { port: redis.port, ...connection }, command, ...options });
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

for (const atomic of [false, true]) {
  for (const maxBatchSize of [1, 3, 1000]) {
    describe(`the sink with batches of ${maxBatchSize}${atomic ? ' in transactions' : ''} keeps the contract:`, () => {
      const cases = sinkContract<string, never>({
        values: numbers(200).map((n) => `value ${n}`),
        create: () => {
          const key = newKey();
          const sink = sinkOf<string>((value) => ['RPUSH', key, value], { atomic, maxBatchSize, allowNonIdempotent: true });
          return { sink, read: () => client.lrange(key, 0, -1) };
        },
      });
      for (const { fact, check } of cases) test(fact, check);
    });
  }
}

test('a record can make one command, several or none, of texts, numbers and bytes', async () => {
  const key = newKey();
  const bytes = new Uint8Array([0, 255, 10, 13]);
  const sink = sinkOf<number>((n) => {
    if (n === 0) return undefined;
    if (n === 1) return ['SET', `${key}:one`, 1.5];
    return [
      ['HSET', `${key}:two`, 'größe', '大きい'],
      ['SADD', `${key}:three`, bytes],
    ];
  });
  const driver = new SinkDriver(sink);
  await driver.runAll([0, 1, 2]);
  assert.equal(await client.get(`${key}:one`), '1.5');
  assert.deepEqual(await client.hgetall(`${key}:two`), { größe: '大きい' });
  assert.deepEqual(await client.smembersBuffer(`${key}:three`), [Buffer.from(bytes)]);
  assert.equal(driver.counters.get('numRecordsSend'), 2);
});

test('records that come while Redis is busy share a batch', async () => {
  const key = newKey();
  const calls = async (): Promise<number> => Number(/cmdstat_exec:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
  const before = await calls();
  await new SinkDriver(sinkOf<number>((n) => ['SET', key, n], { atomic: true })).runAll(numbers(10_000));
  const batches = (await calls()) - before;
  assert.ok(batches >= 10 && batches <= 30, `${batches} batches`);
});

test('a writer whose batch is not answered takes as many commands as one more batch holds', async () => {
  const key = newKey();
  const driver = new SinkDriver(sinkOf<number>((n) => ['SET', key, n], { maxBatchSize: 10 }, { port: proxy.port }));
  await driver.start();
  proxy.hold();
  const record = { timestamp: 0, currentWatermark: 0 };
  let written = 0;
  for (; driver.writer.isAvailable?.() === undefined; written++) {
    driver.writer.write(written, record);
    await Promise.resolve();
  }
  // The first record goes alone, for nothing was under way.
  assert.equal(written, 11);
  proxy.release();
  await driver.writer.isAvailable?.();
  await driver.writer.flush(false);
  assert.equal(await client.get(key), '10');
  await driver.close();
});

test('a Redis that is killed and started again gets everything, and keeps the last value of each key', async () => {
  const key = newKey();
  const command = (n: number): RedisCommand[] => [
    ['SADD', `${key}:all`, n],
    ['SET', `${key}:${n % 7}`, n],
  ];
  const driver = new SinkDriver(sinkOf(command, { maxBatchSize: 50, atomic: true }));
  await driver.start();
  for (let round = 0; round < 3; round++) {
    await driver.write(numbers(1000).map((n) => round * 1000 + n));
    const flushed = driver.writer.flush(false);
    await redis.kill();
    await redis.start();
    await flushed;
  }
  await driver.close();
  assert.equal(await client.scard(`${key}:all`), 3000);
  for (const n of numbers(7)) assert.equal(await client.get(`${key}:${(2999 - n) % 7}`), `${2999 - n}`);
});

test('cut connections lose nothing and change no order', async () => {
  const key = newKey();
  const command = (n: number): RedisCommand[] => [
    ['SADD', `${key}:all`, n],
    ['SET', `${key}:last`, n],
  ];
  const driver = new SinkDriver(sinkOf(command, { maxBatchSize: 20 }, { port: proxy.port }));
  await driver.start();
  for (const n of numbers(500)) {
    if (n % 50 === 25) proxy.resetAll();
    if (n === 100) proxy.cutAfterBytes = 5000;
    if (n === 400) proxy.heal();
    await driver.write([n]);
    if (n % 10 === 0) await new Promise(setImmediate);
  }
  await driver.writer.flush(false);
  await driver.close();
  proxy.heal();
  assert.equal(await client.scard(`${key}:all`), 500);
  assert.equal(await client.get(`${key}:last`), '499');
});

test('a command that is refused fails the sink, by its name and key but not by what it would write', async () => {
  for (const atomic of [false, true]) {
    const key = newKey();
    await client.rpush(key, 'a list');
    const driver = new SinkDriver(sinkOf<string>((text) => ['HSET', key, 'field', text], { atomic }));
    await driver.start();
    await driver.write(['hidden words']);
    const message = `Redis at 127.0.0.1:${redis.port} refuses HSET ${key}: WRONGTYPE Operation against a key holding the wrong kind of value.`;
    await assert.rejects(async () => driver.writer.flush(false), { code: 'SINK_FAILED', message });
    assert.throws(() => driver.writer.write('more', { timestamp: 0, currentWatermark: 0 }), { code: 'SINK_FAILED' });
    assert.equal(driver.counters.get('numRecordsSendErrors'), 1);
    await driver.close();
  }
});

test('a command that Redis does not know is named, alone and in a transaction', async () => {
  for (const atomic of [false, true]) {
    const driver = new SinkDriver(sinkOf<string>(() => ['SETT', newKey()], { atomic }));
    await driver.start();
    await driver.write(['x']);
    await assert.rejects(async () => driver.writer.flush(false), {
      code: 'SINK_FAILED',
      message: /refuses SETT.*unknown command/,
    });
    await driver.close();
  }
});

test('the commands of a record appear together in a transaction', async () => {
  const [a, b] = [newKey(), newKey()];
  // So long that they arrive in pieces, between which others are served.
  const command = (n: number): RedisCommand[] => [
    ['SET', a, `${n}`.padStart(300_000, '.')],
    ['SET', b, `${n}`.padStart(300_000, '.')],
  ];
  proxy.delayMs.up = 5;
  const driver = new SinkDriver(sinkOf(command, { atomic: true, maxBatchSize: 2 }, { port: proxy.port }));
  await driver.start();
  const writing = driver.write(numbers(10)).then(() => driver.writer.flush(true));
  let last: string | null = null;
  while (last !== '9') {
    const [left, right] = (await client.multi().getrange(a, -1, -1).getrange(b, -1, -1).exec()) ?? [];
    assert.deepEqual(left, right);
    last = left?.[1] as string;
  }
  await writing;
  await driver.close();
  proxy.heal();
});

test('a connection that was given up is closed before anything is sent again: no old value comes after a newer one', async () => {
  const key = newKey();
  const driver = new SinkDriver(
    sinkOf<string>((text) => ['SET', key, text], {}, { port: proxy.port, commandTimeoutMs: 300, retryTimeoutMs: 10_000 }),
  );
  await driver.start();
  await driver.write(['first']);
  await driver.writer.flush(false);
  // A network that keeps what the old connection sent, and carries only new connections.
  const old = proxy.strand();
  await driver.write(['old']);
  await driver.writer.flush(false);
  await driver.write(['new']);
  await driver.writer.flush(false);
  old.release();
  await old.ended;
  assert.equal(await client.get(key), 'new');
  await driver.close();
});

test('TLS, a user and a password from where they are kept', async (t) => {
  const secured = await startRedis({ tls: true, user: { username: 'alice', password: 'wonder-land-1' }, password: 'other-1' });
  t.after(() => secured.stop());
  process.env.MILLRACE_REDIS_TEST = 'wonder-land-1';
  const connection = {
    port: secured.tls?.port,
    tls: { caFile: secured.tls?.caFile },
    username: 'alice',
    password: { env: 'MILLRACE_REDIS_TEST' },
    database: 3,
    retryTimeoutMs: 0,
  };
  const command = (n: number): RedisCommand => ['SET', 'k', n];
  await new SinkDriver(sinkOf(command, {}, connection)).runAll([1]);
  const reader = new Redis(secured.port, { password: 'other-1', db: 3 });
  assert.equal(await reader.get('k'), '1');
  reader.disconnect();

  process.env.MILLRACE_REDIS_TEST = 'a wrong guess';
  const refused = new SinkDriver(sinkOf(command, {}, connection));
  await assert.rejects(refused.start(), (error: Error & { code: string; recoverable: boolean }) => {
    assert.equal(error.code, 'INVALID_OPTION');
    assert.match(error.message, /does not let user 'alice' in: WRONGPASS/);
    assert.doesNotMatch(`${error.message}${JSON.stringify(error)}${String(error.cause)}`, /a wrong guess/);
    return true;
  });
  const stranger = new SinkDriver(sinkOf(command, {}, { port: secured.port, retryTimeoutMs: 0 }));
  await assert.rejects(stranger.start(), { code: 'INVALID_OPTION', message: /user 'default'.*NOAUTH/ });
  const untrusting = new SinkDriver(sinkOf(command, {}, { ...connection, tls: true }));
  await assert.rejects(untrusting.start(), { code: 'SINK_FAILED', message: /self-signed certificate/ });
  delete process.env.MILLRACE_REDIS_TEST;

  // One who may write, but not ask about the server and its connections.
  const admin = new Redis(secured.port, { password: 'other-1' });
  await admin.call('ACL', 'SETUSER', 'writer', 'on', '>pen-1', '~*', '-@all', '+set', '+select');
  const password = (): string => 'pen-1';
  await new SinkDriver(sinkOf(command, {}, { port: secured.port, username: 'writer', password })).runAll([2]);
  assert.equal(await admin.get('k'), '2');
  admin.disconnect();
});

test('a job writes all of its records', async () => {
  const key = newKey();
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  env.fromCollection(numbers(5000)).sinkTo(sinkOf<number>((n) => ['HSET', key, `f${n}`, n]));
  await env.execute('into Redis');
  assert.equal(await client.hlen(key), 5000);
});
