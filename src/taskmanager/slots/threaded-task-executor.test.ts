import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JobId, MillraceError, silentLogger, type VertexId } from '../../common/index.ts';
import type { JobMasterGateway, TaskDeploymentDescriptor, TaskStateReport } from '../../protocol/index.ts';
import { createMemoryTransports, RpcConnection } from '../../rpc/index.ts';
import { VirtualClock } from '../../testing/index.ts';
import { type RingEnd, SLOT_GATEWAY, SLOT_MASTER_GATEWAY, type SlotGateway } from './slot-gateways.ts';
import { type Slot, SlotPool, type SlotThread } from './slot-pool.ts';
import { ThreadedTaskExecutor } from './threaded-task-executor.ts';

const JOB = '0'.repeat(32) as JobId;

/** The far end of a slot that does what a test tells it to. */
class FakeThread implements SlotThread {
  readonly connection: RpcConnection;
  readonly calls: string[] = [];
  readonly rings = new Map<string, readonly RingEnd[]>();
  readonly master: JobMasterGateway;
  alive = true;
  private readonly end = Promise.withResolvers<string>();

  constructor(slot: number, gateway: Partial<SlotGateway> = {}) {
    const [near, far] = createMemoryTransports();
    this.connection = new RpcConnection(near, { peer: `slot ${slot}` });
    const server = new RpcConnection(far, { peer: 'main' });
    this.master = server.gateway(SLOT_MASTER_GATEWAY);
    const note = (name: string) => async (attempt: { subtaskIndex?: number }) => {
      this.calls.push(attempt.subtaskIndex === undefined ? name : `${name} ${attempt.subtaskIndex}`);
    };
    server.serve(SLOT_GATEWAY, {
      submitTask: async (descriptor, rings) => {
        this.calls.push(`submit ${descriptor.attempt.subtaskIndex}`);
        this.rings.set(`${descriptor.vertex.id}/${descriptor.attempt.subtaskIndex}/${descriptor.attempt.attemptNumber}`, rings);
      },
      startTask: note('start'),
      cancelTask: note('cancel'),
      sendOperatorEvent: note('event'),
      triggerCheckpoint: note('checkpoint'),
      notifyCheckpointComplete: note('complete'),
      notifyCheckpointAborted: note('aborted'),
      releaseJob: async () => void this.calls.push('release'),
      mergeAccumulators: async (_, before) => ({ ...before, [`slot ${slot}`]: { fields: {}, value: slot } }),
      requestMetrics: async () => [{ scope: ['Map', String(slot)], name: 'n', value: slot }],
      ...gateway,
    });
  }

  get ended(): Promise<string> {
    return this.end.promise;
  }

  keepAlive(alive: boolean): void {
    this.alive = alive;
  }

  async terminate(): Promise<void> {
    this.die('it was terminated');
  }

  die(reason: string): void {
    this.end.resolve(reason);
  }
}

function setUp(options: { prepareJob?: (slot: Slot) => Promise<void>; gateway?: Partial<SlotGateway> } = {}) {
  const clock = new VirtualClock();
  const threads: FakeThread[] = [];
  const reports: TaskStateReport[] = [];
  const pool = new SlotPool({
    clock,
    log: () => {},
    startThread: (slot) => {
      const thread = new FakeThread(slot, options.gateway);
      threads.push(thread);
      return thread;
    },
  });
  const jobMaster = { updateTaskState: (report: TaskStateReport) => void reports.push(report) } as JobMasterGateway;
  const executor = new ThreadedTaskExecutor(
    { cancellationTimeoutMs: 5_000 },
    { clock, logger: silentLogger, pool, prepareJob: options.prepareJob ?? (async () => {}), jobMasterOf: () => jobMaster },
  );
  return { clock, threads, reports, pool, executor };
}

