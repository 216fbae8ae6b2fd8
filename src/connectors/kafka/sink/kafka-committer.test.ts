import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../common/index.ts';
import { type EndTxnRequest, type KafkaErrorName, kafkaError, type TransactionDescription } from '../client/index.ts';
import { type CommitterClient, KafkaCommitter } from './kafka-committer.ts';
import { isMillraceError } from './sink-rig.test.ts';
import type { KafkaCommittable } from './transaction-pool.ts';

/** A coordinator that answers the end of a transaction as it is told, and describes one. */
class Coordinator implements CommitterClient {
  readonly ended: EndTxnRequest[] = [];
  private readonly answers: Readonly<Record<string, KafkaErrorName>>;
  private readonly described: Partial<TransactionDescription> | undefined;

  constructor(answers: Readonly<Record<string, KafkaErrorName>>, described?: Partial<TransactionDescription>) {
    this.answers = answers;
    this.described = described;
  }

  async endTxn(request: EndTxnRequest) {
    this.ended.push(request);
    const error = this.answers[request.transactionalId];
    if (error !== undefined) throw kafkaError('ending', error);
    return request;
  }

  async describeTransactions([transactionalId]: readonly string[]) {
    const description = { transactionalId, producerId: 7, timeoutMs: 1, startTimeMs: -1, partitions: [], ...this.described };
    return new Map(this.described === undefined ? [] : [[transactionalId as string, description as TransactionDescription]]);
  }

  async close() {}
}

const committable = (transactionalId: string, transactionVersion: 1 | 2 = 2): KafkaCommittable => ({
  transactionalId,
  transactionVersion,
  producerId: 7,
  producerEpoch: 3,
  beganAtMs: 0,
  topics: ['t'],
});

test('a commit needs name, producer id and epoch only', async () => {
  const coordinator = new Coordinator({});
  await new KafkaCommitter(coordinator, silentLogger, 'fail').commit([committable('a', 1), committable('b', 2)]);
  assert.deepEqual(coordinator.ended, [
    { transactionalId: 'a', producerId: 7, producerEpoch: 3, transactionVersion: 1, committed: true },
    { transactionalId: 'b', producerId: 7, producerEpoch: 3, transactionVersion: 2, committed: true },
  ]);
});

test('a transaction that is described as committed is not lost, whatever the commit was answered', async () => {
  for (const [version, producerEpoch] of [
    [1, 3],
    [2, 4],
  ] as const) {
    const coordinator = new Coordinator({ a: 'PRODUCER_FENCED' }, { state: 'CompleteCommit', producerEpoch });
    await new KafkaCommitter(coordinator, silentLogger, 'fail').commit([committable('a', version)]);
  }
});

test('any other description proves nothing, and is data loss', async () => {
  for (const description of [
    { state: 'CompleteCommit', producerEpoch: 5 },
    { state: 'CompleteCommit', producerEpoch: 4, producerId: 8 },
    { state: 'CompleteAbort', producerEpoch: 4 },
    { state: 'Ongoing', producerEpoch: 4 },
    { state: 'Empty', producerEpoch: 4 },
    undefined,
  ] as const) {
    for (const answer of [
      'PRODUCER_FENCED',
      'INVALID_PRODUCER_EPOCH',
      'INVALID_TXN_STATE',
      'INVALID_PRODUCER_ID_MAPPING',
    ] as const) {
      const committer = new KafkaCommitter(new Coordinator({ a: answer }, description), silentLogger, 'fail');
      await assert.rejects(
        committer.commit([committable('a')]),
        isMillraceError('SINK_FAILED', /^Data loss: transaction 'a'/, false),
      );
    }
  }
});

test('a commit that could not be tried is an error that a restart can mend', async () => {
  const committer = new KafkaCommitter(new Coordinator({ a: 'NETWORK_EXCEPTION' }), silentLogger, 'continue');
  await assert.rejects(
    committer.commit([committable('a')]),
    isMillraceError('SINK_FAILED', /cannot commit transaction 'a'/, true),
  );
});

test('what is not lost is committed before the loss is reported', async () => {
  const coordinator = new Coordinator({ a: 'INVALID_TXN_STATE' });
  const committer = new KafkaCommitter(coordinator, silentLogger, 'fail');
  await assert.rejects(committer.commit([committable('a'), committable('b')]), /Data loss/);
  assert.deepEqual(
    coordinator.ended.map(({ transactionalId }) => transactionalId),
    ['a', 'b'],
  );
});
