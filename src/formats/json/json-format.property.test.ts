import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DecodingFormat, MalformedRecord } from '../../connector/index.ts';
import { type TypeInformation, Types } from '../../serialization/index.ts';
import { ChunkDecoder } from '../chunk-decoder.ts';
import { jsonFormat } from './json-format.ts';
import { JsonBlockReader, JsonEnginePool } from './json-reader.ts';
import { referenceDecode } from './json-reference.ts';
import { compileJsonSchema } from './json-type.ts';

const KEYS = ['a', 'b', 'id', 'ad_id', 'é', '__proto__', 'constructor', 'with "quote"', '', '1', 'a\\b', 'line\nend', '😀'];

const key = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...KEYS) }, { weight: 1, arbitrary: fc.string() });

const scalarTypes = [
  Types.STRING,
  Types.BOOLEAN,
  Types.INT,
  Types.LONG,
  Types.DOUBLE,
  Types.BIGINT,
  Types.TIMESTAMP,
  Types.DATE,
  Types.BYTES,
  Types.ANY,
] as const;

type AnyType = TypeInformation<unknown>;

const typeOf: fc.Arbitrary<AnyType> = fc.letrec<{ type: AnyType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom(...(scalarTypes as readonly AnyType[])),
    tie('type').map((type) => Types.OPTIONAL(type) as AnyType),
    tie('type').map((type) => Types.LIST(type) as AnyType),
    fc
      .tuple(fc.constantFrom<AnyType>(Types.STRING, Types.INT, Types.LONG, Types.BIGINT), tie('type'))
      .map(([keys, values]) => Types.MAP(keys, values) as AnyType),
    objectOf(tie('type')),
  ),
})).type;

function objectOf(type: fc.Arbitrary<AnyType>): fc.Arbitrary<AnyType> {
  return fc
    .uniqueArray(fc.tuple(fc.constantFrom(...KEYS), type), { maxLength: 4, selector: ([name]) => name })
    .map((fields) => Types.OBJECT(Object.fromEntries(fields)) as AnyType);
}

const space = fc.oneof(
  { weight: 8, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(' ', '  ', '\t', ' \r') },
);

/** A JSON string for `text`, escaped in one of several ways. */
const quoted = (text: string) =>
  fc.constantFrom(0, 0, 1, 2).map((way) => {
    const plain = JSON.stringify(text);
    if (way === 0) return plain;
    if (way === 1) return plain.replaceAll('/', '\\/').replaceAll('a', '\\u0061').replaceAll('é', '\\u00e9');
    return plain.replace(/[^\\"\x20-\x7e]/gu, (char) =>
      [...Array(char.length).keys()].map((i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
    );
  });

const stringText = fc
  .oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', 'view', '\\', '\\"', '{"}', '\n', '\u2028', '😀é', 'x'.repeat(60), '\ud800'),
    fc.constantFrom(
      '1448000000123',
      '2024-02-29T10:20:30.5Z',
      '2023-02-29',
      '2024-05-01 10:20+02:00',
      '-5',
      '0012',
      'AAEC',
      'AA==',
    ),
  )
  .chain(quoted);

const numberText = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '1e3',
    '1E+2',
    '12.50',
    '1e999',
    '-1e-999',
    '9007199254740991',
    '9007199254740992',
    '2147483648',
  ),
  fc.constantFrom(
    '-2147483648',
    '-2147483649',
    '9223372036854775807',
    '9223372036854775808',
    '1448000000123',
    '8640000000000001',
  ),
  fc.tuple(fc.nat(999999), fc.nat(999999)).map(([a, b]) => `${a}.${String(b).padStart(6, '0')}`),
  fc.bigInt({ min: 0n, max: 10n ** 19n }).chain((n) => fc.nat(18).map((at) => splitDigits(String(n), at))),
);

function splitDigits(digits: string, at: number): string {
  const padded = digits.padStart(at + 1, '0');
  return at === 0 ? padded : `${padded.slice(0, -at)}.${padded.slice(-at)}`;
}

/** Text of a JSON value. */
const anyText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    stringText,
    numberText,
    fc.constantFrom('true', 'false', 'null', '[]', '{}'),
    fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 4 })
      .map((items) => `[${items.map((i) => i.join('')).join(',')}]`),
    objectText(tie('value')),
  ),
})).value;

function objectText(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .array(fc.tuple(space, key.chain(quoted), space, space, value, space), { maxLength: 6 })
    .map((items) => `{${items.map(([a, k, b, c, v, d]) => `${a}${k}${b}:${c}${v}${d}`).join(',')}}`);
}

