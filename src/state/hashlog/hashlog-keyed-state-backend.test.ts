import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManagedMemory, MemorySpillStorage } from '../../memory/index.ts';
import {
  createKeyedStateBackend,
  type HashlogBackendOptions,
  HashlogKeyedStateBackend,
  type KeyedStateBackend,
  ListStateDescriptor,
  MapStateDescriptor,
  StateTtlConfig,
  ValueStateDescriptor,
} from '../index.ts';
import { keyedStateContract, ManualClock } from '../keyed-state-contract.test.ts';
import { MemoryCheckpoints } from '../memory-checkpoint.test.ts';

keyedStateContract('hashlog', (options) =>
  createKeyedStateBackend({
    ...options,
    backend: 'hashlog',
    memory: new ManagedMemory(16 * 1024),
    spill: new MemorySpillStorage(),
  }),
);

function makeHashlog(memoryBytes = 64 * 1024, options: Partial<HashlogBackendOptions> = {}): HashlogKeyedStateBackend {
  return new HashlogKeyedStateBackend({
    clock: new ManualClock(),
    maxParallelism: 16,
    memory: new ManagedMemory(memoryBytes),
    spill: new MemorySpillStorage(),
    ...options,
  });
}

/** Touches so many other keys that nothing of the first ones is cached. */
function crowdOut(backend: HashlogKeyedStateBackend, state: { update(value: any): void }): void {
  for (let i = 0; i < 40_000; i++) {
    backend.setCurrentKey(`crowd-${i}`);
    state.update(i);
  }
}

test('a value that is changed in place while its key is current is kept, without an update', () => {
  const b = makeHashlog(1024 * 1024);
  const v = b.getPartitionedState(new ValueStateDescriptor<any>('v'));
  b.setCurrentKey('k');
  v.update({ count: 1, tags: ['a'] });
  crowdOut(b, v);
  b.setCurrentKey('k');
  v.value().tags.push('b');
  crowdOut(b, v);
  b.setCurrentKey('k');
  assert.deepEqual(v.value(), { count: 1, tags: ['a', 'b'] });
});

test('reading writes nothing', () => {
  const b = makeHashlog(1024 * 1024);
  const v = b.getPartitionedState(new ValueStateDescriptor<any>('v'));
  const m = b.getPartitionedState(new MapStateDescriptor<string, any>('m'));
  for (let i = 0; i < 10_000; i++) {
    b.setCurrentKey(i);
    v.update({ i });
    m.put('x', { i });
  }
  b.snapshot();
  const before = b.log.usedBytes;
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10_000; i++) {
      b.setCurrentKey(i);
      assert.deepEqual([v.value(), m.get('x')], [{ i }, { i }]);
    }
  }
  assert.equal(b.entryCount('v'), 10_000);
  assert.equal(b.log.usedBytes, before);
});

test('a value that keeps its size is overwritten where it is until a snapshot is taken', () => {
  const b = makeHashlog(1024 * 1024);
  const v = b.getPartitionedState(new ValueStateDescriptor<number>('v'));
  const writeAll = (value: number): number => {
    for (let i = 0; i < 5000; i++) {
      b.setCurrentKey(i);
      v.update(value);
    }
    assert.equal(b.entryCount('v'), 5000);
    return b.log.usedBytes;
  };
  const before = writeAll(1);
  assert.equal(writeAll(2), before);
  const pending = b.startSnapshot({ checkpointId: 1, canonical: false });
  assert.ok(writeAll(3) > before);
  pending.discard();
  assert.equal(writeAll(4), before);
});

test('a list of a hundred thousand elements is appended to without being read or copied', () => {
  const b = makeHashlog(256 * 1024);
  const l = b.getPartitionedState(new ListStateDescriptor<number>('l'));
  b.setCurrentKey('k');
  for (let i = 0; i < 100_000; i++) l.add(i);
  let next = 0;
  for (const element of l.get()) assert.equal(element, next++);
  assert.equal(next, 100_000);
  assert.ok(b.log.coldReads < 1000, `${b.log.coldReads} cold reads`);
  l.clear();
  assert.equal(b.isEmpty(), true);
  assert.equal(b.log.liveBytes, 0);
});

