/**
 * What the exactly-once sink stands on: how a real broker treats transactions that are resumed, repeated, lost or fenced, in both
 * generations of the protocol (`transaction.version` 1 and 2).
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { silentLogger, systemClock, systemRandom } from '../../../common/index.ts';
import { type BatchCodecs, KafkaBatchReader, KafkaBatchWriter, loadBatchCodecs } from '../batches/index.ts';
import {
  type IsolationLevel,
  isRetriableKafkaError,
  KafkaClient,
  type KafkaErrorName,
  kafkaError,
  kafkaErrorName,
  type ProducerIdentity,
  type TransactionDescription,
  type TransactionRequest,
  type TransactionVersion,
} from './index.ts';

let kafka: KafkaService;
let codecs: BatchCodecs;
let client: KafkaClient;
let another: KafkaClient;

function newClient({ bootstrapServers } = kafka): KafkaClient {
  return new KafkaClient({ bootstrapServers, clock: systemClock, random: systemRandom, logger: silentLogger });
}

let topics = 0;
async function newTopic(partitions = 1): Promise<string> {
  const topic = `transactions-${process.pid}-${++topics}`;
  // The records are older than the default retention.
  await client.createTopics([{ topic, partitions, configs: { 'retention.ms': '-1' } }]);
  return topic;
}

let ids = 0;
async function newProducer(transactionTimeoutMs?: number): Promise<TransactionRequest> {
  const transactionalId = `sink-${process.pid}-${++ids}`;
  return { transactionalId, ...(await client.initProducerId({ transactionalId, transactionTimeoutMs })) };
}

/** Writes records into the producer's transaction, as its generation wants. */
async function write(
  producer: TransactionRequest,
  version: TransactionVersion,
  topic: string,
  values: readonly string[],
  baseSequence = 0,
): Promise<KafkaErrorName | undefined> {
  if (version === 1) await client.addPartitionsToTxn({ ...producer, partitions: [{ topic, partition: 0 }] });
  const writer = new KafkaBatchWriter({ codecs });
  for (const value of values) writer.append(1_700_000_000_000, null, Buffer.from(value));
  const batch = writer.finish({ ...producer, baseSequence, isTransactional: true });
  const { transactionalId } = producer;
  const leader = await client.leaderOf(topic, 0);
  // While the markers of the last transaction are being written, the next one cannot begin.
  return client.retrying('producing', async () => {
    const partitions = [{ topic, partition: 0, batch }];
    const [produced] = await client.produce(leader, { transactionalId, transactionVersion: version, partitions });
    const error = produced?.error;
    if (error !== undefined && isRetriableKafkaError(error)) throw kafkaError('producing', error);
    return error;
  });
}

/** Waits until the broker has written the markers of a transaction that was ended: that goes on behind its answer. */
function settled({ transactionalId }: TransactionRequest): Promise<TransactionDescription> {
  return client.retrying('waiting for the markers', async () => {
    const found = (await client.describeTransactions([transactionalId])).get(transactionalId);
    assert.ok(found);
    if (found.state.startsWith('Complete')) return found;
    throw kafkaError('markers', 'CONCURRENT_TRANSACTIONS');
  });
}

async function read(topic: string, isolationLevel: IsolationLevel = 'read_committed', maxBytes?: number): Promise<string[]> {
  const reader = new KafkaBatchReader({ topic, partition: 0, codecs, isolationLevel });
  const values: string[] = [];
  const [end] = await client.listOffsets([{ topic, partition: 0, at: 'latest' }], { isolationLevel });
  for (let next = 0; next < end!.offset!; next = reader.nextOffset) {
    const partitions = [{ topic, partition: 0, fetchOffset: next, maxBytes }];
    const [fetched] = await client.fetch(await client.leaderOf(topic, 0), { partitions, isolationLevel });
    assert.equal(fetched?.error, undefined, `at ${next} of ${JSON.stringify({ ...end, ...fetched, records: 0 })}`);
    reader.open(fetched!.records, next, fetched!.abortedTransactions);
    while (reader.next()) values.push(Buffer.from(reader.data.subarray(reader.valueStart, reader.valueEnd)).toString());
  }
  return values;
}

const refused = (name: KafkaErrorName) => (error: unknown) => kafkaErrorName(error) === name;

before(async () => {
  codecs = await loadBatchCodecs();
  kafka = await startKafka();
  client = newClient();
  another = newClient();
});

after(async () => {
  await client.close();
  await another.close();
  await kafka.stop();
});

