import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoordinatedJob } from './coordinated-job.test.ts';

describe('savepoints', () => {
  it('are taken at once, into a folder of their own, and commit nothing', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    const savepoint = job.coordinator.triggerSavepoint({ target: '/mine' });
    assert.equal(job.triggered[0]?.options.kind, 'SAVEPOINT');
    assert.match(job.triggered[0]?.options.directory ?? '', /^\/mine\/savepoint-aaaaaa-[0-9a-f]{12}$/);
    await job.complete(1);
    assert.deepEqual((await savepoint).externalPath, job.triggered[0]?.options.directory);
    assert.deepEqual([job.completed, job.coordinatorsComplete], [[], []]);
    assert.equal(job.latestId(), undefined);
  });

  it('wait for the checkpoint that is under way, and go before the next', async () => {
    const job = new CoordinatedJob({ timeoutMs: 60_000 });
    job.coordinator.start();
    await job.advance(1000);
    void job.coordinator.triggerSavepoint();
    await job.advance(2000);
    assert.deepEqual(job.begun, [1]);
    await job.complete(1);
    assert.deepEqual(
      job.triggered.map((t) => t.options.kind),
      ['CHECKPOINT', 'CHECKPOINT', 'SAVEPOINT', 'SAVEPOINT'],
    );
    await job.complete(2);
    assert.deepEqual(job.begun, [1, 2, 3]);
  });

  it('that fail do not count against the job', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    const savepoint = job.coordinator.triggerSavepoint();
    job.decline(1, 'sink/0', 'no room');
    await assert.rejects(savepoint, { code: 'CHECKPOINT_FAILED', message: "Savepoint 1 failed (job 'test job'): no room" });
    assert.deepEqual(job.failures, []);
  });

  it('without a place to go to are refused', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    await assert.rejects(job.coordinator.triggerSavepoint({ target: '' }), { code: 'INVALID_OPTION' });
    assert.deepEqual(job.begun, []);
    await job.advance(1000);
    assert.deepEqual(job.begun, [1]);
  });

  it('do not keep an enumerator that throws from being asked only once', async () => {
    const job = new CoordinatedJob();
    job.onSnapshot = () => {
      throw new Error('broken');
    };
    job.coordinator.start();
    await assert.rejects(job.coordinator.triggerSavepoint(), { message: /broken/ });
    assert.equal(job.coordinator.stats.snapshot().counts.total, 1);
  });

  it('without a stop leave tasks at their end to the next checkpoint', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    void job.coordinator.triggerSavepoint();
    for (const task of job.running.keys()) job.coordinator.endOfData(job.attempt(task));
    assert.deepEqual(job.begun, [1]);
    await job.complete(1, true);
    assert.deepEqual(job.begun, [1, 2]);
    assert.equal(job.triggered.at(-1)?.options.kind, 'CHECKPOINT');
  });

  it('with a stop: nothing else begins while it is under way, and nothing after it', async () => {
    const job = new CoordinatedJob({ maxConcurrent: 2, timeoutMs: 60_000 });
    job.coordinator.start();
    await job.advance(1000);
    const savepoint = job.coordinator.triggerSavepoint({ stop: 'TERMINATE' });
    await job.advance(3000);
    assert.deepEqual(job.begun, [1]);
    await job.complete(1);
    assert.deepEqual(job.triggered.at(-1)?.options.stop, 'TERMINATE');
    await job.advance(3000);
    assert.deepEqual(job.begun, [1, 2]);
    await assert.rejects(job.coordinator.triggerSavepoint({ stop: 'SUSPEND' }), { message: /stopping with another/ });
    await job.complete(2, true);
    const { checkpointId, operators } = await savepoint;
    assert.equal(checkpointId, 2);
    assert.equal(operators[0]?.subtasks[0]?.finished, undefined);
    assert.deepEqual(job.completed.slice(3), ['source/0:2', 'source/1:2', 'sink/0:2']);
    assert.equal(job.latestId(), 2);
    await job.advance(3000);
    assert.deepEqual(job.begun, [1, 2]);
    await assert.rejects(job.coordinator.triggerCheckpoint(), { message: /the job is stopping/ });
  });

  it('go on beside a later checkpoint that is complete before them', async () => {
    const job = new CoordinatedJob({ maxConcurrent: 2, timeoutMs: 60_000 });
    job.coordinator.start();
    const savepoint = job.coordinator.triggerSavepoint();
    await job.advance(1000);
    await job.complete(2);
    assert.deepEqual(job.aborted, []);
    await job.complete(1);
    assert.equal((await savepoint).checkpointId, 1);
    assert.equal(job.latestId(), 2);
  });

  it('with a stop leave the job without checkpoints also if its tasks had not finished', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    void job.coordinator.triggerSavepoint({ stop: 'SUSPEND' });
    await job.complete(1);
    await job.advance(10_000);
    assert.deepEqual(job.begun, [1]);
  });

  it('with a stop that fail: checkpoints go on', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    const savepoint = job.coordinator.triggerSavepoint({ stop: 'SUSPEND' });
    job.decline(1, 'sink/0');
    await assert.rejects(savepoint);
    await job.advance(1000);
    assert.deepEqual(job.begun, [1, 2]);
    assert.equal(job.triggered.at(-1)?.options.stop, undefined);
  });
});

describe('a checkpoint on demand', () => {
  it('is one like any other, taken now', async () => {
    const job = new CoordinatedJob();
    job.coordinator.start();
    const checkpoint = job.coordinator.triggerCheckpoint();
    await job.complete(1);
    assert.equal((await checkpoint).checkpointId, 1);
    assert.equal(job.completed.length, 3);
    await job.advance(999);
    assert.deepEqual(job.begun, [1]);
    await job.advance(1);
    assert.deepEqual(job.begun, [1, 2]);
  });
});
