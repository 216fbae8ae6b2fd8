/**
 * Batches against the codec of `@platformatic/kafka` as the other party, and against damage.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordsBatch, Reader, readRecordsBatches } from '@platformatic/kafka';
import fc from 'fast-check';
import { MillraceError } from '../../../common/index.ts';
import { COMPRESSION_TYPES, loadBatchCodecs } from './batch-codecs.ts';
import { BatchMemory } from './batch-memory.ts';
import { KafkaBatchReader } from './kafka-batch-reader.ts';
import { type BatchIdentity, KafkaBatchWriter, NO_PRODUCER } from './kafka-batch-writer.ts';
import { type KafkaHeader, readHeaders } from './kafka-header.ts';
import { RecordBounds } from './record-bounds.ts';

const codecs = await loadBatchCodecs();
const RUNS = { numRuns: 150 };

interface PlainRecord {
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
}

const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 80 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 8190, maxLength: 8200 }) },
);
const nullable = fc.option(bytes, { nil: null });
const header = fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 70 }), value: nullable });
const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_010_000 }),
  fc.integer({ min: -1, max: 4_102_444_800_000 }),
);
const record: fc.Arbitrary<PlainRecord> = fc.record({
  timestamp,
  key: nullable,
  value: nullable,
  headers: fc.array(header, { maxLength: 3 }),
});
const records = fc.array(record, { minLength: 1, maxLength: 90 });
const compression = fc.constantFrom(...COMPRESSION_TYPES);
const identity: fc.Arbitrary<BatchIdentity> = fc.oneof(
  fc.constant(NO_PRODUCER),
  fc.record({
    producerId: fc.integer({ min: 0, max: 2 ** 52 }),
    producerEpoch: fc.integer({ min: 0, max: 32_767 }),
    baseSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    isTransactional: fc.boolean(),
  }),
);

function write(list: readonly PlainRecord[], type: (typeof COMPRESSION_TYPES)[number] = 'none', by = NO_PRODUCER): Uint8Array {
  const writer = new KafkaBatchWriter({ codecs, compression: type, initialBytes: 100 });
  for (const { timestamp, key, value, headers } of list) {
    const before = writer.bytes;
    writer.append(timestamp, key, value, headers);
    assert.ok(writer.bytes - before <= writer.sizeOf(key?.length ?? 0, value?.length ?? 0, headers));
  }
  return writer.finish(by);
}

function newReader(checkCrcs = true): KafkaBatchReader {
  return new KafkaBatchReader({ topic: 'clicks', partition: 3, codecs, checkCrcs });
}

function slice(data: Uint8Array, start: number, end: number): Uint8Array | null {
  return start < 0 ? null : data.slice(start, end);
}

function readAll(fetched: Uint8Array, from = 0, reader = newReader()): (PlainRecord & { offset: number })[] {
  reader.open(fetched, from);
  const out: (PlainRecord & { offset: number })[] = [];
  while (reader.next()) {
    const { data, offset, timestamp } = reader;
    assert.ok(!Buffer.isBuffer(data) || Buffer.isBuffer(fetched), 'slices are copies');
    out.push({
      offset,
      timestamp,
      key: slice(data, reader.keyStart, reader.keyEnd),
      value: slice(data, reader.valueStart, reader.valueEnd),
      headers: readHeaders(data, reader.headerStart),
    });
  }
  return out;
}

function plain(list: readonly PlainRecord[]): unknown[] {
  const hex = (part: Uint8Array | null): string | null => (part === null ? null : Buffer.from(part).toString('hex'));
  return list.map(({ timestamp, key, value, headers }) => ({
    timestamp,
    key: hex(key),
    value: hex(value),
    headers: headers.map((h) => [h.key, hex(h.value)]),
  }));
}

test('what is written is read, in every compression', () => {
  fc.assert(
    fc.property(records, compression, identity, (list, type, by) => {
      const read = readAll(write(list, type, by));
      assert.deepEqual(plain(read), plain(list));
      assert.deepEqual(
        read.map((r) => r.offset),
        list.map((_, i) => i),
      );
    }),
    RUNS,
  );
});

test('memory that is used again changes nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(records, compression, fc.boolean()), { minLength: 1, maxLength: 5 }), (batches) => {
      const memory = new BatchMemory(100_000);
      const kept: [Uint8Array, readonly PlainRecord[]][] = [];
      const writers = new Map(
        COMPRESSION_TYPES.map((type) => [type, new KafkaBatchWriter({ codecs, compression: type, initialBytes: 200, memory })]),
      );
      for (const [list, type, isKept] of batches) {
        const writer = writers.get(type)!;
        for (const { timestamp, key, value, headers } of list) writer.append(timestamp, key, value, headers);
        const batch = writer.finish();
        assert.deepEqual(plain(readAll(batch)), plain(list));
        if (isKept) kept.push([batch, list]);
        else memory.recycle(batch);
      }
      for (const [batch, list] of kept) assert.deepEqual(plain(readAll(batch)), plain(list));
    }),
    RUNS,
  );
});

test("the library's reader reads what is written", () => {
  fc.assert(
    fc.property(records, compression, identity, (list, type, by) => {
      const [batch] = readRecordsBatches(Reader.from(Buffer.from(write(list, type, by))));
      assert.ok(batch);
      assert.equal(batch.producerId, BigInt(by.producerId));
      assert.equal(batch.producerEpoch, by.producerEpoch);
      assert.equal(batch.firstSequence, by.baseSequence);
      assert.equal(batch.maxTimestamp, BigInt(Math.max(...list.map((r) => r.timestamp))));
      assert.equal((batch.attributes & 16) !== 0, by.isTransactional);
      const read = batch.records.map((r) => ({
        timestamp: Number(batch.firstTimestamp + r.timestampDelta),
        key: r.key,
        value: r.value,
        headers: r.headers.map(([key, value]) => ({ key: String(key), value })),
      }));
      assert.deepEqual(plain(read), plain(list));
    }),
    RUNS,
  );
});

test("what the library's writer writes is read", () => {
  // It writes timestamps that are 2^31 ms or more from the first one's wrong.
  const close = record.map((r) => ({ ...r, timestamp: 1_700_000_000_000 + (r.timestamp % 2 ** 30) }));
  fc.assert(
    fc.property(fc.array(close, { minLength: 1, maxLength: 30 }), compression, (list, type) => {
      const batch = createRecordsBatch(
        list.map(({ timestamp, key, value, headers }) => ({
          topic: 'clicks',
          timestamp: BigInt(timestamp),
          key: (key === null ? null : Buffer.from(key)) as Buffer,
          value: (value === null ? null : Buffer.from(value)) as Buffer,
          headers: new Map(headers.map((h) => [Buffer.from(h.key), Buffer.from(h.value ?? [])])),
        })),
        { compression: type },
      );
      const expected = list.map((r) => ({
        ...r,
        headers: r.headers.map((h) => ({ key: h.key, value: h.value ?? new Uint8Array() })),
      }));
      assert.deepEqual(plain(readAll(batch.buffer)), plain(expected));
    }),
    RUNS,
  );
});

test('columns hold the same as one record after the other, whatever their capacity and wherever reading starts', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(records, compression), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(200),
      (batches, capacity, from) => {
        let base = 0;
        const fetched = Buffer.concat(
          batches.map(([list, type]) => {
            const batch = Buffer.from(write(list, type));
            batch.writeBigInt64BE(BigInt(base), 0);
            base += list.length;
            return batch;
          }),
        );
        const expected = readAll(fetched)
          .filter((r) => r.offset >= from)
          .map((r) => ({ ...r, headers: undefined }));
        const reader = newReader();
        reader.open(fetched, from);
        const bounds = new RecordBounds(capacity);
        const read: unknown[] = [];
        while (reader.readRecords(bounds)) {
          assert.ok(bounds.length > 0 && bounds.length <= capacity);
          for (let i = 0; i < bounds.length; i++) {
            read.push({
              offset: bounds.offsets[i],
              timestamp: bounds.timestamps[i],
              key: slice(bounds.data, bounds.keyStarts[i]!, bounds.keyEnds[i]!),
              value: slice(bounds.data, bounds.valueStarts[i]!, bounds.valueEnds[i]!),
              headers: undefined,
            });
          }
          assert.equal(reader.nextOffset, (bounds.offsets[bounds.length - 1] ?? 0) + 1);
        }
        assert.deepEqual(read, expected);
        assert.equal(reader.nextOffset, Math.max(base, from));
      },
    ),
    RUNS,
  );
});

test('a batch that is cut off behind whole ones is left for the next fetch', () => {
  fc.assert(
    fc.property(records, records, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (first, second, share) => {
      const whole = Buffer.from(write(first));
      const next = Buffer.from(write(second));
      next.writeBigInt64BE(BigInt(first.length), 0);
      const fetched = Buffer.concat([whole, next.subarray(0, Math.floor(next.length * share))]);
      const reader = newReader();
      assert.deepEqual(plain(readAll(fetched, 0, reader)), plain(first));
      assert.equal(reader.nextOffset, first.length);
    }),
    RUNS,
  );
});

/** Reads with and without checksums; anything but an end or an error that says where is a failure. */
function readDamaged(fetched: Uint8Array): void {
  for (const checkCrcs of [true, false]) {
    const reader = newReader(checkCrcs);
    try {
      const read = readAll(fetched, 0, reader);
      assert.ok(read.length <= fetched.length * 2000);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      assert.equal(error.code, 'CORRUPT_DATA');
      if (error.context.headerStart !== undefined) continue;
      assert.match(error.message, /"clicks", partition 3/);
      assert.deepEqual([error.context.topic, error.context.partition, typeof error.context.offset], ['clicks', 3, 'number']);
      assert.throws(() => reader.next(), { message: error.message }, 'damage is reported again, not passed over');
    }
  }
}

test('garbage is reported, with topic, partition and offset', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), readDamaged), { numRuns: 500 });
});

test('a damaged byte is reported by the checksum, and without it never crashes or hangs', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 20 }),
      compression,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (list, type, where, flip) => {
        const fetched = write(list, type);
        const at = where % fetched.length;
        fetched[at] = fetched[at]! ^ flip;
        readDamaged(fetched);
        if (at >= 17) assert.throws(() => readAll(fetched), { code: 'CORRUPT_DATA' });
      },
    ),
    { numRuns: 500 },
  );
});
