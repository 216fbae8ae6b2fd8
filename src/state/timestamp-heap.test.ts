import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type HeapItem, TimestampHeap } from './timestamp-heap.ts';

test('whatever is added and removed, the first item is one with the lowest time', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(1000)), { maxLength: 300, size: 'max' }), (steps) => {
      const heap = new TimestampHeap<HeapItem>();
      const model: HeapItem[] = [];
      for (const [adds, number] of steps) {
        if (adds || model.length === 0) {
          const item = { timestamp: number, heapIndex: -1 };
          heap.add(item);
          model.push(item);
        } else {
          const [item] = model.splice(number % model.length, 1);
          heap.remove(item as HeapItem);
          assert.equal(item?.heapIndex, -1);
        }
        assert.equal(heap.first?.timestamp, model.length ? Math.min(...model.map((item) => item.timestamp)) : undefined);
      }
      for (const expected of model.map((item) => item.timestamp).sort((a, b) => a - b)) {
        const { first } = heap;
        assert.equal(first?.timestamp, expected);
        heap.remove(first as HeapItem);
      }
      assert.equal(heap.first, undefined);
    }),
  );
});
