/**
 * Whatever tasks, storage, time and users do, in whatever order: what the coordinator promises holds at every step, and when
 * the faults stop, checkpoints are taken again.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../common/index.ts';
import type { CheckpointSettings } from '../../protocol/index.ts';
import { CoordinatedJob, METRICS, snapshotOf } from './coordinated-job.test.ts';

const TASKS = ['source/0', 'source/1', 'sink/0'];

const task = fc.constantFrom(...TASKS);
/** How many checkpoints back from the newest. */
const back = fc.integer({ min: 0, max: 2 });

const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('ADVANCE' as const), ms: fc.integer({ min: 0, max: 800 }) }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('ACKNOWLEDGE' as const), task, back }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('ACKNOWLEDGE_ALL' as const), back }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('DECLINE' as const), task, back }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('END_OF_DATA' as const), task }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('FAILOVER' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('SAVEPOINT' as const), stop: fc.constantFrom(undefined, 'TERMINATE' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('CHECKPOINT' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('STORAGE' as const),
      is: fc.constantFrom('FAST' as const, 'SLOW' as const, 'FULL' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('ENUMERATOR' as const), fails: fc.boolean() }) },
);

type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

const settings = fc.record<Partial<CheckpointSettings>>({
  maxConcurrent: fc.constantFrom(1, 2, 3),
  minPauseMs: fc.constantFrom(0, 700),
  timeoutMs: fc.constantFrom(300, 2500),
  numRetained: fc.constantFrom(1, 2),
  tolerableFailed: fc.constant(1_000_000),
});

class Run {
  readonly job: CoordinatedJob;
  private readonly settings: Partial<CheckpointSettings>;
  private readonly acknowledged = new Map<number, Set<string>>();
  private readonly durable = new Set<number>();
  private readonly notified = new Map<string, 'COMPLETE' | 'ABORTED'>();
  /** Tasks at the end of their data, and the checkpoint after that whose completion ends them. */
  private readonly atEnd = new Map<string, number | undefined>();
  private checked = { completed: 0, aborted: 0 };
  private latest = 0;

  constructor(of: Partial<CheckpointSettings>) {
    this.settings = of;
    this.job = new CoordinatedJob(of);
    this.storage('FAST');
    this.job.coordinator.start();
  }

  async perform(step: Command): Promise<void> {
    const { job } = this;
    switch (step.type) {
      case 'ADVANCE':
        await job.advance(step.ms);
        break;
      case 'ACKNOWLEDGE':
        this.acknowledge(step.task, this.idOf(step.back));
        break;
      case 'ACKNOWLEDGE_ALL':
        for (const name of TASKS) this.acknowledge(name, this.idOf(step.back));
        break;
      case 'DECLINE':
        if (job.running.has(step.task)) job.decline(this.idOf(step.back), step.task);
        break;
      case 'END_OF_DATA':
        if (!job.running.has(step.task) || this.atEnd.has(step.task)) break;
        this.atEnd.set(step.task, undefined);
        job.coordinator.endOfData(job.attempt(step.task));
        break;
      case 'FAILOVER':
        await this.failover();
        break;
      case 'SAVEPOINT':
        job.coordinator.triggerSavepoint(step.stop === undefined ? {} : { stop: step.stop }).catch(() => {});
        break;
      case 'CHECKPOINT':
        job.coordinator.triggerCheckpoint().catch(() => {});
        break;
      case 'STORAGE':
        this.storage(step.is);
        break;
      case 'ENUMERATOR':
        job.onSnapshot = () => {
          if (step.fails) throw new Error('the enumerator is broken');
        };
        break;
    }
    await job.settle();
    this.check();
    this.endCommittedTasks();
  }

  /** No more faults: after a failover the job takes checkpoints again, and its folders hold what is retained and no more. */
  async recover(): Promise<void> {
    const { job } = this;
    await this.perform({ type: 'STORAGE', is: 'FAST' });
    await this.perform({ type: 'ENUMERATOR', fails: false });
    await this.failover();
    const before = this.latest;
    await job.advance(1000);
    this.check();
    if (job.running.size > 0) {
      await this.perform({ type: 'ACKNOWLEDGE_ALL', back: 0 });
      assert.ok((job.latestId() ?? 0) > before, 'a checkpoint after the faults is complete');
    }
    await job.coordinator.abortPending(new Error('the end'));
    await job.store.settled();
    await job.settle();
    const retained = job.store.retained.map((c) => `${c.externalPath}/_metadata`);
    const kept = (await job.files()).filter((path) => path.startsWith('/checkpoints'));
    assert.deepEqual(kept, retained.filter((path) => path.startsWith('/checkpoints')).sort());
  }

