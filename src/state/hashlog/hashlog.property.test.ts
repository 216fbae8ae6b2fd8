/**
 * Random programs against plain Maps, with memory for a few records only: so everything spills, and is compacted. Checkpoints
 * are written while the program goes on; some complete, some do not, and files that no completed one refers to are deleted, as
 * the coordinator does. At any time the program may fall back to any retained checkpoint, at another parallelism.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManagedMemory, MemorySpillStorage } from '../../memory/index.ts';
import {
  encodeKey,
  type KeyedStateHandle,
  keyGroupOf,
  keyGroupRange,
  ListStateDescriptor,
  MapStateDescriptor,
  operatorIndexForKeyGroup,
  ReducingStateDescriptor,
  type StateHandle,
  ValueStateDescriptor,
} from '../index.ts';
import { ManualClock } from '../keyed-state-contract.test.ts';
import { MemoryCheckpoints } from '../memory-checkpoint.test.ts';
import { HashlogKeyedStateBackend } from './hashlog-keyed-state-backend.ts';

const MAX_PARALLELISM = 8;
const KEYS = 40;
const NAMESPACES = ['w1', 'w2', 'w3'];
const KEEP = 3;

const use = fc.record({
  type: fc.constant('use' as const),
  key: fc.nat(KEYS - 1),
  action: fc.nat(12),
  namespace: fc.constantFrom(...NAMESPACES),
  number: fc.nat(300),
  /** Characters of the text that is stored. */
  size: fc.oneof(
    { weight: 8, arbitrary: fc.nat(40) },
    { weight: 3, arbitrary: fc.nat(400) },
    { weight: 1, arbitrary: fc.constant(5000) },
  ),
});
const operation = fc.oneof(
  { weight: 40, arbitrary: use },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('checkpoint' as const),
      canonical: fc.boolean(),
      meanwhile: fc.array(use, { maxLength: 5 }),
      end: fc.constantFrom('complete', 'complete', 'abort', 'fail'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('restore' as const),
      which: fc.nat(KEEP - 1),
      parallelism: fc.integer({ min: 1, max: 3 }),
      memoryBytes: fc.constantFrom(4096, 20_000, 200_000),
    }),
  },
);
type Use = typeof use extends fc.Arbitrary<infer T> ? T : never;

interface Model {
  value: string | undefined;
  list: string[];
  map: Map<number, string>;
  windows: Map<string, number>;
  windowLists: Map<string, string[]>;
}
type World = Model[];

function newWorld(): World {
  return Array.from({ length: KEYS }, () => ({
    value: undefined,
    list: [],
    map: new Map(),
    windows: new Map(),
    windowLists: new Map(),
  }));
}

/** One operator on some subtasks, with a model beside it. */
class Program {
  world = newWorld();
  backends: HashlogKeyedStateBackend[] = [];
  spills: MemorySpillStorage[] = [];
  readonly checkpoints = new MemoryCheckpoints();
  readonly retained: { readonly handles: readonly KeyedStateHandle[]; readonly world: World }[] = [];
  private checkpointId = 0;

  async start(parallelism: number, memoryBytes: number, handles: readonly KeyedStateHandle[]): Promise<void> {
    for (const backend of this.backends) backend.dispose();
    for (const spill of this.spills) assert.equal(spill.fileCount, 0, 'files are left behind');
    this.backends = [];
    this.spills = [];
    const memory = new ManagedMemory(memoryBytes);
    for (let index = 0; index < parallelism; index++) {
      const keyGroups = keyGroupRange(parallelism, MAX_PARALLELISM, index);
      const spill = new MemorySpillStorage();
      const backend = new HashlogKeyedStateBackend({
        clock: new ManualClock(),
        maxParallelism: MAX_PARALLELISM,
        keyGroupRange: keyGroups,
        memory,
        spill,
        scheduler: { yieldThen: (callback) => queueMicrotask(callback) },
      });
      await backend.restoreFrom(handles, keyGroups, this.checkpoints);
      this.backends.push(backend);
      this.spills.push(spill);
    }
  }