/** Text that fits a type, mostly. */
function textFor(type: AnyType): fc.Arbitrary<string> {
  const fitting = (): fc.Arbitrary<string> => {
    switch (type.kind) {
      case 'STRING':
        return stringText;
      case 'BOOLEAN':
        return fc.constantFrom('true', 'false');
      case 'INT':
        return fc.integer().map(String);
      case 'LONG':
        return fc.maxSafeInteger().map(String);
      case 'DOUBLE':
        return numberText;
      case 'BIGINT':
        return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
      case 'TIMESTAMP':
      case 'DATE':
        return fc.oneof(
          fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }).map((d) => JSON.stringify(d)),
          fc.nat().map((n) => JSON.stringify(String(n))),
          fc.maxSafeInteger().map(String),
        );
      case 'BYTES':
        return fc.uint8Array().map((bytes) => JSON.stringify(Buffer.from(bytes).toString('base64')));
      case 'ANY':
        return anyText;
      case 'OPTIONAL':
        return fc.oneof(fc.constant('null'), textFor(type.type));
      case 'LIST':
        return fc.array(textFor(type.element), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`);
      case 'MAP':
        return fc
          .array(fc.tuple(type.key.kind === 'STRING' ? key : fc.integer().map(String), textFor(type.value)), { maxLength: 3 })
          .map((items) => `{${items.map(([k, v]) => `${JSON.stringify(k)}: ${v}`).join(', ')}}`);
      case 'OBJECT': {
        const fields = Object.entries(type.fields).map(([name, field]) =>
          fc.tuple(quoted(name), textFor(field), fc.nat(12)).map(([k, v, drop]) => (drop === 0 ? [] : [`${k}:${v}`])),
        );
        const extra = fc
          .array(fc.tuple(key, anyText), { maxLength: 2 })
          .map((e) => e.map(([k, v]) => `${JSON.stringify(k)}:${v}`));
        return fc
          .tuple(fc.tuple(...fields), extra, fc.boolean())
          .map(([members, more, front]) => (front ? [...more, ...members.flat()] : [...members.flat(), ...more]))
          .map((members) => `{${members.join(',')}}`);
      }
    }
  };
  return fc.oneof({ weight: 20, arbitrary: fc.constant(0).chain(fitting) }, { weight: 1, arbitrary: anyText });
}

/** Damages a text: deletes, doubles or replaces a piece. */
const damaged = (text: fc.Arbitrary<string>) =>
  fc
    .tuple(
      text,
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', '\t', '\u0001', 'tru', '\\u12', '\\x'),
    )
    .map(([t, at, length, piece]) => {
      const from = at % (t.length + 1);
      return t.slice(0, from) + piece + t.slice(from + length);
    });

/** Lines for a type: repetitions of a few shapes, so that layouts come to be, and damage. */
const linesFor = (type: AnyType) =>
  fc
    .tuple(
      fc.array(
        fc.oneof(
          { weight: 6, arbitrary: textFor(type) },
          { weight: 3, arbitrary: damaged(textFor(type)) },
          { weight: 1, arbitrary: anyText },
          { weight: 1, arbitrary: fc.constantFrom('', ' ', '\r') },
        ),
        { minLength: 1, maxLength: 5 },
      ),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
    )
    .map(([lines, times, byLine]) => {
      const clean = lines.map((line) => line.replaceAll('\n', ' ').toWellFormed());
      return byLine ? clean.flatMap((line) => Array<string>(times).fill(line)) : (Array(times).fill(clean).flat() as string[]);
    });

type Outcome = { readonly value: unknown } | { readonly malformedLine: number };

function reference(lines: readonly string[], type: AnyType | undefined): Outcome[] {
  return lines.flatMap((line, i): Outcome[] => {
    if (/^[ \t\r]*$/.test(line)) return [];
    try {
      return [{ value: referenceDecode(line, type) }];
    } catch {
      return [{ malformedLine: i + 1 }];
    }
  });
}

/** Decodes `bytes` in chunks of the given sizes, repeated; what is left over is presented again. */
function decode(format: Pick<DecodingFormat<unknown>, 'createDecoder'>, bytes: Uint8Array, sizes: readonly number[]): Outcome[] {
  const outcomes: Outcome[] = [];
  const out: unknown[] = [];
  const malformed: MalformedRecord[] = [];
  const flush = () => {
    for (const value of out) outcomes.push({ value });
    out.length = 0;
  };
  const decoder = format.createDecoder({
    source: 'test',
    onMalformed: (record) => {
      flush();
      malformed.push(record);
      outcomes.push({ malformedLine: record.line });
    },
  });
  let start = 0;
  let end = 0;
  for (let i = 0; ; i++) {
    end = Math.min(bytes.length, end + (sizes[i % sizes.length] as number));
    start = decoder.decode(bytes.slice(0, end), start, end, out, end === bytes.length);
    flush();
    if (end === bytes.length) break;
  }
  assert.equal(start, bytes.length, 'everything is consumed at the end of input');
  for (const record of malformed) {
    assert.equal(record.source, 'test');
    assert.deepEqual(record.bytes, bytes.slice(record.offset, record.offset + record.bytes.length));
    assert.ok(record.column >= 1 && record.column <= record.bytes.length + 2, `column ${record.column}`);
    assert.notEqual(record.message, '');
    assert.equal(record.line, bytes.subarray(0, record.offset).filter((byte) => byte === 0x0a).length + 1);
  }
  return outcomes;
}

const ending = fc.constantFrom('\n', '\r\n');
const chunkSizes = fc.oneof(fc.constant([1 << 20]), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }));
const typeAndLines = typeOf.chain((type) => fc.tuple(fc.constant(type), linesFor(type)));
const objectAndLines = objectOf(typeOf).chain((type) => fc.tuple(fc.constant(type), linesFor(type)));

function checkEqual([type, lines]: [AnyType, string[]], eol: string, last: string, sizes: readonly number[]): void {
  const bytes = new TextEncoder().encode(lines.join(eol) + last);
  const expected = reference(lines, type.kind === 'ANY' ? undefined : type);
  assert.deepStrictEqual(decode(jsonFormat({ schema: type }), bytes, sizes), expected);
}

test('the projecting reader and the reference agree on every type', () => {
  fc.assert(fc.property(typeAndLines, ending, fc.constantFrom('', '\n'), chunkSizes, checkEqual), { numRuns: 300 });
});

test('the projecting reader and the reference agree on objects, in layouts and out of them', () => {
  fc.assert(fc.property(objectAndLines, ending, fc.constantFrom('', '\n'), chunkSizes, checkEqual), { numRuns: 600 });
});

test('without a schema, values are those of JSON.parse and what it refuses is malformed', () => {
  fc.assert(
    fc.property(linesFor(Types.ANY), ending, chunkSizes, (lines, eol, sizes) => {
      const bytes = new TextEncoder().encode(lines.join(eol));
      assert.deepStrictEqual(decode(jsonFormat(), bytes, sizes), reference(lines, undefined));
    }),
    { numRuns: 300 },
  );
});

test('the reader works on a runtime without WebAssembly', () => {
  fc.assert(
    fc.property(objectAndLines, chunkSizes, ([type, lines], sizes) => {
      const pool = new JsonEnginePool(compileJsonSchema(type), () => undefined);
      const format: Pick<DecodingFormat<unknown>, 'createDecoder'> = {
        createDecoder: (context) => new ChunkDecoder(new JsonBlockReader(pool), context, 1 << 20),
      };
      const bytes = new TextEncoder().encode(lines.join('\n'));
      assert.deepStrictEqual(decode(format, bytes, sizes), reference(lines, type));
    }),
    { numRuns: 300 },
  );
});

test('bytes that are no UTF-8 mean the same to the reader and to the reference', () => {
  const type = Types.OBJECT({ a: Types.STRING, b: Types.OPTIONAL(Types.ANY) });
  const noise = fc.array(fc.constantFrom(0x22, 0x5c, 0x80, 0xc3, 0xa9, 0xe2, 0x82, 0xf0, 0x9f, 0xff, 0xed, 0xa0, 0x61), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(noise, noise, fc.integer({ min: 1, max: 4 }), (a, b, times) => {
      const text = (s: string) => [...new TextEncoder().encode(s)];
      const line = [...text('{"a":"'), ...a, ...text('","'), ...b, ...text('":"b"}\n')];
      const bytes = Uint8Array.from(Array(times).fill(line).flat() as number[]);
      const decoded = new TextDecoder().decode(bytes).split('\n').slice(0, -1);
      assert.deepStrictEqual(decode(jsonFormat({ schema: type }), bytes, [1 << 20]), reference(decoded, type));
      assert.deepStrictEqual(decode(jsonFormat(), bytes, [1 << 20]), reference(decoded, undefined));
    }),
    { numRuns: 300 },
  );
});
