import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManagedMemory, MemorySpillStorage } from '../memory/index.ts';
import { Types } from '../serialization/index.ts';
import {
  createKeyedStateBackend,
  createOperatorStateBackend,
  type KeyedStateBackend,
  ListStateDescriptor,
  MapStateDescriptor,
  ValueStateDescriptor,
} from './index.ts';
import { ManualClock } from './keyed-state-contract.test.ts';

const OLD = Types.OBJECT({ name: Types.STRING, cents: Types.INT });
const NEW = Types.OBJECT({ name: Types.STRING, amount: Types.OBJECT({ value: Types.DOUBLE, currency: Types.STRING }) });
const toNew = ({ name, cents }: { name: string; cents: number }) => ({ name, amount: { value: cents / 100, currency: 'EUR' } });

const make = (backend: 'hashmap' | 'hashlog'): KeyedStateBackend =>
  createKeyedStateBackend({
    clock: new ManualClock(),
    maxParallelism: 128,
    backend,
    memory: new ManagedMemory(1 << 20),
    spill: new MemorySpillStorage(),
  });

for (const backend of ['hashmap', 'hashlog'] as const) {
  describe(`migration of state on ${backend}`, () => {
    const stored = () => {
      const before = make(backend);
      before.setCurrentKey('k');
      before.getPartitionedState(new ValueStateDescriptor('value', { type: OLD })).update({ name: 'a', cents: 150 });
      before.getPartitionedState(new ListStateDescriptor('list', { type: OLD })).addAll([
        { name: 'b', cents: 1 },
        { name: 'c', cents: 2 },
      ]);
      before
        .getPartitionedState(new MapStateDescriptor('map', { keyType: Types.STRING, valueType: OLD }))
        .put('x', { name: 'd', cents: 3 });
      return before.snapshot();
    };

    test('every stored value is converted, once', () => {
      const after = make(backend);
      after.restore([stored()]);
      after.setCurrentKey('k');
      const value = new ValueStateDescriptor('value', { type: NEW }).migrateFrom(toNew);
      const list = new ListStateDescriptor('list', { type: NEW }).migrateFrom(toNew);
      const map = new MapStateDescriptor('map', { keyType: Types.STRING, valueType: NEW }).migrateFrom(toNew);
      assert.deepEqual(after.getPartitionedState(value).value(), { name: 'a', amount: { value: 1.5, currency: 'EUR' } });
      assert.deepEqual(
        [...after.getPartitionedState(list).get()].map((e) => e.amount.value),
        [0.01, 0.02],
      );
      assert.deepEqual(after.getPartitionedState(map).get('x')?.amount, { value: 0.03, currency: 'EUR' });

      const again = make(backend);
      again.restore([after.snapshot()]);
      again.setCurrentKey('k');
      assert.deepEqual(again.getPartitionedState(value).value()?.amount, { value: 1.5, currency: 'EUR' });
    });

    test('without a migration the state is refused, and the message names the way', () => {
      const after = make(backend);
      after.restore([stored()]);
      after.setCurrentKey('k');
      assert.throws(
        () => after.getPartitionedState(new ValueStateDescriptor('value', { type: NEW })),
        /State 'value' was stored as .* migrateFrom/,
      );
    });
  });
}

test('operator state is converted, too', () => {
  const before = createOperatorStateBackend();
  before.getListState(new ListStateDescriptor('list', { type: OLD })).add({ name: 'a', cents: 5 });
  before
    .getBroadcastState(new MapStateDescriptor('rules', { keyType: Types.STRING, valueType: OLD }))
    .put('x', { name: 'b', cents: 7 });
  const after = createOperatorStateBackend();
  after.restore([before.snapshot()]);
  const list = after.getListState(new ListStateDescriptor('list', { type: NEW }).migrateFrom(toNew));
  const rules = after.getBroadcastState(
    new MapStateDescriptor('rules', { keyType: Types.STRING, valueType: NEW }).migrateFrom(toNew),
  );
  assert.deepEqual([...list.get()], [{ name: 'a', amount: { value: 0.05, currency: 'EUR' } }]);
  assert.deepEqual(rules.get('x'), { name: 'b', amount: { value: 0.07, currency: 'EUR' } });
});