  private idOf(stepsBack: number): number {
    return (this.job.begun.at(-1) ?? 0) - stepsBack;
  }

  private acknowledge(name: string, id: number): void {
    const attempt = this.job.running.get(name);
    if (attempt === undefined || !this.job.begun.includes(id)) return;
    const finished = this.atEnd.has(name);
    if (finished && this.atEnd.get(name) === undefined) this.atEnd.set(name, id);
    const acknowledged = this.acknowledged.get(id) ?? new Set();
    this.acknowledged.set(id, acknowledged.add(`${name}#${attempt.attemptNumber}`));
    this.job.coordinator.acknowledge(attempt, id, snapshotOf(name, finished), METRICS);
  }

  private storage(is: 'FAST' | 'SLOW' | 'FULL'): void {
    const { job } = this;
    const { clock } = job;
    job.onWrite = async () => {
      if (is === 'FULL') throw new MillraceError('FILE_SYSTEM_FAILED', 'the disk is full');
      if (is === 'SLOW') await new Promise<void>((resolve) => clock.setTimer(900, resolve));
    };
    job.onWritten = (id) => void this.durable.add(id);
  }

  private async failover(): Promise<void> {
    const { job } = this;
    const aborted = job.coordinator.abortPending(new Error('a task failed'));
    await job.advance(5000);
    await aborted;
    this.check();
    this.endCommittedTasks();
    for (const [name, attempt] of job.running) {
      job.running.set(name, { ...attempt, attemptNumber: attempt.attemptNumber + 1 });
      this.atEnd.delete(name);
    }
    job.coordinator.start();
    await job.settle();
  }

  private check(): void {
    const { job } = this;
    const { counts } = job.coordinator.stats.snapshot();
    assert.ok(counts.inProgress <= (this.settings.maxConcurrent ?? 1), 'no more at once than allowed');
    assert.equal(counts.total, counts.inProgress + counts.completed + counts.failed);
    for (const notice of job.completed.slice(this.checked.completed)) {
      const [name, id] = notice.split(':') as [string, string];
      assert.ok(this.durable.has(Number(id)), `checkpoint ${id} is durable before it is committed`);
      const expected = job.tasksOf.get(Number(id)) ?? assert.fail();
      const acknowledged = this.acknowledged.get(Number(id)) ?? new Set();
      assert.ok(
        expected.every((key) => acknowledged.has(key)),
        `all tasks of checkpoint ${id} acknowledged it`,
      );
      this.notify(`${name}:${id}`, 'COMPLETE');
    }
    for (const notice of job.aborted.slice(this.checked.aborted)) this.notify(notice, 'ABORTED');
    this.checked = { completed: job.completed.length, aborted: job.aborted.length };
    const latest = job.latestId() ?? 0;
    assert.ok(latest >= this.latest, 'what to go on from never becomes older');
    assert.ok(latest === 0 || this.durable.has(latest), 'what to go on from is durable');
    this.latest = latest;
    assert.deepEqual(job.failures, []);
  }

  private notify(notice: string, outcome: 'COMPLETE' | 'ABORTED'): void {
    assert.equal(this.notified.get(notice), undefined, `${notice} has one outcome`);
    this.notified.set(notice, outcome);
  }

  private endCommittedTasks(): void {
    for (const name of [...this.job.running.keys()]) {
      const last = this.atEnd.get(name);
      const attempt = this.job.attempt(name);
      const committed =
        last !== undefined && this.job.completed.some((n) => n.startsWith(`${name}:`) && Number(n.split(':')[1]) >= last);
      if (committed && attempt !== undefined) {
        this.atEnd.delete(name);
        this.job.endTask(name);
      }
    }
  }
}

describe('the coordinator of checkpoints, whatever happens', () => {
  it('commits only what is durable and acknowledged by all, once, and recovers', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(command, { maxLength: 40 }), async (of, commands) => {
        if ((of.maxConcurrent ?? 1) > 1) of = { ...of, minPauseMs: 0 };
        const run = new Run(of);
        for (const step of commands) await run.perform(step);
        await run.recover();
      }),
      { numRuns: 300 },
    );
  });
});
