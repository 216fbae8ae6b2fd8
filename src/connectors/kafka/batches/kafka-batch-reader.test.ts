import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadBatchCodecs } from './batch-codecs.ts';
import * as layout from './batch-layout.ts';
import { KafkaBatchReader } from './kafka-batch-reader.ts';
import { type BatchIdentity, KafkaBatchWriter, NO_PRODUCER, reassignBatch } from './kafka-batch-writer.ts';
import { readHeaders } from './kafka-header.ts';
import { RecordBounds } from './record-bounds.ts';

const codecs = await loadBatchCodecs();
const TIME = 1_700_000_000_000;

function batchAt(offset: number, values: readonly string[], by: BatchIdentity = NO_PRODUCER): Uint8Array {
  const writer = new KafkaBatchWriter({ codecs });
  for (const [i, value] of values.entries()) writer.append(TIME + i, null, Buffer.from(value));
  return edited(writer.finish(by), (view) => layout.writeInt64(view, layout.BASE_OFFSET, offset));
}

/** The batch with other bytes, and the checksum that goes with them. */
function edited(batch: Uint8Array, edit: (view: DataView) => void): Uint8Array {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  edit(view);
  view.setUint32(layout.CRC, codecs.crc32c(batch.subarray(layout.ATTRIBUTES)));
  return batch;
}

function transaction(producerId: number): BatchIdentity {
  return { producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true };
}

/** What the broker writes at the end of a transaction. */
function markerAt(offset: number, producerId: number, type: 'abort' | 'commit'): Uint8Array {
  const writer = new KafkaBatchWriter({ codecs });
  writer.append(TIME, Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]), Buffer.from([0, 0, 0, 0, 0, 0]));
  const batch = writer.finish(transaction(producerId));
  return edited(batch, (view) => {
    layout.writeInt64(view, layout.BASE_OFFSET, offset);
    view.setInt16(layout.ATTRIBUTES, view.getInt16(layout.ATTRIBUTES) | layout.CONTROL);
  });
}

function newReader(isolationLevel?: 'read_committed'): KafkaBatchReader {
  return new KafkaBatchReader({ topic: 'clicks', partition: 3, codecs, isolationLevel });
}

function valuesOf(reader: KafkaBatchReader): string[] {
  const values: string[] = [];
  while (reader.next()) values.push(Buffer.from(reader.data.subarray(reader.valueStart, reader.valueEnd)).toString());
  return values;
}

test('records before the offset that was asked for are skipped, within a batch and in whole ones', () => {
  const fetched = Buffer.concat([batchAt(10, ['a', 'b']), batchAt(12, ['c', 'd', 'e'])]);
  const reader = newReader();
  reader.open(fetched, 13);
  assert.deepEqual(valuesOf(reader), ['d', 'e']);
  assert.equal(reader.nextOffset, 15);
});

test('when the broker stamps records, all of a batch have its time', () => {
  const batch = edited(batchAt(0, ['a', 'b']), (view) => {
    view.setInt16(layout.ATTRIBUTES, layout.LOG_APPEND_TIME);
    layout.writeInt64(view, layout.MAX_TIMESTAMP, 42);
  });
  const reader = newReader();
  reader.open(batch, 0);
  const bounds = new RecordBounds(10);
  assert.ok(reader.readRecords(bounds));
  assert.deepEqual([...bounds.timestamps.subarray(0, bounds.length)], [42, 42]);
});

test('reading goes on behind offsets that compaction has removed, and behind batches that it has emptied', () => {
  const shortened = edited(batchAt(0, ['a', 'b']), (view) => view.setInt32(layout.LAST_OFFSET_DELTA, 9));
  const emptied = edited(batchAt(10, ['x']).slice(0, layout.RECORDS), (view) => {
    view.setInt32(layout.BATCH_LENGTH, layout.RECORDS - layout.LEADER_EPOCH);
    view.setInt32(layout.RECORD_COUNT, 0);
    view.setInt32(layout.LAST_OFFSET_DELTA, 4);
  });
  const reader = newReader();
  reader.open(Buffer.concat([shortened, emptied]), 0);
  assert.ok(reader.next() && reader.next());
  assert.deepEqual([reader.offset, reader.nextOffset], [1, 10]);
  assert.ok(!reader.next());
  assert.equal(reader.nextOffset, 15);
});

test('a first batch that was cut off is an error: fetching again would not bring more of it', () => {
  const batch = batchAt(7, ['a']);
  const reader = newReader();
  reader.open(batch.subarray(0, batch.length - 1), 7);
  assert.throws(() => reader.next(), { code: 'CORRUPT_DATA', message: /offset 7 of "clicks", partition 3, was cut off/ });
});

test('an empty answer has no records', () => {
  const reader = newReader();
  reader.open(new Uint8Array(0), 5);
  assert.ok(!reader.next());
  assert.equal(reader.nextOffset, 5);
});

for (const magic of [0, 1]) {
  test(`records in the old format (magic ${magic}) are refused, with the reason`, () => {
    const old = batchAt(3, ['a']);
    old[layout.MAGIC] = magic;
    const reader = newReader();
    reader.open(old, 3);
    assert.throws(() => reader.next(), {
      code: 'CORRUPT_DATA',
      message: /offset 3 of "clicks", partition 3, is in Kafka's old message format/,
    });
  });
}

test('a batch with more in it than its count of records says is damaged', () => {
  const reader = newReader();
  reader.open(
    edited(batchAt(0, ['a', 'b']), (view) => view.setInt32(layout.RECORD_COUNT, 1)),
    0,
  );
  assert.throws(() => reader.next(), { code: 'CORRUPT_DATA', message: /bytes are left behind the last record/ });
});

