/**
 * The contract of keyed state: every backend passes this suite, called from the backend's own test file. Run by itself
 * it holds no tests. It is over 500 lines because it is one contract, in one order: kinds, namespaces, snapshots, TTL.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../common/index.ts';
import { TypeRegistry, Types } from '../serialization/index.ts';
import {
  AggregatingStateDescriptor,
  type KeyedStateBackend,
  type KeyedStateBackendOptions,
  type KeyedStateSnapshot,
  keyGroupRange,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  StateTtlConfig,
  ValueStateDescriptor,
} from './index.ts';

import { MemoryCheckpoints } from './memory-checkpoint.test.ts';

export type BackendMaker = (options: KeyedStateBackendOptions) => KeyedStateBackend;

/** A clock that stands still until it is told. */
export class ManualClock implements Clock {
  nowMs = 1_000_000;
  currentTimeMs(): number {
    return this.nowMs;
  }
  monotonicMs(): number {
    return this.nowMs;
  }
  setTimer(): never {
    throw new Error('State backends set no timers.');
  }
}

const MAX_PARALLELISM = 128;
const average = {
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: (value: number, acc: { sum: number; count: number }) => ({ sum: acc.sum + value, count: acc.count + 1 }),
  getResult: (acc: { sum: number; count: number }) => acc.sum / acc.count,
  merge: (a: { sum: number; count: number }, b: { sum: number; count: number }) => ({
    sum: a.sum + b.sum,
    count: a.count + b.count,
  }),
};
const value = () => new ValueStateDescriptor<any>('value');
const list = () => new ListStateDescriptor<any>('list');
const map = () => new MapStateDescriptor<any, any>('map');
const sum = () => new ReducingStateDescriptor<number>('sum', (a, b) => a + b);
const avg = () => new AggregatingStateDescriptor('avg', average);

