import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../common/index.ts';
import { RecordDecoder } from './record-decoder.ts';
import { RecordEncoder } from './record-encoder.ts';

const anyData = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: true,
  withSparseArray: true,
  maxDepth: 3,
});
const names = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '1', '0', 'toString', ''),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const leaves = fc.oneof(
  fc.integer(),
  fc.integer({ min: -70, max: 130 }),
  fc.double(),
  fc.constantFrom(0, -0, 2 ** 31, -(2 ** 31), null, undefined, true, false, Number.NaN),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ maxLength: 80 }),
  fc.bigInt(),
);
/** Few names and few kinds, so that shapes come again, change and nest. */
const shaped = fc.letrec((tie) => ({
  value: fc.oneof({ weight: 4, arbitrary: leaves }, tie('object'), fc.array(tie('value'), { maxLength: 3 })),
  object: fc.array(fc.tuple(names, tie('value')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
})).object;
const times = fc.oneof(
  fc.constant(Number.NEGATIVE_INFINITY),
  fc.integer(),
  fc.double({ noNaN: true }).map((x) => x + 0),
  fc.maxSafeInteger(),
);
/** A piece of a stream: records, and how many are read at once. */
const pieces = fc.array(
  fc.record({
    records: fc.array(fc.tuple(fc.oneof({ weight: 4, arbitrary: shaped }, anyData, leaves), times), { maxLength: 12 }),
    limit: fc.integer({ min: 1, max: 20 }),
  }),
  { maxLength: 5 },
);

function orderOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
    ? Object.keys(value).map((key) => [key, orderOf((value as Record<string, unknown>)[key])])
    : undefined;
}

test('streams of records of changing shapes come back as they were, through forks too', () => {
  fc.assert(
    fc.property(pieces, (stream) => {
      const encoder = new RecordEncoder({ initialBytes: 8 });
      const decoder = new RecordDecoder();
      for (const { records, limit } of stream) {
        encoder.reset();
        for (const [value, time] of records) encoder.write(value, time);
        decoder.load(encoder.bytes.slice(0, encoder.position));
        const fork = decoder.fork();
        for (const reader of [fork, decoder]) {
          const values: unknown[] = [];
          const timestamps = new Float64Array(limit);
          const read: [unknown, number][] = [];
          while (reader.remaining > 0) {
            const count = reader.read(values, timestamps, limit);
            for (let i = 0; i < count; i++) read.push([values[i], timestamps[i] as number]);
          }
          assert.deepStrictEqual(
            read,
            records.map(([value, time]) => [value, time === 0 ? 0 : time]),
          );
          assert.deepStrictEqual(read.map(orderOf), records.map(orderOf));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a damaged or cut piece decodes or is reported as corrupt, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(shaped, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(255), fc.nat(20), (records, at, byte, cut) => {
      const encoder = new RecordEncoder();
      for (const record of records) encoder.write(record, 1);
      const bytes = encoder.bytes.slice(0, encoder.position);
      bytes[at % bytes.length] = byte;
      const decoder = new RecordDecoder();
      decoder.load(bytes, Math.max(0, bytes.length - cut));
      try {
        while (decoder.remaining > 0) decoder.read([], new Float64Array(8), 8);
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.code === 'CORRUPT_DATA', String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
