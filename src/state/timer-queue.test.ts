import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CanonicalKey, keyGroupOf, keyGroupRange, type Timer, TimerQueue } from './index.ts';

function popAll(queue: TimerQueue, until = Infinity): Timer[] {
  const popped: Timer[] = [];
  for (let timer = queue.popUntil(until); timer; timer = queue.popUntil(until)) popped.push(timer);
  return popped;
}

test('timers fire in the order of time, then of registration, each once', () => {
  const queue = new TimerQueue();
  assert.equal(queue.add('b', 'w', 20), true);
  assert.equal(queue.add('a', 'w', 20), true);
  assert.equal(queue.add('a', 'v', 20), true);
  assert.equal(queue.add('z', 'w', 10), true);
  assert.equal(queue.add('b', 'w', 20), false);
  assert.equal(queue.peekTimestamp(), 10);
  assert.deepEqual([queue.size, queue.countOf('a'), queue.has('a', 'v', 20), queue.has('a', 'x', 20)], [4, 2, true, false]);
  assert.equal(queue.popUntil(9), undefined);
  assert.deepEqual(
    popAll(queue, 20).map((t) => `${t.key}${t.namespace}${t.timestamp}`),
    ['zw10', 'bw20', 'aw20', 'av20'],
  );
  assert.deepEqual([queue.size, queue.peekTimestamp()], [0, undefined]);
});

test('a timer may be added and deleted while others of its time fire', () => {
  const queue = new TimerQueue();
  for (let i = 0; i < 20; i++) queue.add(i, '', 5);
  assert.equal(queue.popUntil(5)?.key, 0);
  queue.delete(1, '', 5);
  queue.add(0, '', 5);
  queue.add('early', '', 1);
  assert.deepEqual(
    popAll(queue, 5).map((t) => t.key),
    ['early', ...Array.from({ length: 18 }, (_, i) => i + 2), 0],
  );
});

test('times without end are allowed, what is not a number is refused', () => {
  const queue = new TimerQueue();
  queue.add('a', '', Infinity);
  queue.add('a', '', -Infinity);
  assert.deepEqual(
    popAll(queue).map((t) => t.timestamp),
    [-Infinity, Infinity],
  );
  for (const time of [Number.NaN, undefined, '5'])
    assert.throws(() => queue.add('a', '', time as number), { code: 'ILLEGAL_STATE', message: /needs a time/ });
  assert.equal(queue.size, 0);
});

test('deleted timers leave nothing behind, however many there were', () => {
  const queue = new TimerQueue();
  for (let i = 0; i < 10_000; i++) {
    queue.add('session', '', i);
    if (i > 0) queue.delete('session', '', i - 1);
  }
  assert.deepEqual([queue.size, queue.peekTimestamp()], [1, 9999]);
  queue.clear();
  assert.deepEqual([queue.size, queue.peekTimestamp()], [0, undefined]);
});

test('a snapshot by key group restores all timers in their order', () => {
  const queue = new TimerQueue();
  for (let i = 0; i < 100; i++) queue.add(`k${(i * 37) % 100}`, i % 2 ? 'w' : 'v', i % 3);
  const snapshot = structuredClone(queue.snapshot(128));
  const restored = new TimerQueue();
  restored.restore(snapshot);
  assert.deepEqual(popAll(restored), popAll(queue));
});

test('a rescale deals every timer to the subtask of its key', () => {
  const queue = new TimerQueue();
  for (let i = 0; i < 200; i++) queue.add(i, '', i);
  const snapshot = queue.snapshot(128);
  const found: CanonicalKey[] = [];
  for (let index = 0; index < 3; index++) {
    const range = keyGroupRange(3, 128, index);
    const part = new TimerQueue();
    part.restore(snapshot, range);
    for (const { key } of popAll(part)) {
      const group = keyGroupOf(key, 128);
      assert.ok(group >= range.start && group <= range.end);
      found.push(key);
    }
  }
  assert.deepEqual(
    found.sort((a, b) => Number(a) - Number(b)),
    Array.from({ length: 200 }, (_, i) => i),
  );
});

/** Few times make large buckets, many make a deep heap. */
const time = fc.oneof(fc.nat(2), fc.nat(60));
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('add' as const),
      key: fc.nat(30),
      namespace: fc.constantFrom('', 'w'),
      time,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('delete' as const),
      key: fc.nat(30),
      namespace: fc.constantFrom('', 'w'),
      time,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('pop' as const), time }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restore' as const) }) },
);

test('any sequence of operations does what a sorted list does', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
      let queue = new TimerQueue();
      const model: Timer[] = [];
      const place = (key: number, namespace: string, time: number): number =>
        model.findIndex((t) => t.key === key && t.namespace === namespace && t.timestamp === time);
      for (const op of operations) {
        if (op.type === 'add') {
          const known = place(op.key, op.namespace, op.time) >= 0;
          assert.equal(queue.add(op.key, op.namespace, op.time), !known);
          if (!known) model.push({ key: op.key, namespace: op.namespace, timestamp: op.time });
        } else if (op.type === 'delete') {
          const at = place(op.key, op.namespace, op.time);
          assert.equal(queue.delete(op.key, op.namespace, op.time), at >= 0);
          if (at >= 0) model.splice(at, 1);
        } else if (op.type === 'pop') {
          const first = Math.min(...model.map((t) => t.timestamp));
          const at = first <= op.time ? model.findIndex((t) => t.timestamp === first) : -1;
          assert.deepEqual(queue.popUntil(op.time), at >= 0 ? model.splice(at, 1)[0] : undefined);
        } else {
          const snapshot = queue.snapshot(16);
          queue = new TimerQueue();
          queue.restore(snapshot);
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.peekTimestamp(), model.length ? Math.min(...model.map((t) => t.timestamp)) : undefined);
      }
    }),
    { numRuns: 150 },
  );
});

test('frozen timers are those of their moment, and are encoded in portions', () => {
  const queue = new TimerQueue();
  for (let i = 0; i < 25; i++) queue.add(`key ${i}`, '', i % 3);
  const expected = queue.snapshot(8);
  const frozen = queue.freeze(8);
  queue.popUntil(0);
  queue.delete('key 1', '', 1);
  queue.add('key 1', 'late', 1);
  const encoding = frozen.encode(10);
  let portions = 1;
  let step = encoding.next();
  for (; !step.done; step = encoding.next()) portions++;
  assert.deepEqual(step.value, expected);
  assert.equal(portions, 3);
});