test('a large map keeps the order of its keys over removals at any place, and goes when it is empty', () => {
  const b = makeHashlog(256 * 1024);
  const m = b.getPartitionedState(new MapStateDescriptor<number, number>('m'));
  const model = new Map<number, number>();
  b.setCurrentKey('k');
  const put = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      m.put(i, -i);
      model.set(i, -i);
    }
  };
  const remove = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      m.remove(i);
      model.delete(i);
    }
  };
  const check = (): void => assert.deepEqual([...m.entries()], [...model]);
  put(0, 1000);
  // The last part of the order, parts in the middle, the first; and each key again at the end.
  for (const [from, to] of [
    [990, 1000],
    [100, 250],
    [0, 40],
    [985, 990],
  ] as const) {
    remove(from, to);
    check();
    put(from, to);
    check();
    put(from, from + 3);
    check();
  }
  const seen: number[] = [];
  for (const [key] of m.entries()) {
    seen.push(key);
    // Those that come next, and with them whole parts of the order.
    for (let i = 1; i < 40; i++) m.remove(key + i);
    m.remove(key);
  }
  assert.ok(seen.length > 20 && new Set(seen).size === seen.length);
  assert.equal(m.isEmpty(), true);
  assert.equal(b.isEmpty(), true);
  assert.equal(b.log.liveBytes, 0);
});

test('expired values on disk go while others are written, also long lists and large maps', () => {
  const clock = new ManualClock();
  const b = makeHashlog(64 * 1024, { clock });
  const ttl = StateTtlConfig.newBuilder(100).build();
  const v = b.getPartitionedState(new ValueStateDescriptor<string>('v').enableTimeToLive(ttl));
  const l = b.getPartitionedState(new ListStateDescriptor<number>('l').enableTimeToLive(ttl));
  const m = b.getPartitionedState(new MapStateDescriptor<number, number>('m').enableTimeToLive(ttl));
  const other = b.getPartitionedState(new ValueStateDescriptor<string>('other'));
  for (let i = 0; i < 4000; i++) {
    b.setCurrentKey(i);
    v.update('x'.repeat(20));
    for (let j = 0; j < 800 && i % 800 === 0; j++) {
      l.add(j);
      m.put(j, j);
    }
  }
  const sizes = (): number[] => ['v', 'l', 'm'].map((name) => b.entryCount(name));
  assert.deepEqual(sizes(), [4000, 5, 5]);
  clock.nowMs += 100;
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 4000; i++) {
      b.setCurrentKey(`other-${i}`);
      other.update('y'.repeat(20 + round * 8));
      // An access of each state is when its parts are cleaned; this key has none.
      l.get();
      m.get(1);
    }
  }
  assert.deepEqual(sizes(), [0, 0, 0]);
  assert.equal(b.entryCount('other'), 4000);
});

test('several operators share the memory of a slot, and give all of it back', () => {
  const memory = new ManagedMemory(512 * 1024);
  const spill = new MemorySpillStorage();
  const backends = [0, 1, 2].map(() => makeHashlog(0, { memory, spill }));
  for (let i = 0; i < 20_000; i++) {
    for (const backend of backends) {
      backend.setCurrentKey(i % 5000);
      backend.getPartitionedState(new ListStateDescriptor<string>('l')).add('z'.repeat(30));
    }
    if (i % 100 === 0) assert.ok(memory.usedBytes <= 800 * 1024, `${memory.usedBytes} bytes are used`);
  }
  assert.ok(spill.bytesWritten > 1_000_000);
  for (const backend of backends) backend.dispose();
  assert.deepEqual([memory.usedBytes, spill.fileCount], [0, 0]);
});