function descriptor(
  subtaskIndex: number,
  more: Partial<TaskDeploymentDescriptor> & { readonly attemptNumber?: number } = {},
): TaskDeploymentDescriptor {
  const { attemptNumber = 0, ...rest } = more;
  const id = (rest.vertex?.id ?? 'map') as VertexId;
  return {
    attempt: { jobId: JOB, vertexId: id, subtaskIndex, attemptNumber },
    jobName: 'Job',
    taskName: 'Map',
    vertex: { id } as TaskDeploymentDescriptor['vertex'],
    parallelism: 2,
    slot: subtaskIndex,
    consumes: [],
    produces: [],
    settings: {} as TaskDeploymentDescriptor['settings'],
    ...rest,
  };
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

test('each task goes to its slot, and each slot is prepared once', async () => {
  const prepared: number[] = [];
  const { executor, threads } = setUp({ prepareJob: async (slot) => void prepared.push(slot.index) });
  await Promise.all([0, 1].map((i) => executor.submitTask(descriptor(i))));
  await executor.submitTask(descriptor(1, { vertex: { id: 'sink' } as TaskDeploymentDescriptor['vertex'] }));
  assert.deepEqual(prepared, [0, 1]);
  assert.deepEqual(
    threads.map((t) => t.calls),
    [['submit 0'], ['submit 1', 'submit 1']],
  );
});

test('nothing overtakes a deployment that waits for its slot, nor one another', async () => {
  const ready = Promise.withResolvers<void>();
  const { executor, threads } = setUp({ prepareJob: () => ready.promise });
  const { attempt } = descriptor(0);
  const calls = [
    executor.submitTask(descriptor(0)),
    executor.startTask(attempt),
    executor.sendOperatorEvent(attempt, 'split'),
    executor.triggerCheckpoint(attempt, 1, 0, {} as never),
  ];
  await settled();
  ready.resolve();
  await calls[0];
  calls.push(executor.cancelTask(attempt));
  await Promise.all(calls);
  assert.deepEqual(threads[0]?.calls, ['submit 0', 'start 0', 'event 0', 'checkpoint 0', 'cancel 0']);
});

test('the tasks of a lost slot fail with the reason, and its next task finds a new thread', async () => {
  const { executor, threads, reports } = setUp();
  await Promise.all([0, 1].map((i) => executor.submitTask(descriptor(i))));
  threads[1]?.die('it fell over');
  await settled();
  assert.deepEqual(
    reports.map((r) => [r.attempt.subtaskIndex, r.state, r.error?.message, r.error?.recoverable]),
    [[1, 'FAILED', 'Task Map (2/2) failed: Slot 1 was lost: it fell over.', true]],
  );
  await executor.startTask(descriptor(1).attempt);
  await executor.submitTask(descriptor(1, { attemptNumber: 1 }));
  assert.deepEqual(
    threads.map((t) => t.calls),
    [['submit 0'], ['submit 1'], ['submit 1']],
  );
});

test('what was asked of a slot counts as done when it is lost, and the loss is reported once', async () => {
  const { executor, threads, reports } = setUp({ gateway: { startTask: () => new Promise(() => {}) } });
  await executor.submitTask(descriptor(0));
  const start = executor.startTask(descriptor(0).attempt);
  await settled();
  threads[0]?.die('it fell over');
  await start;
  assert.equal(reports.length, 1);
});

test('a task that does not stop takes its slot with it after the grace period, and was canceled then', async () => {
  const { executor, threads, reports, clock } = setUp({ gateway: { cancelTask: () => new Promise(() => {}) } });
  await Promise.all([0, 1].map((i) => executor.submitTask(descriptor(i))));
  const canceled = executor.cancelTask(descriptor(0).attempt);
  await settled();
  clock.advanceBy(4_999);
  await settled();
  assert.equal(reports.length, 0);
  clock.advanceBy(1);
  await canceled;
  assert.deepEqual(
    reports.map((r) => [r.attempt.subtaskIndex, r.state]),
    [[0, 'CANCELED']],
  );
  assert.equal(await threads[0]?.ended, 'it was terminated');
});

test('a task that has stopped in time leaves its slot alone', async () => {
  const { executor, threads, reports, clock } = setUp();
  await executor.submitTask(descriptor(0));
  const { attempt } = descriptor(0);
  await executor.cancelTask(attempt);
  threads[0]?.master.updateTaskState({ attempt, state: 'CANCELED' });
  await settled();
  clock.advanceBy(60_000);
  await settled();
  assert.equal(reports.length, 1);
  await executor.submitTask(descriptor(0, { attemptNumber: 1 }));
  assert.equal(threads.length, 1);
});

test('a program that cannot be prepared fails the deployment, also when its thread ended over it', async () => {
  const wrong = setUp({ prepareJob: async () => Promise.reject(new MillraceError('INVALID_PROGRAM', 'another graph')) });
  await assert.rejects(wrong.executor.submitTask(descriptor(0)), { code: 'INVALID_PROGRAM' });
  const ended = setUp({
    prepareJob: async (slot) => {
      slot.terminate('its program called process.exit');
      await slot.connection.closed.then((error) => Promise.reject(error));
    },
  });
  await assert.rejects(ended.executor.submitTask(descriptor(0)), {
    message: 'Slot 0 was lost: its program called process.exit.',
  });
  assert.deepEqual(ended.reports, []);
});

test('both ends of a channel between slots get one ring, and a later attempt another', async () => {
  const { executor, threads, pool } = setUp();
  const connection = {
    edge: { partitioner: 'HASH' },
    edgeIndex: 4,
    producerParallelism: 2,
    consumerParallelism: 2,
    peerSlots: [0, 1],
  } as unknown as TaskDeploymentDescriptor['consumes'][number];
  const vertex = (id: string) => ({ id }) as TaskDeploymentDescriptor['vertex'];
  for (const attemptNumber of [0, 1]) {
    for (const i of [0, 1])
      await executor.submitTask(descriptor(i, { attemptNumber, vertex: vertex('sink'), consumes: [connection] }));
    for (const i of [0, 1])
      await executor.submitTask(descriptor(i, { attemptNumber, vertex: vertex('map'), produces: [connection] }));
  }
  const ends = (slot: number, key: string) => threads[slot]?.rings.get(key) ?? [];
  assert.deepEqual(
    ends(1, 'sink/1/0').map((end) => [end.edgeIndex, end.producerSubtask, end.consumerSubtask]),
    [[4, 0, 1]],
  );
  new Uint8Array(pool.doorbell(0))[0] = 7;
  assert.equal(new Uint8Array(ends(1, 'sink/1/0')[0]?.peerDoorbell as SharedArrayBuffer)[0], 7);
  const ring = ends(1, 'sink/1/0')[0]?.ring;
  assert.ok(ring instanceof SharedArrayBuffer);
  new Uint8Array(ring)[0] = 42;
  assert.equal(new Uint8Array(ends(0, 'map/0/0')[0]?.ring as SharedArrayBuffer)[0], 42);
  assert.equal(new Uint8Array(ends(1, 'sink/1/1')[0]?.ring as SharedArrayBuffer)[0], 0);
});

test('accumulators and metrics are those of all slots, and outlive the job', async () => {
  const { executor } = setUp();
  await Promise.all([0, 1].map((i) => executor.submitTask(descriptor(i))));
  assert.deepEqual(await executor.requestAccumulators(JOB), { 'slot 0': 0, 'slot 1': 1 });
  await executor.releaseJob(JOB);
  assert.deepEqual(
    (await executor.requestMetrics(JOB)).map((sample) => sample.value),
    [0, 1],
  );
});

test('threads without a job do not keep the process alive, and end after a while unless a job comes', async () => {
  const { executor, threads, clock } = setUp();
  await executor.submitTask(descriptor(0));
  await executor.releaseJob(JOB);
  assert.equal(threads[0]?.alive, false);
  clock.advanceBy(500);
  await executor.submitTask(descriptor(0));
  assert.equal(threads[0]?.alive, true);
  clock.advanceBy(10_000);
  await executor.releaseJob(JOB);
  clock.advanceBy(1_000);
  assert.equal(await threads[0]?.ended, 'it was terminated');
  await settled();
  await executor.submitTask(descriptor(0));
  assert.equal(threads.length, 2);
});
