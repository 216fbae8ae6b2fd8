/** A Kafka source on a real broker; over 500 lines because all of it shares a broker and what it takes to drive a source. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Connection, deleteRecordsV2 } from '@platformatic/kafka';
import { type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { readCommitted } from '../../../../test/services/kafka-reader.ts';
import {
  addPartitions,
  committedOffsets,
  createTopic,
  deleteTopic,
  produce,
  type RecordToProduce,
} from '../../../../test/services/kafka-topics.ts';
import { silentLogger, systemClock, systemRandom } from '../../../common/index.ts';
import { OutputTag, RecordBatch, SourceDriver, sourceContract } from '../../../connector/index.ts';
import { jsonFormat, textLineFormat } from '../../../formats/index.ts';
import { Types } from '../../../serialization/index.ts';
import { type BatchCodecs, KafkaBatchWriter, loadBatchCodecs } from '../batches/index.ts';
import { KafkaClient, type ProducerIdentity } from '../client/index.ts';
import {
  KafkaSource,
  type KafkaSourceCheckpoint,
  type KafkaSourceOptions,
  type KafkaSourceSplit,
  type MalformedKafkaRecord,
  OffsetsInitializer,
} from './index.ts';

type Driver<T> = SourceDriver<T, KafkaSourceSplit, KafkaSourceCheckpoint>;

describe('a Kafka source', () => {
  let kafka: KafkaService;
  let client: KafkaClient;
  let codecs: BatchCodecs;
  before(async () => {
    kafka = await startKafka();
    client = new KafkaClient({
      bootstrapServers: kafka.bootstrapServers,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    codecs = await loadBatchCodecs();
  });
  after(async () => {
    await client?.close();
    await kafka?.stop();
  });

  const { latest, earliest } = OffsetsInitializer;
  const text = (topics: KafkaSourceOptions['topics'], options: Partial<KafkaSourceOptions> = {}): KafkaSource<string> =>
    KafkaSource.forValues(textLineFormat(), { bootstrapServers: kafka.bootstrapServers, topics, fetchMaxWaitMs: 50, ...options });

  /** Runs `use` on a driver that is started, and closes it. */
  async function withDriver<T, R>(source: KafkaSource<T>, use: (driver: Driver<T>) => Promise<R>, options = {}): Promise<R> {
    const driver: Driver<T> = new SourceDriver(source, options);
    try {
      await driver.start();
      return await use(driver);
    } finally {
      await driver.close();
    }
  }

  const readAll = (source: KafkaSource<string>): Promise<string[]> =>
    withDriver(source, async (driver) => (await driver.readAll()).sort());

  /** Reads exactly so many values of a source without end. */
  async function readSome(driver: Driver<string>, count: number): Promise<string[]> {
    const values = await driver.readSome(count);
    assert.equal(values.length, count);
    return values.sort();
  }

  /** Writes one batch into partition 0, in a transaction that stays open. */
  async function writeBatch(
    topic: string,
    transactionalId: string,
    identity: ProducerIdentity,
    baseSequence: number,
    values: string[],
  ) {
    const writer = new KafkaBatchWriter({ codecs });
    for (const value of values) writer.append(systemClock.currentTimeMs(), null, new TextEncoder().encode(value));
    const batch = writer.finish({ ...identity, baseSequence, isTransactional: true });
    await client.retrying('writing', async () => {
      const leader = await client.leaderOf(topic, 0);
      const request = { partitions: [{ topic, partition: 0, batch }], transactionalId, transactionVersion: 2 as const };
      const [produced] = await client.produce(leader, request);
      assert.equal(produced?.error, undefined);
    });
  }

  let producers = 0;
  /** A producer whose transactions stay open until they are ended. */
  async function transactionalProducer(topic: string) {
    const transactionalId = `producer-${process.pid}-${++producers}`;
    let identity = await client.initProducerId({ transactionalId });
    let sequence = 0;
    return {
      async write(...values: string[]): Promise<void> {
        await writeBatch(topic, transactionalId, identity, sequence, values);
        sequence += values.length;
      },
      async end(committed: boolean): Promise<void> {
        identity = await client.endTxn({ ...identity, transactionalId, committed, transactionVersion: 2 });
        sequence = 0;
      },
    };
  }

  describe('by the contract of sources', () => {
    const values = Array.from({ length: 60 }, (_, i) => `v${i}`);
    let topic: string;
    before(async () => {
      topic = await createTopic(kafka, 'contract');
      await produce(
        kafka,
        topic,
        values.map((value) => ({ value })),
      );
    });
    const cases = sourceContract<string, KafkaSourceSplit, KafkaSourceCheckpoint>({
      create: () => text(topic, { bounded: latest() }),
      expected: values,
      maxBoundaries: 8,
    });
    for (const { fact, check } of cases) test(fact, check);
  });

  describe('starts and stops', () => {
    let topic: string;
    let group: string;
    let source: (startingOffsets: OffsetsInitializer, bounded?: OffsetsInitializer) => KafkaSource<string>;
    before(async () => {
      topic = await createTopic(kafka, 'offsets', { partitions: 2 });
      group = `group-of-${topic}`;
      const records: [string, number, number][] = [
        ['a0', 0, 1000],
        ['a1', 0, 2000],
        ['a2', 0, 3000],
        ['b0', 1, 1500],
        ['b1', 1, 2500],
      ];
      await produce(
        kafka,
        topic,
        records.map(([value, partition, timestampMs]) => ({ value, partition, timestampMs })),
      );
      await client.offsetCommit(group, [{ topic, partition: 0, offset: 1 }]);
      source = (startingOffsets, bounded = latest()) => text(topic, { groupId: group, startingOffsets, bounded });
    });

    test('at the earliest offset, which is the default, and at the latest', async () => {
      assert.deepEqual(await readAll(text(topic, { bounded: latest() })), ['a0', 'a1', 'a2', 'b0', 'b1']);
      assert.deepEqual(await readAll(source(latest())), []);
    });

    test('at committed offsets, with a strategy for partitions that have none', async () => {
      assert.deepEqual(await readAll(source(OffsetsInitializer.committedOffsets('earliest'))), ['a1', 'a2', 'b0', 'b1']);
      assert.deepEqual(await readAll(source(OffsetsInitializer.committedOffsets('latest'))), ['a1', 'a2']);
      await assert.rejects(readAll(source(OffsetsInitializer.committedOffsets())), {
        code: 'SOURCE_FAILED',
        recoverable: false,
        message: new RegExp(`The group '${group}' has committed no offset for ${topic}-1\\. Say where to begin`),
      });
    });

    test('at a timestamp', async () => {
      assert.deepEqual(await readAll(source(OffsetsInitializer.timestamp(2000))), ['a1', 'a2', 'b1']);
      assert.deepEqual(await readAll(source(OffsetsInitializer.timestamp(2600))), ['a2']);
      assert.deepEqual(await readAll(source(OffsetsInitializer.timestamp(9000))), []);
    });

    test('at offsets that are given, with a strategy for partitions that are not', async () => {
      assert.deepEqual(await readAll(source(OffsetsInitializer.offsets({ [`${topic}-0`]: 2 }))), ['a2', 'b0', 'b1']);
      assert.deepEqual(await readAll(source(OffsetsInitializer.offsets({ [`${topic}-0`]: 2 }, 'latest'))), ['a2']);
      await assert.rejects(readAll(source(OffsetsInitializer.offsets({ [`${topic}-0`]: 2 }, 'none'))), {
        message: new RegExp(`No offset is given for ${topic}-1`),
      });
    });

    test('in front of a timestamp, of offsets that are given, and of committed ones', async () => {
      assert.deepEqual(await readAll(source(earliest(), OffsetsInitializer.timestamp(2500))), ['a0', 'a1', 'b0']);
      assert.deepEqual(await readAll(source(earliest(), OffsetsInitializer.offsets({ [`${topic}-0`]: 1, [`${topic}-1`]: 0 }))), [
        'a0',
      ]);
      assert.deepEqual(await readAll(source(earliest(), OffsetsInitializer.committedOffsets('latest'))), ['a0', 'b0', 'b1']);
    });

    test('at the latest offset, and then reads what comes, from a checkpoint too', async () => {
      const restoreFrom = await withDriver(text(topic, { startingOffsets: latest() }), async (driver) => {
        const snapshot = driver.snapshot();
        await produce(kafka, topic, [{ value: 'a3', partition: 0 }]);
        assert.deepEqual(await readSome(driver, 1), ['a3']);
        return snapshot;
      });
      await produce(kafka, topic, [{ value: 'b2', partition: 1 }]);
      const restored = text(topic, { startingOffsets: latest() });
      assert.deepEqual(await withDriver(restored, (driver) => readSome(driver, 2), { restoreFrom, parallelism: 2 }), [
        'a3',
        'b2',
      ]);
    });
  });

  test('gives records their timestamps, and each batch is of one partition', async () => {
    const topic = await createTopic(kafka, 'timestamps', { partitions: 3 });
    const records: RecordToProduce[] = Array.from({ length: 300 }, (_, i) => ({
      partition: i % 3,
      value: `${i}`,
      timestampMs: 1000 + i,
    }));
    await produce(kafka, topic, records);
    await withDriver(text(topic, { bounded: latest() }), (driver) =>
      driver.run(64, ({ splitId, values, timestamps }) => {
        values.forEach((value, i) => {
          assert.equal(timestamps?.[i], 1000 + Number(value));
          assert.equal(splitId, `${topic}-${Number(value) % 3}`);
        });
      }),
    );
  });

  test('reads each kind of compression', async () => {
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const topic = await createTopic(kafka, compression);
      const values = Array.from({ length: 500 }, (_, i) => `${compression} ${i}`);
      await produce(
        kafka,
        topic,
        values.map((value) => ({ value })),
        { compression },
      );
      assert.deepEqual(await withDriver(text(topic, { bounded: latest() }), (driver) => driver.readAll(70)), values);
    }
  });

  test('shows keys, headers and tombstones to a function', async () => {
    const topic = await createTopic(kafka, 'records');
    await produce(kafka, topic, [
      { key: 'k', value: '{"n":1}', timestampMs: 5, headers: { trace: 'x' } },
      { key: 'gone' },
      { value: '{"n":2}' },
    ]);
    const source = KafkaSource.forRecords(
      (record, value: { n: number } | undefined) => [record.offset, record.keyText(), record.headerText('trace'), value?.n],
      {
        bootstrapServers: kafka.bootstrapServers,
        topics: topic,
        bounded: latest(),
        valueFormat: jsonFormat({ schema: Types.OBJECT({ n: Types.INT }) }),
      },
    );
    assert.deepEqual(await withDriver(source, (driver) => driver.readAll()), [
      [0, 'k', 'x', 1],
      [1, 'gone', null, undefined],
      [2, null, null, 2],
    ]);
  });

  describe('with malformed records', () => {
    let topic: string;
    before(async () => {
      topic = await createTopic(kafka, 'malformed');
      await produce(kafka, topic, [{ value: '{"n":0}' }, { value: 'oops' }, { value: '{"n":2}' }]);
    });
    const numbers = (options: Partial<KafkaSourceOptions>): KafkaSource<{ n: number }> =>
      KafkaSource.forValues(jsonFormat({ schema: Types.OBJECT({ n: Types.INT }) }), {
        bootstrapServers: kafka.bootstrapServers,
        topics: topic,
        bounded: latest(),
        ...options,
      });

    test('fails with topic, partition and offset', async () => {
      await assert.rejects(
        withDriver(numbers({}), (driver) => driver.readAll()),
        { code: 'MALFORMED_RECORD', message: new RegExp(`at offset 1 of ${topic}-0, column 1: .*Value: "oops"`) },
      );
    });

    test('skips and counts them, or sends them to a side output', async () => {
      await withDriver(numbers({ onMalformed: 'skip' }), async (driver) => {
        assert.deepEqual(await driver.readAll(), [{ n: 0 }, { n: 2 }]);
        assert.equal(driver.errors, 1);
      });
      const dead = new OutputTag<MalformedKafkaRecord>('dead');
      const source = numbers({ onMalformed: dead });
      assert.deepEqual(source.sideOutputTags, [dead]);
      await withDriver(source, async (driver) => {
        const letters: unknown[] = [];
        await driver.run(10, (batch) => letters.push(...batch.sideOutputs.map(({ value }) => value)));
        assert.equal(driver.errors, 1);
        const [letter] = letters as [MalformedKafkaRecord];
        assert.deepEqual(
          [letter.topic, letter.partition, letter.offset, Buffer.from(letter.bytes ?? []).toString()],
          [topic, 0, 1, 'oops'],
        );
      });
    });
  });

  describe('in topics of transactions', () => {
    test('sees what was committed, whatever was aborted between', async () => {
      const topic = await createTopic(kafka, 'transactions');
      const a = await transactionalProducer(topic);
      const b = await transactionalProducer(topic);
      await produce(kafka, topic, [{ value: 'plain 0' }]);
      await a.write('a aborted 0', 'a aborted 1');
      await b.write('b committed 0');
      await a.write('a aborted 2');
      await a.end(false);
      await produce(kafka, topic, [{ value: 'plain 1' }]);
      await a.write('a committed 0');
      await b.write('b committed 1');
      await a.end(true);
      await b.end(true);
      await a.write('a aborted 3');
      await b.write('b aborted 0');
      await a.end(false);
      await a.write('a committed 1');
      await b.end(false);
      await a.end(true);
      const expected = (await readCommitted(kafka, topic)).map(({ value }) => value as string);
      assert.equal(expected.length, 6);
      assert.ok(expected.every((value) => !value.includes('aborted')));
      for (const maxRecords of [1, 2, 100]) {
        const values = await withDriver(text(topic, { bounded: latest() }), (driver) => driver.readAll(maxRecords));
        assert.deepEqual(values, expected);
      }
      // Every offset is a start: transactions that began before it are known all the same.
      for (let start = 0; start < 18; start++) {
        const startingOffsets = OffsetsInitializer.offsets({ [`${topic}-0`]: start });
        const values = await withDriver(text(topic, { startingOffsets, bounded: latest() }), (driver) => driver.readAll());
        assert.deepEqual(values, expected.slice(expected.length - values.length));
      }
      const uncommitted = text(topic, { bounded: latest(), isolationLevel: 'read_uncommitted' });
      assert.equal((await readAll(uncommitted)).length, 11);
    });

    test('waits in front of one that is open, and bounded input ends there', async () => {
      const topic = await createTopic(kafka, 'open-transaction');
      const producer = await transactionalProducer(topic);
      await produce(kafka, topic, [{ value: 'before' }]);
      await producer.write('inside');
      await produce(kafka, topic, [{ value: 'behind' }]);
      assert.deepEqual(await readAll(text(topic, { bounded: latest() })), ['before']);
      assert.deepEqual(await readAll(text(topic, { bounded: latest(), isolationLevel: 'read_uncommitted' })), [
        'before',
        'behind',
        'inside',
      ]);
      await withDriver(text(topic), async (driver) => {
        assert.deepEqual(await readSome(driver, 1), ['before']);
        await producer.end(true);
        assert.deepEqual(await readSome(driver, 2), ['behind', 'inside']);
      });
    });

    test('ends although nothing but an aborted transaction stands before the end', async () => {
      const topic = await createTopic(kafka, 'aborted-only');
      const producer = await transactionalProducer(topic);
      await producer.write('x', 'y');
      await producer.end(false);
      await withDriver(text(topic, { bounded: latest() }), async (driver) => {
        assert.deepEqual(await driver.readAll(), []);
        assert.equal(driver.gauge('progressDone'), 3);
        assert.equal(driver.gauge('progressTotal'), 3);
      });
    });
  });

  describe('finds', () => {
    test('topics by a pattern for whole names, and new ones later', async () => {
      const prefix = `found-${process.pid}-${systemClock.currentTimeMs()}`;
      const first = await createTopic(kafka, `${prefix}-a`);
      const other = await createTopic(kafka, `not-${prefix}-a`);
      await produce(kafka, first, [{ value: 'first' }]);
      await produce(kafka, other, [{ value: 'other' }]);
      const source = text(new RegExp(`${prefix}-.*`), { partitionDiscoveryIntervalMs: 50, startingOffsets: earliest() });
      await withDriver(source, async (driver) => {
        assert.deepEqual(await readSome(driver, 1), ['first']);
        const second = await createTopic(kafka, `${prefix}-b`);
        await produce(kafka, second, [{ value: 'second' }]);
        assert.deepEqual(await readSome(driver, 1), ['second']);
      });
    });

    test('partitions that are added, and reads them from their beginning', async () => {
      const topic = await createTopic(kafka, 'growing');
      const source = text(topic, { partitionDiscoveryIntervalMs: 50, startingOffsets: latest() });
      const restoreFrom = await withDriver(
        source,
        async (driver) => {
          await addPartitions(kafka, topic, 3);
          await produce(
            kafka,
            topic,
            [0, 1, 2].map((partition) => ({ partition, value: `p${partition}` })),
          );
          assert.deepEqual(await readSome(driver, 3), ['p0', 'p1', 'p2']);
          return driver.snapshot();
        },
        { parallelism: 2 },
      );
      await addPartitions(kafka, topic, 4);
      await produce(kafka, topic, [{ partition: 3, value: 'p3' }]);
      assert.deepEqual(await withDriver(source, (driver) => readSome(driver, 1), { restoreFrom, parallelism: 3 }), ['p3']);
    });

    test('no topic: fails with what is missing, or waits for it', async () => {
      const missing = `missing-${process.pid}-${systemClock.currentTimeMs()}`;
      await assert.rejects(readAll(text(missing)), {
        code: 'SOURCE_FAILED',
        recoverable: false,
        message: new RegExp(`has no topic '${missing}'`),
      });
      await assert.rejects(readAll(text(/no-such-topic-.*/, { bounded: latest() })), {
        message: /No topic of the Kafka cluster matches/,
      });
      const driver: Driver<string> = new SourceDriver(
        text(missing, { onMissingTopic: 'wait', partitionDiscoveryIntervalMs: 20 }),
      );
      const started = driver.start();
      await client.createTopics([{ topic: missing, partitions: 1, replicationFactor: 1 }]);
      await produce(kafka, missing, [{ value: 'here' }]);
      await started;
      assert.deepEqual(await readSome(driver, 1), ['here']);
      await driver.close();
    });

    test('and is closed while it waits for a topic', async () => {
      const driver: Driver<string> = new SourceDriver(text('never-created', { onMissingTopic: 'wait' }));
      const started = driver.start();
      await driver.close();
      await assert.rejects(started, { code: 'ILLEGAL_STATE' });
    });
  });

  test('commits offsets to its group when a checkpoint is complete, those of ended partitions too', async () => {
    const topic = await createTopic(kafka, 'commits', { partitions: 2 });
    await produce(
      kafka,
      topic,
      [0, 0, 0, 1].map((partition, i) => ({ partition, value: `${i}` })),
    );
    const groupId = `commits-${topic}`;
    const committed = async (): Promise<[number, number][]> => {
      const offsets = await client.offsetFetch(
        groupId,
        [0, 1].map((partition) => ({ topic, partition })),
      );
      return offsets.map(({ partition, offset }) => [partition, offset ?? -1]);
    };
    await withDriver(text(topic, { groupId, bounded: latest() }), async (driver) => {
      await driver.readSome(4);
      driver.snapshot();
      driver.readers[0]?.notifyCheckpointComplete?.(1);
    });
    // Closing a reader waits for commits under way.
    assert.deepEqual(await committed(), [
      [0, 3],
      [1, 1],
    ]);
    assert.deepEqual(Object.fromEntries(await committedOffsets(kafka, groupId, topic)), { 0: 3n, 1: 1n });
  });

  describe('with a group', () => {
    /** Reads a topic of two records by a reader of its own, commits `checkpoints` at once, and closes it. */
    async function commitAtOnce(source: KafkaSource<string>, checkpoints: number) {
      const counted = new Map<string, number>();
      const logged: string[] = [];
      const splits = await withDriver(source, async (driver) => driver.snapshot().splits[0] as KafkaSourceSplit[]);
      const reader = source.createReader({
        subtaskIndex: 0,
        parallelism: 1,
        clock: systemClock,
        logger: { ...silentLogger, log: (level, message) => level === 'warn' && void logged.push(message) },
        metrics: {
          countError: () => {},
          gauge: () => {},
          counter: (name) => ({ inc: (n = 1) => void counted.set(name, (counted.get(name) ?? 0) + n) }),
        },
        sendSplitRequest: () => {},
        sendSourceEventToCoordinator: () => {},
      });
      reader.addSplits(splits);
      reader.start();
      const batch = new RecordBatch<string>();
      for (let read = 0; read < 2; read += batch.length) {
        batch.reset();
        if (reader.pollBatch(batch, 10) === 'NOTHING_AVAILABLE' && batch.length === 0) await reader.isAvailable();
      }
      for (let id = 1; id <= checkpoints; id++) {
        reader.snapshotState(id);
        reader.notifyCheckpointComplete?.(id);
      }
      await reader.close();
      const count = (name: string): number => counted.get(`KafkaSourceReader.${name}`) ?? 0;
      return { logged, succeeded: count('commitsSucceeded'), failed: count('commitsFailed') };
    }
    let topic: string;
    before(async () => {
      topic = await createTopic(kafka, 'with-group');
      await produce(kafka, topic, [{ value: '0' }, { value: '1' }]);
    });

    test('commits the newest checkpoint of those that are complete while a commit is under way', async () => {
      const groupId = `commits-${topic}`;
      assert.deepEqual(await commitAtOnce(text(topic, { groupId }), 20), { logged: [], succeeded: 2, failed: 0 });
      const [committed] = await client.offsetFetch(groupId, [{ topic, partition: 0 }]);
      assert.equal(committed?.offset, 2);
    });
  });

  test('says where it is and how far the end is', async () => {
    const topic = await createTopic(kafka, 'metrics');
    await produce(
      kafka,
      topic,
      Array.from({ length: 10 }, (_, i) => ({ value: `${i}`, timestampMs: systemClock.currentTimeMs() })),
    );
    await withDriver(text(topic, { groupId: `metrics-${topic}` }), async (driver) => {
      const scope = `KafkaSourceReader.topic.${topic}.partition.0`;
      assert.equal(driver.gauge(`${scope}.currentOffset`), -1);
      assert.equal(driver.gauge(`${scope}.committedOffset`), -1);
      await driver.readSome(4, 4);
      assert.equal(driver.gauge(`${scope}.currentOffset`), 3);
      assert.equal(driver.gauge('pendingRecords'), 6);
      await driver.readSome(6);
      assert.equal(driver.gauge('pendingRecords'), 0);
      const lagMs = driver.gauge('currentFetchEventTimeLag');
      assert.ok(lagMs >= 0 && lagMs < 60_000, `a lag of ${lagMs} ms`);
      driver.snapshot();
      driver.readers[0]?.notifyCheckpointComplete?.(1);
      while (driver.gauge(`${scope}.committedOffset`) !== 10) await new Promise((resolve) => setTimeout(resolve, 5));
    });
  });

  test('fetches no more than it may while nobody polls, and then delivers all', async () => {
    const topic = await createTopic(kafka, 'backpressure', { partitions: 4 });
    const value = 'x'.repeat(1000);
    const count = 20_000;
    await produce(
      kafka,
      topic,
      Array.from({ length: count }, (_, i) => ({ value, partition: i % 4 })),
    );
    const bufferBytes = 2 * 1024 * 1024;
    const source = text(topic, { bounded: latest(), bufferBytes, partitionFetchBytes: 256 * 1024 });
    await withDriver(source, async (driver) => {
      let fetchedBytes = 0;
      const reader = source.createReader({
        subtaskIndex: 0,
        parallelism: 1,
        clock: systemClock,
        logger: silentLogger,
        metrics: {
          countError: () => {},
          gauge: () => {},
          counter: (name) => ({ inc: (n = 1) => (fetchedBytes += name.endsWith('bytesConsumedTotal') ? n : 0) }),
        },
        sendSplitRequest: () => {},
        sendSourceEventToCoordinator: () => {},
      });
      reader.addSplits(driver.snapshot().splits[0] as KafkaSourceSplit[]);
      reader.notifyNoMoreSplits();
      reader.start();
      const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));
      while (fetchedBytes < bufferBytes - 256 * 1024) await pause();
      await pause();
      const whole = bufferBytes + 1024 * 1024;
      assert.ok(fetchedBytes <= whole, `${fetchedBytes} bytes were fetched`);
      const batch = new RecordBatch<string>();
      let read = 0;
      for (;;) {
        batch.reset();
        const status = reader.pollBatch(batch, 100);
        read += batch.length;
        if (status === 'END_OF_INPUT') break;
        if (status === 'NOTHING_AVAILABLE') await reader.isAvailable();
      }
      assert.equal(read, count);
      await reader.close();
    });
  });

  test('stops and resumes single partitions, without a loss and in order', async () => {
    const topic = await createTopic(kafka, 'paused', { partitions: 2 });
    await produce(
      kafka,
      topic,
      Array.from({ length: 4000 }, (_, i) => ({ value: `${i}`, partition: i % 2 })),
    );
    await withDriver(text(topic, { bounded: latest() }), async (driver) => {
      const [reader] = driver.readers;
      const paused = `${topic}-0`;
      const values: number[] = [];
      let polls = 0;
      let isPaused = false;
      await driver.run(50, (batch) => {
        if (isPaused) assert.ok(batch.values.length === 0 || batch.splitId !== paused, 'a paused partition delivers nothing');
        values.push(...batch.values.map(Number));
        if (++polls % 7 === 3) reader?.pauseOrResumeSplits?.([paused], []);
        if (polls % 7 === 0) reader?.pauseOrResumeSplits?.([], [paused]);
        isPaused = polls % 7 >= 3;
        if (values.filter((value) => value % 2 === 1).length === 2000) {
          reader?.pauseOrResumeSplits?.([], [paused]);
          isPaused = false;
          polls = 0;
        }
      });
      for (const partition of [0, 1]) {
        const own = values.filter((value) => value % 2 === partition);
        assert.deepEqual(
          own,
          Array.from({ length: 2000 }, (_, i) => 2 * i + partition),
        );
      }
    });
  });

  describe('whose records are gone', () => {
    let topic: string;
    before(async () => {
      topic = await createTopic(kafka, 'gone');
      await produce(kafka, topic, [{ value: '0' }, { value: '1' }]);
    });
    const from = (offset: number, options: Partial<KafkaSourceOptions> = {}): KafkaSource<string> =>
      text(topic, { startingOffsets: OffsetsInitializer.offsets({ [`${topic}-0`]: offset }), ...options });

    test('fails, and says what to do', async () => {
      await assert.rejects(
        withDriver(from(7), (driver) => driver.readSome(1)),
        {
          code: 'SOURCE_FAILED',
          recoverable: false,
          message: /-0 cannot be read at offset 7: it ends at 2: .*onOffsetOutOfRange/,
        },
      );
    });

    test('misses none of them if it wanted the beginning and had read nothing', async () => {
      const old = await createTopic(kafka, 'retention');
      await produce(
        kafka,
        old,
        [0, 1, 2, 3].map((n) => ({ value: `${n}` })),
      );
      const restoreFrom = await withDriver(text(old), async (driver) => driver.snapshot());
      const readOne = await withDriver(text(old), async (driver) => {
        await driver.readSome(1, 1);
        return driver.snapshot();
      });
      const connection = new Connection('test');
      await connection.connect('127.0.0.1', kafka.port);
      const partitions = [{ partitionIndex: 0, offset: 3n }];
      await deleteRecordsV2.api.async(connection, [{ name: old, partitions }], 10_000);
      await connection.close();
      assert.deepEqual(await withDriver(text(old), (driver) => readSome(driver, 1), { restoreFrom }), ['3']);
      await assert.rejects(
        withDriver(text(old), (driver) => driver.readSome(1), { restoreFrom: readOne }),
        { message: /cannot be read at offset 1: the records before 3 are gone \(.*\), and 2 of them were not read/ },
      );
    });

    test('goes on where it is told to', async () => {
      assert.deepEqual(await withDriver(from(7, { onOffsetOutOfRange: 'earliest' }), (driver) => readSome(driver, 2)), [
        '0',
        '1',
      ]);
      await withDriver(from(7, { onOffsetOutOfRange: 'latest' }), async (driver) => {
        const read = readSome(driver, 1);
        while (driver.snapshot().splits[0]?.[0]?.offset !== 2) await new Promise((resolve) => setTimeout(resolve, 5));
        await produce(kafka, topic, [{ value: '2' }]);
        assert.deepEqual(await read, ['2']);
      });
    });
  });

  test('fails when its topic is deleted, or deleted and created again', { timeout: 60_000 }, async () => {
    const deleted = await createTopic(kafka, 'deleted');
    const again = await createTopic(kafka, 'created-again');
    for (const topic of [deleted, again]) await produce(kafka, topic, [{ value: 'x' }]);
    const checks = [deleted, again].map((topic) =>
      withDriver(text(topic), async (driver) => {
        assert.deepEqual(await readSome(driver, 1), ['x']);
        await deleteTopic(kafka, topic);
        if (topic === again) await client.createTopics([{ topic, partitions: 1, replicationFactor: 1 }]);
        const message =
          topic === again
            ? /was deleted and created again; .*-0 had been read up to offset 1/
            : /-0, read up to offset 1, is not in the cluster any more/;
        await assert.rejects(driver.readSome(1), { code: 'SOURCE_FAILED', recoverable: false, message });
      }),
    );
    await Promise.all(checks);
  });
});
