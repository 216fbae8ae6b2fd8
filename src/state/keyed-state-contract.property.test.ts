/** Random programs of state operations against plain Maps, with snapshots, restores and rescales at random points. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManagedMemory, MemorySpillStorage } from '../memory/index.ts';
import {
  createKeyedStateBackend,
  encodeKey,
  type KeyedStateBackend,
  keyGroupOf,
  keyGroupRange,
  ListStateDescriptor,
  MapStateDescriptor,
  operatorIndexForKeyGroup,
  ReducingStateDescriptor,
  STATE_BACKENDS,
  ValueStateDescriptor,
} from './index.ts';
import { ManualClock } from './keyed-state-contract.test.ts';

const MAX_PARALLELISM = 16;
const KEYS = ['a', 'b', '\u0000', 0, 1, 2.5, 7n, true, [1, 'x'], { p: 1, q: new Date(1) }];

const operation = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      type: fc.constant('use' as const),
      key: fc.nat(KEYS.length - 1),
      action: fc.nat(9),
      namespace: fc.constantFrom('w1', 'w2', 'w3'),
      argument: fc.nat(5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('rescale' as const),
      parallelism: fc.integer({ min: 1, max: 4 }),
      claim: fc.boolean(),
    }),
  },
);

/** The states of one backend, requested when first used. */
function statesOf(b: KeyedStateBackend) {
  return {
    value: () => b.getPartitionedState(new ValueStateDescriptor<number>('value')),
    list: () => b.getPartitionedState(new ListStateDescriptor<number>('list')),
    map: () => b.getPartitionedState(new MapStateDescriptor<number, number>('map')),
    window: () => b.getNamespacedState(new ReducingStateDescriptor<number>('window', (x, y) => x + y)),
  };
}

interface KeyModel {
  value?: number;
  list: number[];
  map: Map<number, number>;
  window: Map<string, number>;
}

function check(b: KeyedStateBackend, key: unknown, model: KeyModel): void {
  b.setCurrentKey(key);
  const s = statesOf(b);
  assert.equal(s.value().value(), model.value);
  assert.deepEqual([...s.list().get()], model.list);
  assert.deepEqual([...s.map().entries()], [...model.map]);
  for (const namespace of ['w1', 'w2', 'w3']) {
    s.window().setCurrentNamespace(namespace);
    assert.equal(s.window().get(), model.window.get(namespace));
  }
}

for (const backend of STATE_BACKENDS)
  test(`any program of state operations and rescales does what plain Maps do: ${backend}`, () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: 'max' }), (operations) => {
        const make = () =>
          createKeyedStateBackend({
            clock: new ManualClock(),
            maxParallelism: MAX_PARALLELISM,
            backend,
            memory: new ManagedMemory(16 * 1024),
            spill: new MemorySpillStorage(),
          });
        let backends = [make()];
        const models = KEYS.map((): KeyModel => ({ list: [], map: new Map(), window: new Map() }));
        const ownerOf = (key: unknown): KeyedStateBackend => {
          const group = keyGroupOf(encodeKey(key), MAX_PARALLELISM);
          return backends[operatorIndexForKeyGroup(group, backends.length, MAX_PARALLELISM)]!;
        };
        for (const op of operations) {
          if (op.type === 'rescale') {
            const snapshots = backends.map((b) => b.snapshot());
            backends = Array.from({ length: op.parallelism }, (_, index) => {
              const b = make();
              b.restore(snapshots, keyGroupRange(op.parallelism, MAX_PARALLELISM, index));
              if (op.claim) for (const state of Object.values(statesOf(b))) state();
              return b;
            });
            continue;
          }
          const { action, argument, namespace } = op;
          const model = models[op.key]!;
          const b = ownerOf(KEYS[op.key]);
          const s = statesOf(b);
          b.setCurrentKey(KEYS[op.key]);
          if (action === 0) {
            s.value().update(argument);
            model.value = argument;
          }
          if (action === 1) {
            s.value().clear();
            model.value = undefined;
          }
          if (action === 2) {
            s.list().add(argument);
            model.list.push(argument);
          }
          if (action === 3) {
            s.list().clear();
            model.list = [];
          }
          if (action === 4) {
            s.map().put(argument, op.key);
            model.map.set(argument, op.key);
          }
          if (action === 5) {
            s.map().remove(argument);
            model.map.delete(argument);
          }
          if (action === 6 || action === 7) {
            s.window().setCurrentNamespace(namespace);
            s.window().add(argument);
            model.window.set(namespace, (model.window.get(namespace) ?? 0) + argument);
          }
          if (action === 8) {
            const sources = ['w1', 'w2', 'w3'].filter((w) => w !== namespace);
            s.window().mergeNamespaces(namespace, sources);
            const values = [namespace, ...sources].map((w) => model.window.get(w)).filter((v) => v !== undefined);
            model.window = new Map(values.length ? [[namespace, values.reduce((x, y) => x + y)]] : []);
          }
          if (action === 9) {
            for (const each of backends) statesOf(each).window().clearNamespace(namespace);
            for (const each of models) each.window.delete(namespace);
          }
          check(b, KEYS[op.key], model);
        }
        for (const [i, key] of KEYS.entries()) check(ownerOf(key), key, models[i]!);
        const count = (name: string) => backends.reduce((total, b) => total + b.entryCount(name), 0);
        assert.equal(count('value'), models.filter((m) => m.value !== undefined).length);
        assert.equal(count('list'), models.filter((m) => m.list.length > 0).length);
        assert.equal(count('map'), models.filter((m) => m.map.size > 0).length);
        assert.equal(
          count('window'),
          models.reduce((total, m) => total + m.window.size, 0),
        );
        const empty = models.every((m) => m.value === undefined && m.list.length + m.map.size + m.window.size === 0);
        assert.equal(
          backends.every((b) => b.isEmpty()),
          empty,
        );
      }),
      { numRuns: 200 },
    );
  });
