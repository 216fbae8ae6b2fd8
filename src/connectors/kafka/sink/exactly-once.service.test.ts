/**
 * The exactly-once sink on a real broker, with both ways in which brokers keep transactions. Who judges what is committed is
 * Kafka's own Java consumer.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type KafkaService, startKafka } from '../../../../test/services/kafka.ts';
import { readCommitted } from '../../../../test/services/kafka-reader.ts';
import { createTopic } from '../../../../test/services/kafka-topics.ts';
import { type Clock, systemClock } from '../../../common/index.ts';
import { sinkContract } from '../../../connector/index.ts';
import {
  checkpoint,
  eventually,
  isMillraceError,
  KeptLog,
  rescale,
  SinkRig,
  type Snapshot,
  writeAndFlush,
} from './sink-rig.test.ts';
import type { KafkaCommittable } from './transaction-pool.ts';

for (const transactionVersion of [2, 1] as const) {
  describe(`an exactly-once sink, transaction.version ${transactionVersion}`, () => {
    let kafka: KafkaService;
    before(async () => {
      kafka = await startKafka({ own: true, transactionVersion });
    });
    after(() => kafka.stop());

    const withRig = async (partitions: number, body: (rig: SinkRig) => Promise<void>): Promise<void> => {
      const rig = new SinkRig(kafka, await createTopic(kafka, 'exactly-once', { partitions }));
      try {
        await body(rig);
      } finally {
        await rig.dispose();
      }
    };

    for (const { fact, check } of sinkContract<string, KafkaCommittable>({
      values: ['a', 'b', 'ä€😀', '', 'line\n', 'c'.repeat(5000)],
      driver: { checkpointingEnabled: true },
      create: async () => {
        const rig = new SinkRig(kafka, await createTopic(kafka, 'contract'));
        return {
          sink: rig.sink(),
          read: async () => (await readCommitted(kafka, rig.topic)).map(({ value }) => value as string),
          dispose: () => rig.dispose(),
        };
      },
    })) {
      test(fact, check);
    }

    test('a checkpoint that holds a transaction is committed by a new process after a kill', () =>
      withRig(3, async (rig) => {
        const snapshot = await killedAfterItsCheckpoint(rig);
        assert.equal(snapshot.committables.length, 1);
        assert.equal(snapshot.committables[0]?.transactionVersion, transactionVersion);
        assert.deepEqual(await rig.committed(), []);
        const next = await rig.start({}, snapshot);
        assert.deepEqual(await rig.committed(), ['prepared 1', 'prepared 2', 'prepared 3']);
        assert.deepEqual(await rig.open(), [], 'what was written behind the checkpoint is aborted');
        await next.write(['after']);
        await checkpoint(next, 2);
        assert.deepEqual(await rig.committed(), ['after', 'prepared 1', 'prepared 2', 'prepared 3']);
      }));

    test('a commit that is replayed while the next transaction is open touches nothing of that', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        await driver.write(['one']);
        const first = await driver.snapshot(1);
        await driver.commit(first.committables);
        await driver.notifyCheckpointComplete(1);
        await writeAndFlush(driver, ['half of two']);
        // The process is killed now, and the checkpoint restored again and again.
        for (let i = 0; i < 3; i++) await driver.commit(first.committables);
        assert.deepEqual(await rig.committed(), ['one']);
        const restored = await rig.start({}, first);
        assert.deepEqual(await rig.committed(), ['one']);
        await restored.write(['two']);
        await checkpoint(restored, 2);
        assert.deepEqual(await rig.committed(), ['one', 'two']);
      }));

    test('every checkpoint that a failure can go back to is committed again without harm, however long the job runs', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        let newest: Snapshot | undefined;
        const expected: string[] = [];
        const ids = new Set<string | undefined>();
        for (let id = 1; id <= 8; id++) {
          await driver.write([`value ${id}`]);
          if (newest) await driver.commit(newest.committables);
          newest = await driver.snapshot(id);
          await writeAndFlush(driver, [`value ${id} of the next checkpoint`]);
          await driver.commit(newest.committables);
          await driver.commit(newest.committables);
          await driver.notifyCheckpointComplete(id);
          ids.add(newest.committables[0]?.transactionalId);
          expected.push(`value ${id}`);
          if (id < 8) expected.push(`value ${id} of the next checkpoint`);
        }
        assert.deepEqual(await rig.committed(), expected.sort());
        assert.ok(ids.size <= 3, `names are used again: ${[...ids]}`);
      }));

    test('a checkpoint that is older than that is refused when its name is in use again, and commits no half', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        const snapshots: Snapshot[] = [];
        for (let id = 1; id <= 3; id++) {
          await driver.write([`value ${id}`]);
          snapshots.push(await checkpoint(driver, id));
        }
        await writeAndFlush(driver, ['half']);
        const [name] = await rig.open();
        const old = snapshots.find(({ committables }) => committables[0]?.transactionalId === name) as Snapshot;
        assert.ok(old, 'a name is used again');
        await assert.rejects(
          driver.commit(old.committables),
          isMillraceError('SINK_FAILED', /Data loss.*older than its newest/, false),
        );
        assert.deepEqual(await rig.committed(), ['value 1', 'value 2', 'value 3']);
      }));

    test('what a savepoint holds can be committed however long the job ran on', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        await driver.write(['before']);
        const savepoint = await driver.snapshot(1);
        let uncommitted = savepoint.committables;
        for (let id = 2; id <= 6; id++) {
          await driver.write([`value ${id}`]);
          const { committables } = await driver.snapshot(id);
          await driver.commit([...uncommitted, ...committables]);
          await driver.notifyCheckpointComplete(id);
          uncommitted = [];
        }
        await driver.commit(savepoint.committables);
        const forked = await rig.start({}, savepoint);
        await forked.close();
        assert.deepEqual(await rig.committed(), ['before', ...[2, 3, 4, 5, 6].map((id) => `value ${id}`)]);
      }));

    test('a transaction that was aborted before its commit is data loss: the job fails, or goes on if it is told to', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        await driver.write(['lost']);
        const snapshot = await driver.snapshot(1);
        await driver.write(['kept']);
        const later = await driver.snapshot(2);
        // As if it had timed out, or another job had taken the name.
        await rig.client.initProducerId({ transactionalId: snapshot.committables[0]?.transactionalId as string });
        const both = { committables: [...snapshot.committables, ...later.committables], writerState: later.writerState };
        const lost = /^Data loss: transaction '.*'.*state (CompleteAbort|Empty).*'exactly-once.*onLostTransaction: 'continue'/;
        await assert.rejects(rig.start({}, both), isMillraceError('SINK_FAILED', lost, false));
        assert.deepEqual(await rig.committed(), ['kept'], 'what can be committed is');
        const logger = new KeptLog();
        const next = await rig.start({ logger }, both, { onLostTransaction: 'continue' });
        assert.match(logger.lines.join('\n'), /warn: Data loss/);
        await next.write(['after']);
        await checkpoint(next, 3);
        assert.deepEqual(await rig.committed(), ['after', 'kept']);
      }));

    test('a transaction that timed out is data loss', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start({}, undefined, { transactionTimeoutMs: 2_000 });
        await driver.write(['lost']);
        const { committables } = await driver.snapshot(1);
        const transactionalId = committables[0]?.transactionalId as string;
        await eventually(async () => {
          const found = (await rig.client.describeTransactions([transactionalId])).get(transactionalId);
          return found?.state === 'CompleteAbort';
        });
        await assert.rejects(driver.commit(committables), isMillraceError('SINK_FAILED', /^Data loss.*CompleteAbort/, false));
      }));

    test('a transaction that the broker never had is data loss', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        await driver.write(['value']);
        const { committables } = await driver.snapshot(1);
        const foreign = committables.map((committable) => ({ ...committable, transactionalId: `${rig.prefix}-never` }));
        await assert.rejects(driver.commit(foreign), isMillraceError('SINK_FAILED', /^Data loss.*knows nothing of it/, false));
      }));

    for (const parallelism of [1, 2, 5]) {
      test(`a restart with ${parallelism} subtasks instead of 3 commits what the checkpoint holds and aborts the rest`, () =>
        withRig(2, async (rig) => {
          const subtask = (subtaskIndex: number, of: number) => ({ subtaskIndex, parallelism: of });
          const before = await Promise.all([0, 1, 2].map((index) => rig.start(subtask(index, 3))));
          const snapshots: Snapshot[] = [];
          for (const [index, driver] of before.entries()) {
            // The first one has two: so committables and states are dealt to different subtasks.
            await driver.write(index === 0 ? ['prepared'] : []);
            const { committables } = await driver.snapshot(1);
            await driver.write(['prepared']);
            const snapshot = await driver.snapshot(2);
            snapshots.push({ ...snapshot, committables: [...committables, ...snapshot.committables] });
            await writeAndFlush(driver, ['behind the checkpoint']);
          }
          // A process of a later attempt, of which no checkpoint knows, has left something, too.
          const unknown = await rig.start(subtask(3, 4), { committables: [], writerState: [] });
          await writeAndFlush(unknown, ['of an attempt that no checkpoint knows']);
          assert.equal((await rig.open()).length, 8);

          // The last subtask is slow: all others are at work before it commits.
          const dealt = rescale(snapshots, parallelism);
          const restored = dealt.map((state, index) => rig.driver(subtask(index, parallelism), state));
          const fast = restored.slice(0, -1);
          for (const driver of fast) {
            await driver.start();
            await writeAndFlush(driver, ['new']);
          }
          await restored.at(-1)?.start();
          const prepared = snapshots.flatMap(({ committables }) => committables.map(({ transactionalId }) => transactionalId));
          const states = [...(await rig.client.describeTransactions(prepared)).values()].map(({ state }) => state);
          assert.deepEqual(states, Array(4).fill('CompleteCommit'));
          assert.equal((await rig.open()).length, fast.length + 1, 'what is open is new, or of the unknown attempt');
          for (const driver of restored) await checkpoint(driver, 3);
          await eventually(async () => (await rig.open()).length === 0);
          assert.deepEqual(await rig.committed(), [...fast.map(() => 'new'), ...Array(4).fill('prepared')]);
        }));
    }

    test('a start without a checkpoint aborts what earlier starts left, also those with more subtasks', () =>
      withRig(1, async (rig) => {
        for (const subtaskIndex of [0, 1, 2]) {
          await writeAndFlush(await rig.start({ subtaskIndex, parallelism: 3 }), ['left']);
        }
        const first = await rig.start({ subtaskIndex: 0, parallelism: 2 });
        assert.equal((await rig.open()).length, 1, 'each subtask looks after its own');
        await writeAndFlush(first, ['new']);
        await rig.start({ subtaskIndex: 1, parallelism: 2 });
        assert.equal((await rig.open()).length, 1, 'and not after what others have begun');
        await checkpoint(first, 1);
        assert.deepEqual(await rig.committed(), ['new']);
      }));

    test('transactions of a sink whose prefix begins with ours are left alone', () =>
      withRig(1, async (rig) => {
        const other = await rig.start({}, undefined, { transactionalIdPrefix: `${rig.prefix}-0` });
        await writeAndFlush(other, ['of the other']);
        const ours = await rig.start();
        await checkpoint(ours, 1);
        await checkpoint(other, 1);
        assert.deepEqual(await rig.committed(), ['of the other']);
      }));

    test('a zombie of an earlier attempt is fenced: nothing that it still writes is ever seen', () =>
      withRig(1, async (rig) => {
        const zombie = await rig.start();
        await zombie.write(['prepared']);
        const snapshot = await zombie.snapshot(1);
        await writeAndFlush(zombie, ['open when the new attempt starts']);
        const next = await rig.start({ attemptNumber: 1 }, snapshot);
        await assert.rejects(
          writeAndFlush(zombie, ['too late']),
          isMillraceError(
            'SINK_FAILED',
            /INVALID_PRODUCER_EPOCH.*transactionalIdPrefix of its own|another process has taken over/,
            true,
          ),
        );
        await next.write(['new']);
        await checkpoint(next, 2);
        assert.deepEqual(await rig.committed(), ['new', 'prepared']);
      }));

    test('a zombie that begins a transaction after the new attempt has started delays readers until the next checkpoint only', () =>
      withRig(1, async (rig) => {
        const zombie = await rig.start();
        await zombie.write(['prepared']);
        const snapshot = await zombie.snapshot(1);
        const next = await rig.start({ attemptNumber: 1 }, snapshot);
        await writeAndFlush(zombie, ['by the zombie']);
        const [late] = (await rig.open()) as [string];
        await next.write(['new']);
        await checkpoint(next, 2);
        await eventually(async () =>
          /^(CompleteAbort|Empty)$/.test((await rig.client.describeTransactions([late])).get(late)?.state ?? ''),
        );
        await assert.rejects(writeAndFlush(zombie, ['too late']), /another process has taken over/);
        await next.write(['newer']);
        await checkpoint(next, 3);
        assert.deepEqual(await rig.committed(), ['new', 'newer', 'prepared']);
      }));

    test('a transaction is not begun without records', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        for (const id of [1, 2, 3]) assert.deepEqual((await checkpoint(driver, id)).committables, []);
        assert.deepEqual(await rig.open(), []);
      }));

    test('closing a writer aborts what is open, so that readers need not wait', () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        await driver.write(['prepared']);
        const { committables } = await driver.snapshot(1);
        await writeAndFlush(driver, ['open']);
        await driver.close();
        assert.deepEqual(await rig.open(), [committables[0]?.transactionalId]);
        await driver.commit(committables);
        assert.deepEqual(await rig.committed(), ['prepared']);
      }));

    test('a time-out above what the broker allows is refused before the first record', () =>
      withRig(1, async (rig) => {
        await assert.rejects(
          rig.start({}, undefined, { transactionTimeoutMs: 900_001 }),
          isMillraceError('INVALID_OPTION', /transactionTimeoutMs is 900001.*transaction\.max\.timeout\.ms/, false),
        );
      }));

    test('a time-out that leaves no time for a restart is warned of, once', () =>
      withRig(1, async (rig) => {
        const logger = new KeptLog();
        const driver = await rig.start({ logger }, undefined, { transactionTimeoutMs: 60_000 });
        for (const id of [1, 2]) {
          await driver.write(['x']);
          await checkpoint(driver, id);
        }
        const warnings = logger.lines.filter((line) => line.startsWith('warn'));
        assert.equal(warnings.length, 1);
        assert.match(warnings[0] as string, /transactionTimeoutMs, 60000 ms/);
      }));

    test('a transaction that timed out before its checkpoint fails that, and nothing is lost', () =>
      withRig(1, async (rig) => {
        let laterMs = 0;
        const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
        const driver = await rig.start({ clock }, undefined, { transactionTimeoutMs: 60_000 });
        await writeAndFlush(driver, ['written again by the next attempt']);
        laterMs = 60_000;
        await assert.rejects(driver.snapshot(1), isMillraceError('SINK_FAILED', /60000 ms.*Take checkpoints more often/, true));
      }));

    test('without checkpoints there is one commit at the end, and a warning', () =>
      withRig(1, async (rig) => {
        const logger = new KeptLog();
        const driver = await rig.start({ logger, checkpointingEnabled: false });
        await driver.write(['a', 'b']);
        await driver.commit(await driver.prepareCommit());
        await driver.close();
        assert.deepEqual(await rig.committed(), ['a', 'b']);
        assert.match(logger.lines.join('\n'), /warn: .*takes no checkpoints/);
      }));

    test('many partitions and topics are in one transaction', () =>
      withRig(8, async (rig) => {
        const second = await createTopic(kafka, 'second', { partitions: 3 });
        const options = { topic: (value: string) => (value.endsWith('0') ? second : rig.topic), key: (value: string) => value };
        const driver = await rig.start({}, undefined, options);
        const values = Array.from({ length: 2000 }, (_, i) => `value ${i}`);
        await driver.write(values);
        const { committables } = await driver.snapshot(1);
        assert.deepEqual(committables[0]?.topics.toSorted(), [rig.topic, second].sort());
        await driver.commit(committables);
        const found = [...(await readCommitted(kafka, rig.topic)), ...(await readCommitted(kafka, second))];
        assert.deepEqual(found.map(({ value }) => value).sort(), values.sort());
      }));

    test('epochs that run out are followed', { timeout: 180_000 }, () =>
      withRig(1, async (rig) => {
        const driver = await rig.start();
        const expected: string[] = [];
        const run = async (id: number): Promise<Snapshot> => {
          await driver.write([`value ${id}`]);
          expected.push(`value ${id}`);
          const snapshot = await checkpoint(driver, id);
          await driver.commit(snapshot.committables);
          return snapshot;
        };
        const name = (await run(1)).committables[0]?.transactionalId as string;
        await run(2);
        // The name is free now, and is taken for the transaction of checkpoint 4. Its epochs are used up to the last one.
        let producerEpoch = 0;
        while (producerEpoch < 32_765) ({ producerEpoch } = await rig.client.initProducerId({ transactionalId: name }));
        await run(3);
        const fourth = (await run(4)).committables[0];
        assert.deepEqual([fourth?.transactionalId, fourth?.producerEpoch], [name, 32_766]);
        for (const id of [5, 6]) await run(id);
        const seventh = (await run(7)).committables[0];
        assert.equal(seventh?.transactionalId, name);
        assert.notEqual(seventh?.producerId, fourth?.producerId);
        assert.deepEqual(await rig.committed(), expected);
      }),
    );
  });
}

/** Kills a process that has prepared a checkpoint and written on; returns the checkpoint. */
async function killedAfterItsCheckpoint(rig: SinkRig): Promise<Snapshot> {
  const script = fileURLToPath(new URL('crashing-writer.test.ts', import.meta.url));
  const words = ['--conditions=millrace-source', script, rig.kafka.bootstrapServers, rig.topic, rig.prefix];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (output.endsWith('written\n')) break;
  }
  child.kill('SIGKILL');
  return JSON.parse(output.split('\n')[0] as string) as Snapshot;
}
