/** Timers in numbers: what is on the heap, what is in managed memory, and what is on disk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ManagedMemory, MemorySpillStorage } from '../../memory/index.ts';
import { keyGroupRange } from '../index.ts';
import { ManualClock } from '../keyed-state-contract.test.ts';
import { MemoryCheckpoints } from '../memory-checkpoint.test.ts';
import { HashlogKeyedStateBackend } from './hashlog-keyed-state-backend.ts';

const MAX_PARALLELISM = 128;
const MEMORY_BYTES = 16 * 1024 * 1024;
const MAX_HEAP_BYTES = 12 * 1024 * 1024;
const COUNT = 300_000;
/** Prime to the count. */
const STRIDE = 104_729;

function backendWith(memory: ManagedMemory, spill = new MemorySpillStorage()): HashlogKeyedStateBackend {
  const keyGroups = keyGroupRange(1, MAX_PARALLELISM, 0);
  return new HashlogKeyedStateBackend({
    clock: new ManualClock(),
    maxParallelism: MAX_PARALLELISM,
    keyGroupRange: keyGroups,
    memory,
    spill,
  });
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

const DISTRIBUTIONS: Readonly<Record<string, (i: number) => number>> = {
  'one after the other': (i) => i,
  'at random': (i) => (i * STRIDE) % COUNT,
  'all at one time': () => 1000,
  'at the end of time, but for a few': (i) => (i % 10 === 0 ? i : Number.POSITIVE_INFINITY),
};

for (const [name, timeOf] of Object.entries(DISTRIBUTIONS)) {
  test(`the heap holds no more with more timers (${name})`, () => {
    const memory = new ManagedMemory(MEMORY_BYTES);
    const backend = backendWith(memory);
    const queue = backend.timerQueue('event_timers');
    const before = heapBytes();
    for (let i = 0; i < COUNT; i++) queue.add(i, '', timeOf(i));
    const grown = heapBytes() - before;
    assert.ok(grown < MAX_HEAP_BYTES, `${COUNT} timers take ${Math.round(grown / 1e6)} MB of heap`);
    assert.equal(queue.size, COUNT);
    assert.ok(memory.usedBytes <= MEMORY_BYTES, `${memory.usedBytes} bytes of managed memory are used of ${MEMORY_BYTES}`);
    let last = Number.NEGATIVE_INFINITY;
    let sum = 0;
    let fired = 0;
    for (let timer = queue.popUntil(Infinity); timer; timer = queue.popUntil(Infinity)) {
      assert.ok(timer.timestamp >= last);
      last = timer.timestamp;
      sum += timer.key as number;
      if (++fired === COUNT / 2) assert.ok(heapBytes() - before < MAX_HEAP_BYTES);
    }
    assert.deepEqual([fired, sum, queue.size], [COUNT, (COUNT * (COUNT - 1)) / 2, 0]);
    backend.dispose();
    assert.equal(memory.usedBytes, 0);
  });
}

test('a checkpoint writes the timers that came since the one before, and no others', async () => {
  const memory = new ManagedMemory(MEMORY_BYTES);
  const backend = backendWith(memory);
  const queue = backend.timerQueue('event_timers');
  const checkpoints = new MemoryCheckpoints();
  const save = async (checkpointId: number): Promise<number> => {
    const before = checkpoints.written.SHARED;
    await backend.startSnapshot({ checkpointId, canonical: false }).write(checkpoints.output());
    backend.notifyCheckpointComplete(checkpointId);
    return checkpoints.written.SHARED - before;
  };
  for (let i = 0; i < COUNT; i++) queue.add(i, '', i);
  const all = await save(1);
  for (let i = 0; i < COUNT / 20; i++) queue.add(i, 'w', COUNT + i);
  const more = await save(2);
  assert.ok(all > 20 * COUNT, `${all} bytes hold ${COUNT} timers`);
  assert.ok(more < all / 5, `${more} bytes were written for a twentieth more than the ${all} before`);
  backend.dispose();
});
