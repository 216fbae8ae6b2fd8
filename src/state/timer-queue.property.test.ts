/**
 * Random programs against a sorted list, on every state backend and parallelism: `hashlog` with so little memory that most
 * timers are state, in spans that are cut and loaded all the time. At any time all is saved, and goes on elsewhere.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Timer } from './index.ts';
import { type TimerSetup, TimerSubtasks, textOf } from './timer-subtasks.test.ts';

/** Few times make many timers of one; far ones, and ends, make spans that are hardly ever reached. */
const time = fc.oneof(
  fc.nat(2),
  fc.nat(60),
  fc.integer({ min: -5, max: 10_000 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(Infinity, -Infinity),
);
const timer = { key: fc.oneof(fc.nat(30), fc.string({ maxLength: 3 })), namespace: fc.constantFrom('', 'w'), time };
const setup = fc.record({
  backend: fc.constantFrom('hashmap' as const, 'hashlog' as const, 'hashlog' as const),
  parallelism: fc.integer({ min: 1, max: 3 }),
  memoryBytes: fc.constantFrom(4096, 60_000, 400_000),
});
const operation = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant('add' as const), ...timer }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('add many' as const), ...timer, count: fc.nat(40), step: fc.nat(3) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('delete' as const), ...timer }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('delete one' as const), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pop' as const), time, count: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), canonical: fc.boolean(), setup }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

class Program {
  private model: Timer[] = [];
  private subtasks: TimerSubtasks;
  private current: TimerSetup;

  constructor(subtasks: TimerSubtasks, current: TimerSetup) {
    this.subtasks = subtasks;
    this.current = current;
  }

  async run(op: Operation): Promise<void> {
    switch (op.type) {
      case 'add':
        this.add(op.key, op.namespace, op.time + 0);
        break;
      case 'add many':
        for (let i = 0; i < op.count; i++) this.add(i, op.namespace, op.time + i * op.step + 0);
        break;
      case 'delete':
        this.delete({ key: op.key, namespace: op.namespace, timestamp: op.time + 0 });
        break;
      case 'delete one':
        if (this.model.length > 0) this.delete(this.model[op.which % this.model.length] as Timer);
        break;
      case 'pop':
        this.pop(op.time, op.count);
        break;
      case 'restart': {
        const sameBackend = op.setup.backend === this.current.backend;
        this.current = op.setup;
        this.subtasks = await this.subtasks.restart(op.setup, await this.subtasks.save(op.canonical || !sameBackend));
      }
    }
    assert.equal(this.subtasks.size, this.model.length);
  }

  end(): void {
    assert.deepEqual(textOf(this.subtasks.popAll()), textOf(this.model));
    assert.equal(this.subtasks.size, 0);
    this.subtasks.close();
    assert.equal(this.subtasks.spill.fileCount, 0, 'files are left behind');
  }

  private add(key: number | string, namespace: string, timestamp: number): void {
    const isNew = this.place({ key, namespace, timestamp }) < 0;
    assert.equal(this.subtasks.add(key, namespace, timestamp), isNew);
    if (isNew) this.model.push({ key, namespace, timestamp });
  }

  private delete(timer: Timer): void {
    const at = this.place(timer);
    assert.equal(this.subtasks.delete(timer.key, timer.namespace, timer.timestamp), at >= 0);
    if (at >= 0) this.model.splice(at, 1);
  }

  /** At most `count` of each subtask: it can stop in the middle. */
  private pop(until: number, count: number): void {
    for (const [index, queue] of this.subtasks.queues.entries()) {
      for (let i = 0; i < count; i++) {
        const own = this.model.filter(({ key }) => this.subtasks.indexOf(key) === index);
        const first = own.reduce((least, { timestamp }) => Math.min(least, timestamp), Number.POSITIVE_INFINITY);
        if (i % 2 === 0) assert.equal(queue.peekTimestamp(), own.length > 0 ? first : undefined);
        const popped = queue.popUntil(until);
        assert.equal(popped?.timestamp, own.length > 0 && first <= until ? first : undefined);
        if (popped === undefined) break;
        const at = this.place(popped);
        assert.ok(at >= 0);
        this.model.splice(at, 1);
      }
    }
  }

  private place({ key, namespace, timestamp }: Timer): number {
    return this.model.findIndex((t) => t.key === key && t.namespace === namespace && t.timestamp === timestamp);
  }
}

test('whatever is registered, deleted, fired, saved and restored, timers are those of a sorted list', async () => {
  await fc.assert(
    fc.asyncProperty(setup, fc.array(operation, { maxLength: 120, size: 'max' }), async (first, operations) => {
      const program = new Program(await TimerSubtasks.start(first), first);
      for (const op of operations) await program.run(op);
      program.end();
    }),
    { numRuns: 100 },
  );
});
