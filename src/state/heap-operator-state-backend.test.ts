import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Types } from '../serialization/index.ts';
import {
  createOperatorStateBackend,
  ListStateDescriptor,
  MapStateDescriptor,
  type OperatorStateSnapshot,
  redistributeOperatorState,
  StateTtlConfig,
} from './index.ts';

const splits = new ListStateDescriptor<any>('splits');
const union = new ListStateDescriptor<any>('union');
const rules = new MapStateDescriptor<any, any>('rules');

function subtask(index: number): OperatorStateSnapshot {
  const backend = createOperatorStateBackend();
  backend.getListState(splits).addAll([`${index}a`, `${index}b`, `${index}c`]);
  backend.getUnionListState(union).add(index);
  backend.getBroadcastState(rules).put([1, 'k'], { limit: 5n });
  return structuredClone(backend.snapshot());
}

function contents(snapshot: OperatorStateSnapshot): unknown[] {
  const backend = createOperatorStateBackend();
  backend.restore([snapshot]);
  return [
    [...backend.getListState(splits).get()],
    [...backend.getUnionListState(union).get()],
    [...backend.getBroadcastState(rules).immutableEntries()],
  ];
}

test('a snapshot restores all three kinds', () => {
  assert.deepEqual(contents(subtask(0)), [['0a', '0b', '0c'], [0], [[[1, 'k'], { limit: 5n }]]]);
});

test('a rescale deals split state round robin, and gives the rest to everyone', () => {
  const dealt = redistributeOperatorState([subtask(0), subtask(1)], 4).map(contents);
  const rule = [[[1, 'k'], { limit: 5n }]];
  assert.deepEqual(dealt, [
    [['0a', '1b'], [0, 1], rule],
    [['0b', '1c'], [0, 1], rule],
    [['0c'], [0, 1], rule],
    [['1a'], [0, 1], rule],
  ]);
});

test('restoring several snapshots joins lists and takes one copy of broadcast state', () => {
  const backend = createOperatorStateBackend();
  backend.restore([subtask(0), subtask(1)]);
  assert.equal([...backend.getListState(splits).get()].length, 6);
  assert.equal([...backend.getBroadcastState(rules).entries()].length, 1);
});

test('state that nobody asks for is part of the next snapshot', () => {
  const backend = createOperatorStateBackend();
  backend.restore([subtask(0)]);
  backend.getUnionListState(union).clear();
  assert.equal(backend.isEmpty(), false);
  assert.deepEqual(contents(backend.snapshot())[0], ['0a', '0b', '0c']);
});

test('a list keeps order, can be added to itself, replaced and cleared', () => {
  const backend = createOperatorStateBackend();
  const state = backend.getListState(splits);
  assert.equal(backend.getListState(new ListStateDescriptor('splits')), state);
  state.update([1, 2]);
  state.addAll(state.get());
  assert.deepEqual([...state.get()], [1, 2, 1, 2]);
  state.clear();
  assert.equal(backend.isEmpty(), true);
});

test('a map of broadcast state takes any key', () => {
  const state = createOperatorStateBackend().getBroadcastState(rules);
  state.putAll([
    [{ b: 1, a: 2 }, 'x'],
    ['gone', 'y'],
  ]);
  state.remove('gone');
  assert.deepEqual(
    [state.get({ a: 2, b: 1 }), state.contains('gone'), [...state.entries()]],
    ['x', false, [[{ a: 2, b: 1 }, 'x']]],
  );
  assert.throws(() => state.put(Number.NaN, 1), { code: 'INVALID_KEY' });
  state.clear();
  assert.deepEqual([...state.entries()], []);
});

test('one name in two ways is refused, in a program and after a restore', () => {
  const backend = createOperatorStateBackend();
  backend.getListState(splits);
  assert.throws(() => backend.getUnionListState(splits), {
    code: 'INVALID_STATE_DESCRIPTOR',
    message: /split list state and as union list state/,
  });
  assert.throws(() => backend.getBroadcastState(new MapStateDescriptor('splits')), { code: 'INVALID_STATE_DESCRIPTOR' });
  const typed = createOperatorStateBackend();
  typed.getListState(new ListStateDescriptor('x', { type: Types.STRING }));
  assert.throws(() => typed.getListState(new ListStateDescriptor('x', { type: Types.INT })), {
    code: 'INVALID_STATE_DESCRIPTOR',
    message: /STRING.*INT/,
  });
  const restored = createOperatorStateBackend();
  restored.restore([typed.snapshot(), subtask(0)]);
  assert.throws(() => restored.getUnionListState(splits), { code: 'STATE_FAILED' });
  assert.throws(() => restored.getListState(new ListStateDescriptor('x', { type: Types.INT })), {
    code: 'STATE_FAILED',
    message: /STRING.*INT/,
  });
  assert.throws(() => typed.restore([]), { code: 'ILLEGAL_STATE' });
  assert.throws(() => typed.getListState(new ListStateDescriptor('t').enableTimeToLive(StateTtlConfig.newBuilder(1).build())), {
    code: 'INVALID_STATE_DESCRIPTOR',
    message: /time to live/,
  });
});

test('an element that is not data fails the snapshot', () => {
  const backend = createOperatorStateBackend();
  backend.getListState(splits).add({ f: () => 1 });
  assert.throws(() => backend.snapshot(), { code: 'NOT_SERIALIZABLE', message: /\$\.f/ });
});
