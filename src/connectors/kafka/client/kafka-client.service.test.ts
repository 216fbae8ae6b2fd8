/**
 * The client against a real broker: topics, reading and writing, offsets, security, and what it does when broker or network fail.
 * Transactions are in transactions.service.test.ts.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { silentLogger, systemClock, systemRandom } from '../../../common/index.ts';
import { type BatchCodecs, type CompressionType, KafkaBatchReader, KafkaBatchWriter, loadBatchCodecs } from '../batches/index.ts';
import { isRetriable, KafkaClient, type KafkaClientOptions, type KafkaSecurity, kafkaErrorName } from './index.ts';

const SECRET = 'correct-horse-battery-staple';
const SESSION_MS = 2_000;
const USER = { username: 'ada', password: SECRET };

let kafka: KafkaService;
let codecs: BatchCodecs;
let client: KafkaClient;
const clients: KafkaClient[] = [];

function newClient(bootstrapServers: string, options: Partial<KafkaClientOptions> = {}): KafkaClient {
  const made = new KafkaClient({ bootstrapServers, clock: systemClock, random: systemRandom, logger: silentLogger, ...options });
  clients.push(made);
  return made;
}

let topics = 0;
async function newTopic(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const topic = `client-${process.pid}-${++topics}`;
  // Some records are older than the default retention.
  await client.createTopics([{ topic, partitions, configs: { 'retention.ms': '-1', ...configs } }]);
  return topic;
}

function batchOf(values: readonly string[], compression: CompressionType = 'none', timestampMs = 1_700_000_000_000): Uint8Array {
  const writer = new KafkaBatchWriter({ codecs, compression });
  for (const value of values) writer.append(timestampMs++, null, Buffer.from(value));
  return writer.finish();
}

async function write(
  topic: string,
  values: readonly string[],
  compression?: CompressionType,
  timestampMs?: number,
): Promise<number> {
  const batch = batchOf(values, compression, timestampMs);
  const [produced] = await client.produce(await client.leaderOf(topic, 0), { partitions: [{ topic, partition: 0, batch }] });
  assert.equal(produced?.error, undefined);
  return produced!.baseOffset;
}

async function readAll(topic: string, from = 0, by = client): Promise<string[]> {
  const reader = new KafkaBatchReader({ topic, partition: 0, codecs });
  const values: string[] = [];
  const [end] = await by.listOffsets([{ topic, partition: 0, at: 'latest' }]);
  for (let next = from; next < end!.offset!; next = reader.nextOffset) {
    const [fetched] = await by.fetch(await by.leaderOf(topic, 0), { partitions: [{ topic, partition: 0, fetchOffset: next }] });
    assert.equal(fetched?.error, undefined);
    reader.open(fetched!.records, next, fetched!.abortedTransactions);
    while (reader.next()) values.push(Buffer.from(reader.data.subarray(reader.valueStart, reader.valueEnd)).toString());
    fetched!.release?.();
  }
  return values;
}

before(async () => {
  codecs = await loadBatchCodecs();
  // Sessions are short, for the test that one outlasts them.
  const properties = { 'listener.name.sasl.connections.max.reauth.ms': SESSION_MS };
  kafka = await startKafka({ own: true, proxied: true, tls: true, sasl: USER, properties });
  client = newClient(kafka.bootstrapServers);
});

after(async () => {
  for (const each of clients) await each.close();
  await kafka.stop();
});

describe('topics', () => {
  test('are created, described, listed, given partitions, and deleted', async () => {
    const topic = await newTopic(2, { 'cleanup.policy': 'compact' });
    const described = (await client.describeTopics([topic])).get(topic);
    assert.deepEqual(
      described?.partitions.map((p) => [p.partition, p.leader]),
      [
        [0, 1],
        [1, 1],
      ],
    );
    await client.createPartitions([{ topic, totalCount: 4 }]);
    assert.equal((await client.describeTopics([topic])).get(topic)?.partitions.length, 4);
    const listed = await client.listTopics(new RegExp(`^${topic}$`));
    assert.deepEqual(
      listed.map((t) => [t.topic, t.topicId]),
      [[topic, described.topicId]],
    );
    await client.deleteTopics([topic]);
    assert.equal((await client.describeTopics([topic], { allowMissing: true })).size, 0);
  });

  test('a missing one is an error that says so, at once or after a short grace', async () => {
    const missing = { message: /topic "nowhere": UNKNOWN_TOPIC_OR_PARTITION: .*create it/ };
    await assert.rejects(client.describeTopics(['nowhere']), missing);
    await assert.rejects(client.leaderOf('nowhere', 0), missing);
    await assert.rejects(client.deleteTopics(['nowhere']), /"nowhere": UNKNOWN_TOPIC_OR_PARTITION/);
    await assert.rejects(client.listOffsets([{ topic: 'nowhere', partition: 0, at: 'latest' }]), (error) => {
      assert.ok(!isRetriable(error));
      return kafkaErrorName(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
    });
    const topic = await newTopic();
    await assert.rejects(client.leaderOf(topic, 7), /partition 7 of 1: UNKNOWN_TOPIC_OR_PARTITION/);
  });

  test('one that exists, or whose name is wrong, is not created, with the reason', async () => {
    const topic = await newTopic();
    await assert.rejects(client.createTopics([{ topic }]), { message: new RegExp(`"${topic}": TOPIC_ALREADY_EXISTS`) });
    await assert.rejects(client.createTopics([{ topic: 'a/b' }]), /INVALID_TOPIC_EXCEPTION.*letters, digits/);
    await assert.rejects(client.createTopics([{ topic: 'three', replicationFactor: 3 }]), /INVALID_REPLICATION_FACTOR/);
  });

  test('one that was deleted and created again has another id, and fetches of the old one say so', async () => {
    const topic = await newTopic();
    const before = (await client.describeTopics([topic])).get(topic)?.topicId;
    const other = newClient(kafka.bootstrapServers);
    await other.deleteTopics([topic]);
    const request = { partitions: [{ topic, partition: 0, fetchOffset: 0 }] };
    const [refused] = await client.fetch(1, request);
    assert.equal(refused?.error, 'UNKNOWN_TOPIC_ID');
    await other.createTopics([{ topic }]);
    await client.leaderOf(topic, 0);
    assert.notEqual((await client.describeTopics([topic])).get(topic)?.topicId, before);
    assert.equal((await client.fetch(1, { ...request, maxWaitMs: 0 }))[0]?.error, undefined);
  });
});

describe('reading and writing', () => {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`batches come back as they were written (${compression})`, async () => {
      const topic = await newTopic();
      const values = Array.from({ length: 500 }, (_, i) => `value ${i} of ${compression}`);
      assert.equal(await write(topic, values.slice(0, 300), compression), 0);
      assert.equal(await write(topic, values.slice(300), compression), 300);
      assert.deepEqual(await readAll(topic), values);
      assert.deepEqual(await readAll(topic, 299), values.slice(299));
    });
  }

  test('several partitions are fetched at once, each with its own offsets', async () => {
    const topic = await newTopic(3);
    const leader = await client.leaderOf(topic, 0);
    const batches = ['a', 'b', 'c'].map((value, partition) => ({ topic, partition, batch: batchOf([value]) }));
    const produced = [...(await client.produce(leader, { partitions: batches, acks: 'leader' }))];
    produced.sort((a, b) => a.partition - b.partition);
    assert.deepEqual(
      produced.map((p) => [p.partition, p.error, p.baseOffset]),
      [
        [0, undefined, 0],
        [1, undefined, 0],
        [2, undefined, 0],
      ],
    );
    const partitions = [0, 1, 2, 3].map((partition) => ({ topic, partition, fetchOffset: partition === 2 ? 5 : 0 }));
    const fetched = [...(await client.fetch(leader, { partitions }))].sort((a, b) => a.partition - b.partition);
    assert.deepEqual(
      fetched.map((f) => [f.error, f.highWatermark, f.records.length > 0]),
      [
        [undefined, 1, true],
        [undefined, 1, true],
        ['OFFSET_OUT_OF_RANGE', -1, false],
        ['UNKNOWN_TOPIC_OR_PARTITION', -1, false],
      ],
    );
  });

  test('a long poll is answered when something is written, not before', async () => {
    const topic = await newTopic();
    const leader = await client.leaderOf(topic, 0);
    const poll = client.fetch(leader, { partitions: [{ topic, partition: 0, fetchOffset: 0 }], maxWaitMs: 20_000 });
    const none = await client.listOffsets([{ topic, partition: 0, at: 'latest' }]);
    assert.equal(none[0]?.offset, 0, 'other requests are not kept waiting');
    await write(topic, ['here']);
    const started = performance.now();
    assert.ok((await poll)[0]!.records.length > 0);
    assert.ok(performance.now() - started < 10_000);
  });

  test('a fetch can be aborted, and the next one works', async () => {
    const topic = await newTopic();
    const leader = await client.leaderOf(topic, 0);
    const partitions = [{ topic, partition: 0, fetchOffset: 0 }];
    const controller = new AbortController();
    const poll = client.fetch(leader, { partitions, maxWaitMs: 500 }, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(poll, /enough/);
    await assert.rejects(client.fetch(leader, { partitions }, { signal: controller.signal }), /enough/);
    await write(topic, ['later']);
    assert.ok((await client.fetch(leader, { partitions }))[0]!.records.length > 0);
  });

  test('the memory of an answer is used again when all of its partitions are released, not before', async () => {
    const topic = await newTopic(2);
    const value = 'x'.repeat(200_000);
    const leader = await client.leaderOf(topic, 0);
    const batches = [0, 1].map((partition) => ({ topic, partition, batch: batchOf([value]) }));
    await client.produce(leader, { partitions: batches });
    const own = newClient(kafka.bootstrapServers);
    await own.leaderOf(topic, 0);
    const fetchBoth = () => own.fetch(leader, { partitions: [0, 1].map((partition) => ({ topic, partition, fetchOffset: 0 })) });
    const first = await fetchBoth();
    const copies = first.map((f) => Buffer.from(f.records));
    assert.ok(!Buffer.isBuffer(first[0]!.records), 'its slices are copies');
    first[0]!.release!();
    first[0]!.release!();
    const second = await fetchBoth();
    assert.notEqual(second[0]!.records.buffer, first[0]!.records.buffer);
    assert.deepEqual(Buffer.from(first[1]!.records), copies[1]);
    first[1]!.release!();
    const third = await fetchBoth();
    assert.equal(third[0]!.records.buffer, first[0]!.records.buffer);
  });

  test('an answer is bounded in bytes, but has at least one batch', async () => {
    const topic = await newTopic();
    for (let i = 0; i < 4; i++) await write(topic, ['x'.repeat(10_000)]);
    const fetchWith = async (maxBytes: number): Promise<number> => {
      const partitions = [{ topic, partition: 0, fetchOffset: 0, maxBytes }];
      return (await client.fetch(1, { partitions, maxBytes }))[0]!.records.length;
    };
    assert.ok((await fetchWith(10)) > 10_000);
    assert.ok((await fetchWith(25_000)) <= 25_000);
  });

  test('a batch that is too large is refused, with the reason', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '2000' });
    const batch = batchOf(['x'.repeat(3000)]);
    const [produced] = await client.produce(1, { partitions: [{ topic, partition: 0, batch }] });
    assert.equal(produced?.error, 'MESSAGE_TOO_LARGE');
  });

  test('a record that the broker refuses is named in the answer', async () => {
    const topic = await newTopic(1, { 'cleanup.policy': 'compact' });
    const [produced] = await client.produce(1, { partitions: [{ topic, partition: 0, batch: batchOf(['no key']) }] });
    assert.equal(produced?.error, 'INVALID_RECORD');
    assert.match(produced.errorMessage ?? '', /record 0 of the batch: .*key/);
  });
});

describe('offsets', () => {
  test('are listed: earliest, latest, by time; none for a time that has not come', async () => {
    const topic = await newTopic();
    await write(topic, ['a', 'b', 'c'], 'none', 5_000_000);
    const at = async (spec: Parameters<KafkaClient['listOffsets']>[0][0]['at']): Promise<number | undefined> =>
      (await client.listOffsets([{ topic, partition: 0, at: spec }]))[0]?.offset;
    assert.equal(await at('earliest'), 0);
    assert.equal(await at('latest'), 3);
    assert.equal(await at({ timestampMs: 5_000_001 }), 1);
    assert.equal(await at({ timestampMs: 5_000_003 }), undefined);
  });

  test('are committed and fetched for a group without members', async () => {
    const topic = await newTopic(2);
    await client.offsetCommit('monitoring', [{ topic, partition: 1, offset: 42, metadata: 'checkpoint 7' }]);
    const partitions = [0, 1].map((partition) => ({ topic, partition }));
    const fetched = await client.offsetFetch('monitoring', partitions);
    assert.deepEqual(
      fetched.map((o) => [o.partition, o.offset]),
      [
        [0, undefined],
        [1, 42],
      ],
    );
    assert.equal(fetched[1]?.metadata, 'checkpoint 7');
  });
});

describe('security', () => {
  const secrets: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'millrace-secrets-'));
  after(() => rmSync(folder, { recursive: true }));

  /** The errors of a client with these options; they hold no secret, in any form that a log could have. */
  async function refusal(listener: { bootstrapServers: string } | undefined, security: KafkaSecurity): Promise<Error> {
    const failing = newClient(listener!.bootstrapServers, { security, retryTimeoutMs: 1500, connectTimeoutMs: 1000 });
    const error = await failing.brokers().then(
      () => assert.fail('connected'),
      (e: Error) => e,
    );
    for (const secret of [SECRET, 'wrong password', ...secrets])
      assert.ok(!inspect(error, { depth: 20, showHidden: true }).includes(secret));
    return error;
  }

  async function reaches(listener: { bootstrapServers: string } | undefined, security: KafkaSecurity): Promise<void> {
    assert.equal((await newClient(listener!.bootstrapServers, { security, retryTimeoutMs: 5000 }).brokers()).length, 1);
  }

  test('TLS: the given authority is trusted, no other, and names are checked', async () => {
    const ca = kafka.tls!.ca;
    await reaches(kafka.tls, { tls: { ca } });
    writeFileSync(join(folder, 'ca.pem'), ca);
    await reaches(kafka.tls, { tls: { ca: { file: join(folder, 'ca.pem') } } });
    assert.match((await refusal(kafka.tls, { tls: true })).message, /certificate is not trusted .*security\.tls\.ca/);
    assert.match((await refusal(kafka.tls, { tls: { ca, serverName: 'elsewhere' } })).message, /not trusted/);
    await reaches(kafka.tls, { tls: { ca, serverName: 'elsewhere', checkServerName: false } });
  });

  test('a listener that wants TLS, or has none, is told apart', async () => {
    assert.match((await refusal(kafka.tls, {})).message, /wants TLS/);
    await refusal(kafka, { tls: { ca: kafka.tls!.ca } });
  });

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    test(`SASL ${mechanism}: the right password opens, a wrong one is an error that no restart can mend`, async () => {
      process.env.MILLRACE_TEST_SECRET = SECRET;
      writeFileSync(join(folder, 'password'), `${SECRET}\n`);
      const sasl = { mechanism, username: USER.username };
      await reaches(kafka.sasl, { sasl: { ...sasl, password: { env: 'MILLRACE_TEST_SECRET' } } });
      await reaches(kafka.sasl, { sasl: { ...sasl, password: { file: join(folder, 'password') } } });
      await reaches(kafka.saslTls, { tls: { ca: kafka.tls!.ca }, sasl: { ...sasl, password: async () => SECRET } });
      const error = await refusal(kafka.sasl, { sasl: { ...sasl, password: () => 'wrong password' } });
      assert.equal(kafkaErrorName(error), 'SASL_AUTHENTICATION_FAILED');
      assert.equal((error as { recoverable?: boolean }).recoverable, false);
      assert.match(error.message, /check user name, password/);
    });
  }

  test('SASL OAUTHBEARER: a token opens; one that the broker does not take is refused', async () => {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const seconds = Math.floor(Date.now() / 1000);
    const token = `${part({ alg: 'none' })}.${part({ sub: 'ada', iat: seconds, exp: seconds + 600 })}.`;
    const late = `${part({ alg: 'none' })}.${part({ sub: 'ada', iat: seconds - 900, exp: seconds - 600 })}.`;
    secrets.push(token, late);
    await reaches(kafka.sasl, { sasl: { mechanism: 'OAUTHBEARER', token: () => token, extensions: { traceId: 'abc' } } });
    const error = await refusal(kafka.sasl, { sasl: { mechanism: 'OAUTHBEARER', token: () => late } });
    assert.equal(kafkaErrorName(error), 'SASL_AUTHENTICATION_FAILED');
  });

  test('a client outlasts its SASL sessions, and reads its secret anew for each', async () => {
    const topic = await newTopic();
    let asked = 0;
    const password = (): string => {
      asked++;
      return SECRET;
    };
    const sasl = { mechanism: 'SCRAM-SHA-256', username: USER.username, password } as const;
    const lasting = newClient(kafka.sasl!.bootstrapServers, { security: { sasl } });
    const leader = await lasting.leaderOf(topic, 0);
    const partitions = [{ topic, partition: 0, fetchOffset: 0 }];
    const began = performance.now();
    const oneAfterTheOther = async (call: () => Promise<unknown>): Promise<void> => {
      while (performance.now() - began < 2.5 * SESSION_MS) await call();
    };
    // Not one of them is tried again.
    await Promise.all([
      oneAfterTheOther(() => lasting.fetch(leader, { partitions, maxWaitMs: 300 })),
      oneAfterTheOther(() => lasting.fetch(leader, { partitions, maxWaitMs: 50 })),
      oneAfterTheOther(() => lasting.produce(leader, { partitions: [{ topic, partition: 0, batch: batchOf(['x']) }] })),
    ]);
    assert.ok(asked >= 6, `asked ${asked} times`);
  });

  test('large answers and requests go through TLS whole', async () => {
    const topic = await newTopic();
    const secure = newClient(kafka.tls!.bootstrapServers, { security: { tls: { ca: kafka.tls!.ca } } });
    const values = Array.from({ length: 40 }, (_, i) => `${i} `.repeat(20_000));
    for (const value of values) {
      const [produced] = await secure.produce(1, { partitions: [{ topic, partition: 0, batch: batchOf([value]) }] });
      assert.equal(produced?.error, undefined);
    }
    assert.deepEqual(await readAll(topic, 0, secure), values);
  });

  test('a secret that is not there is an error that names its place', async () => {
    const sasl = { mechanism: 'PLAIN', username: 'ada' } as const;
    const env = await refusal(kafka.sasl, { sasl: { ...sasl, password: { env: 'MILLRACE_NOT_SET' } } });
    assert.match(env.message, /MILLRACE_NOT_SET, named by security\.sasl\.password, is not set/);
    const file = await refusal(kafka.sasl, { sasl: { ...sasl, password: { file: join(folder, 'none') } } });
    assert.match(file.message, /none, named by security\.sasl\.password, could not be read/);
  });
});

