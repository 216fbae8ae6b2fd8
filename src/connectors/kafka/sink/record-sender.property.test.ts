/**
 * Whatever requests and answers are lost, and whatever the brokers refuse for a while: each record is in the log of its partition once, in
 * order. If brokers forget the producer, order stays, and no record is missing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../../common/index.ts';
import { VirtualClock } from '../../../testing/index.ts';
import { BatchMemory, KafkaBatchReader, loadBatchCodecs } from '../batches/index.ts';
import { type KafkaErrorName, kafkaError, type ProducedPartition, type ProduceRequest } from '../client/index.ts';
import { PartitionQueue, sequenceAfter } from './partition-queue.ts';
import type { ProducerSession } from './producer-session.ts';
import { RecordSender, type SenderClient } from './record-sender.ts';

const codecs = await loadBatchCodecs();
const text = new TextDecoder();

type Fault =
  | { readonly kind: 'REQUEST_LOST' | 'ANSWER_LOST' | 'FORGETS_PRODUCER' }
  | { readonly kind: 'REFUSES'; readonly error: KafkaErrorName }
  | undefined;

interface Log {
  readonly values: string[];
  /** As a broker remembers them: by producer, the epoch, the next sequence number and where the last batch began. */
  readonly producers: Map<number, { epoch: number; next: number; last: number }>;
}

/** Two brokers in memory that check sequence numbers as real ones do. */
class Brokers implements SenderClient {
  readonly logs = new Map<string, Log>();
  readonly added = new Set<string>();
  readonly clock: VirtualClock;
  private readonly faults: Fault[];
  private readonly leaders = new Map<string, number>();

  constructor(clock: VirtualClock, faults: readonly Fault[]) {
    this.clock = clock;
    this.faults = [...faults];
  }

  async produce(broker: number, request: ProduceRequest): Promise<readonly ProducedPartition[]> {
    await this.passTime(5);
    const fault = this.faults.shift();
    if (fault?.kind === 'REQUEST_LOST') throw kafkaError('producing', 'NETWORK_EXCEPTION');
    const results = request.partitions.map(({ topic, partition, batch }) => {
      const name = `${topic}-${partition}`;
      let error: KafkaErrorName | undefined;
      if (this.leader(name) !== broker) error = 'NOT_LEADER_OR_FOLLOWER';
      else if (fault?.kind === 'REFUSES') error = fault.error;
      else {
        if (fault?.kind === 'FORGETS_PRODUCER') this.log(name).producers.clear();
        error = this.append(name, batch);
      }
      if (error === 'NOT_LEADER_OR_FOLLOWER' && this.leader(name) === broker) this.leaders.set(name, 1 - broker);
      return { topic, partition, error, errorMessage: undefined, baseOffset: -1, logAppendTimeMs: -1 };
    });
    await this.passTime(5);
    if (fault?.kind === 'ANSWER_LOST') throw kafkaError('producing', 'NETWORK_EXCEPTION');
    return results;
  }

  async leaderOf(topic: string, partition: number): Promise<number> {
    await this.passTime(1);
    return this.leader(`${topic}-${partition}`);
  }

  async addPartitionsToTxn({ partitions }: Parameters<SenderClient['addPartitionsToTxn']>[0]): Promise<void> {
    await this.passTime(1);
    for (const { topic, partition } of partitions) this.added.add(`${topic}-${partition}`);
  }

  invalidateMetadata(): void {}

  log(name: string): Log {
    const log = this.logs.get(name) ?? { values: [], producers: new Map() };
    this.logs.set(name, log);
    return log;
  }

  private leader(name: string): number {
    return this.leaders.get(name) ?? 0;
  }

  private append(name: string, batch: Uint8Array): KafkaErrorName | undefined {
    const log = this.log(name);
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    const producerId = Number(view.getBigInt64(43));
    const epoch = view.getInt16(51);
    const sequence = view.getInt32(53);
    const count = view.getInt32(57);
    const known = log.producers.get(producerId);
    if (known !== undefined && epoch < known.epoch) return 'INVALID_PRODUCER_EPOCH';
    if (known?.epoch === epoch && sequence === known.last) return undefined;
    if (sequence !== (known?.epoch === epoch ? known.next : 0)) return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
    log.producers.set(producerId, { epoch, next: sequenceAfter(sequence, count), last: sequence });
    const reader = new KafkaBatchReader({ topic: name, partition: 0, codecs });
    reader.open(batch, 0);
    while (reader.next()) log.values.push(text.decode(reader.data.subarray(reader.valueStart, reader.valueEnd)));
    return undefined;
  }

  private passTime(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimer(ms, resolve));
  }
}

/** Lets time go on until `promise` is settled. */
async function within<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = (): void => void (settled = true);
  promise.then(done, done);
  for (let i = 0; !settled; i++) {
    assert.ok(i < 100_000, 'it never ends');
    await new Promise((resolve) => setImmediate(resolve));
    if (!settled) clock.advanceBy(1);
  }
  return promise;
}

