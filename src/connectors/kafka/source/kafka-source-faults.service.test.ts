/** What a Kafka source does when brokers, connections and jobs fail: it goes on, and every record comes once. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type KafkaListener, type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { createTopic, produce } from '../../../../test/services/kafka-topics.ts';
import { type Logger, silentLogger, textLogger } from '../../../common/index.ts';
import { SourceDriver } from '../../../connector/index.ts';
import { textLineFormat } from '../../../formats/index.ts';
import {
  KafkaSource,
  type KafkaSourceCheckpoint,
  type KafkaSourceOptions,
  type KafkaSourceSplit,
  OffsetsInitializer,
} from './index.ts';

const numbersFrom = (first: number, count: number): { readonly value: string; readonly partition: number }[] =>
  Array.from({ length: count }, (_, i) => ({ value: `${first + i}`, partition: (first + i) % 2 }));

const text = (kafka: KafkaListener, topics: string, options: Partial<KafkaSourceOptions> = {}): KafkaSource<string> =>
  KafkaSource.forValues(textLineFormat(), { bootstrapServers: kafka.bootstrapServers, topics, fetchMaxWaitMs: 100, ...options });

/** Reads on until `count` values have come in all, and checks that each partition's came once and in order. */
async function readUpTo(
  driver: SourceDriver<string, KafkaSourceSplit, KafkaSourceCheckpoint>,
  values: number[],
  count: number,
  maxRecords = 100,
): Promise<void> {
  await driver.run(
    maxRecords,
    (batch) => values.push(...batch.values.map(Number)),
    () => values.length >= count,
  );
  for (const partition of [0, 1]) {
    const own = values.filter((value) => value % 2 === partition);
    assert.deepEqual(
      own,
      Array.from({ length: own.length }, (_, i) => 2 * i + partition),
    );
  }
}

describe('a Kafka source goes on', { timeout: 180_000 }, () => {
  let kafka: KafkaService;
  let topic: string;
  before(async () => {
    kafka = await startKafka({ own: true, proxied: true });
  });
  after(() => kafka?.stop());
  beforeEach(async () => {
    topic = await createTopic(kafka, 'faults', { partitions: 2 });
    await produce(kafka, topic, numbersFrom(0, 4000));
  });
  const proxied = (): NonNullable<KafkaService['proxied']> => kafka.proxied as NonNullable<KafkaService['proxied']>;

  test('when its broker is killed in the middle of a topic, and started again', async () => {
    const logged: string[] = [];
    const options = { bufferBytes: 8192, partitionFetchBytes: 4096 };
    const driver = new SourceDriver(text(kafka, topic, options), { logger: textLogger((line) => logged.push(line)) });
    await driver.start();
    const values: number[] = [];
    await readUpTo(driver, values, 1000);
    await kafka.kill();
    const read = readUpTo(driver, values, 4100);
    await kafka.start();
    await produce(kafka, topic, numbersFrom(4000, 100));
    await read;
    assert.equal(values.length, 4100);
    assert.ok(
      logged.some((line) => line.includes('trying again')),
      logged.join('\n'),
    );
    await driver.close();
  });

  test('when connections are cut again and again', async () => {
    const { proxy } = proxied();
    const driver = new SourceDriver(text(proxied(), topic, { bufferBytes: 8192, partitionFetchBytes: 4096 }));
    await driver.start();
    const values: number[] = [];
    for (let count = 500; count <= 4000; count += 500) {
      await readUpTo(driver, values, count);
      proxy.resetAll();
    }
    proxy.refuse = true;
    proxy.resetAll();
    const read = readUpTo(driver, values, 4010);
    await produce(kafka, topic, numbersFrom(4000, 10));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(values.length, 4000);
    proxy.heal();
    await read;
    assert.equal(values.length, 4010);
    await driver.close();
  });

  test('when a connection falls silent', async () => {
    const { proxy } = proxied();
    const client = { requestTimeoutMs: 1000, connectTimeoutMs: 1000 };
    const driver = new SourceDriver(text(proxied(), topic, { client }));
    await driver.start();
    const values: number[] = [];
    await readUpTo(driver, values, 4000);
    proxy.hold();
    await produce(kafka, topic, numbersFrom(4000, 10));
    const read = readUpTo(driver, values, 4010);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(values.length, 4000);
    // What was held is lost with the connections: only new ones can help.
    proxy.resetAll();
    proxy.heal();
    await read;
    assert.equal(values.length, 4010);
    await driver.close();
  });

  test('from a checkpoint that was taken while nothing could be reached', async () => {
    const { proxy } = proxied();
    const first = new SourceDriver(text(proxied(), topic, { bufferBytes: 8192, partitionFetchBytes: 4096 }));
    await first.start();
    const values: number[] = [];
    await readUpTo(first, values, 1500);
    proxy.refuse = true;
    proxy.resetAll();
    const restoreFrom = first.snapshot();
    await first.close();
    proxy.heal();
    const second = new SourceDriver(text(proxied(), topic, { bounded: OffsetsInitializer.latest() }), {
      restoreFrom,
      parallelism: 3,
    });
    await second.start();
    await readUpTo(second, values, 4000);
    await second.close();
  });

  test('when offsets cannot be committed: that is a warning, and the next checkpoint commits them', async () => {
    const { proxy } = proxied();
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, log: (level, message) => level === 'warn' && void warnings.push(message) };
    const groupId = `group-${topic}`;
    const driver = new SourceDriver(text(proxied(), topic, { groupId }), { logger });
    await driver.start();
    await readUpTo(driver, [], 4000);
    const committed = (): number => driver.gauge(`KafkaSourceReader.topic.${topic}.partition.0.committedOffset`);
    const commit = (): void => {
      driver.snapshot();
      void driver.readers[0]?.notifyCheckpointComplete?.(1);
    };
    proxy.refuse = true;
    proxy.resetAll();
    commit();
    while (!warnings.some((line) => line.includes(`Cannot commit offsets to the group '${groupId}'`))) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(committed(), -1);
    proxy.heal();
    commit();
    while (committed() !== 2000) await new Promise((resolve) => setTimeout(resolve, 50));
    await driver.close();
  });

  test('to be closed at once while its broker is away', async () => {
    const { proxy } = proxied();
    const driver = new SourceDriver(text(proxied(), topic));
    await driver.start();
    proxy.refuse = true;
    proxy.resetAll();
    const startMs = performance.now();
    await driver.close();
    assert.ok(performance.now() - startMs < 2000, `closing took ${performance.now() - startMs} ms`);
    proxy.heal();
  });
});

