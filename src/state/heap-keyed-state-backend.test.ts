import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeyedStateBackend, ListStateDescriptor, ValueStateDescriptor } from './index.ts';
import { keyedStateContract, ManualClock } from './keyed-state-contract.test.ts';

keyedStateContract('hashmap', createKeyedStateBackend);

test('values are held by reference', () => {
  const backend = createKeyedStateBackend({ clock: new ManualClock(), maxParallelism: 128 });
  const state = backend.getPartitionedState(new ValueStateDescriptor<number[]>('v'));
  backend.setCurrentKey('a');
  const held = [1];
  state.update(held);
  held.push(2);
  assert.equal(state.value(), held);
});

test('a table that has grown past one Map still finds, visits and restores every key', () => {
  const backend = createKeyedStateBackend({ clock: new ManualClock(), maxParallelism: 128 });
  const state = backend.getPartitionedState(new ListStateDescriptor<number>('v'));
  const keyOf = (i: number): unknown => (i % 3 === 0 ? i : i % 3 === 1 ? `k${i}` : BigInt(i));
  const count = 70_000;
  for (let i = 0; i < count; i++) {
    backend.setCurrentKey(keyOf(i));
    state.add(i);
  }
  assert.equal(backend.entryCount('v'), count);
  for (let i = 0; i < count; i += 7) {
    backend.setCurrentKey(keyOf(i));
    assert.deepEqual([...state.get()], [i]);
    state.clear();
  }
  const restored = createKeyedStateBackend({ clock: new ManualClock(), maxParallelism: 128 });
  restored.restore([backend.snapshot()]);
  assert.equal(restored.entryCount('v'), count - Math.ceil(count / 7));
  let visited = 0;
  restored.forEachKey(new ListStateDescriptor<number>('v'), (key, list) => {
    const [i] = [...list.get()];
    assert.equal(key, keyOf(i));
    visited++;
    list.clear();
  });
  assert.equal(visited, count - Math.ceil(count / 7));
  assert.equal(restored.isEmpty(), true);
});