test('the cluster says which version it has', async () => {
  assert.equal(await client.transactionVersion(), 2);
  const older = await startKafka({ own: true, transactionVersion: 1 });
  const its = newClient(older);
  try {
    assert.equal(await its.transactionVersion(), 1);
  } finally {
    await its.close();
    await older.stop();
  }
});

for (const transactionVersion of [1, 2] as const) {
  describe(`transaction.version ${transactionVersion}`, () => {
    const end = async (producer: TransactionRequest, committed = true, by = client): Promise<ProducerIdentity> => {
      const next = await by.endTxn({ ...producer, committed, transactionVersion });
      await settled(producer);
      return next;
    };

    test('an open transaction is committed by another client that knows only id, producer id and epoch', async () => {
      const topic = await newTopic();
      const producer = await newProducer();
      assert.equal(await write(producer, transactionVersion, topic, ['a', 'b']), undefined);
      assert.deepEqual(await read(topic), []);
      assert.deepEqual(await read(topic, 'read_uncommitted'), ['a', 'b']);
      await end(producer, true, another);
      assert.deepEqual(await read(topic), ['a', 'b']);
    });

    test('a commit that is repeated succeeds again, with the same identity', async () => {
      const topic = await newTopic();
      const producer = await newProducer();
      assert.equal(await write(producer, transactionVersion, topic, ['a']), undefined);
      const next = await end(producer);
      assert.equal(next.producerEpoch, producer.producerEpoch + (transactionVersion === 2 ? 1 : 0));
      assert.deepEqual(await end(producer, true, another), next);
      assert.deepEqual(await read(topic), ['a']);
    });

    const outcome = transactionVersion === 1 ? 'commits the next one of the same id' : 'is refused and harms nothing';
    test(`a commit that is repeated while the next transaction is open ${outcome}`, async () => {
      const topic = await newTopic();
      const first = await newProducer();
      await write(first, transactionVersion, topic, ['first']);
      const second = { ...first, ...(await end(first)) };
      await write(second, transactionVersion, topic, ['second'], transactionVersion === 1 ? 1 : 0);
      if (transactionVersion === 1) {
        await end(first, true, another);
        assert.deepEqual(await read(topic), ['first', 'second'], 'which is why an id is not used again');
      } else {
        await assert.rejects(end(first, true, another), refused('PRODUCER_FENCED'));
        assert.deepEqual(await read(topic), ['first']);
        await end(second);
        assert.deepEqual(await read(topic), ['first', 'second']);
      }
    });

    test('several transactions of one producer follow each other', async () => {
      const topic = await newTopic();
      let producer = await newProducer();
      let sequence = 0;
      for (let i = 0; i < 5; i++) {
        assert.equal(await write(producer, transactionVersion, topic, [`v${i}`], sequence), undefined);
        producer = { ...producer, ...(await end(producer, i % 2 === 0)) };
        sequence = transactionVersion === 1 ? sequence + 1 : 0;
      }
      assert.deepEqual(await read(topic), ['v0', 'v2', 'v4']);
    });

    test('describing tells open, committed and aborted transactions', async () => {
      const topic = await newTopic();
      const producer = await newProducer(30_000);
      const { transactionalId, producerId, producerEpoch } = producer;
      const describeIt = async () => (await another.describeTransactions([transactionalId, 'unknown'])).get(transactionalId);
      assert.equal((await describeIt())?.state, 'Empty');
      await write(producer, transactionVersion, topic, ['a']);
      const open = await describeIt();
      assert.deepEqual([open?.state, open?.producerId, open?.producerEpoch], ['Ongoing', producerId, producerEpoch]);
      assert.deepEqual([open?.timeoutMs, open?.partitions], [30_000, [{ topic, partition: 0 }]]);
      const next = await end(producer);
      const closed = await settled(producer);
      assert.equal(closed.producerEpoch, next.producerEpoch);
    });

    test('asking for a producer id aborts the open transaction and fences its writer', async () => {
      const topic = await newTopic();
      const zombie = await newProducer();
      await write(zombie, transactionVersion, topic, ['zombie']);
      const { transactionalId } = zombie;
      const taken = { transactionalId, ...(await another.initProducerId({ transactionalId })) };
      assert.ok(taken.producerEpoch > zombie.producerEpoch);
      if (transactionVersion === 1)
        await assert.rejects(write(zombie, 1, topic, ['more'], 1), /PRODUCER_FENCED|INVALID_PRODUCER_EPOCH/);
      else assert.equal(await write(zombie, 2, topic, ['more'], 1), 'INVALID_PRODUCER_EPOCH');
      await assert.rejects(end(zombie), refused('PRODUCER_FENCED'));
      assert.equal(await write(taken, transactionVersion, topic, ['heir']), undefined);
      await end(taken);
      assert.deepEqual(await read(topic), ['heir']);
    });

    const lost = transactionVersion === 1 ? 'PRODUCER_FENCED' : 'INVALID_TXN_STATE';
    test(`a transaction that timed out cannot be committed: ${lost}`, async () => {
      const topic = await newTopic();
      const producer = await newProducer(500);
      await write(producer, transactionVersion, topic, ['late']);
      await client.retrying('waiting for the time-out', async () => {
        const found = (await client.describeTransactions([producer.transactionalId])).get(producer.transactionalId);
        if (found?.state !== 'CompleteAbort') throw kafkaError('time-out', 'CONCURRENT_TRANSACTIONS');
      });
      await assert.rejects(end(producer), refused(lost));
      assert.deepEqual(await read(topic), []);
    });

    test('there is nothing to end without records', async () => {
      const producer = await newProducer();
      await assert.rejects(end(producer), refused('INVALID_TXN_STATE'));
      if (transactionVersion === 1) await assert.rejects(end(producer, false), refused('INVALID_TXN_STATE'));
      else await end(producer, false);
    });

    test('records of aborted transactions are left out, those of others between them are not', async () => {
      const topic = await newTopic();
      const producers = await Promise.all([newProducer(), newProducer(), newProducer()]);
      const sequences = [0, 0, 0];
      const expected: string[] = [];
      const all: string[] = [];
      // Which of the three writes, whether its transaction ends then, and how.
      const script = [
        [0, 'abort'],
        [1, ''],
        [0, 'commit'],
        [2, ''],
        [0, 'abort'],
        [1, 'abort'],
        [2, ''],
        [1, ''],
        [2, 'commit'],
        [0, 'abort'],
        [1, 'commit'],
        [2, 'abort'],
        [0, ''],
        [0, 'abort'],
        [0, 'commit'],
      ] as const;
      const open: string[][] = [[], [], []];
      const committed = new Set<string>();
      for (const [step, [who, ending]] of script.entries()) {
        const values = [`p${who} s${step} a`, `p${who} s${step} b`];
        all.push(...values);
        open[who]!.push(...values);
        assert.equal(await write(producers[who]!, transactionVersion, topic, values, sequences[who]), undefined);
        sequences[who]! += 2;
        if (ending === '') continue;
        producers[who] = { ...producers[who]!, ...(await end(producers[who]!, ending === 'commit')) };
        if (transactionVersion === 2) sequences[who] = 0;
        for (const value of open[who]!.splice(0)) if (ending === 'commit') committed.add(value);
      }
      expected.push(...all.filter((value) => committed.has(value)));
      assert.deepEqual(await read(topic, 'read_uncommitted'), all);
      for (const maxBytes of [undefined, 1, 400]) assert.deepEqual(await read(topic, 'read_committed', maxBytes), expected);
    });
  });
}