  states(backend: HashlogKeyedStateBackend) {
    return {
      value: backend.getPartitionedState(new ValueStateDescriptor<string>('value')),
      list: backend.getPartitionedState(new ListStateDescriptor<string>('list')),
      map: backend.getPartitionedState(new MapStateDescriptor<number, string>('map')),
      windows: backend.getNamespacedState(new ReducingStateDescriptor<number>('windows', (a, b) => a + b)),
      windowLists: backend.getNamespacedState(new ListStateDescriptor<string>('windowLists')),
    };
  }

  ownerOf(key: number): HashlogKeyedStateBackend {
    const group = keyGroupOf(encodeKey(`key-${key}`), MAX_PARALLELISM);
    return this.backends[operatorIndexForKeyGroup(group, this.backends.length, MAX_PARALLELISM)]!;
  }

  use({ key, action, namespace, number, size }: Use): void {
    const backend = this.ownerOf(key);
    const s = this.states(backend);
    const model = this.world[key]!;
    const text = `${number}:${'x'.repeat(size)}`;
    backend.setCurrentKey(`key-${key}`);
    s.windows.setCurrentNamespace(namespace);
    s.windowLists.setCurrentNamespace(namespace);
    switch (action) {
      case 0:
      case 1:
        s.value.update(text);
        model.value = text;
        break;
      case 2:
        s.value.clear();
        model.value = undefined;
        break;
      case 3:
      case 4:
        for (let i = 0; i <= number % 20; i++) {
          s.list.add(text);
          model.list.push(text);
        }
        break;
      case 5:
        s.list.update([text]);
        model.list = [text];
        break;
      case 6:
        for (let i = 0; i < number; i += 1 + (size % 50)) {
          s.map.put(i, text);
          model.map.set(i, text);
        }
        break;
      case 7:
        for (let i = number; i >= 0; i -= 1 + (size % 7)) {
          s.map.remove(i);
          model.map.delete(i);
        }
        break;
      case 8:
        s.windows.add(number);
        model.windows.set(namespace, (model.windows.get(namespace) ?? 0) + number);
        s.windowLists.add(text);
        model.windowLists.set(namespace, [...(model.windowLists.get(namespace) ?? []), text]);
        break;
      case 9:
        for (const each of this.backends) {
          this.states(each).windows.clearNamespace(namespace);
          this.states(each).windowLists.clearNamespace(namespace);
        }
        for (const each of this.world) {
          each.windows.delete(namespace);
          each.windowLists.delete(namespace);
        }
        break;
      case 10: {
        const sources = NAMESPACES.filter((each) => each !== namespace);
        s.windows.mergeNamespaces(namespace, sources);
        s.windowLists.mergeNamespaces(namespace, sources);
        const all = [namespace, ...sources];
        const numbers = all.map((each) => model.windows.get(each)).filter((each) => each !== undefined);
        const lists = all.flatMap((each) => model.windowLists.get(each) ?? []);
        model.windows = new Map(numbers.length > 0 ? [[namespace, numbers.reduce((a, b) => a + b)]] : []);
        model.windowLists = new Map(lists.length > 0 ? [[namespace, lists]] : []);
        break;
      }
      case 11:
        this.visitAll(namespace);
        break;
      default:
        s.map.clear();
        model.map.clear();
    }
    backend.setCurrentKey(`key-${key}`);
    this.check(key);
  }

