/** Many changes on little memory, over several checkpoints and restores: long enough for everything to be moved several times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../common/index.ts';
import { ManagedMemory, MemorySpillStorage } from '../../memory/index.ts';
import { type KeyedStateHandle, keyGroupRange, MapStateDescriptor, ValueStateDescriptor } from '../index.ts';
import { encodeKey } from '../key-encoding.ts';
import { keyGroupOf, operatorIndexForKeyGroup } from '../key-groups.ts';
import { ManualClock } from '../keyed-state-contract.test.ts';
import { MemoryCheckpoints } from '../memory-checkpoint.test.ts';
import { HashlogKeyedStateBackend } from './hashlog-keyed-state-backend.ts';

const MAX_PARALLELISM = 16;
const KEYS = 6000;

class LongRun {
  readonly values = new Map<number, string>();
  readonly maps = new Map<number, Map<number, string>>();
  readonly checkpoints = new MemoryCheckpoints();
  readonly random = seededRandom(11);
  readonly spill = new MemorySpillStorage();
  backends: HashlogKeyedStateBackend[] = [];

  async start(parallelism: number, memoryBytes: number, handles: readonly KeyedStateHandle[]): Promise<void> {
    for (const backend of this.backends) backend.dispose();
    const memory = new ManagedMemory(memoryBytes);
    this.backends = [];
    for (let index = 0; index < parallelism; index++) {
      const range = keyGroupRange(parallelism, MAX_PARALLELISM, index);
      const backend = new HashlogKeyedStateBackend({
        clock: new ManualClock(),
        maxParallelism: MAX_PARALLELISM,
        keyGroupRange: range,
        memory,
        spill: this.spill,
        scheduler: { yieldThen: (callback) => queueMicrotask(callback) },
      });
      await backend.restoreFrom(handles, range, this.checkpoints);
      this.useOtherTables(backend);
      this.backends.push(backend);
    }
  }

  /** Makes tables come and go, so that the numbers of tables differ from one start to the next. */
  useOtherTables(backend: HashlogKeyedStateBackend): void {
    const windows = backend.getNamespacedState(new ValueStateDescriptor<number>('windows'));
    for (const namespace of ['w1', 'w2', 'w3']) {
      backend.setCurrentKey(0);
      windows.setCurrentNamespace(namespace);
      windows.update(1);
      windows.clearNamespace(namespace);
    }
    backend.getPartitionedState(new MapStateDescriptor<number, string>('map'));
  }

  statesOf(key: number) {
    const group = keyGroupOf(encodeKey(key), MAX_PARALLELISM);
    const backend = this.backends[operatorIndexForKeyGroup(group, this.backends.length, MAX_PARALLELISM)]!;
    backend.setCurrentKey(key);
    return {
      value: backend.getPartitionedState(new ValueStateDescriptor<string>('value')),
      map: backend.getPartitionedState(new MapStateDescriptor<number, string>('map')),
    };
  }

  change(count: number): void {
    for (let i = 0; i < count; i++) {
      const key = Math.floor(this.random.next() ** 2 * KEYS);
      const { value, map } = this.statesOf(key);
      const dice = this.random.next();
      if (dice < 0.7) {
        const text = `${key}:${'v'.repeat(this.random.next() * 60)}`;
        value.update(text);
        this.values.set(key, text);
      } else if (dice < 0.75) {
        value.clear();
        this.values.delete(key);
      } else {
        const model = this.maps.get(key) ?? new Map<number, string>();
        const entry = Math.floor(this.random.next() * 12);
        if (dice < 0.8) {
          map.remove(entry);
          model.delete(entry);
        } else {
          // One key in fifty gets a map that is kept entry by entry.
          const text = 'm'.repeat(key % 50 === 0 ? 900 : 5);
          map.put(entry, text);
          model.set(entry, text);
        }
        if (model.size > 0) this.maps.set(key, model);
        else this.maps.delete(key);
      }
    }
  }

  check(): void {
    for (let key = 0; key < KEYS; key++) {
      const { value, map } = this.statesOf(key);
      assert.equal(value.value(), this.values.get(key));
      assert.deepEqual([...map.entries()], [...(this.maps.get(key) ?? [])]);
    }
    const count = (name: string): number => this.backends.reduce((sum, each) => sum + each.entryCount(name), 0);
    assert.equal(count('value'), this.values.size);
    assert.equal(count('map'), this.maps.size);
  }
}

test('a long run spills, compacts, writes checkpoints beside its records and goes on from them at any parallelism', async () => {
  const run = new LongRun();
  await run.start(1, 128 * 1024, []);
  let compacted = 0;
  let checkpointId = 0;
  for (const [parallelism, memoryBytes] of [
    [1, 128 * 1024],
    [3, 1024 * 1024],
    [2, 64 * 1024],
    [1, 4096 * 1024],
  ] as const) {
    run.change(12_000);
    // Two checkpoints, so that the second refers to files of the first; the program goes on while they are written.
    for (const last of [false, true]) {
      checkpointId++;
      const pending = run.backends.map((backend) => backend.startSnapshot({ checkpointId, canonical: false }));
      const model = structuredClone({ values: run.values, maps: run.maps });
      run.checkpoints.onWrite = () => run.change(40);
      const handles = await Promise.all(pending.map((each) => each.write(run.checkpoints.output())));
      run.checkpoints.onWrite = () => {};
      for (const backend of run.backends) backend.notifyCheckpointComplete(checkpointId);
      run.change(8000);
      run.check();
      for (const { log, compactor } of run.backends) {
        // What was restored is cleaned while the program goes on.
        if (checkpointId < 3)
          assert.ok(log.usedBytes <= 2 * log.liveBytes + 600_000, `${log.usedBytes} bytes hold ${log.liveBytes}`);
        compacted += compactor.compactedBytes;
      }
      if (!last) continue;
      run.values.clear();
      run.maps.clear();
      for (const [key, value] of model.values) run.values.set(key, value);
      for (const [key, map] of model.maps) run.maps.set(key, map);
      await run.start(parallelism, memoryBytes, handles);
      run.check();
    }
  }
  assert.ok(compacted > 1_000_000, `only ${compacted} bytes were compacted`);
  assert.ok(run.spill.bytesWritten > 1_000_000);
  for (const backend of run.backends) backend.dispose();
  assert.equal(run.spill.fileCount, 0);
});