export function keyedStateContract(name: string, makeBackend: BackendMaker): void {
  const clock = new ManualClock();
  const make = (options: Partial<KeyedStateBackendOptions> = {}): KeyedStateBackend =>
    makeBackend({ clock, maxParallelism: MAX_PARALLELISM, ...options });
  const restored = (...snapshots: KeyedStateSnapshot[]): KeyedStateBackend => {
    const backend = make();
    backend.restore(structuredClone(snapshots));
    return backend;
  };

  describe(`keyed state: ${name}`, () => {
    test('each key has its own state of every kind', () => {
      const b = make();
      const states = {
        v: b.getPartitionedState(value()),
        l: b.getPartitionedState(list()),
        m: b.getPartitionedState(map()),
        s: b.getPartitionedState(sum()),
        a: b.getPartitionedState(avg()),
      };
      for (const key of ['a', 'b', 1, '1', 1n, true]) {
        b.setCurrentKey(key);
        assert.deepEqual(
          [states.v.value(), [...states.l.get()], states.m.isEmpty(), states.s.get(), states.a.get()],
          [undefined, [], true, undefined, undefined],
        );
        states.v.update({ key });
        states.l.add(key);
        states.l.addAll([1, 2]);
        states.m.put(key, 'x');
        states.s.add(2);
        states.s.add(3);
        states.a.add(1);
        states.a.add(2);
      }
      b.setCurrentKey('b');
      assert.deepEqual(
        [states.v.value(), [...states.l.get()], [...states.m.entries()], states.s.get(), states.a.get()],
        [{ key: 'b' }, ['b', 1, 2], [['b', 'x']], 5, 1.5],
      );
      assert.equal(b.entryCount('value'), 6);
    });

    test('composite keys are equal by content, and given back as they were', () => {
      const b = make();
      const v = b.getPartitionedState(value());
      b.setCurrentKey({ user: 'u', at: new Date(5), parts: [1, true] });
      v.update('found');
      b.setCurrentKey({ parts: [1, true], at: new Date(5), user: 'u' });
      assert.equal(v.value(), 'found');
      b.setCurrentCanonicalKey(b.currentCanonicalKey);
      assert.deepEqual(b.currentKey, { at: new Date(5), parts: [1, true], user: 'u' });
      assert.equal(v.value(), 'found');
    });

    test('state without a current key is refused with what to do', () => {
      const b = make();
      const v = b.getPartitionedState(value());
      assert.throws(() => v.value(), { code: 'ILLEGAL_STATE', message: /while a record or timer is processed/ });
      assert.throws(() => v.update(1), { code: 'ILLEGAL_STATE' });
      assert.throws(() => b.currentKey, { code: 'ILLEGAL_STATE' });
      assert.throws(() => b.setCurrentKey(Number.NaN), { code: 'INVALID_KEY' });
    });

    test('cleared state of every kind leaves nothing behind', () => {
      const b = make();
      const all = [
        b.getPartitionedState(value()),
        b.getPartitionedState(list()),
        b.getPartitionedState(map()),
        b.getPartitionedState(sum()),
        b.getPartitionedState(avg()),
      ] as const;
      const [v, l, m, s, a] = all;
      const window = b.getNamespacedState(new ReducingStateDescriptor<number>('w', (x, y) => x + y));
      for (const end of [
        (): void => {
          for (const state of all) state.clear();
        },
        (): void => {
          v.update(undefined);
          l.update([]);
          m.remove('k');
          s.clear();
          a.clear();
        },
      ]) {
        for (const key of ['a', 'b']) {
          b.setCurrentKey(key);
          v.update(0);
          l.add(1);
          m.put('k', null);
          s.add(1);
          a.add(1);
          window.setCurrentNamespace('w1');
          window.add(1);
        }
        assert.equal(b.isEmpty(), false);
        for (const key of ['a', 'b']) {
          b.setCurrentKey(key);
          end();
          window.clear();
        }
        assert.equal(b.isEmpty(), true);
        assert.deepEqual(window.namespaces(), []);
        assert.deepEqual(b.snapshot().keyGroups, []);
      }
    });

    test('each key gets a copy of the default value', () => {
      const b = make();
      const v = b.getPartitionedState(new ValueStateDescriptor<number[]>('d', { defaultValue: [0] }));
      b.setCurrentKey('a');
      v.value()?.push(1);
      assert.deepEqual(v.value(), [0]);
      assert.equal(b.isEmpty(), true);
    });

    test('a map takes any key and keeps their order', () => {
      const b = make();
      const m = b.getPartitionedState(map());
      b.setCurrentKey('k');
      m.putAll([
        ['x', 1],
        [[1, 'p'], 2],
        [3n, null],
        [new Date(7), 4],
      ]);
      assert.deepEqual([...m.keys()], ['x', [1, 'p'], 3n, new Date(7)]);
      assert.deepEqual([...m.values()], [1, 2, null, 4]);
      assert.equal(m.get([1, 'p']), 2);
      assert.equal(m.contains(3n), true);
      assert.equal(m.contains(3), false);
      for (const [key] of m.entries()) m.remove(key);
      assert.equal(m.isEmpty(), true);
      assert.throws(() => m.put(undefined, 1), { code: 'INVALID_KEY' });
      m.put('u', undefined);
      assert.equal(b.isEmpty(), true);
    });

    test('a list can be added to itself', () => {
      const b = make();
      const l = b.getPartitionedState(list());
      b.setCurrentKey('k');
      l.update([1, 2]);
      l.addAll(l.get());
      assert.deepEqual([...l.get()], [1, 2, 1, 2]);
    });

    test('the same name with another kind, type, window or time to live is refused, naming both', () => {
      const b = make();
      b.getPartitionedState(new ValueStateDescriptor('x', { type: Types.STRING }));
      const ttl = StateTtlConfig.newBuilder(5).build();
      for (const other of [
        () => b.getPartitionedState(new ListStateDescriptor('x', { type: Types.STRING })),
        () => b.getPartitionedState(new ValueStateDescriptor('x', { type: Types.INT })),
        () => b.getNamespacedState(new ValueStateDescriptor('x', { type: Types.STRING })),
        () => b.getPartitionedState(new ValueStateDescriptor('x', { type: Types.STRING }).enableTimeToLive(ttl)),
      ]) {
        assert.throws(other, { code: 'INVALID_STATE_DESCRIPTOR', message: /'x'.*as VALUE of STRING and as/ });
      }
      assert.equal(
        b.getPartitionedState(new ValueStateDescriptor('x', { type: Types.STRING })),
        b.getPartitionedState(new ValueStateDescriptor('x')),
      );
      assert.throws(() => b.getNamespacedState(value().enableTimeToLive(ttl)), {
        code: 'INVALID_STATE_DESCRIPTOR',
        message: /time to live/,
      });
    });

    test('every key of a state is visited once, may be changed or cleared, and the current key stays', () => {
      const b = make();
      const v = b.getPartitionedState(value());
      const l = b.getPartitionedState(list());
      for (let i = 0; i < 1000; i++) {
        b.setCurrentKey(i);
        if (i % 2) v.update(i);
        else l.add(i);
      }
      b.setCurrentKey('mine');
      v.update('mine');
      const seen: number[] = [];
      b.forEachKey(value(), (key, state) => {
        if (key === 'mine') return;
        seen.push(key);
        assert.equal(b.currentKey, key);
        assert.equal(state.value(), key);
        state.clear();
        if (key % 3 === 0) state.update(-key);
      });
      assert.deepEqual(
        seen.sort((x, y) => x - y),
        Array.from({ length: 500 }, (_, i) => 2 * i + 1),
      );
      assert.deepEqual([b.currentKey, v.value()], ['mine', 'mine']);
      assert.equal(b.entryCount('value'), 1 + seen.filter((key) => key % 3 === 0).length);
      assert.throws(
        () =>
          b.forEachKey(value(), () => {
            throw new Error('stop');
          }),
        /stop/,
      );
      assert.equal(b.currentKey, 'mine');
    });

    test('namespaces are apart, visited and cleared as a whole', () => {
      const b = make();
      const w = b.getNamespacedState(list());
      for (const key of ['a', 'b']) {
        b.setCurrentKey(key);
        for (const namespace of ['w1', 'w2']) {
          w.setCurrentNamespace(namespace);
          assert.deepEqual([...w.get()], []);
          w.add(`${key}${namespace}`);
        }
      }
      assert.deepEqual([...w.namespaces()].sort(), ['w1', 'w2']);
      const seen: unknown[] = [];
      w.setCurrentNamespace('w2');
      w.forEachKeyInNamespace('w1', (key) => seen.push([key, b.currentKey, ...w.get()]));
      assert.deepEqual(seen.sort(), [
        ['a', 'a', 'aw1'],
        ['b', 'b', 'bw1'],
      ]);
      assert.deepEqual([b.currentKey, ...w.get()], ['b', 'bw2']);
      w.clearNamespace('w2');
      assert.deepEqual([...w.get()], []);
      w.add('again');
      assert.deepEqual([...w.get()], ['again']);
      assert.equal(b.entryCount('list'), 3);
    });

    test('whether a key has a value is known of every kind, before, between and after changes', () => {
      const b = make();
      const states = {
        v: b.getNamespacedState(value()),
        l: b.getNamespacedState(list()),
        m: b.getNamespacedState(map()),
        s: b.getNamespacedState(sum()),
        a: b.getNamespacedState(avg()),
      };
      const all = Object.values(states);
      for (const state of all) state.setCurrentNamespace('w');
      for (let i = 0; i < 3000; i++) {
        b.setCurrentKey(i);
        assert.deepEqual(
          all.map((state) => state.hasValue()),
          [false, false, false, false, false],
        );
        states.v.update({ i });
        states.l.add(i);
        states.m.put(i, i);
        states.s.add(i);
        states.a.add(i);
        if (i % 3 === 0) for (const state of all) state.clear();
      }
      for (const state of all) {
        const seen: number[] = [];
        state.forEachKeyInNamespace('w', (key) => {
          seen.push(key);
          assert.ok(state.hasValue());
          b.setCurrentKey(key - (key % 3));
          assert.equal(state.hasValue(), false);
          b.setCurrentKey(key);
          state.setCurrentNamespace('other');
          assert.equal(state.hasValue(), false);
          state.setCurrentNamespace('w');
          if (key % 3 === 2) state.clear();
          assert.equal(state.hasValue(), key % 3 === 1);
        });
        assert.equal(seen.length, 2000);
        b.setCurrentKey(2999);
        assert.equal(state.hasValue(), false);
        b.setCurrentKey(2998);
        assert.equal(state.hasValue(), true);
      }
    });

    test('an own value is the newest, and the caller may change it', () => {
      const b = make();
      const v = b.getNamespacedState(new ValueStateDescriptor<{ n: number }>('value', { defaultValue: { n: -1 } }));
      const own = (): { n: number } | undefined => v.ownValue(structuredClone);
      const change = (): void => {
        const value = own();
        if (value !== undefined) value.n += 1000;
      };
      v.setCurrentNamespace('w');
      for (let i = 0; i < 3000; i++) {
        b.setCurrentKey(i);
        assert.equal(own(), undefined);
        v.update({ n: i });
        change();
        assert.deepEqual(own(), { n: i });
      }
      v.forEachKeyInNamespace('w', (key) => {
        change();
        assert.deepEqual([v.value(), own()], [{ n: key }, { n: key }]);
        (v.value() as { n: number }).n = key + 1;
        assert.deepEqual(own(), { n: key + 1 });
        change();
        v.update({ n: key + 2 });
        assert.deepEqual(own(), { n: key + 2 });
        if (key % 2 === 0) v.clear();
        assert.deepEqual(own(), key % 2 === 0 ? undefined : { n: key + 2 });
      });
      for (let i = 0; i < 3000; i++) {
        b.setCurrentKey(i);
        change();
        assert.deepEqual([v.value(), own()?.n], i % 2 === 0 ? [{ n: -1 }, undefined] : [{ n: i + 2 }, i + 2]);
      }
    });

    test('a value that was set while its key is visited is read again, whatever else was processed in between', () => {
      const b = make();
      const v = b.getNamespacedState(value());
      const set = (key: number, content: unknown): void => {
        b.setCurrentKey(key);
        v.setCurrentNamespace('w');
        v.update(content);
      };
      for (let key = 0; key < 6000; key++) set(key, { key, text: 'before' });
      let visits = 0;
      v.forEachKeyInNamespace('w', (key) => {
        if (key >= 3) return;
        visits++;
        v.update(key === 0 ? undefined : { key, text: 'after!' });
        for (let other = 1000; other < 6000; other++) set(other, { key: other, text: key });
        b.setCurrentKey(key);
        assert.deepEqual([v.hasValue(), v.value()], key === 0 ? [false, undefined] : [true, { key, text: 'after!' }]);
        set(key, { key, text: 'last' });
      });
      assert.equal(visits, 3);
      for (let key = 0; key < 3; key++) {
        b.setCurrentKey(key);
        assert.deepEqual(v.value(), { key, text: 'last' });
      }
    });

    test('merging combines sources into the target for the current key only', () => {
      const b = make();
      const l = b.getNamespacedState(list());
      const s = b.getNamespacedState(sum());
      const a = b.getNamespacedState(avg());
      for (const key of ['k', 'other']) {
        b.setCurrentKey(key);
        for (const [i, namespace] of ['t', 's1', 's2'].entries()) {
          for (const state of [l, s, a]) {
            state.setCurrentNamespace(namespace);
            state.add(i + 1);
          }
        }
      }
      b.setCurrentKey('k');
      for (const state of [l, s, a]) {
        state.mergeNamespaces('t', ['s1', 't', 's2', 'missing']);
        state.setCurrentNamespace('t');
      }
      assert.deepEqual([[...l.get()], s.get(), a.get()], [[1, 2, 3], 6, 2]);
      for (const state of [l, s, a]) state.mergeNamespaces('fresh', ['t']);
      assert.deepEqual([[...l.get()], s.get(), a.get()], [[], undefined, undefined]);
      s.setCurrentNamespace('fresh');
      assert.equal(s.get(), 6);
      b.setCurrentKey('other');
      s.setCurrentNamespace('s2');
      assert.equal(s.get(), 3);
    });

    test('a snapshot holds its moment, and restores every kind', () => {
      const b = make();
      const fill = (backend: KeyedStateBackend) => ({
        v: backend.getPartitionedState(value()),
        l: backend.getPartitionedState(list()),
        m: backend.getPartitionedState(map()),
        s: backend.getPartitionedState(sum()),
        a: backend.getPartitionedState(avg()),
        w: backend.getNamespacedState(new ListStateDescriptor<number>('w')),
      });
      const before = fill(b);
      for (const key of ['a', '\u0000z', -1.5, 2n, false, [1], { x: 1 }]) {
        b.setCurrentKey(key);
        before.v.update({ big: 1n, at: new Date(3), set: new Set([1]) });
        before.l.addAll([1, undefined]);
        before.m.put([1], 'one');
        before.s.add(4);
        before.a.add(4);
        for (const namespace of ['w1', '', 'w2']) {
          before.w.setCurrentNamespace(namespace);
          before.w.add(9);
        }
      }
      const snapshot = b.snapshot();
      b.setCurrentKey('a');
      before.l.add('later');
      before.s.add(1);
      const r = restored(snapshot);
      const after = fill(r);
      for (const key of ['a', '\u0000z', -1.5, 2n, false, [1], { x: 1 }]) {
        r.setCurrentKey(key);
        after.w.setCurrentNamespace('w2');
        assert.deepEqual(
          [after.v.value(), [...after.l.get()], after.m.get([1]), after.s.get(), after.a.get(), [...after.w.get()]],
          [{ big: 1n, at: new Date(3), set: new Set([1]) }, [1, undefined], 'one', 4, 4, [9]],
        );
      }
      assert.equal(r.entryCount('w'), 21);
      assert.deepEqual([...after.w.namespaces()].sort(), ['', 'w1', 'w2']);
    });

    test('state that nobody asks for is kept as it is', () => {
      const b = make();
      b.getPartitionedState(value());
      b.setCurrentKey('a');
      b.getPartitionedState(value()).update('kept');
      const w = b.getNamespacedState(list());
      w.setCurrentNamespace('w1');
      w.add(1);
      const idle = restored(b.snapshot());
      assert.equal(idle.isEmpty(), false);
      assert.deepEqual([idle.entryCount('value'), idle.entryCount('list')], [1, 1]);
      idle.getPartitionedState(sum());
      const r = restored(idle.snapshot());
      assert.deepEqual([...r.stateNames()].sort(), ['list', 'sum', 'value']);
      r.setCurrentKey('a');
      assert.equal(r.getPartitionedState(value()).value(), 'kept');
    });

    test('a rescale moves whole key groups, there and back', () => {
      const b = make();
      const s = b.getPartitionedState(sum());
      for (let i = 0; i < 500; i++) {
        b.setCurrentKey(`key-${i}`);
        s.add(i);
      }
      let snapshots = [b.snapshot()];
      for (const parallelism of [2, 3, 1]) {
        const subtasks = Array.from({ length: parallelism }, (_, index) => {
          const backend = make();
          backend.restore(snapshots, keyGroupRange(parallelism, MAX_PARALLELISM, index));
          return backend;
        });
        const seen = new Map<string, number>();
        for (const backend of subtasks) {
          backend.forEachKey(sum(), (key, state) => {
            assert.equal(seen.has(key), false);
            seen.set(key, state.get());
          });
        }
        assert.equal(seen.size, 500);
        for (const [key, total] of seen) assert.equal(key, `key-${total}`);
        snapshots = subtasks.map((backend) => backend.snapshot());
      }
    });

    test('a checkpoint holds its moment, whatever changes while it is written', async () => {
      const checkpoints = new MemoryCheckpoints();
      const b = make();
      const states = {
        s: b.getPartitionedState(sum()),
        l: b.getPartitionedState(list()),
        m: b.getPartitionedState(map()),
        w: b.getNamespacedState(new ListStateDescriptor<number>('w')),
      };
      const change = (from: number, to: number, by: number): void => {
        for (let i = from; i < to; i++) {
          b.setCurrentKey(i);
          states.s.add(by);
          states.l.add(by);
          states.m.put(by, `${i}`);
          states.w.setCurrentNamespace(`w${i % 3}`);
          states.w.add(by);
        }
      };
      change(0, 600, 1);
      for (const canonical of [false, true]) {
        const pending = b.startSnapshot({ checkpointId: canonical ? 2 : 1, canonical });
        let changes = 0;
        checkpoints.onWrite = () => {
          change(0, 30, 10 + changes++);
          states.w.clearNamespace('w2');
          b.setCurrentKey(599 - changes);
          for (const state of [states.s, states.l, states.m]) state.clear();
        };
        const handle = await pending.write(checkpoints.output());
        assert.equal(checkpoints.openStreams, 0);
        assert.ok(changes > 0);
        checkpoints.onWrite = () => {};
        assert.equal(handle.format === 'KEY_GROUPS' || !canonical, true);
        const r = make();
        await r.restoreFrom([structuredClone(handle)], { start: 0, end: MAX_PARALLELISM - 1 }, checkpoints);
        assert.equal(r.entryCount('w'), 600);
        const w = r.getNamespacedState(new ListStateDescriptor<number>('w'));
        for (let i = 0; i < 600; i += 7) {
          r.setCurrentKey(i);
          w.setCurrentNamespace(`w${i % 3}`);
          assert.deepEqual(
            [
              r.getPartitionedState(sum()).get(),
              [...r.getPartitionedState(list()).get()],
              [...r.getPartitionedState(map()).entries()],
              [...w.get()],
            ],
            [1, [1], [[1, `${i}`]], [1]],
          );
        }
        for (const state of ['sum', 'list', 'map']) assert.equal(r.entryCount(state), 600);
        for (let i = 0; i < 600; i++) {
          b.setCurrentKey(i);
          for (const state of [states.s, states.l, states.m]) state.clear();
        }
        for (const namespace of ['w0', 'w1', 'w2']) states.w.clearNamespace(namespace);
        assert.equal(b.isEmpty(), true);
        change(0, 600, 1);
      }
    });

    test('checkpoints move key groups to any parallelism: 1, 3, 2', async () => {
      const checkpoints = new MemoryCheckpoints();
      for (const canonical of [false, true]) {
        let backends = [make()];
        backends[0]!.getPartitionedState(map());
        for (let i = 0; i < 400; i++) {
          backends[0]!.setCurrentKey(`key-${i}`);
          for (let j = 0; j <= i % 5; j++) backends[0]!.getPartitionedState(map()).put(j, i);
          if (i === 7) for (let j = 0; j < 400; j++) backends[0]!.getPartitionedState(map()).put(j, i);
        }
        for (const parallelism of [3, 2]) {
          const handles = [];
          for (const b of backends)
            handles.push(await b.startSnapshot({ checkpointId: parallelism, canonical }).write(checkpoints.output()));
          backends = [];
          for (let index = 0; index < parallelism; index++) {
            const range = keyGroupRange(parallelism, MAX_PARALLELISM, index);
            const b = make({ keyGroupRange: range });
            await b.restoreFrom(handles, range, checkpoints);
            if (parallelism === 2) b.getPartitionedState(map());
            backends.push(b);
          }
          assert.equal(
            backends.reduce((count, b) => count + b.entryCount('map'), 0),
            400,
          );
        }
        let seen = 0;
        for (const b of backends) {
          b.forEachKey(map(), (key, state) => {
            const i = Number(key.slice(4));
            assert.deepEqual(
              [...state.keys()],
              Array.from({ length: i === 7 ? 400 : (i % 5) + 1 }, (_, j) => j),
            );
            seen++;
          });
        }
        assert.equal(seen, 400);
      }
    });

    test('a snapshot that fails or is discarded leaves nothing open, and the backend goes on', async () => {
      const checkpoints = new MemoryCheckpoints();
      const b = make();
      const s = b.getPartitionedState(sum());
      for (const canonical of [false, true]) {
        b.setCurrentKey('k');
        s.add(1);
        checkpoints.onWrite = () => {
          throw new Error('disk full');
        };
        await assert.rejects(b.startSnapshot({ checkpointId: 1, canonical }).write(checkpoints.output()), /disk full/);
        assert.equal(checkpoints.openStreams, 0);
        b.notifyCheckpointAborted(1);
        b.startSnapshot({ checkpointId: 2, canonical }).discard();
        checkpoints.onWrite = () => {};
        const handle = await b.startSnapshot({ checkpointId: 3, canonical }).write(checkpoints.output());
        b.notifyCheckpointComplete(3);
        const r = make();
        await r.restoreFrom([handle], { start: 0, end: MAX_PARALLELISM - 1 }, checkpoints);
        r.setCurrentKey('k');
        assert.equal(r.getPartitionedState(sum()).get(), s.get());
      }
    });

    test('restored state of another kind, or of a type that does not fit, is refused, naming both', () => {
      const b = make();
      b.getPartitionedState(
        new ValueStateDescriptor('x', { type: Types.OBJECT({ id: Types.STRING, n: Types.INT, old: Types.STRING }) }),
      );
      b.setCurrentKey('a');
      const snapshot = b.snapshot();
      const as = (type: any) => () => restored(snapshot).getPartitionedState(new ValueStateDescriptor('x', { type }));
      as(Types.OBJECT({ id: Types.OPTIONAL(Types.STRING), n: Types.LONG, more: Types.OPTIONAL(Types.DATE) }))();
      as(Types.ANY)();
      as(undefined)();
      for (const type of [
        Types.OBJECT({ id: Types.STRING, n: Types.STRING }),
        Types.OBJECT({ added: Types.STRING }),
        Types.STRING,
      ]) {
        assert.throws(as(type), { code: 'STATE_FAILED', message: /'x' was stored as VALUE of OBJECT.*now declares VALUE of/ });
      }
      assert.throws(() => restored(snapshot).getPartitionedState(new ListStateDescriptor('x')), { code: 'STATE_FAILED' });
      assert.throws(() => make({ maxParallelism: 64 }).restore([snapshot]), {
        code: 'STATE_FAILED',
        message: /setMaxParallelism\(128\)/,
      });
      assert.throws(() => b.restore([snapshot]), { code: 'ILLEGAL_STATE' });
    });

    test('damaged snapshots are reported as corrupt', () => {
      const b = make();
      b.getPartitionedState(value());
      b.setCurrentKey('a');
      b.getPartitionedState(value()).update('text');
      const { keyGroups, ...rest } = b.snapshot();
      const damaged = { ...rest, keyGroups: keyGroups.map(({ keyGroup, bytes }) => ({ keyGroup, bytes: bytes.slice(0, -1) })) };
      assert.throws(() => restored(damaged), { code: 'CORRUPT_DATA' });
      assert.throws(() => restored({ ...b.snapshot(), states: [] }), { code: 'CORRUPT_DATA' });
    });

    test('a value that is not data fails the snapshot with the state and the path', () => {
      const b = make();
      b.setCurrentKey('a');
      b.getPartitionedState(value()).update({ callback: () => 1 });
      assert.throws(() => b.snapshot(), { code: 'NOT_SERIALIZABLE', message: /State 'value'.*\$\.callback/ });
    });

    test('instances of registered classes are restored', () => {
      class Point {
        readonly x: number;
        constructor(x: number) {
          this.x = x;
        }
      }
      const types = new TypeRegistry();
      types.registerType('point', { constructor: Point, encode: (p) => p.x, decode: (x) => new Point(x) });
      const b = make({ types });
      b.setCurrentKey('a');
      b.getPartitionedState(value()).update(new Point(3));
      const r = make({ types });
      r.restore([b.snapshot()]);
      r.setCurrentKey('a');
      assert.deepEqual(r.getPartitionedState(value()).value(), new Point(3));
    });

    describe('time to live', () => {
      const ttl = (configure = (b: ReturnType<typeof StateTtlConfig.newBuilder>) => b) =>
        configure(StateTtlConfig.newBuilder(100)).build();

      test('a value of every kind expires when its time is up, not before', () => {
        const b = make();
        const config = ttl();
        const v = b.getPartitionedState(new ValueStateDescriptor('value', { defaultValue: 'none' }).enableTimeToLive(config));
        const s = b.getPartitionedState(sum().enableTimeToLive(config));
        const a = b.getPartitionedState(avg().enableTimeToLive(config));
        b.setCurrentKey('k');
        v.update('x');
        s.add(1);
        a.add(1);
        clock.nowMs += 99;
        assert.deepEqual([v.value(), s.get(), a.get()], ['x', 1, 1]);
        clock.nowMs += 1;
        assert.deepEqual([v.value(), s.get(), a.get()], ['none', undefined, undefined]);
        assert.equal(b.isEmpty(), true);
        s.add(5);
        clock.nowMs += 100;
        s.add(7);
        assert.equal(s.get(), 7);
        clock.nowMs += 60;
        s.add(1);
        clock.nowMs += 60;
        assert.equal(s.get(), 8);
      });

      test('elements of lists and entries of maps expire one by one', () => {
        const b = make();
        const l = b.getPartitionedState(list().enableTimeToLive(ttl()));
        const m = b.getPartitionedState(map().enableTimeToLive(ttl()));
        b.setCurrentKey('k');
        l.add(1);
        m.put('one', 1);
        clock.nowMs += 60;
        l.add(2);
        m.put('two', 2);
        clock.nowMs += 60;
        assert.deepEqual([...l.get()], [2]);
        assert.deepEqual([[...m.entries()], m.contains('one'), m.isEmpty()], [[['two', 2]], false, false]);
        clock.nowMs += 60;
        assert.deepEqual([[...l.get()], m.isEmpty(), m.get('two')], [[], true, undefined]);
        assert.equal(b.isEmpty(), true);
      });

      test('reading renews only with OnReadAndWrite', () => {
        for (const renews of [false, true]) {
          const b = make();
          const config = ttl((builder) => builder.setUpdateType(renews ? 'OnReadAndWrite' : 'OnCreateAndWrite'));
          const v = b.getPartitionedState(value().enableTimeToLive(config));
          const l = b.getPartitionedState(list().enableTimeToLive(config));
          const m = b.getPartitionedState(map().enableTimeToLive(config));
          b.setCurrentKey('k');
          v.update(1);
          l.add(1);
          m.put(1, 1);
          for (let i = 0; i < 2; i++) {
            clock.nowMs += 60;
            const expected = renews || i === 0;
            assert.deepEqual([v.value(), [...l.get()], m.get(1)], expected ? [1, [1], 1] : [undefined, [], undefined]);
          }
        }
      });

      test('an expired value is seen once with ReturnExpiredIfNotCleanedUp', () => {
        const b = make();
        const config = ttl((builder) => builder.returnExpiredIfNotCleanedUp().disableCleanupInBackground());
        const v = b.getPartitionedState(value().enableTimeToLive(config));
        const l = b.getPartitionedState(list().enableTimeToLive(config));
        const m = b.getPartitionedState(map().enableTimeToLive(config));
        b.setCurrentKey('k');
        v.update(1);
        l.add(1);
        m.put('a', 1);
        clock.nowMs += 100;
        assert.deepEqual([v.value(), [...l.get()], [...m.entries()]], [1, [1], [['a', 1]]]);
        assert.deepEqual([v.value(), [...l.get()], [...m.entries()]], [undefined, [], []]);
      });

      test('expired state of other keys goes in the background, a bounded number of keys at each access', () => {
        const b = make();
        const v = b.getPartitionedState(value().enableTimeToLive(ttl((builder) => builder.cleanupIncrementally(3))));
        for (let i = 0; i < 30; i++) {
          b.setCurrentKey(i);
          v.update(i);
        }
        clock.nowMs += 100;
        b.setCurrentKey('other');
        const before = b.entryCount('value');
        v.value();
        assert.ok(b.entryCount('value') >= before - 3);
        for (let i = 0; i < 30; i++) v.value();
        assert.equal(b.isEmpty(), true);
      });

      test('expired state is not in snapshots', () => {
        const b = make();
        const v = b.getPartitionedState(value().enableTimeToLive(ttl((builder) => builder.disableCleanupInBackground())));
        const m = b.getPartitionedState(map().enableTimeToLive(ttl((builder) => builder.disableCleanupInBackground())));
        b.setCurrentKey('old');
        v.update(1);
        m.put('old', 1);
        clock.nowMs += 60;
        b.setCurrentKey('new');
        v.update(2);
        b.setCurrentKey('old');
        m.put('new', 2);
        clock.nowMs += 60;
        const r = restored(b.snapshot());
        assert.deepEqual([r.entryCount('value'), r.entryCount('map')], [1, 1]);
        r.setCurrentKey('old');
        assert.deepEqual([...r.getPartitionedState(map().enableTimeToLive(ttl())).entries()], [['new', 2]]);
      });

      test('a time to live can be added to stored state, and taken away again', () => {
        const b = make();
        b.setCurrentKey('k');
        b.getPartitionedState(value()).update(1);
        b.getPartitionedState(list()).add(1);
        b.getPartitionedState(map()).put('a', 1);
        const withTtl = restored(b.snapshot());
        withTtl.setCurrentKey('k');
        const v = withTtl.getPartitionedState(value().enableTimeToLive(ttl()));
        withTtl.getPartitionedState(list().enableTimeToLive(ttl()));
        withTtl.getPartitionedState(map().enableTimeToLive(ttl()));
        assert.equal(v.value(), 1);
        const without = restored(withTtl.snapshot());
        without.setCurrentKey('k');
        assert.deepEqual(
          [
            without.getPartitionedState(value()).value(),
            [...without.getPartitionedState(list()).get()],
            without.getPartitionedState(map()).get('a'),
          ],
          [1, [1], 1],
        );
        clock.nowMs += 100;
        assert.equal(v.value(), undefined);
      });
    });
  });
}
