/** The rules of the coordinator, one scenario each; over 500 lines because they share one made-up job. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MillraceError } from '../../common/index.ts';
import type { CheckpointOptions, CheckpointSettings, CompletedCheckpoint } from '../../protocol/index.ts';
import { CoordinatedJob, JOB, METRICS, SETTINGS, snapshotOf } from './coordinated-job.test.ts';

describe('checkpoint coordinator', () => {
  it('begins one interval after the start, and triggers the sources only', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(999);
    assert.equal(job.triggered.length, 0);
    await job.advance(1);
    assert.deepEqual(
      job.triggered.map((t) => `${t.task}:${t.id}`),
      ['source/0:1', 'source/1:1'],
    );
    assert.deepEqual(job.triggered[0]?.options, {
      kind: 'CHECKPOINT',
      alignment: 'ALIGNED',
      directory: `/checkpoints/${JOB}/chk-1`,
    });
  });

  it('is complete when all have acknowledged and the metadata is written, and only then tells everybody', async () => {
    const job = new CoordinatedJob();
    const written = Promise.withResolvers<void>();
    job.onWrite = () => written.promise;
    job.coordinator.start();
    await job.advance(1000);
    job.acknowledge(1, ['source/0', 'sink/0']);
    await job.settle();
    assert.equal(job.latestId(), undefined);
    job.acknowledge(1, ['source/1']);
    await job.settle();
    assert.deepEqual([job.latestId(), job.completed, job.coordinatorsComplete], [undefined, [], []]);
    written.resolve();
    await job.settle();
    assert.equal(job.latestId(), 1);
    assert.deepEqual(job.completed, ['source/0:1', 'source/1:1', 'sink/0:1']);
    assert.deepEqual(job.coordinatorsComplete, [1]);
    assert.deepEqual(await job.files(), [`/checkpoints/${JOB}/chk-1/_metadata`]);
  });

  it('puts the checkpoint together by operator, with what the enumerators wrote', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    await job.complete(1);
    const checkpoint = job.coordinator.latest as CompletedCheckpoint;
    assert.deepEqual(
      checkpoint.operators.map(({ subtasks, ...rest }) => ({ ...rest, subtasks: subtasks.length })),
      [
        {
          operatorId: 'source-op',
          uid: 'source-uid',
          name: 'source',
          parallelism: 2,
          maxParallelism: 128,
          coordinator: { kind: 'INLINE', bytes: Uint8Array.of(1) },
          subtasks: 2,
        },
        { operatorId: 'sink-op', uid: 'sink-uid', name: 'sink', parallelism: 1, maxParallelism: 128, subtasks: 1 },
      ],
    );
    const second = checkpoint.operators[0]?.subtasks[1]?.operator;
    assert.ok(second?.kind === 'INLINE');
    assert.equal(new TextDecoder().decode(second.bytes), 'source/1');
    assert.equal(checkpoint.triggerTimestampMs, 1_001_000);
  });

  it('waits for the interval from one start to the next, and begins at once if that is over', async () => {
    const job = new CoordinatedJob({ timeoutMs: 10_000 });
    job.coordinator.start();
    await job.advance(1000);
    await job.advance(300);
    await job.complete(1);
    await job.advance(699);
    assert.deepEqual(job.begun, [1]);
    await job.advance(1);
    assert.deepEqual(job.begun, [1, 2]);
    await job.advance(2500);
    assert.deepEqual(job.begun, [1, 2]);
    await job.complete(2);
    assert.deepEqual(job.begun, [1, 2, 3]);
  });

  it('leaves the minimum pause between the end of one and the start of the next', async () => {
    const job = new CoordinatedJob({ minPauseMs: 900 });
    job.coordinator.start();
    await job.advance(1000);
    await job.advance(500);
    await job.complete(1);
    await job.advance(899);
    assert.deepEqual(job.begun, [1]);
    await job.advance(1);
    assert.deepEqual(job.begun, [1, 2]);
  });

  it('begins no more at once than allowed', async () => {
    const job = new CoordinatedJob({ maxConcurrent: 2, timeoutMs: 60_000 });
    job.coordinator.start();
    await job.advance(5000);
    assert.deepEqual(job.begun, [1, 2]);
    await job.complete(1);
    assert.deepEqual(job.begun, [1, 2, 3]);
    assert.deepEqual(job.aborted, []);
  });

  it('writes the metadata of one after the other, and none of what was given up meanwhile', async () => {
    const job = new CoordinatedJob({ maxConcurrent: 2, timeoutMs: 60_000 });
    const written: PromiseWithResolvers<void>[] = [];
    job.onWrite = () => {
      written.push(Promise.withResolvers());
      return (written.at(-1) as PromiseWithResolvers<void>).promise;
    };
    job.coordinator.start();
    await job.advance(2000);
    await job.complete(2);
    await job.complete(1);
    assert.equal(written.length, 1);
    written[0]?.resolve();
    await job.settle();
    assert.equal(written.length, 1);
    assert.deepEqual([job.latestId(), job.failures], [2, []]);
  });

  it('gives up earlier ones when a later one is complete', async () => {
    const job = new CoordinatedJob({ maxConcurrent: 2, timeoutMs: 60_000 });
    job.coordinator.start();
    await job.advance(2000);
    job.acknowledge(1, ['source/0', 'sink/0']);
    await job.complete(2);
    assert.deepEqual(job.aborted, ['source/0:1', 'source/1:1', 'sink/0:1']);
    assert.equal(job.latestId(), 2);
    assert.deepEqual(job.failures, []);
    await job.complete(1);
    assert.equal(job.latestId(), 2);
  });

  it('ids go on behind the checkpoint that the job was started from', async () => {
    const job = new CoordinatedJob();
    const before: CompletedCheckpoint = {
      checkpointId: 41,
      kind: 'SAVEPOINT',
      jobId: 'b'.repeat(32),
      jobName: 'before',
      triggerTimestampMs: 0,
      completedTimestampMs: 0,
      operators: [],
      externalPath: '/savepoints/savepoint-x',
      stateBytes: 0,
    };
    job.coordinator.restored(before);
    job.coordinator.start();
    await job.advance(1000);
    assert.deepEqual(job.begun, [42]);
    assert.equal(job.coordinator.stats.snapshot().latest.restored?.id, 41);
  });

  it('says how barriers are to align', async () => {
    const optionsWith = async (settings: Partial<CheckpointSettings>): Promise<CheckpointOptions> => {
      const job = new CoordinatedJob(settings);
      job.coordinator.start();
      await job.advance(1000);
      return job.triggered[0]?.options as CheckpointOptions;
    };
    assert.equal((await optionsWith({ unaligned: true })).alignment, 'UNALIGNED');
    const later = await optionsWith({ unaligned: true, alignedTimeoutMs: 250 });
    assert.deepEqual([later.alignment, later.alignedTimeoutMs], ['ALIGNED', 250]);
    const job = new CoordinatedJob({ unaligned: true });
    job.coordinator.start();
    void job.coordinator.triggerSavepoint();
    assert.equal(job.triggered[0]?.options.alignment, 'ALIGNED');
  });

  it('takes the snapshot of the enumerators and triggers the sources in one turn', async () => {
    const job = new CoordinatedJob();
    const order: string[] = [];
    job.onSnapshot = () => {
      order.push('snapshot');
      queueMicrotask(() => order.push('other'));
    };
    job.onTrigger = async () => void order.push('trigger');
    job.coordinator.start();
    await job.advance(1000);
    assert.deepEqual(order, ['snapshot', 'trigger', 'trigger', 'other']);
  });
});

describe('a checkpoint fails', () => {
  const failing: Record<string, (job: CoordinatedJob) => Promise<void>> = {
    'when a task declines it': async (job) => {
      await job.advance(1000);
      job.decline(1, 'sink/0');
    },
    'when it takes longer than the timeout': async (job) => {
      await job.advance(1000);
      job.acknowledge(1, ['source/0', 'source/1']);
      await job.advance(600);
    },
    'when its metadata cannot be written': async (job) => {
      job.onWrite = async () => {
        throw new MillraceError('FILE_SYSTEM_FAILED', 'disk full');
      };
      await job.advance(1000);
      await job.complete(1);
    },
    'when an enumerator throws': async (job) => {
      job.onSnapshot = () => {
        throw new Error('broken');
      };
      await job.advance(1000);
    },
    'when a trigger does not get through': async (job) => {
      job.onTrigger = async () => {
        throw new Error('gone');
      };
      await job.advance(1000);
      await job.settle();
    },
  };
  for (const [when, fail] of Object.entries(failing)) {
    it(`${when}: the tasks are told, its files go, and the job fails if none is tolerated`, async () => {
      const job = new CoordinatedJob();
      job.coordinator.start();
      await (await job.fileSystem.create(`/checkpoints/${JOB}/chk-1/0123456789abcdef`)).close();
      await fail(job);
      await job.settle();
      assert.deepEqual(job.aborted, ['source/0:1', 'source/1:1', 'sink/0:1']);
      assert.deepEqual(job.completed, []);
      assert.deepEqual(await job.files(), []);
      assert.equal(job.failures.length, 1);
      assert.match(job.failures[0]?.message ?? '', /tolerable-failed-checkpoints' \(0\)/);
      assert.equal(job.latestId(), undefined);
    });
  }

  it('as often in a row as tolerated; a success starts the count anew', async () => {
    const job = new CoordinatedJob({ tolerableFailed: 2 });
    job.coordinator.start();
    const failOne = async (): Promise<void> => {
      await job.advance(1000);
      job.decline(job.begun.at(-1) as number, 'sink/0');
    };
    await failOne();
    await failOne();
    await job.advance(1000);
    await job.complete(3);
    await failOne();
    await failOne();
    assert.equal(job.failures.length, 0);
    await failOne();
    assert.equal(job.failures.length, 1);
    assert.match(job.failures[0]?.message ?? '', /3 checkpoints in a row failed.*cannot/);
  });

  it('and those who acknowledge it afterwards change nothing, but what they wrote goes', async () => {
    const job = new CoordinatedJob({ tolerableFailed: 9 });
    job.coordinator.start();
    await job.advance(1000);
    job.decline(1, 'sink/0');
    await job.settle();
    await (await job.fileSystem.create(`/checkpoints/${JOB}/chk-1/0123456789abcdef`)).close();
    job.acknowledge(1, ['source/0']);
    await job.settle();
    assert.deepEqual(await job.files(), []);
    job.decline(1, 'source/0');
    assert.equal(job.coordinator.stats.snapshot().counts.failed, 1);
  });

  it('without touching the one before', async () => {
    const job = new CoordinatedJob({ tolerableFailed: 1 });
    job.coordinator.start();
    await job.advance(1000);
    await job.complete(1);
    await job.advance(1000);
    job.decline(2, 'sink/0');
    await job.settle();
    assert.equal(job.latestId(), 1);
    assert.deepEqual(await job.files(), [`/checkpoints/${JOB}/chk-1/_metadata`]);
  });

  it('not because of an attempt, a task or a checkpoint that it does not know', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    const sink = job.attempt('sink/0');
    job.coordinator.decline({ ...sink, attemptNumber: 1 }, 1, { name: 'Error', message: 'old' });
    job.coordinator.decline({ ...sink, subtaskIndex: 5 }, 1, { name: 'Error', message: 'foreign' });
    job.coordinator.decline(sink, 77, { name: 'Error', message: 'unknown' });
    job.coordinator.acknowledge({ ...sink, attemptNumber: 1 }, 1, snapshotOf('sink/0', false), METRICS);
    job.acknowledge(1, ['source/0', 'source/0', 'source/1', 'source/1']);
    await job.settle();
    assert.deepEqual([job.failures, job.completed], [[], []]);
    await job.complete(1);
    assert.equal(job.completed.length, 3);
  });
});

describe('the end of the input', () => {
  it('begins a checkpoint at once when all tasks have reached it', async () => {
    const job = new CoordinatedJob({ minPauseMs: 5000 });
    job.coordinator.start();
    job.coordinator.endOfData(job.attempt('source/0'));
    job.coordinator.endOfData(job.attempt('source/1'));
    assert.deepEqual(job.begun, []);
    job.coordinator.endOfData(job.attempt('sink/0'));
    assert.deepEqual(job.begun, [1]);
    await job.complete(1, true);
    await job.advance(10_000);
    assert.deepEqual(job.begun, [1]);
    for (const task of ['source/0', 'source/1', 'sink/0']) job.endTask(task);
    await job.advance(10_000);
    assert.deepEqual(job.begun, [1]);
  });

  it('waits for a checkpoint that is under way, and for the tasks that end with it', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    job.acknowledge(1, ['source/0', 'source/1'], true);
    job.acknowledge(1, ['sink/0']);
    for (const task of ['source/0', 'source/1', 'sink/0']) job.coordinator.endOfData(job.attempt(task));
    await job.settle();
    assert.equal(job.latestId(), 1);
    assert.deepEqual(job.begun, [1]);
    job.endTask('source/0');
    assert.deepEqual(job.begun, [1]);
    job.endTask('source/1');
    assert.deepEqual(job.triggered.at(-1), {
      task: 'sink/0',
      id: 2,
      options: { kind: 'CHECKPOINT', alignment: 'ALIGNED', directory: `/checkpoints/${JOB}/chk-2` },
    });
  });

  it('says of tasks that have ended that they have finished', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    job.acknowledge(1, ['source/0'], true);
    job.acknowledge(1, ['source/1', 'sink/0']);
    await job.settle();
    const first = job.coordinator.latest?.operators[0]?.subtasks;
    assert.deepEqual(
      first?.map((s) => [s.finished, s.operator !== undefined]),
      [
        [true, true],
        [undefined, true],
      ],
    );
    job.endTask('source/0');
    await job.advance(1000);
    await job.complete(2);
    assert.deepEqual(job.coordinator.latest?.operators[0]?.subtasks[0], {
      finished: true,
      watermark: Number.POSITIVE_INFINITY,
    });
  });

  it('a task that ends before it took part ends the checkpoint, which is nobody’s failure', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    job.endTask('source/0');
    assert.equal(job.aborted.length, 3);
    assert.deepEqual(job.failures, []);
  });

  it('the end of an attempt that is no more ends nothing', async () => {
    const job = new CoordinatedJob();
    const attempt = job.attempt('source/0');
    job.running.set('source/0', { ...attempt, attemptNumber: 1 });
    job.coordinator.start();
    await job.advance(1000);
    job.coordinator.taskEnded(attempt);
    assert.deepEqual(job.aborted, []);
  });

  it('after a failover of another region, the final checkpoint is taken again', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    for (const task of job.running.keys()) job.coordinator.endOfData(job.attempt(task));
    assert.deepEqual(job.begun, [1]);
    await job.coordinator.abortPending(new Error('task failed'));
    job.coordinator.start();
    assert.deepEqual(job.begun, [1, 2]);
  });

  it('begins nothing before tasks have ended that had finished before the restore', async () => {
    const job = new CoordinatedJob();
    job.coordinator.restoredAtEnd(job.attempt('source/0'));
    job.coordinator.start();
    const savepoint = job.coordinator.triggerSavepoint({ stop: 'TERMINATE' });
    await job.advance(5000);
    assert.deepEqual(job.begun, []);
    job.endTask('source/0');
    await job.complete(1);
    assert.equal((await savepoint).checkpointId, 1);
  });

  it('says why a job does not end whose final checkpoint fails again and again, ever less often', async () => {
    const job = new CoordinatedJob({ tolerableFailed: 1_000_000 });
    job.onWrite = () => Promise.reject(new MillraceError('FILE_SYSTEM_FAILED', 'The disk is full.'));
    job.coordinator.start();
    for (const task of job.running.keys()) job.coordinator.endOfData(job.attempt(task));
    const said: number[] = [];
    for (let second = 0; second < 200; second++) {
      await job.complete(job.begun.at(-1) as number, true);
      await job.advance(1000);
      for (const warning of job.warnings.splice(0)) {
        if (!warning.includes('All input was processed')) continue;
        said.push(second);
        assert.match(warning, /'test job': .* s ago\. The job ends when its last checkpoint is complete.*The disk is full\./);
      }
    }
    assert.deepEqual(said, [0, 19, 59, 139]);
    job.onWrite = async () => {};
    await job.complete(job.begun.at(-1) as number, true);
    await job.advance(1_000_000);
    assert.deepEqual(job.warnings, []);
  });

  it('says why a job does not end whose final checkpoint takes its time', async () => {
    const job = new CoordinatedJob({ timeoutMs: 1_000_000 });
    job.coordinator.start();
    for (const task of job.running.keys()) job.coordinator.endOfData(job.attempt(task));
    job.acknowledge(1, ['sink/0'], true);
    await job.advance(9_999);
    assert.equal(job.warnings.length, 0);
    await job.advance(1);
    assert.match(job.warnings.join(), /10 s ago.*Checkpoint 1 is under way: 2 of 3 tasks have not acknowledged it\.$/);
  });

  it('a final checkpoint that fails is taken again', async () => {
    const job = new CoordinatedJob({ tolerableFailed: 1 });
    job.coordinator.start();
    for (const task of job.running.keys()) job.coordinator.endOfData(job.attempt(task));
    job.decline(1, 'sink/0');
    assert.deepEqual(job.begun, [1]);
    await job.advance(1000);
    assert.deepEqual(job.begun, [1, 2]);
  });

  it('without periodic checkpoints, nothing begins by itself', async () => {
    const { intervalMs: _, ...rest } = SETTINGS;
    const job = new CoordinatedJob({ ...rest, intervalMs: undefined as never });
    job.coordinator.start();
    for (const task of job.running.keys()) job.coordinator.endOfData(job.attempt(task));
    await job.advance(100_000);
    assert.deepEqual(job.begun, []);
  });
});

describe('a failover', () => {
  it('gives up what is under way, and nothing begins until the start', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    await job.coordinator.abortPending(new Error('task failed'));
    assert.equal(job.aborted.length, 3);
    assert.deepEqual(job.failures, []);
    await job.complete(1);
    await job.advance(10_000);
    assert.deepEqual(job.begun, [1]);
    assert.equal(job.latestId(), undefined);
    job.coordinator.start();
    await job.advance(1000);
    assert.deepEqual(job.begun, [1, 2]);
  });

  it('waits for the checkpoint whose metadata is being written, and goes on from it', async () => {
    const job = new CoordinatedJob();
    const written = Promise.withResolvers<void>();
    job.onWrite = () => written.promise;
    job.coordinator.start();
    await job.advance(1000);
    await job.complete(1);
    let ready = false;
    void job.coordinator.abortPending(new Error('task failed')).then(() => (ready = true));
    await job.settle();
    assert.equal(ready, false);
    assert.deepEqual(job.aborted, []);
    written.resolve();
    await job.settle();
    assert.equal(ready, true);
    assert.equal(job.latestId(), 1);
  });

  it('rejects savepoints that were asked for', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    const waiting = job.coordinator.triggerSavepoint();
    await Promise.all([
      job.coordinator.abortPending(new Error('task failed')),
      assert.rejects(waiting, { code: 'CHECKPOINT_FAILED', message: /task failed/ }),
    ]);
    await assert.rejects(job.coordinator.triggerSavepoint(), { code: 'CHECKPOINT_FAILED', message: /not running/ });
  });

  it('tasks that are not all running: the next one is taken an interval later', async () => {
    const job = new CoordinatedJob();
    job.notReady = 'a task is being deployed';
    job.coordinator.start();
    await job.advance(1500);
    assert.deepEqual(job.begun, []);
    await assert.rejects(job.coordinator.triggerSavepoint(), { code: 'CHECKPOINT_FAILED', message: /being deployed/ });
    job.notReady = undefined;
    await job.advance(500);
    assert.deepEqual(job.begun, [1]);
    assert.deepEqual(job.failures, []);
  });
});

describe('when the job has ended', () => {
  const kept = async (
    status: 'FINISHED' | 'CANCELED' | 'FAILED',
    retention: CheckpointSettings['retention'],
  ): Promise<boolean> => {
    const job = new CoordinatedJob({ retention });
    job.coordinator.start();
    await job.advance(1000);
    await job.complete(1);
    await job.coordinator.shutdown(status);
    await job.advance(10_000);
    assert.deepEqual(job.begun, [1]);
    return (await job.files()).length > 0;
  };
  it('its checkpoints are kept as is set', async () => {
    assert.deepEqual(
      await Promise.all([
        kept('FINISHED', 'RETAIN_ON_CANCELLATION'),
        kept('CANCELED', 'RETAIN_ON_CANCELLATION'),
        kept('FAILED', 'RETAIN_ON_CANCELLATION'),
        kept('CANCELED', 'DELETE_ON_CANCELLATION'),
        kept('FAILED', 'DELETE_ON_CANCELLATION'),
        kept('CANCELED', 'NO_EXTERNALIZED_CHECKPOINTS'),
        kept('FAILED', 'NO_EXTERNALIZED_CHECKPOINTS'),
      ]),
      [false, true, true, false, true, false, false],
    );
  });

  it('what was under way is gone', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await job.advance(1000);
    await (await job.fileSystem.create(`/checkpoints/${JOB}/chk-1/0123456789abcdef`)).close();
    await job.coordinator.shutdown('CANCELED');
    assert.deepEqual(await job.files(), []);
  });
});
