import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TransactionPool } from './transaction-pool.ts';

/** A pool as its writer uses it: a transaction is prepared for every snapshot. */
class Writer {
  readonly initialized: string[] = [];
  readonly pool = new TransactionPool('p', '0-abc', 2, async (id) => {
    this.initialized.push(id);
    return { producerId: 1, producerEpoch: this.initialized.length };
  });

  async snapshot(checkpointId: number): Promise<string> {
    const { transaction } = await this.pool.acquire();
    this.pool.prepared(transaction.transactionalId);
    this.pool.snapshotTaken(checkpointId);
    return transaction.transactionalId.replace('p-0-abc-', '');
  }
}

test('a name is used again when a checkpoint that was begun after its commit is complete', async () => {
  const writer = new Writer();
  const used: string[] = [];
  for (let checkpoint = 1; checkpoint <= 6; checkpoint++) {
    used.push(await writer.snapshot(checkpoint));
    writer.pool.checkpointCompleted(checkpoint);
  }
  assert.deepEqual(used, ['0', '1', '0', '1', '0', '1']);
  assert.equal(writer.initialized.length, 6, 'each transaction begins with a new epoch');
  assert.deepEqual(writer.pool.waiting, []);
});

test('a name waits while the checkpoint that committed it is the newest one', async () => {
  const writer = new Writer();
  assert.equal(await writer.snapshot(1), '0');
  assert.equal(await writer.snapshot(2), '1');
  // Both hold transaction 0, so it may be committed once more as long as 2 is what a failure goes back to.
  writer.pool.checkpointCompleted(1);
  assert.equal(await writer.snapshot(3), '2');
  writer.pool.checkpointCompleted(2);
  assert.equal(await writer.snapshot(4), '3');
  writer.pool.checkpointCompleted(3);
  assert.equal(await writer.snapshot(5), '0');
});

test('what a savepoint holds is never used again', async () => {
  const writer = new Writer();
  assert.equal(await writer.snapshot(1), '0');
  writer.pool.checkpointCompleted(1);
  const savepoint = await writer.snapshot(2);
  const used: string[] = [];
  for (let checkpoint = 3; checkpoint <= 10; checkpoint++) {
    used.push(await writer.snapshot(checkpoint));
    writer.pool.checkpointCompleted(checkpoint);
  }
  assert.ok(!used.includes(savepoint), `${used}`);
});

test('what waits for its commit is named until the checkpoint is complete', async () => {
  const writer = new Writer();
  await writer.snapshot(1);
  await writer.snapshot(2);
  assert.deepEqual(writer.pool.waiting, ['p-0-abc-0', 'p-0-abc-1']);
  writer.pool.checkpointCompleted(1);
  assert.deepEqual(writer.pool.waiting, ['p-0-abc-1']);
});

test('whatever completes when, a transaction begins under no name that a restore could still commit', async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant('snapshot' as const) },
    { weight: 2, arbitrary: fc.constant('savepoint' as const) },
    { weight: 3, arbitrary: fc.record({ complete: fc.nat(2) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const writer = new Writer();
      let nextId = 1;
      // What the engine keeps: uncommitted transactions, and the snapshots that can be restored.
      let uncommitted: { id: number; name: string }[] = [];
      const restorable = new Map<number, string[]>();
      const savepoints = new Set<number>();
      let pending: number[] = [];
      for (const what of steps) {
        if (typeof what === 'string') {
          const id = nextId++;
          const { transaction } = await writer.pool.acquire();
          const name = transaction.transactionalId;
          for (const [at, names] of restorable) assert.ok(!names.includes(name), `${name} is in snapshot ${at}`);
          uncommitted.push({ id, name });
          writer.pool.prepared(name);
          writer.pool.snapshotTaken(id);
          restorable.set(
            id,
            uncommitted.map((transaction) => transaction.name),
          );
          if (what === 'savepoint') savepoints.add(id);
          else pending.push(id);
        } else if (pending.length > 0) {
          const id = pending[Math.min(what.complete, pending.length - 1)] as number;
          pending = pending.filter((other) => other > id);
          // Older checkpoints are failures by now, and never restored.
          for (const at of restorable.keys()) if (at < id && !savepoints.has(at)) restorable.delete(at);
          uncommitted = uncommitted.filter((transaction) => transaction.id > id);
          writer.pool.checkpointCompleted(id);
        }
      }
    }),
  );
});