describe('a Kafka source goes on', { timeout: 180_000 }, () => {
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka({ own: true, followers: 1 });
  });
  after(() => kafka?.stop());

  test('when the leader of a partition changes, to the follower and back', async () => {
    const assignments = [
      [1, 2],
      [2, 1],
    ];
    const topic = await createTopic(kafka, 'leaders', { assignments });
    await produce(kafka, topic, numbersFrom(0, 2000));
    const driver = new SourceDriver(text(kafka, topic, { bufferBytes: 8192, partitionFetchBytes: 4096 }));
    await driver.start();
    const values: number[] = [];
    await readUpTo(driver, values, 500);
    await kafka.followers[0]?.kill();
    await readUpTo(driver, values, 2000);
    await kafka.followers[0]?.start();
    await produce(kafka, topic, numbersFrom(2000, 100));
    await readUpTo(driver, values, 2100);
    assert.equal(values.length, 2100);
    await driver.close();
  });
});

describe('a Kafka source', { timeout: 120_000 }, () => {
  const user = { username: 'reader', password: 'reader-secret' };
  let kafka: KafkaService;
  let topic: string;
  before(async () => {
    kafka = await startKafka({ own: true, tls: true, sasl: user });
    topic = await createTopic(kafka, 'secured', { partitions: 2 });
    await produce(kafka, topic, numbersFrom(0, 10));
  });
  after(() => kafka?.stop());

  async function readsAll(listener: KafkaListener, options: Partial<KafkaSourceOptions>): Promise<void> {
    const driver = new SourceDriver(text(listener, topic, { bounded: OffsetsInitializer.latest(), ...options }));
    try {
      await driver.start();
      const values: number[] = [];
      await readUpTo(driver, values, 10);
    } finally {
      await driver.close();
    }
  }

  test('reads over TLS, and over TLS with a password by reference', async () => {
    const { tls, saslTls } = kafka;
    assert.ok(tls !== undefined && saslTls !== undefined);
    await readsAll(tls, { security: { tls: { ca: tls.ca } } });
    const sasl = { mechanism: 'SCRAM-SHA-512', username: user.username, password: () => user.password } as const;
    await readsAll(saslTls, { security: { tls: { ca: saslTls.ca }, sasl } });
  });

  test('fails at once with a wrong password, which no message holds', async () => {
    const { sasl } = kafka;
    assert.ok(sasl !== undefined);
    const wrong = { mechanism: 'PLAIN', username: user.username, password: () => 'wr0ng' } as const;
    await assert.rejects(readsAll(sasl, { security: { sasl: wrong } }), (error: Error) => {
      assert.match(error.message, /SASL_AUTHENTICATION_FAILED/);
      assert.ok(!error.message.includes('wr0ng'));
      return true;
    });
  });
});