const counter = { inc: () => {} };
const SESSION: ProducerSession = { producerId: 7, producerEpoch: 0 };

interface Plan {
  readonly batches: readonly number[];
  readonly faults: readonly Fault[];
  readonly session?: ProducerSession;
}

async function run({ batches, faults, session = SESSION }: Plan) {
  const clock = new VirtualClock();
  const brokers = new Brokers(clock, faults);
  let renewals = 0;
  const sender = new RecordSender(brokers, {
    lingerMs: 5,
    bufferBytes: 1_000_000,
    deliveryTimeoutMs: 100_000,
    clock,
    codecs,
    counters: { recordsSent: counter, bytesSent: counter, recordErrors: counter },
    ...(session.transaction === undefined && {
      renewSession: async () => ({ producerId: 100 + ++renewals, producerEpoch: 0 }),
    }),
  });
  sender.setSession(session);
  const writers = { codecs, memory: new BatchMemory(2_000) };
  const queues = [0, 1, 2].map((partition) => new PartitionQueue('t', partition, 400, writers));
  const written = queues.map((): string[] => []);
  let next = 0;
  const writeAll = async (): Promise<void> => {
    for (const [index, count] of batches.entries()) {
      for (let i = 0; i < count; i++) {
        const partition = (next * 7 + index) % 3;
        const value = `value ${next++}`;
        sender.append(queues[partition] as PartitionQueue, 0, null, new TextEncoder().encode(value), undefined);
        written[partition]?.push(value);
      }
      if (index % 3 === 2) await sender.flush();
      else await new Promise<void>((resolve) => clock.setTimer(index % 4, resolve));
    }
    await sender.flush();
  };
  try {
    await within(clock, writeAll());
  } finally {
    sender.close();
  }
  assert.equal(sender.bufferedBytes, 0);
  return { written, found: queues.map(({ partition }) => brokers.log(`t-${partition}`).values), renewals, brokers };
}

const passingFault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<Fault>({ kind: 'REQUEST_LOST' }, { kind: 'ANSWER_LOST' }),
  fc.record({
    kind: fc.constant('REFUSES' as const),
    error: fc.constantFrom<KafkaErrorName>('NOT_LEADER_OR_FOLLOWER', 'NOT_ENOUGH_REPLICAS', 'REQUEST_TIMED_OUT'),
  }),
);
const batches = fc.array(fc.nat(60), { maxLength: 12 });

test('records are in their partitions once and in order, whatever is lost and refused on the way', async () => {
  await fc.assert(
    fc.asyncProperty(batches, fc.array(passingFault, { maxLength: 30 }), async (sizes, faults) => {
      const { written, found } = await run({ batches: sizes, faults });
      assert.deepEqual(found, written);
    }),
    { numRuns: 60 },
  );
});

test('the same holds within a transaction, whose partitions are added first', async () => {
  const session = { ...SESSION, transaction: { transactionalId: 'x', version: 1 as const } };
  await fc.assert(
    fc.asyncProperty(batches, fc.array(passingFault, { maxLength: 15 }), async (sizes, faults) => {
      const { written, found, brokers } = await run({ batches: sizes, faults, session });
      assert.deepEqual(found, written);
      for (const [partition, values] of written.entries()) {
        assert.equal(brokers.added.has(`t-${partition}`), values.length > 0);
      }
    }),
    { numRuns: 30 },
  );
});

test('when brokers forget the producer, another one goes on: nothing is missing, and order is kept', async () => {
  const fault = fc.oneof(passingFault, fc.constant<Fault>({ kind: 'FORGETS_PRODUCER' }));
  await fc.assert(
    fc.asyncProperty(batches, fc.array(fault, { maxLength: 30 }), async (sizes, faults) => {
      const { written, found } = await run({ batches: sizes, faults });
      for (const [partition, values] of written.entries()) {
        const got = found[partition] as string[];
        assert.deepEqual([...new Set(got)], values, 'each record, in the order of its first coming');
      }
    }),
    { numRuns: 60 },
  );
});

test('in a transaction, a broker that has forgotten the producer fails the sink', async () => {
  const session = { ...SESSION, transaction: { transactionalId: 'x', version: 2 as const } };
  const faults: Fault[] = Array.from({ length: 9 }, (_, i) => (i === 0 ? undefined : { kind: 'FORGETS_PRODUCER' }));
  const failing = run({ batches: [9, 9, 9, 9, 9, 9], faults, session });
  await assert.rejects(failing, (error) => {
    assert.ok(error instanceof MillraceError && error.code === 'SINK_FAILED' && error.recoverable);
    return /topic 't'.*OUT_OF_ORDER_SEQUENCE_NUMBER/.test(error.message);
  });
});

test('sequence numbers begin again behind the largest one', () => {
  assert.equal(sequenceAfter(0x7fffffff, 1), 0);
  assert.equal(sequenceAfter(0x7ffffffe, 1), 0x7fffffff);
  assert.equal(sequenceAfter(0x7ffffff0, 0x20), 0x10);
});