test('headers that are damaged are an error, not the bytes behind them', () => {
  const header = Buffer.from([2, 2, 0x6b, 4, 1, 2]);
  assert.deepEqual(readHeaders(header, 0), [{ key: 'k', value: new Uint8Array([1, 2]) }]);
  for (let length = 1; length < header.length; length++) {
    assert.throws(() => readHeaders(header.subarray(0, length), 0), { code: 'CORRUPT_DATA' }, `${length} bytes of them`);
  }
});

test('an unknown compression is an error that names it', () => {
  const reader = newReader();
  reader.open(
    edited(batchAt(3, ['a']), (view) => view.setInt16(layout.ATTRIBUTES, 7)),
    3,
  );
  assert.throws(() => reader.next(), /its compression \(7\) is unknown/);
});

test('a damaged attribute does not make records disappear', () => {
  const batch = batchAt(0, ['a']);
  batch[layout.ATTRIBUTES + 1] = layout.CONTROL;
  const reader = newReader();
  reader.open(batch, 0);
  assert.throws(() => reader.next(), /its checksum \(CRC-32C\) is wrong/);
});

test('a batch that got another identity is whole', () => {
  const batch = batchAt(0, ['a']);
  reassignBatch(batch, transaction(99), codecs);
  const view = new DataView(batch.buffer);
  assert.equal(layout.readInt64(view, layout.PRODUCER_ID), 99);
  const reader = newReader();
  reader.open(batch, 0);
  assert.deepEqual(valuesOf(reader), ['a']);
});

test('a producer that aborts, commits and aborts again in one answer loses what it aborted, and nothing else', () => {
  const fetched = Buffer.concat([
    batchAt(0, ['aborted']),
    markerAt(1, 7, 'abort'),
    batchAt(2, ['committed']),
    markerAt(3, 7, 'commit'),
    batchAt(4, ['aborted too']),
    batchAt(5, ['no transaction']),
    markerAt(6, 7, 'abort'),
  ]);
  for (const start of [0, 2, 4]) {
    let position = 0;
    for (let i = 0; position < fetched.length; i++) {
      const length = fetched.readInt32BE(position + layout.BATCH_LENGTH) + layout.LEADER_EPOCH;
      if (i === start) reassignBatch(fetched.subarray(position, position + length), transaction(7), codecs);
      position += length;
    }
  }
  const aborted = [
    { producerId: 7, firstOffset: 0 },
    { producerId: 7, firstOffset: 4 },
  ];
  const reader = newReader('read_committed');
  reader.open(fetched, 0, aborted);
  assert.deepEqual(valuesOf(reader), ['committed', 'no transaction']);
  assert.equal(reader.nextOffset, 7);
  const all = newReader();
  all.open(fetched, 0);
  assert.deepEqual(valuesOf(all), ['aborted', 'committed', 'aborted too', 'no transaction']);
});

interface Step {
  readonly producer: number;
  readonly ends: 'no' | 'abort' | 'commit';
}

/** A log as a broker would have it, cut into answers anywhere, with the aborted transactions that it would name in each. */
function play(steps: readonly Step[], cuts: readonly number[]) {
  const batches: { offset: number; bytes: Uint8Array }[] = [];
  const open = new Map<number, { first: number; values: string[] }>();
  const aborted: { producerId: number; firstOffset: number; lastOffset: number }[] = [];
  const committed: [offset: number, value: string][] = [];
  let offset = 0;
  for (const { producer, ends } of [...steps, ...[0, 1, 2].map((producer): Step => ({ producer, ends: 'commit' }))]) {
    const value = `${producer} at ${offset}`;
    batches.push({ offset, bytes: batchAt(offset, [value], transaction(producer)) });
    const mine = open.get(producer) ?? { first: offset, values: [] };
    open.set(producer, mine);
    mine.values.push(value);
    offset++;
    if (ends === 'no') continue;
    batches.push({ offset, bytes: markerAt(offset, producer, ends) });
    open.delete(producer);
    if (ends === 'abort') aborted.push({ producerId: producer, firstOffset: mine.first, lastOffset: offset });
    else for (const v of mine.values) committed.push([Number(v.split(' at ')[1]), v]);
    offset++;
  }
  const starts = [...new Set([0, ...cuts.map((cut) => cut % batches.length)])].sort((a, b) => a - b);
  const answers = starts.map((start, i) => {
    const part = batches.slice(start, starts[i + 1]);
    const [from, to] = [part[0]!.offset, part.at(-1)!.offset];
    return {
      from,
      bytes: Buffer.concat(part.map((b) => b.bytes)),
      aborted: aborted.filter((t) => t.lastOffset >= from && t.firstOffset <= to).sort((a, b) => a.firstOffset - b.firstOffset),
    };
  });
  return { answers, committed: committed.sort((a, b) => a[0] - b[0]).map(([, value]) => value) };
}

test('of interleaved transactions, fetched in any pieces, exactly the committed records are read', () => {
  const step = fc.record({
    producer: fc.nat(2),
    ends: fc.constantFrom('no' as const, 'no' as const, 'abort' as const, 'commit' as const),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.array(fc.nat(100), { maxLength: 4 }), (steps, cuts) => {
      const { answers, committed } = play(steps, cuts);
      const reader = newReader('read_committed');
      const read = answers.flatMap(({ from, bytes, aborted }) => {
        reader.open(bytes, from, aborted);
        return valuesOf(reader);
      });
      assert.deepEqual(read, committed);
    }),
  );
});
