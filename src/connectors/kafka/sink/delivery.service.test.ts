/** What a sink does with records and with brokers that fail, on a real broker: at least once, keys, partitions, errors. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { readCommitted } from '../../../../test/services/kafka-reader.ts';
import { addPartitions, createTopic, deleteTopic, produce, readTopic } from '../../../../test/services/kafka-topics.ts';
import { sinkContract } from '../../../connector/index.ts';
import { jsonFormat } from '../../../formats/index.ts';
import { KafkaBatchReader, KafkaBatchWriter, loadBatchCodecs, readHeaders } from '../batches/index.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';
import { checkpoint, type Driver, isMillraceError, KeptLog, SinkRig, writeAndFlush } from './sink-rig.test.ts';

const AT_LEAST_ONCE: Partial<KafkaSinkOptions<string>> = { deliveryGuarantee: 'AT_LEAST_ONCE' };
const numbered = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `value ${from + i}`);

describe('a Kafka sink', () => {
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka({ own: true, proxied: true });
  });
  after(() => kafka.stop());

  const withRig = async (partitions: number, body: (rig: SinkRig) => Promise<void>): Promise<void> => {
    const rig = new SinkRig(kafka, await createTopic(kafka, 'delivery', { partitions }));
    try {
      await body(rig);
    } finally {
      await rig.dispose();
    }
  };
  const plain = (rig: SinkRig, options: Partial<KafkaSinkOptions<string>> = {}): Promise<Driver> =>
    rig.start({}, undefined, { ...AT_LEAST_ONCE, ...options });

  for (const deliveryGuarantee of ['AT_LEAST_ONCE', 'NONE'] as const) {
    for (const { fact, check } of sinkContract<string, never>({
      values: ['a', 'b', 'ä€😀', '', 'line\n', 'c'.repeat(5000)],
      create: async () => {
        const rig = new SinkRig(kafka, await createTopic(kafka, 'contract'));
        return {
          sink: rig.sink({ deliveryGuarantee }) as never,
          read: async () => (await rig.written()) as string[],
          dispose: () => rig.dispose(),
        };
      },
    })) {
      test(`${deliveryGuarantee}: ${fact}`, check);
    }
  }

  test('key, value, headers and timestamp are as the program says', () =>
    withRig(1, async (rig) => {
      const driver = await plain(rig, {
        value: (text) => (text === 'gone' ? null : new TextEncoder().encode(text)),
        key: (text) => (text === 'no key' ? null : `key of ${text}`),
        headers: (text) => [
          ['h', text],
          ['h', null],
          ['b', Uint8Array.of(1, 2)],
        ],
      });
      await driver.write(['a', 'gone', 'no key'], 1234);
      await driver.writer.flush(true);
      const found = (await readCommitted(kafka, rig.topic)).map(({ key, value, timestampMs }) => [key, value, timestampMs]);
      assert.deepEqual(found, [
        ['key of a', 'a', 1234],
        ['key of gone', undefined, 1234],
        [undefined, 'no key', 1234],
      ]);
      const [fetched] = await rig.client.fetch(await rig.client.leaderOf(rig.topic, 0), {
        partitions: [{ topic: rig.topic, partition: 0, fetchOffset: 0 }],
      });
      const reader = new KafkaBatchReader({ topic: rig.topic, partition: 0, codecs: await loadBatchCodecs() });
      reader.open(fetched?.records as Uint8Array, 0);
      assert.ok(reader.next());
      assert.deepEqual(
        readHeaders(reader.data, reader.headerStart).map(({ key, value }) => [key, value === null ? null : [...value]]),
        [
          ['h', [97]],
          ['h', null],
          ['b', [1, 2]],
        ],
      );
    }));

  test('a record without a timestamp gets the time at which it is written', () =>
    withRig(1, async (rig) => {
      const startMs = Date.now();
      await writeAndFlush(await plain(rig), ['x']);
      const [found] = await readTopic(kafka, rig.topic);
      assert.ok(found && found.timestampMs >= startMs && found.timestampMs <= Date.now());
    }));

  test('a format gives the value, without a line end', () =>
    withRig(1, async (rig) => {
      const driver = await plain(rig, { value: jsonFormat<string>() });
      await writeAndFlush(driver, ['x\n', 'y']);
      assert.deepEqual(await rig.written(), ['"x\\n"', '"y"']);
    }));

  test("a key goes where Kafka's own clients send it, and the program can choose partitions itself", () =>
    withRig(5, async (rig) => {
      const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`);
      await produce(
        kafka,
        rig.topic,
        keys.map((key) => ({ key, value: 'theirs' })),
      );
      await writeAndFlush(await plain(rig, { key: (text) => text }), keys);
      const partitions = new Map<string | undefined, Set<number>>();
      const found = await readTopic(kafka, rig.topic);
      assert.equal(found.length, 80);
      for (const { key, partition } of found) partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
      for (const [key, set] of partitions) assert.equal(set.size, 1, key);
      await writeAndFlush(await plain(rig, { partitioner: (text, _key, count) => (Number(text) + count) % 5 }), ['2', '2', '4']);
      const own = (await readTopic(kafka, rig.topic)).filter(({ key }) => key === undefined);
      assert.deepEqual(
        own.map(({ partition, value }) => [partition, value]),
        [
          [2, '2'],
          [2, '2'],
          [4, '4'],
        ],
      );
    }));

  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`batches compressed by ${compression} are read by Kafka's own consumer`, () =>
      withRig(1, async (rig) => {
        const values = numbered(2000);
        const driver = await plain(rig, { compression });
        await writeAndFlush(driver, values);
        assert.deepEqual(
          (await readCommitted(kafka, rig.topic)).map(({ value }) => value),
          values,
        );
        assert.ok((driver.counters.get('numBytesSend') as number) < 2000 * 10);
      }));
  }

  test('records go to the topics that the program names, and a topic that is not there is an error', () =>
    withRig(1, async (rig) => {
      const second = await createTopic(kafka, 'second');
      const driver = await plain(rig, {
        topic: (value) => (value === '1' ? rig.topic : value === '2' ? second : 'no-such-topic'),
      });
      await writeAndFlush(driver, ['1', '2', '1']);
      assert.deepEqual([await rig.written(), (await readTopic(kafka, second)).length], [['1', '1'], 1]);
      const missing = isMillraceError(
        'SERVICE_FAILED',
        /no-such-topic.*UNKNOWN_TOPIC_OR_PARTITION|UNKNOWN_TOPIC_OR_PARTITION.*no-such-topic/,
      );
      await assert.rejects(writeAndFlush(driver, ['3']), missing);
      await assert.rejects(plain(rig, { topic: 'no-such-topic' }), missing);
    }));

  test('a topic that is deleted while it is written to fails the task after the delivery time-out', () =>
    withRig(1, async (rig) => {
      const driver = await plain(rig, { deliveryTimeoutMs: 1_000 });
      await writeAndFlush(driver, ['1']);
      await deleteTopic(kafka, rig.topic);
      await assert.rejects(
        writeAndFlush(driver, ['2']),
        isMillraceError('SINK_FAILED', new RegExp(`${rig.topic}.*UNKNOWN_TOPIC`)),
      );
      assert.throws(() => driver.writer.write('3', { timestamp: 0, currentWatermark: 0 }), /UNKNOWN_TOPIC/);
    }));

  test('a record that is too large fails the job for good, with the limits in the message', async () => {
    const topic = await createTopic(kafka, 'small', { config: { 'max.message.bytes': '1000' } });
    const rig = new SinkRig(kafka, topic);
    const driver = await plain(rig);
    await assert.rejects(
      writeAndFlush(driver, ['x'.repeat(2000)]),
      isMillraceError(
        'SINK_FAILED',
        new RegExp(`'${topic}'.*2\\d\\d\\d bytes with 1 record .*max.message.bytes.*compression`),
        false,
      ),
    );
    assert.equal(driver.counters.get('numRecordsSendErrors'), 1);
    await assert.rejects(
      writeAndFlush(await plain(rig), numbered(200)),
      isMillraceError('SINK_FAILED', /with 200 records .*batchBytes/, false),
    );
    await writeAndFlush(await plain(rig, { batchBytes: 1000 }), numbered(200));
    assert.deepEqual(await rig.written(), numbered(200));
    await rig.dispose();
  });

  test('what is written is there when a flush returns, and counted', () =>
    withRig(3, async (rig) => {
      const driver = await plain(rig, { batchBytes: 5_000 });
      for (let i = 0; i < 10; i++) {
        await writeAndFlush(driver, numbered(1000, i * 1000));
        assert.equal((await readTopic(kafka, rig.topic)).length, (i + 1) * 1000);
      }
      assert.equal(driver.counters.get('numRecordsSend'), 10_000);
    }));

  test('partitions that are added to a topic are written to', { timeout: 60_000 }, () =>
    withRig(1, async (rig) => {
      await addPartitions(kafka, rig.topic, 4);
      await writeAndFlush(await plain(rig, { key: (text) => text }), numbered(100));
      assert.equal(new Set((await readTopic(kafka, rig.topic)).map(({ partition }) => partition)).size, 4);
    }),
  );

  test('the sink takes no more records than its buffers hold while the brokers do not answer', () =>
    withRig(1, async (rig) => {
      const proxied = kafka.proxied as NonNullable<KafkaService['proxied']>;
      const driver = await plain(rig, { bootstrapServers: proxied.bootstrapServers, bufferBytes: 200_000 });
      proxied.proxy.hold();
      const record = 'x'.repeat(1000);
      let written = 0;
      while (driver.writer.isAvailable?.() === undefined) {
        driver.writer.write(record, { timestamp: 0, currentWatermark: 0 });
        written++;
        assert.ok(written < 250, 'it takes records without bound');
        if (written % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assert.ok(written >= 190);
      proxied.proxy.heal();
      await driver.writer.isAvailable?.();
      await driver.writer.flush(true);
      assert.equal((await rig.written()).length, written);
    }));

  test('a connection that is cut and cut again loses nothing and doubles nothing', { timeout: 60_000 }, () =>
    withRig(3, async (rig) => {
      const { proxy, bootstrapServers } = kafka.proxied as NonNullable<KafkaService['proxied']>;
      const driver = await plain(rig, { bootstrapServers, batchBytes: 2_000, key: (text) => text });
      const values: string[] = [];
      for (let round = 0; round < 12; round++) {
        const more = numbered(500, round * 500);
        values.push(...more);
        await driver.write(more);
        if (round % 4 === 1) proxy.resetAll();
        if (round % 4 === 3) {
          proxy.cut();
          setTimeout(() => proxy.heal(), 300);
        }
        if (round % 2 === 1) await driver.writer.flush(false);
      }
      await driver.writer.flush(true);
      assertOncePerPartition(await readTopic(kafka, rig.topic), values);
    }),
  );

  test('the producer that a broker has forgotten is replaced, with a warning', () =>
    withRig(1, async (rig) => {
      const logger = new KeptLog();
      const driver = await rig.start({ logger }, undefined, AT_LEAST_ONCE);
      await writeAndFlush(driver, ['1', '2']);
      // A batch of a later epoch of the same producer: what the sink sends now is refused as too old.
      const leader = await rig.client.leaderOf(rig.topic, 0);
      const partition = { topic: rig.topic, partition: 0 };
      const [fetched] = await rig.client.fetch(leader, { partitions: [{ ...partition, fetchOffset: 0 }] });
      const producerId = Number(Buffer.from(fetched?.records as Uint8Array).readBigInt64BE(43));
      const writer = new KafkaBatchWriter({ codecs: await loadBatchCodecs() });
      writer.append(0, null, new TextEncoder().encode('of a later epoch'));
      const batch = writer.finish({ producerId, producerEpoch: 1, baseSequence: 0, isTransactional: false });
      assert.equal((await rig.client.produce(leader, { partitions: [{ ...partition, batch }] }))[0]?.error, undefined);
      await writeAndFlush(driver, ['3', '4']);
      await writeAndFlush(driver, ['5']);
      assert.deepEqual(await rig.written(), ['1', '2', 'of a later epoch', '3', '4', '5']);
      assert.match(logger.lines.join('\n'), /warn: A broker has forgotten the producer/);
    }));
});

describe('a Kafka sink whose broker is killed', () => {
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka({ own: true });
  });
  after(() => kafka.stop());

  test('at least once: what is written before, during and after is there, in order', { timeout: 120_000 }, async () => {
    const rig = new SinkRig(kafka, await createTopic(kafka, 'killed', { partitions: 2 }));
    const driver = await rig.start({}, undefined, { ...AT_LEAST_ONCE, batchBytes: 2_000, key: (text) => text });
    const values = numbered(6000);
    await writeAndFlush(driver, values.slice(0, 1000));
    await driver.write(values.slice(1000, 3000));
    const killed = kafka.kill();
    await driver.write(values.slice(3000, 5000));
    await killed;
    const flushed = driver.writer.flush(false);
    await kafka.start();
    await flushed;
    await writeAndFlush(driver, values.slice(5000));
    assertOncePerPartition(await readTopic(kafka, rig.topic), values);
    await rig.dispose();
  });

  test('exactly once: a transaction is prepared, the broker killed, and the commit comes', { timeout: 120_000 }, async () => {
    const rig = new SinkRig(kafka, await createTopic(kafka, 'killed', { partitions: 2 }));
    const driver = await rig.start();
    const values = numbered(1000);
    await driver.write(values.slice(0, 500));
    const snapshot = await driver.snapshot(1);
    await driver.write(values.slice(500));
    await kafka.kill();
    const committed = driver.commit(snapshot.committables);
    await kafka.start();
    await committed;
    await driver.notifyCheckpointComplete(1);
    await checkpoint(driver, 2);
    assert.deepEqual(await rig.committed(), values.toSorted());
    await rig.dispose();
  });

  test('exactly once: broker and job are killed between prepare and commit, and a new process commits', {
    timeout: 120_000,
  }, async () => {
    const rig = new SinkRig(kafka, await createTopic(kafka, 'killed', { partitions: 2 }));
    const driver = await rig.start();
    await driver.write(numbered(500));
    const snapshot = await driver.snapshot(1);
    await writeAndFlush(driver, ['behind the checkpoint']);
    await kafka.kill();
    const restored = rig.start({}, snapshot);
    await kafka.start();
    await checkpoint(await restored, 2);
    assert.deepEqual(await rig.committed(), numbered(500).sort());
    await rig.dispose();
  });
});

describe('a Kafka sink whose partition gets another leader', () => {
  let kafka: KafkaService;
  before(async () => {
    kafka = await startKafka({ own: true, followers: 2 });
  });
  after(() => kafka.stop());

  for (const deliveryGuarantee of ['AT_LEAST_ONCE', 'EXACTLY_ONCE'] as const) {
    test(`${deliveryGuarantee}: nothing is lost and nothing doubled`, { timeout: 120_000 }, async () => {
      const topic = await createTopic(kafka, 'moves', { assignments: [[2, 3]] });
      const rig = new SinkRig(kafka, topic);
      const driver = await rig.start({}, undefined, { deliveryGuarantee, batchBytes: 2_000 });
      const values = numbered(3000);
      await writeAndFlush(driver, values.slice(0, 1000));
      await driver.write(values.slice(1000, 2000));
      await kafka.followers[0]?.kill();
      await driver.write(values.slice(2000));
      await checkpoint(driver, 1);
      assert.equal(await rig.client.leaderOf(topic, 0), 3);
      assert.deepEqual(await rig.committed(), values.toSorted());
      await rig.dispose();
      await kafka.followers[0]?.start();
    });
  }
});

/** Each value once, and those of one partition in the order of writing. */
function assertOncePerPartition(
  found: readonly { partition: number; value: string | undefined }[],
  values: readonly string[],
): void {
  const order = new Map(values.map((value, index) => [value, index]));
  const last = new Map<number, number>();
  for (const { partition, value } of found) {
    const index = order.get(value as string) as number;
    assert.ok(index > (last.get(partition) ?? -1), `'${value}' comes again, or too late, in partition ${partition}`);
    last.set(partition, index);
  }
  assert.equal(found.length, values.length);
}