test('a checkpoint writes only the segments that no completed one has', async () => {
  const checkpoints = new MemoryCheckpoints();
  const b = makeHashlog(8 * 1024 * 1024);
  const v = b.getPartitionedState(new ValueStateDescriptor<string>('v'));
  const write = (count: number, text: string): void => {
    for (let i = 0; i < count; i++) {
      b.setCurrentKey(i);
      v.update(text.repeat(100));
    }
  };
  let id = 0;
  const sharedBytesOf = async (end: 'complete' | 'abort' | 'none', mayReferTo?: () => boolean): Promise<number> => {
    const before = checkpoints.written.SHARED;
    await b.startSnapshot({ checkpointId: ++id, canonical: false }).write(checkpoints.output(mayReferTo));
    if (end === 'complete') b.notifyCheckpointComplete(id);
    if (end === 'abort') b.notifyCheckpointAborted(id);
    return checkpoints.written.SHARED - before;
  };
  write(20_000, 'a');
  const full = await sharedBytesOf('abort');
  assert.ok(full > 2_000_000);
  assert.equal(await sharedBytesOf('none'), full, 'the files of a failed checkpoint are not referred to');
  assert.equal(await sharedBytesOf('complete'), full, 'nor those of one that is not complete yet');
  assert.equal(await sharedBytesOf('complete'), 0);
  write(1000, 'b');
  const changed = await sharedBytesOf('complete');
  assert.ok(changed < full / 4, `${changed} of ${full}`);
  assert.ok((await sharedBytesOf('complete', () => false)) >= full, 'another job refers to nothing');
});

test('a damaged segment or index of a checkpoint is reported, never restored', async () => {
  const checkpoints = new MemoryCheckpoints();
  const b = makeHashlog(256 * 1024);
  const v = b.getPartitionedState(new ValueStateDescriptor<string>('v'));
  for (let i = 0; i < 5000; i++) {
    b.setCurrentKey(i);
    v.update('x'.repeat(100));
  }
  const handle = await b.startSnapshot({ checkpointId: 1, canonical: false }).write(checkpoints.output());
  for (const [file, bytes] of checkpoints.files) {
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] as number) ^ 1;
    await assert.rejects(
      makeHashlog(256 * 1024).restoreFrom([handle], { start: 0, end: 15 }, checkpoints),
      { code: 'CORRUPT_DATA' },
      file,
    );
    bytes[at] = (bytes[at] as number) ^ 1;
  }
  await makeHashlog(256 * 1024).restoreFrom([handle], { start: 0, end: 15 }, checkpoints);
});

test('the heap backend refuses what this one wrote for itself, and each restores the savepoints of the other', async () => {
  const checkpoints = new MemoryCheckpoints();
  const range = { start: 0, end: 15 };
  const heap = () => createKeyedStateBackend({ clock: new ManualClock(), maxParallelism: 16 });
  const fill = (b: KeyedStateBackend): void => {
    for (let i = 0; i < 300; i++) {
      b.setCurrentKey(i);
      b.getPartitionedState(new ValueStateDescriptor<number>('v')).update(i);
      for (let j = 0; j < (i === 5 ? 2000 : 3); j++) {
        b.getPartitionedState(new ListStateDescriptor<number>('l')).add(j);
        b.getPartitionedState(new MapStateDescriptor<number, number>('m')).put(j, i);
      }
    }
  };
  const contentOf = (b: KeyedStateBackend): unknown[] =>
    Array.from({ length: 300 }, (_, i) => {
      b.setCurrentKey(i);
      return [
        b.getPartitionedState(new ValueStateDescriptor<number>('v')).value(),
        [...b.getPartitionedState(new ListStateDescriptor<number>('l')).get()],
        [...b.getPartitionedState(new MapStateDescriptor<number, number>('m')).entries()],
      ];
    });
  for (const [from, to] of [
    [heap, makeHashlog],
    [makeHashlog, heap],
  ] as const) {
    const source = from();
    fill(source);
    const handle = await source.startSnapshot({ checkpointId: 1, canonical: true }).write(checkpoints.output());
    const target = to();
    await target.restoreFrom([handle], range, checkpoints);
    assert.deepEqual(contentOf(target), contentOf(source));
  }
  const own = await makeHashlog().startSnapshot({ checkpointId: 2, canonical: false }).write(checkpoints.output());
  await assert.rejects(heap().restoreFrom([own], range, checkpoints), { code: 'STATE_FAILED', message: /'hashlog'.*savepoint/ });
});
