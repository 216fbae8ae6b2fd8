import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { type RedisService, startRedis } from '../../../test/services/redis.ts';
import { systemClock } from '../../common/index.ts';
import { AsyncDataStream, StreamExecutionEnvironment } from '../../index.ts';
import { MetricRegistry } from '../../metrics/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { RedisLookup, type RedisLookupOptions } from './index.ts';

let redis: RedisService;
let client: Redis;
before(async () => {
  redis = await startRedis({ own: true });
  client = new Redis(redis.port);
  client.on('error', () => {});
});
after(async () => {
  client.disconnect();
  await redis.stop();
});

/** An open lookup, with what it counts. */
async function open<R, V = string>(
  options: Partial<RedisLookupOptions<string, R, V>> & Pick<RedisLookupOptions<string, R, V>, 'result'>,
) {
  const registry = new MetricRegistry(systemClock);
  const lookup = new RedisLookup<string, R, V>({ connection: { port: redis.port }, key: (value) => value, ...options });
  const metricGroup = registry.group('lookup');
  await lookup.open({ metricGroup });
  const count = (name: string): number => metricGroup.addGroup('cache').counter(name).getCount();
  const ask = (value: string): Promise<R[]> =>
    new Promise((resolve, reject) =>
      lookup.asyncInvoke(value, { complete: (results) => resolve([...results]), completeExceptionally: reject }),
    );
  return { lookup, ask, count };
}

/** How often Redis has carried out a command. */
async function calls(name: string): Promise<number> {
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(await client.info('commandstats'))?.[1] ?? 0);
}

test('keys that are asked for in one turn are one MGET, each key once', async () => {
  await client.mset('a', '1', 'b', '2');
  const { lookup, ask, count } = await open({ result: (value, found) => [`${value}=${found}`] });
  const before = await calls('mget');
  assert.deepEqual(await Promise.all(['a', 'b', 'none', 'a'].map(ask)), [['a=1'], ['b=2'], ['none=undefined'], ['a=1']]);
  assert.equal(await calls('mget'), before + 1);
  assert.equal(count('loadCount'), 3);
  assert.equal(count('missCount'), 4);
  await lookup.close();
});

test('fields of hashes are asked for by HGET, and no two pairs of key and field are taken for one', async () => {
  await client.hset('hash-ab', 'c', 'first');
  await client.hset('hash-a', 'bc', 'second');
  const { lookup, ask } = await open<string, string>({
    key: (value) => value.split('/')[0] as string,
    field: (value) => value.split('/')[1] as string,
    cache: { maxRows: 10 },
    result: (_, found) => found ?? 'nothing',
  });
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await Promise.all(['hash-ab/c', 'hash-a/bc', 'hash-abc/'].map(ask)), [['first'], ['second'], ['nothing']]);
  }
  await lookup.close();
});

test('no more keys than a batch holds are asked for in one go', async () => {
  const { lookup, ask } = await open({ maxBatchSize: 10, result: (value) => value });
  const before = await calls('mget');
  await Promise.all(Array.from({ length: 25 }, (_, i) => ask(`many-${i}`)));
  assert.equal(await calls('mget'), before + 3);
  await lookup.close();
});

test('a cache answers what it knows, missing keys too, until it expires', async () => {
  await client.set('cached', '1');
  const clock = new VirtualClock();
  const seen: (string | undefined)[] = [];
  const { lookup, ask, count } = await open({
    cache: { maxRows: 10, expireAfterWriteMs: 1000 },
    clock: Object.assign(Object.create(systemClock), { monotonicMs: () => clock.monotonicMs() }),
    result: (_, found) => {
      seen.push(found);
      return 0;
    },
  });
  await ask('cached');
  await ask('absent');
  await client.mset('cached', '2', 'absent', 'here');
  clock.advanceBy(999);
  await ask('cached');
  await ask('absent');
  clock.advanceBy(1);
  await ask('cached');
  await ask('absent');
  assert.deepEqual(seen, ['1', undefined, '1', undefined, '2', 'here']);
  assert.equal(count('hitCount'), 2);
  assert.equal(count('missCount'), 4);
  await lookup.close();
});

