import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FifoQueue } from './fifo-queue.ts';

const step = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 60 }).map((n) => ['push', n] as const) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 80 }).map((n) => ['shift', n] as const) },
  { weight: 1, arbitrary: fc.constant(['pop', 1] as const) },
);

test('a queue gives out what an array would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new FifoQueue<number>();
      const model: number[] = [];
      let next = 0;
      for (const [kind, times] of steps) {
        for (let i = 0; i < times; i++) {
          if (kind === 'push') {
            queue.push(next);
            model.push(next++);
          } else if (kind === 'shift') assert.equal(queue.shift(), model.shift());
          else {
            queue.pop();
            model.pop();
          }
          assert.deepEqual([queue.length, queue.first, queue.last], [model.length, model[0], model.at(-1)]);
        }
        assert.deepEqual([...queue], model);
      }
    }),
  );
});
