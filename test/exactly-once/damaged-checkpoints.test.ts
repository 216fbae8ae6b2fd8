/** A job does not go on from damaged state, and says from what it can. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileCheckpointStorage, filesOf } from '../../src/checkpoint/index.ts';
import { type MillraceError, seededRandom } from '../../src/common/index.ts';
import { MemoryFileSystem, readFile, writeFile } from '../../src/filesystem/index.ts';
import { type StreamExecutionEnvironment, WatermarkStrategy } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { NO_MUTATION } from '../simulation/mutations.ts';
import { SimulatedCluster } from '../simulation/simulated-cluster.ts';
import { SimulatedProcess } from '../simulation/simulated-process.ts';
import { NO_FAULTS } from './faults.ts';
import type { Item } from './item.ts';
import { ReplayableSource } from './replayable-source.ts';
import { TransactionalSink } from './transactional-sink.ts';

const RECORDS = Array.from({ length: 100 }, (_, i) => ({ k: i % 7, v: 1, t: i, gapMs: 5 }));
const EXPECTED = Array.from({ length: 7 }, (_, k) => RECORDS.filter((item) => item.k === k).map((__, n) => `${k}: ${n + 1}`));

test('state that was damaged on the disk names the next older checkpoint, from which the job goes on', async () => {
  const clock = new VirtualClock();
  const fileSystem = new MemoryFileSystem(clock);
  const sink = new TransactionalSink<string>();
  const build = (env: StreamExecutionEnvironment): void => {
    env
      .fromSource(new ReplayableSource([RECORDS], NO_FAULTS), WatermarkStrategy.noWatermarks<Item>())
      .keyBy(({ k }) => k)
      .reduce(({ k, v, t }, next) => ({ k, v: v + next.v, t }))
      .map(({ k, v }) => `${k}: ${v}`)
      .sinkTo(sink);
  };
  const run = async (from: string | undefined, cancelAfterMs?: number): Promise<MillraceError | undefined> => {
    const process = new SimulatedProcess(clock);
    const checkpoints = 'execution.checkpointing';
    const { client } = await SimulatedCluster.start(
      build,
      {
        [`${checkpoints}.interval`]: 50,
        [`${checkpoints}.dir`]: '/checkpoints',
        [`${checkpoints}.num-retained`]: 3,
        [`${checkpoints}.data-inline-threshold`]: 0,
        [`${checkpoints}.externalized-checkpoint-retention`]: 'RETAIN_ON_CANCELLATION',
        ...(from === undefined ? {} : { 'execution.state-recovery.path': from }),
      },
      { processPer: 'TASK', channels: 'LOCAL', messageMs: 0, workMs: 0, turnMs: 0.1, slowness: 1 },
      {
        process,
        random: seededRandom(1),
        mount: () => fileSystem,
        mutation: NO_MUTATION,
        loses: () => false,
        isHealed: () => true,
        record: () => {},
      },
    );
    const result = client.getJobExecutionResult().then(
      () => undefined,
      (error: MillraceError) => error,
    );
    if (cancelAfterMs !== undefined) process.setTimer(cancelAfterMs, () => void client.cancel());
    await clock.advanceByAsync(3000);
    const error = await result;
    process.kill();
    return error;
  };
  assert.equal((await run(undefined, 320))?.code, 'JOB_CANCELED');
  const storage = new FileCheckpointStorage({ directory: '/checkpoints' }, { fileSystem, random: seededRandom(2) });
  const [folder] = await fileSystem.list('/checkpoints');
  const [newest, older] = (await storage.listCheckpoints(folder?.path as string)).map(({ checkpoint }) => checkpoint);
  assert.ok(newest && older);
  const [damaged] = filesOf({ operators: newest.operators.filter((o) => o.subtasks.some((s) => s.keyed !== undefined)) });
  const content = await readFile(fileSystem, damaged as string);
  const last = content.length - 1;
  await writeFile(fileSystem, damaged as string, content.with(last, (content[last] as number) ^ 1));
  for (const from of ['/checkpoints', newest.externalPath]) {
    const error = await run(from);
    assert.equal(error?.code, 'CORRUPT_DATA', error?.message);
    for (const word of [
      damaged,
      newest.externalPath,
      `The next older one that is intact is '${older.externalPath}'`,
      'name that path',
    ]) {
      assert.ok(error?.message.includes(word as string), `'${word}' is not in: ${error?.message}`);
    }
  }
  // What was committed behind that checkpoint would be committed again: this is about the state.
  sink.committed.clear();
  assert.equal(await run(older.externalPath), undefined);
  const committed = new Set(sink.values);
  for (const lines of EXPECTED) assert.ok(committed.has(lines.at(-1) as string), `${lines.at(-1)} is missing`);
});
