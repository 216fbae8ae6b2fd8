import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { consumersOf, producersOf } from './channel-topology.ts';

test('a hash exchange connects all with all', () => {
  assert.deepEqual(consumersOf('HASH', 1, 2, 3), [0, 1, 2]);
  assert.deepEqual(producersOf('HASH', 2, 2, 3), [0, 1]);
});

test('forward connects equal subtasks', () => {
  assert.deepEqual(
    [0, 1, 2].map((i) => consumersOf('FORWARD', i, 3, 3)),
    [[0], [1], [2]],
  );
});

test('rescale deals contiguous shares', () => {
  assert.deepEqual(
    [0, 1].map((i) => consumersOf('RESCALE', i, 2, 5)),
    [
      [0, 1, 2],
      [3, 4],
    ],
  );
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((i) => consumersOf('RESCALE', i, 5, 2)),
    [[0], [0], [1], [1], [1]],
  );
});

test('every producer of a pointwise edge has a consumer and every consumer a producer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), (producers, consumers) => {
      const reached = new Map<number, number>();
      for (let p = 0; p < producers; p++) {
        const to = consumersOf('RESCALE', p, producers, consumers);
        assert.ok(to.length > 0);
        for (const c of to) reached.set(c, (reached.get(c) ?? 0) + 1);
      }
      assert.equal(reached.size, consumers);
      if (producers <= consumers) for (const n of reached.values()) assert.equal(n, 1);
    }),
  );
});