describe('failures', () => {
  test('closing rejects what is under way, and everything after', async () => {
    const topic = await newTopic();
    const closing = newClient(kafka.bootstrapServers);
    const leader = await closing.leaderOf(topic, 0);
    const poll = closing.fetch(leader, { partitions: [{ topic, partition: 0, fetchOffset: 0 }], maxWaitMs: 20_000 });
    await closing.listOffsets([{ topic, partition: 0, at: 'latest' }]);
    await closing.close();
    await assert.rejects(poll, { code: 'ILLEGAL_STATE' });
    await assert.rejects(closing.brokers(), { code: 'ILLEGAL_STATE' });
  });

  test('no broker at all: an error at the deadline that says who was asked and why it failed', async () => {
    const lost = newClient('127.0.0.1:1,127.0.0.1:2', { retryTimeoutMs: 300, retryBackoffMs: 20 });
    await assert.rejects(lost.brokers(), (error: Error) => {
      assert.match(error.message, /asking for the brokers: no success after \d+ attempts in 0\.\d s/);
      assert.match(error.message, /127\.0\.0\.1:1.*ECONNREFUSED|127\.0\.0\.1:2.*ECONNREFUSED/);
      return isRetriable(error);
    });
  });

  test('a connection on which nothing comes back is given up after the time-out and made anew', async () => {
    const { proxied } = kafka;
    const topic = await newTopic();
    const through = newClient(proxied!.bootstrapServers, { requestTimeoutMs: 1000, connectTimeoutMs: 1000 });
    await through.leaderOf(topic, 0);
    proxied!.proxy.hold();
    const fetch = through.fetch(1, { partitions: [{ topic, partition: 0, fetchOffset: 0 }], maxWaitMs: 50 });
    await assert.rejects(fetch, (error: Error) => isRetriable(error));
    const calls = [
      through.listOffsets([{ topic, partition: 0, at: 'latest' }]),
      through.initProducerId({}),
      through.offsetFetch('monitoring', [{ topic, partition: 0 }]),
    ];
    await new Promise((resolve) => setTimeout(resolve, 2500));
    proxied!.proxy.resetAll();
    proxied!.proxy.heal();
    assert.equal((await Promise.all(calls)).length, 3);
    const request = { partitions: [{ topic, partition: 0, fetchOffset: 0 }], maxWaitMs: 0 };
    assert.equal((await through.retrying('fetching', () => through.fetch(1, request))).length, 1);
  });

  test('a connection that is cut rejects what is under way, and calls go on when the network is back', async () => {
    const { proxied } = kafka;
    const topic = await newTopic();
    const through = newClient(proxied!.bootstrapServers);
    const leader = await through.leaderOf(topic, 0);
    const poll = through.fetch(leader, { partitions: [{ topic, partition: 0, fetchOffset: 0 }], maxWaitMs: 20_000 });
    await through.listOffsets([{ topic, partition: 0, at: 'latest' }]);
    proxied!.proxy.cut();
    await assert.rejects(poll, (error: Error) => isRetriable(error));
    const listed = through.listOffsets([{ topic, partition: 0, at: 'latest' }]);
    await assert.rejects(through.fetch(leader, { partitions: [{ topic, partition: 0, fetchOffset: 0 }] }));
    proxied!.proxy.heal();
    assert.equal((await listed)[0]?.offset, 0);
  });

  test('calls outlast a broker that is killed and started again', async () => {
    const topic = await newTopic();
    await write(topic, ['before']);
    const poll = client.fetch(1, { partitions: [{ topic, partition: 0, fetchOffset: 1 }], maxWaitMs: 20_000 });
    const failed = assert.rejects(poll, (error: Error) => isRetriable(error));
    await kafka.kill();
    await failed;
    const calls = [
      client.listOffsets([{ topic, partition: 0, at: 'latest' }]),
      client.offsetFetch('monitoring', [{ topic, partition: 0 }]),
      client.initProducerId({ transactionalId: 'over-the-kill' }),
    ];
    await kafka.start();
    await Promise.all(calls);
    assert.deepEqual(await readAll(topic), ['before']);
    await write(topic, ['after']);
    assert.deepEqual(await readAll(topic), ['before', 'after']);
  });
});