test('with cacheMissingKey off, a missing key is asked for each time', async () => {
  const { lookup, ask } = await open({
    cache: { maxRows: 10, cacheMissingKey: false },
    result: (_, found) => found ?? 'nothing',
  });
  assert.deepEqual(await ask('late'), ['nothing']);
  await client.set('late', 'arrived');
  assert.deepEqual(await ask('late'), ['arrived']);
  await lookup.close();
});

test('what is found is parsed once, and the result may be one, several or none', async () => {
  await client.set('list', '[1,2]');
  let parsed = 0;
  const { lookup, ask } = await open<number, number[]>({
    cache: { maxRows: 10 },
    parse: (text) => {
      parsed++;
      return JSON.parse(text);
    },
    result: (value, found) => (value === 'list' ? found : undefined),
  });
  assert.deepEqual(await ask('list'), [1, 2]);
  assert.deepEqual(await ask('list'), [1, 2]);
  assert.deepEqual(await ask('other'), []);
  assert.equal(parsed, 1);
  await lookup.close();
});

test('an error of parse, of result or of Redis reaches who asked, and nobody else', async () => {
  await client.mset('good', '1', 'bad', 'no JSON');
  const { lookup, ask } = await open<number, number>({
    parse: (text) => JSON.parse(text),
    result: (value, found) => {
      if (value === 'strange') throw new Error('strange indeed');
      return found;
    },
  });
  const [good, bad, strange] = await Promise.allSettled(['good', 'bad', 'strange'].map(ask));
  assert.deepEqual(good, { status: 'fulfilled', value: [1] });
  assert.match(String((bad as PromiseRejectedResult).reason), /SyntaxError/);
  assert.match(String((strange as PromiseRejectedResult).reason), /strange indeed/);
  await lookup.close();

  await client.set('text', 'no hash');
  const fields = await open({ field: () => 'f', result: (_, found) => found });
  const message = /refuses HGET text: WRONGTYPE/;
  await assert.rejects(fields.ask('text'), { code: 'SOURCE_FAILED', message });
  assert.equal(fields.count('numLoadFailures'), 1);
  await fields.lookup.close();
});

test('a Redis that is killed and started again answers what was asked meanwhile', async () => {
  await client.set('survivor', 'yes');
  const { lookup, ask } = await open({ result: (_, found) => found });
  assert.deepEqual(await ask('survivor'), ['yes']);
  await redis.kill();
  const answer = ask('survivor');
  await redis.start();
  assert.deepEqual(await answer, ['yes']);
  await lookup.close();
});

test('a closed lookup fails what is under way, at once, and can be opened again', async () => {
  const { lookup, ask } = await open({ result: (_, found) => found });
  await redis.kill();
  const answer = assert.rejects(ask('survivor'), { code: 'SOURCE_FAILED' });
  await lookup.close();
  await answer;
  await redis.start();
  await lookup.open({ metricGroup: new MetricRegistry(systemClock).group('again') });
  assert.deepEqual(await ask('survivor'), ['yes']);
  await lookup.close();
});

test('a job enriches its records', async () => {
  await client.mset('ad-1', 'campaign-1', 'ad-2', 'campaign-2');
  const env = StreamExecutionEnvironment.getExecutionEnvironment();
  const ads = env.fromCollection(['ad-2', 'ad-1', 'ad-3', 'ad-2']);
  const lookup = new RedisLookup<string, string>({
    connection: { port: redis.port },
    key: (ad) => ad,
    result: (ad, campaign) => `${ad} ${campaign ?? '-'}`,
    cache: { maxRows: 100 },
  });
  const results = await AsyncDataStream.orderedWait(ads, lookup, 10_000).executeAndCollect();
  assert.deepEqual(results, ['ad-2 campaign-2', 'ad-1 campaign-1', 'ad-3 -', 'ad-2 campaign-2']);
});
