import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Configuration } from '../common/index.ts';
import { divideConfiguredMemory, divideMemory, MemoryOptions, parseMemorySize } from './index.ts';

const MIB = 2 ** 20;

test('all parts together are the process, and each slot has the same', () => {
  for (const processMib of [600, 1024, 1728, 8192]) {
    for (const slots of [1, 2, 3, 4]) {
      const d = divideMemory(processMib * MIB, slots);
      const parts = d.overheadBytes + d.networkBytes + d.managedBytes + d.heapBytes;
      assert.ok(parts <= d.processBytes && parts > d.processBytes - 4 * slots, `${parts} of ${d.processBytes}`);
      assert.deepEqual(
        [d.networkBytes, d.managedBytes, d.heapBytes],
        [d.networkBytesPerSlot * slots, d.managedBytesPerSlot * slots, d.heapBytesPerSlot * slots],
      );
    }
  }
});

test('fractions are of what is left after the overhead', () => {
  const d = divideMemory(1124 * MIB, 2, { overhead: 0.1, network: 0.1, managed: 0.5 });
  assert.equal(d.overheadBytes, Math.floor(112.4 * MIB));
  const rest = d.processBytes - d.overheadBytes;
  assert.ok(Math.abs(d.networkBytes - rest * 0.1) < 2 && Math.abs(d.managedBytes - rest * 0.5) < 2);
});

test('too little heap is refused, naming the options', () => {
  assert.throws(() => divideMemory(200 * MIB, 4), {
    code: 'INVALID_OPTION',
    message: /taskmanager\.memory\.process\.size of 200 MB .* each of 4 slots.*managed\.fraction/,
  });
});

test('sizes are read as Flink writes them', () => {
  const sizes = { '512 mb': 512 * MIB, '1g': 1024 * MIB, '1.5 gb': 1536 * MIB, '100': 100, '2kib': 2048 };
  for (const [text, size] of Object.entries(sizes)) assert.equal(parseMemorySize(text), size);
  assert.equal(parseMemorySize(5), 5);
  for (const wrong of ['', 'mb', '5 parsecs', '-1', -1, 1.5, undefined]) assert.equal(parseMemorySize(wrong), undefined);
});

test('a configuration divides by its options, a size before a fraction', () => {
  const known = Object.values(MemoryOptions);
  const d = divideConfiguredMemory(
    Configuration.from({ 'taskmanager.memory.process.size': '1 gb', 'taskmanager.memory.managed.size': '100 mb' }, known),
    2,
  );
  assert.deepEqual([d.processBytes, d.managedBytes], [1024 * MIB, 100 * MIB]);
  assert.throws(() => Configuration.from({ 'taskmanager.memory.managed.fraction': 1.5 }, known), { code: 'INVALID_OPTION' });
});
