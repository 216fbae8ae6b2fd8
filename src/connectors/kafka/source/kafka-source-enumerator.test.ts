import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, silentLogger, systemClock } from '../../../common/index.ts';
import type { SplitEnumeratorContext } from '../../../connector/index.ts';
import { KafkaClient } from '../client/index.ts';
import { OffsetsInitializer } from './index.ts';
import { KafkaSourceEnumerator } from './kafka-source-enumerator.ts';
import { type KafkaSourceSplit, splitIdOf } from './kafka-source-split.ts';

const split = (topic: string, partition: number): KafkaSourceSplit => ({
  splitId: splitIdOf(topic, partition),
  topic,
  partition,
  topicId: 'id',
  offset: 0,
});

/** An enumerator that was restored with partitions nobody has yet; it asks no broker for anything. */
function restored(unassigned: readonly KafkaSourceSplit[], parallelism: number) {
  const assigned = new Map<number, string[]>();
  const told: number[] = [];
  const context: SplitEnumeratorContext<KafkaSourceSplit> = {
    clock: systemClock,
    logger: silentLogger,
    currentParallelism: () => parallelism,
    registeredReaders: () => [],
    assignSplits: (assignment) => {
      for (const [subtask, splits] of assignment) {
        assigned.set(subtask, [...(assigned.get(subtask) ?? []), ...splits.map(({ splitId }) => splitId)]);
      }
    },
    assignSplit: () => assert.fail('splits are assigned together'),
    signalNoMoreSplits: (subtask) => told.push(subtask),
    sendEventToSourceReader: () => {},
    callAsync: () => assert.fail('bounded input is looked for once'),
  };
  const enumerator = new KafkaSourceEnumerator(
    context,
    {
      createClient: () =>
        new KafkaClient({ bootstrapServers: 'localhost:1', clock: systemClock, random: seededRandom(1), logger: silentLogger }),
      topics: ['a'],
      startingOffsets: OffsetsInitializer.earliest(),
      stoppingOffsets: OffsetsInitializer.latest(),
      groupId: undefined,
      isolationLevel: 'read_committed',
      discoveryIntervalMs: undefined,
      onMissingTopic: 'fail',
    },
    { unassigned, known: unassigned.map(({ splitId }) => splitId), discovered: true },
  );
  return { enumerator, assigned, told };
}

test('a partition waits for the reader that it belongs to, also in checkpoints', async () => {
  const splits = Array.from({ length: 6 }, (_, partition) => split('a', partition));
  const { enumerator, assigned, told } = restored(splits, 3);
  await enumerator.start();
  enumerator.addReader(1);
  assert.deepEqual([...assigned.keys()], [1]);
  assert.equal(assigned.get(1)?.length, 2);
  assert.deepEqual(
    enumerator.snapshotState().unassigned.map(({ splitId }) => splitId),
    splits.map(({ splitId }) => splitId).filter((id) => assigned.get(1)?.includes(id) === false),
  );
  enumerator.addReader(0);
  enumerator.addReader(2);
  assert.deepEqual(
    [...assigned.values()].flat().sort(),
    splits.map(({ splitId }) => splitId),
  );
  assert.deepEqual(
    [0, 1, 2].map((subtask) => assigned.get(subtask)?.length),
    [2, 2, 2],
  );
  assert.deepEqual(told, [1, 0, 2]);
  assert.deepEqual(enumerator.snapshotState(), {
    unassigned: [],
    known: splits.map(({ splitId }) => splitId),
    discovered: true,
  });
  await enumerator.close();
});

test('a partition that is given back waits until its reader is there again', async () => {
  const { enumerator, assigned } = restored([split('a', 0), split('a', 1)], 2);
  await enumerator.start();
  enumerator.addReader(0);
  enumerator.addReader(1);
  const [back] = assigned.get(0) ?? [];
  assigned.clear();
  enumerator.addSplitsBack([{ ...split('a', 0), splitId: back as string, partition: Number(back?.at(-1)) }], 0);
  assert.equal(assigned.size, 0);
  enumerator.addReader(0);
  assert.deepEqual(assigned.get(0), [back]);
  await enumerator.close();
});

test('topics of one partition are not all read by one reader', async () => {
  const splits = Array.from({ length: 100 }, (_, i) => split(`topic-${i}`, 0));
  const { enumerator, assigned } = restored(splits, 4);
  await enumerator.start();
  for (const subtask of [0, 1, 2, 3]) enumerator.addReader(subtask);
  for (const subtask of [0, 1, 2, 3]) assert.ok((assigned.get(subtask)?.length ?? 0) > 10);
  await enumerator.close();
});
