import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  Admin,
  apiVersionsV4,
  Connection,
  type ConnectionOptions,
  metadataV12,
  Producer,
  stringSerializers,
} from '@platformatic/kafka';
import { type KafkaService, startKafka } from './kafka.ts';
import { readCommitted } from './kafka-reader.ts';
import { addPartitions, createTopic, deleteTopic, produce, readTopic } from './kafka-topics.ts';

describe('a Kafka broker', () => {
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka({ own: true });
  });
  after(() => kafka.stop());

  test('has what was produced, in the order of each partition', async () => {
    const topic = await createTopic(kafka, 'orders', { partitions: 2 });
    await produce(kafka, topic, [
      { partition: 0, key: 'a', value: '1', timestampMs: 1000 },
      { partition: 1, value: '2' },
      { partition: 0, key: 'b' },
    ]);
    const found = (await readTopic(kafka, topic)).map(({ partition, offset, key, value }) => [partition, offset, key, value]);
    const expected = [
      [0, 0, 'a', '1'],
      [0, 1, 'b', undefined],
      [1, 0, undefined, '2'],
    ];
    assert.deepEqual(found, expected);
    const committed = await readCommitted(kafka, topic);
    committed.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
    assert.deepEqual(
      committed.map(({ partition, offset, key, value }) => [partition, offset, key, value]),
      expected,
    );
    assert.equal(committed[0]?.timestampMs, 1000);
  });

  test('adds partitions to a topic and deletes one', async () => {
    const topic = await createTopic(kafka, 'growing');
    await addPartitions(kafka, topic, 3);
    await produce(kafka, topic, [{ partition: 2, value: 'last' }]);
    assert.deepEqual(
      (await readTopic(kafka, topic)).map(({ partition, value }) => [partition, value]),
      [[2, 'last']],
    );
    await deleteTopic(kafka, topic);
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.bootstrapServers] });
    assert.ok(!(await admin.listTopics()).includes(topic));
    await admin.close();
  });

  test('keeps its topics when it is killed and started again', async () => {
    const topic = await createTopic(kafka, 'kept');
    await produce(kafka, topic, [{ value: 'before' }]);
    const before = kafka.pid;
    await kafka.kill();
    assert.equal(kafka.pid, undefined);
    await kafka.start();
    assert.notEqual(kafka.pid, before);
    await produce(kafka, topic, [{ value: 'after' }]);
    assert.deepEqual(
      (await readTopic(kafka, topic)).map(({ value }) => value),
      ['before', 'after'],
    );
  });

  test('shows to committed reads neither aborted nor open transactions', async () => {
    const topic = await createTopic(kafka, 'transactions');
    const producer = new Producer({
      clientId: 'test',
      bootstrapBrokers: [kafka.bootstrapServers],
      transactionalId: topic,
      idempotent: true,
      retries: 20,
      retryDelay: 100,
      serializers: stringSerializers,
    });
    for (const end of ['abort', 'commit', 'none'] as const) {
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: [{ topic, partition: 0, value: end }] });
      if (end === 'abort') await transaction.abort();
      if (end === 'commit') await transaction.commit();
    }
    const values = (records: readonly { value: string | undefined }[]) => records.map(({ value }) => value);
    assert.deepEqual(values(await readTopic(kafka, topic)), ['abort', 'commit', 'none']);
    assert.deepEqual(values(await readCommitted(kafka, topic)), ['commit']);
    await producer.close(true);
  });
});

describe('the listeners of a Kafka broker', () => {
  const user = { username: 'alice', password: 'wonder-land-1' };
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka({
      proxied: true,
      tls: true,
      sasl: user,
      transactionVersion: 1,
      properties: { 'num.partitions': 7 },
    });
  });
  after(() => kafka.stop());

  async function brokerPort(port: number | undefined, options: ConnectionOptions = {}): Promise<number | undefined> {
    const connection = new Connection('test', { connectTimeout: 3000, requestTimeout: 3000, ...options });
    try {
      await connection.connect('127.0.0.1', port as number);
      return (await metadataV12.api.async(connection, [])).brokers[0]?.port;
    } finally {
      await connection.close();
    }
  }

  test('TLS is spoken with whom trusts the certificate', async () => {
    assert.equal(await brokerPort(kafka.tls?.port, { tls: { ca: kafka.tls?.ca } }), kafka.tls?.port);
    await assert.rejects(brokerPort(kafka.tls?.port, { tls: {} }));
  });

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    test(`${mechanism} lets in who knows the password, with and without TLS`, async () => {
      assert.equal(await brokerPort(kafka.sasl?.port, { sasl: { mechanism, ...user } }), kafka.sasl?.port);
      const tls = { ca: kafka.saslTls?.ca };
      assert.equal(await brokerPort(kafka.saslTls?.port, { tls, sasl: { mechanism, ...user } }), kafka.saslTls?.port);
      await assert.rejects(brokerPort(kafka.sasl?.port, { sasl: { mechanism, ...user, password: 'guess' } }));
    });
  }

  test('OAUTHBEARER lets in who brings a token', async () => {
    const now = Math.floor(Date.now() / 1000);
    const part = (data: object): string => Buffer.from(JSON.stringify(data)).toString('base64url');
    const token = `${part({ alg: 'none' })}.${part({ sub: 'alice', iat: now, exp: now + 600 })}.`;
    assert.equal(await brokerPort(kafka.sasl?.port, { sasl: { mechanism: 'OAUTHBEARER', token } }), kafka.sasl?.port);
    // The client takes the broker's refusal for an answer without brokers.
    assert.equal(await brokerPort(kafka.sasl?.port, { sasl: { mechanism: 'OAUTHBEARER', token: 'nonsense' } }), undefined);
  });

  test('the listener behind the proxy sends clients back to the proxy', async () => {
    assert.equal(await brokerPort(kafka.proxied?.port), kafka.proxied?.port);
    kafka.proxied?.proxy.cut();
    await assert.rejects(brokerPort(kafka.proxied?.port));
    kafka.proxied?.proxy.heal();
    assert.equal(await brokerPort(kafka.proxied?.port), kafka.proxied?.port);
  });

  test('the version of transactions is the one that was asked for', async () => {
    const connection = new Connection('test');
    await connection.connect('127.0.0.1', kafka.port);
    const { finalizedFeatures } = await apiVersionsV4.api.async(connection, 'test', '1');
    assert.deepEqual(
      finalizedFeatures?.filter(({ name }) => name === 'transaction.version').map(({ maxVersionLevel }) => maxVersionLevel),
      [1],
    );
    await connection.close();
  });
});

test('a partition whose leader is killed gets another one, and keeps its records', async (t) => {
  const kafka = await startKafka({ followers: 1 });
  t.after(() => kafka.stop());
  const topic = await createTopic(kafka, 'replicated', { assignments: [[2, 1]] });
  await produce(kafka, topic, [{ value: 'before' }]);
  await kafka.followers[0]?.kill();
  const leader = async (): Promise<number | undefined> => {
    const connection = new Connection('test');
    await connection.connect('127.0.0.1', kafka.port);
    const { topics } = await metadataV12.api.async(connection, [topic]);
    await connection.close();
    return topics[0]?.partitions[0]?.leaderId;
  };
  while ((await leader()) !== 1) await new Promise((resolve) => setTimeout(resolve, 100));
  await produce(kafka, topic, [{ value: 'after' }]);
  assert.deepEqual(
    (await readTopic(kafka, topic)).map(({ value }) => value),
    ['before', 'after'],
  );
  await kafka.followers[0]?.start();
});