  /** Doubles some of the windows' numbers and clears others while going over all keys. */
  visitAll(namespace: string): void {
    const seen: number[] = [];
    for (const backend of this.backends) {
      const { windows } = this.states(backend);
      windows.forEachKeyInNamespace(namespace, (name: string) => {
        const key = Number(name.slice(4));
        seen.push(key);
        const total = windows.get() as number;
        assert.equal(total, this.world[key]!.windows.get(namespace));
        if (key % 3 === 0) windows.add(total);
        if (key % 3 === 1) windows.clear();
      });
    }
    const expected = this.world.flatMap((model, key) => (model.windows.has(namespace) ? [key] : []));
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      expected,
    );
    for (const key of seen) {
      const { windows } = this.world[key]!;
      if (key % 3 === 0) windows.set(namespace, 2 * (windows.get(namespace) as number));
      if (key % 3 === 1) windows.delete(namespace);
    }
  }

  check(key: number): void {
    const backend = this.ownerOf(key);
    backend.setCurrentKey(`key-${key}`);
    const s = this.states(backend);
    const model = this.world[key]!;
    assert.equal(s.value.value(), model.value);
    assert.deepEqual([...s.list.get()], model.list);
    assert.deepEqual([...s.map.entries()], [...model.map]);
    for (const namespace of NAMESPACES) {
      s.windows.setCurrentNamespace(namespace);
      s.windowLists.setCurrentNamespace(namespace);
      assert.equal(s.windows.get(), model.windows.get(namespace));
      assert.deepEqual([...s.windowLists.get()], model.windowLists.get(namespace) ?? []);
    }
  }

  checkAll(): void {
    for (let key = 0; key < KEYS; key++) this.check(key);
    const count = (name: string): number => this.backends.reduce((sum, backend) => sum + backend.entryCount(name), 0);
    assert.equal(count('value'), this.world.filter((model) => model.value !== undefined).length);
    assert.equal(count('list'), this.world.filter((model) => model.list.length > 0).length);
    assert.equal(count('map'), this.world.filter((model) => model.map.size > 0).length);
    assert.equal(
      count('windows'),
      this.world.reduce((sum, model) => sum + model.windows.size, 0),
    );
    for (const { log } of this.backends) {
      assert.ok(log.usedBytes <= 2 * log.liveBytes + 500_000, `${log.usedBytes} bytes hold ${log.liveBytes} live ones`);
    }
  }

  async checkpoint(canonical: boolean, meanwhile: readonly Use[], end: string): Promise<void> {
    const checkpointId = ++this.checkpointId;
    const world = structuredClone(this.world);
    const pending = this.backends.map((backend) => backend.startSnapshot({ checkpointId, canonical }));
    const left = [...meanwhile];
    this.checkpoints.onWrite = () => {
      const next = left.shift();
      if (next !== undefined) this.use(next);
      else if (end === 'fail') throw new Error('disk full');
    };
    // Files of checkpoints that are not retained any more are gone, also for a program that was restored from one.
    const output = this.checkpoints.output((handle) => handle.kind === 'INLINE' || this.checkpoints.files.has(handle.file));
    const results = await Promise.allSettled(pending.map((each) => each.write(output)));
    this.checkpoints.onWrite = () => {};
    const handles = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    for (const result of results) {
      if (result.status === 'rejected' && !/disk full/.test(String(result.reason))) throw result.reason;
    }
    const complete = end === 'complete' && handles.length === results.length;
    for (const backend of this.backends) {
      if (complete) backend.notifyCheckpointComplete(checkpointId);
      else backend.notifyCheckpointAborted(checkpointId);
    }
    if (complete) this.retained.push({ handles, world });
    if (this.retained.length > KEEP) this.retained.shift();
    const needed = new Set(this.retained.flatMap((each) => each.handles.flatMap(filesOf)));
    for (const file of this.checkpoints.files.keys()) if (!needed.has(file)) this.checkpoints.files.delete(file);
  }
}

function filesOf(handle: KeyedStateHandle): string[] {
  const all: StateHandle[] =
    handle.format === 'KEY_GROUPS' ? [handle.content] : [handle.meta, ...handle.files.map((file) => file.handle)];
  return all.flatMap((each) => (each.kind === 'FILE' ? [each.file] : []));
}

test('any program on tiny memory does what plain Maps do, from any completed checkpoint on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 150, size: 'max' }), async (operations) => {
      const program = new Program();
      await program.start(1, 8192, []);
      for (const op of operations) {
        if (op.type === 'use') program.use(op);
        else if (op.type === 'checkpoint') await program.checkpoint(op.canonical, op.meanwhile, op.end);
        else {
          const from = program.retained[op.which];
          if (from === undefined) continue;
          program.world = structuredClone(from.world);
          await program.start(op.parallelism, op.memoryBytes, from.handles);
        }
      }
      program.checkAll();
      for (const { handles, world } of program.retained) {
        program.world = structuredClone(world);
        await program.start(2, 20_000, handles);
        program.checkAll();
      }
    }),
    { numRuns: 30 },
  );
});
