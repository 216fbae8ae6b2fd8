import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, Reader, readRecordsBatch } from '@platformatic/kafka';
import { RecordBatch } from './record-batch.ts';

function batchOf(values: readonly string[]): Buffer {
  const batch = new RecordBatch(4 << 20, 4_000);
  for (const value of values) batch.append((target, position) => position + target.write(value, position, 'latin1'));
  return batch.finish(1_234_567);
}

const value = (length: number, i: number): string => `${i} `.padEnd(length, '.');

for (const count of [1, 64, 65, 9_000]) {
  test(`a batch of ${count} records is read back by another reader`, () => {
    const values = Array.from({ length: count }, (_, i) => value(64 + (i % 200), i));
    const bytes = batchOf(values);
    const batch = readRecordsBatch(Reader.from(bytes));
    assert.deepEqual(
      batch.records.map(({ value }) => value?.toString('latin1')),
      values,
    );
    assert.deepEqual(
      batch.records.map(({ offsetDelta }) => offsetDelta),
      values.map((_, i) => i),
    );
    assert.equal(batch.lastOffsetDelta, count - 1);
    assert.equal(batch.firstTimestamp, 1_234_567n);
    assert.equal(batch.length, bytes.length - 12);
    assert.equal(batch.crc >>> 0, crc32c(bytes.subarray(21)) >>> 0);
  });
}

test('a batch is full before a value of the longest kind would not fit', () => {
  const batch = new RecordBatch(2_000, 300);
  let records = 0;
  while (!batch.isFull) {
    batch.append((target, position) => position + target.write(value(300, records), position, 'latin1'));
    records++;
  }
  assert.equal(records, 6);
  assert.equal(readRecordsBatch(Reader.from(batch.finish(0))).records.length, 6);
});