test('a transaction of one generation is ended by the other', async () => {
  const topic = await newTopic();
  const old = await newProducer();
  await write(old, 1, topic, ['one']);
  await client.endTxn({ ...old, committed: true, transactionVersion: 2 });
  await settled(old);
  const young = await newProducer();
  await write(young, 2, topic, ['two']);
  await client.endTxn({ ...young, committed: true, transactionVersion: 1 });
  await settled(young);
  assert.deepEqual(await read(topic), ['one', 'two']);
});

test('an unknown transactional id, and a time-out above the limit of the broker, are errors that say what to do', async () => {
  const unknown = {
    transactionalId: `never-${process.pid}`,
    producerId: 1,
    producerEpoch: 0,
    committed: true,
    transactionVersion: 2 as const,
  };
  await assert.rejects(client.endTxn(unknown), /INVALID_PRODUCER_ID_MAPPING: the broker has forgotten/);
  await assert.rejects(
    client.initProducerId({ transactionalId: 'too-long', transactionTimeoutMs: 900_001 }),
    /INVALID_TRANSACTION_TIMEOUT: lower the transaction timeout/,
  );
});

test('transactions are listed by state and prefix', async () => {
  const topic = await newTopic();
  const producer = await newProducer();
  await write(producer, 2, topic, ['open']);
  const { transactionalId, producerId } = producer;
  const listed = await client.listTransactions({ states: ['Ongoing'], transactionalIdPrefix: transactionalId });
  assert.deepEqual(listed, [{ transactionalId, producerId, state: 'Ongoing' }]);
  assert.deepEqual(await client.listTransactions({ states: ['Dead'], transactionalIdPrefix: transactionalId }), []);
  await client.endTxn({ ...producer, committed: false, transactionVersion: 2 });
});
