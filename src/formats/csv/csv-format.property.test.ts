import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MalformedRecord } from '../../connector/index.ts';
import { ByteBuffer, type TypeInformation, Types } from '../../serialization/index.ts';
import { csvFormat } from './csv-format.ts';

const text = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'view',
    ',',
    '"',
    '""',
    'a,b',
    'a"b',
    '\n',
    '\r',
    '\r\n',
    'é',
    '😀',
    ' x ',
    'x'.repeat(70),
    '12',
    '-1.5',
    'true',
  ),
  fc.string({ unit: 'grapheme' }),
);

/** Columns as they can stand in a file, with what they mean. */
const column = text.chain((value) => {
  const quoted = `"${value.replaceAll('"', '""')}"`;
  const needsQuotes = /[",\r\n]/.test(value);
  return fc.boolean().map((quote) => ({ value, bytes: quote || needsQuotes ? quoted : value }));
});

const table = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 8 }))
  .chain(([width, height]) =>
    fc.tuple(
      fc.array(fc.array(column, { minLength: width, maxLength: width }), { minLength: height, maxLength: height }),
      fc.subarray([...Array(width).keys()], { minLength: 1 }),
    ),
  )
  .filter(([rows]) => rows.every((row) => row.length > 1 || row[0]?.bytes !== ''));

function decode<T>(
  format: ReturnType<typeof csvFormat<T>>,
  bytes: Uint8Array,
  sizes: readonly number[],
): { values: T[]; malformed: MalformedRecord[] } {
  const values: T[] = [];
  const malformed: MalformedRecord[] = [];
  let decoder = format.createDecoder({ source: 'test.csv', onMalformed: (record) => malformed.push(record) });
  let start = 0;
  let end = 0;
  for (let i = 0; ; i++) {
    end = Math.min(bytes.length, end + (sizes[i % sizes.length] as number));
    start = decoder.decode(bytes.slice(0, end), start, end, values, end === bytes.length);
    if (end === bytes.length) break;
    assert.equal(decoder.line, 1 + bytes.subarray(0, start).filter((byte) => byte === 0x0a).length);
    // Half of the chunks are decoded by a decoder that goes on where another one was.
    if (i % 2 === 0) {
      decoder = format.createDecoder({
        source: 'test.csv',
        onMalformed: (record) => malformed.push(record),
        startOffset: start,
        startLine: decoder.line,
        state: decoder.snapshotState?.(),
      });
    }
  }
  assert.equal(start, bytes.length);
  for (const record of malformed) {
    assert.deepEqual(record.bytes, bytes.slice(record.offset, record.offset + record.bytes.length));
    assert.ok(record.column >= 1);
  }
  return { values, malformed };
}

const sizes = fc.oneof(fc.constant([1 << 20]), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }));
const eol = fc.constantFrom('\n', '\r\n');

test('what was written as RFC 4180 has it is read as it was meant, in any chunks and any projection', () => {
  fc.assert(
    fc.property(table, eol, fc.boolean(), sizes, ([rows, wanted], end, ended, chunks) => {
      const width = rows[0]?.length ?? 5;
      const names = Array.from({ length: width }, (_, i) => `c${i}`);
      const lines = [names.join(','), ...rows.map((row) => row.map(({ bytes }) => bytes).join(','))];
      const bytes = new TextEncoder().encode(lines.join(end) + (ended ? end : ''));
      const fields = wanted.filter((i) => i < width).map((i) => names[i] as string);
      const schema = Types.OBJECT(Object.fromEntries(fields.map((name) => [name, Types.STRING])));
      const expected = rows.map((row) => Object.fromEntries(fields.map((name) => [name, row[Number(name.slice(1))]?.value])));
      assert.deepStrictEqual(decode<unknown>(csvFormat({ schema: schema as TypeInformation<unknown> }), bytes, chunks), {
        values: expected,
        malformed: [],
      });
    }),
    { numRuns: 300 },
  );
});

test('what the encoder writes comes back equal', () => {
  const schema = Types.OBJECT({
    s: Types.STRING,
    os: Types.OPTIONAL(Types.STRING),
    b: Types.BOOLEAN,
    i: Types.INT,
    l: Types.OPTIONAL(Types.LONG),
    d: Types.DOUBLE,
    n: Types.BIGINT,
    t: Types.TIMESTAMP,
    at: Types.OPTIONAL(Types.DATE),
    raw: Types.BYTES,
  });
  const wellFormed = text.map((value) => value.toWellFormed());
  const record = fc.record({
    s: wellFormed,
    os: fc.option(wellFormed, { nil: undefined }),
    b: fc.boolean(),
    i: fc.integer(),
    l: fc.option(fc.maxSafeInteger(), { nil: undefined }),
    d: fc.double(),
    n: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    t: fc.integer(),
    at: fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }), { nil: undefined }),
    raw: fc.uint8Array(),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), sizes, fc.constantFrom(',', ';', '\t', 'e'), (records, chunks, delimiter) => {
      const format = csvFormat({ schema, delimiter });
      const buffer = new ByteBuffer(8);
      buffer.writeBytes(format.header as Uint8Array);
      const encode = format.createEncoder();
      for (const value of records) encode(value, buffer);
      const { values, malformed } = decode(format, buffer.copy(), chunks);
      assert.deepEqual(malformed, []);
      assert.deepEqual(
        values,
        records.map((value) => ({ ...value })),
      );
    }),
    { numRuns: 300 },
  );
});

test('damaged input is read to its end, and every sound line behind the damage is read', () => {
  const piece = fc.constantFrom('a', 'b', ',', '"', '""', '\n', '\r\n', '"x"', '1');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), sizes, (pieces, chunks) => {
      const bytes = new TextEncoder().encode(`p,q\n${pieces.join('')}\n"end\n1,2`);
      const format = csvFormat({ schema: Types.OBJECT({ p: Types.STRING, q: Types.STRING }) });
      const { values, malformed } = decode(format, bytes, chunks);
      const whole = decode(format, bytes, [1 << 20]);
      assert.deepEqual({ values, malformed }, whole);
      assert.ok(values.length + malformed.length <= pieces.length + 3);
    }),
    { numRuns: 300 },
  );
});
