import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecodingFormat, MalformedRecord } from '../../connector/index.ts';
import { ByteBuffer, Types } from '../../serialization/index.ts';
import { jsonFormat } from './json-format.ts';

interface Decoded {
  readonly values: unknown[];
  readonly malformed: MalformedRecord[];
  readonly line: number;
}

function decode(format: DecodingFormat<unknown>, input: string | Uint8Array, start?: { offset: number; line: number }): Decoded {
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  const values: any[] = [];
  const malformed: MalformedRecord[] = [];
  const decoder = format.createDecoder({
    source: 'events.json',
    onMalformed: (record) => malformed.push(record),
    startOffset: start?.offset,
    startLine: start?.line,
  });
  assert.equal(decoder.decode(bytes, 0, bytes.length, values, true), bytes.length);
  return { values, malformed, line: decoder.line };
}

const ad = jsonFormat({
  schema: Types.OBJECT({ ad_id: Types.STRING, event_type: Types.STRING, event_time: Types.TIMESTAMP }),
});

const event = (i: number) =>
  `{"user_id": "u-${i}", "page_id": "p", "ad_id": "ad-${i % 3}", "ad_type": "banner", "event_type": "view", "event_time": "${1448000000000 + i}", "ip_address": "1.2.3.4"}`;

test('only the fields of the schema are built, in the order of the schema', () => {
  const { values } = decode(ad, [0, 1, 2, 3, 4, 5].map(event).join('\n'));
  assert.equal(values.length, 6);
  assert.deepEqual(Object.keys(values[0] as object), ['ad_id', 'event_type', 'event_time']);
  assert.deepEqual(values[5], { ad_id: 'ad-2', event_type: 'view', event_time: 1448000000005 });
});

test('"fields" takes these fields, of any type', () => {
  const { values } = decode(jsonFormat({ fields: ['a', 'c'] }), '{"a":{"x":[1]},"b":2,"c":null}\n{"c":"s"}\n');
  assert.deepEqual(values, [
    { a: { x: [1] }, c: null },
    { a: undefined, c: 's' },
  ]);
});

test('the last of duplicate keys wins, even if an earlier one does not fit', () => {
  const format = jsonFormat({ schema: Types.OBJECT({ a: Types.INT }) });
  const { values, malformed } = decode(format, '{"a":1,"a":2}\n{"a":"x","a":3}\n{"a":3,"a":"x"}\n{"\\u0061":4}\n');
  assert.deepEqual(values, [{ a: 2 }, { a: 3 }, { a: 4 }]);
  assert.deepEqual(
    malformed.map(({ line, message }) => [line, message]),
    [[3, 'The field "a" is no INT: "\\"x\\""']],
  );
});

test('a byte order mark, empty lines, CRLF and a last line without end are no part of records', () => {
  const { values, malformed, line } = decode(
    jsonFormat({ schema: Types.OBJECT({ a: Types.INT }) }),
    '\ufeff{"a":1}\r\n\r\n  \n{"a":2}',
  );
  assert.deepEqual(values, [{ a: 1 }, { a: 2 }]);
  assert.deepEqual(malformed, []);
  assert.equal(line, 5);
});

test('a byte order mark further in is malformed', () => {
  assert.equal(decode(jsonFormat(), '{"a":1}\n\ufeff{"a":2}').malformed[0]?.line, 2);
  assert.equal(decode(ad, '\ufeff{}', { offset: 10, line: 2 }).malformed[0]?.column, 1);
});

for (const [name, format] of [
  ['with a schema', jsonFormat({ schema: Types.OBJECT({ a: Types.ANY }) })],
  ['without a schema', jsonFormat()],
] as const) {
  test(`malformed records are reported where they are, and decoding goes on, ${name}`, () => {
    const input = '{"a":1}\n{"a":"é", x}\r\n{"a":2}\n{"a":tru}\n[1,\n{"a":"\t"}\n{"a":"unclosed\n{"a":3}\n{"a":1}}';
    const { values, malformed } = decode(format, input);
    assert.deepEqual(
      (values as { a: number }[]).map((value) => value.a),
      [1, 2, 3],
    );
    assert.deepEqual(
      malformed.map(({ line, column, message }) => [line, column, message]),
      [
        [2, 12, '"x" stands where a key in quotes should be.'],
        [4, 6, '"t" stands where a value should be.'],
        [5, 4, 'The record ends where a value should be.'],
        [6, 7, 'A control character (0x09) stands in a string; it must be escaped.'],
        [7, 6, 'The string that begins here is not closed.'],
        [9, 8, '"}" stands where the end of the record should be.'],
      ],
    );
    const bytes = new TextEncoder().encode(input);
    for (const record of malformed) {
      assert.equal(record.source, 'events.json');
      assert.deepEqual(record.bytes, bytes.slice(record.offset, record.offset + record.bytes.length));
      assert.notEqual(record.bytes.at(-1), 0x0d, 'the delimiter is no part of the bytes');
    }
  });
}

test('what a learned layout passes over is checked, too', () => {
  const format = jsonFormat({ schema: Types.OBJECT({ a: Types.INT }) });
  const sound = '{"x":"s","n":-1,"a":1}\n'.repeat(5);
  const broken = [
    '{"x":"\\q","n":1,"a":1}',
    '{"x":"\t","n":1,"a":1}',
    '{"x":"open',
    ',"n":1,"a":1}',
    '{"x":"s","n":01,"a":1}',
    '{"x":"s","n":1,"a":1',
  ];
  const { values, malformed } = decode(format, `${sound}${broken.join('\n')}\n${sound}`);
  assert.equal(values.length, 10);
  assert.deepEqual(
    malformed.map((record) => [record.line, new TextDecoder().decode(record.bytes)]),
    broken.map((line, i) => [6 + i, line]),
  );
});

test('offset and line go on from where the split starts', () => {
  const { malformed } = decode(ad, `${event(1)}\nbad\n`, { offset: 1000, line: 50 });
  assert.deepEqual([malformed[0]?.offset, malformed[0]?.line], [1000 + event(1).length + 1, 51]);
});

test('a record that lacks a field, or has one of another type, is malformed and says which', () => {
  const schema = Types.OBJECT({
    id: Types.LONG,
    at: Types.OPTIONAL(Types.TIMESTAMP),
    nested: Types.OPTIONAL(Types.OBJECT({ list: Types.LIST(Types.INT) })),
    big: Types.OPTIONAL(Types.BIGINT),
  });
  const messages = decode(
    jsonFormat({ schema }),
    [
      '{}',
      '{"id":9007199254740993}',
      '{"id":"7"}',
      '{"id":1,"at":"yesterday"}',
      '{"id":1,"nested":{"list":[1,2.5]}}',
      '{"id":1,"big":1.0}',
      '{"id":null}',
      '[1]',
    ].join('\n'),
  ).malformed.map((record) => record.message);
  assert.deepEqual(messages, [
    'The field "id" is missing',
    'The field "id" is no LONG: "9007199254740993"',
    'The field "id" is no LONG: "\\"7\\""',
    'The field "at" is no TIMESTAMP: "\\"yesterday\\""',
    'The field "nested.list[1]" is no INT: "2.5"',
    'The field "big" is no BIGINT: "1.0"',
    'The field "id" is no LONG: "null"',
    'The record is no OBJECT: "[1]"',
  ]);
});

test('every type is read', () => {
  const schema = Types.OBJECT({
    big: Types.BIGINT,
    date: Types.DATE,
    time: Types.TIMESTAMP,
    bytes: Types.BYTES,
    map: Types.MAP(Types.INT, Types.STRING),
    list: Types.LIST(Types.OPTIONAL(Types.DOUBLE)),
    flag: Types.BOOLEAN,
    ['__proto__']: Types.STRING,
  });
  const line =
    '{"big":9223372036854775807,"date":"2024-02-29","time":1448000000123,"bytes":"AAEC","map":{"1":"é","-2":"\\n"},"list":[1.5e3,null],"flag":false,"__proto__":"p"}\n';
  const { values, malformed } = decode(jsonFormat({ schema }), line.repeat(5));
  assert.deepEqual(malformed, []);
  assert.equal(values.length, 5);
  for (const value of values) {
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.deepEqual(value, {
      big: 9223372036854775807n,
      date: new Date('2024-02-29T00:00:00Z'),
      time: 1448000000123,
      bytes: Uint8Array.of(0, 1, 2),
      map: new Map([
        [1, 'é'],
        [-2, '\n'],
      ]),
      list: [1500, undefined],
      flag: false,
      ['__proto__']: 'p',
    });
  }
});

test('a chunk may end at any byte', () => {
  const text = [
    event(0),
    '{"ad_id":"é\\"\\\\","event_type":"\\u00e9","event_time":1}',
    'bad "',
    event(1),
    event(2),
    '',
    event(3),
  ].join('\r\n');
  const bytes = new TextEncoder().encode(text);
  for (const format of [ad, jsonFormat()] as DecodingFormat<unknown>[]) {
    const whole = decode(format, bytes);
    assert.equal(whole.malformed.length, 1);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const values: any[] = [];
      const malformed: MalformedRecord[] = [];
      const decoder = format.createDecoder({ source: 'events.json', onMalformed: (record) => malformed.push(record) });
      const consumed = decoder.decode(bytes.slice(0, cut), 0, cut, values, false);
      assert.ok(consumed <= cut);
      assert.equal(decoder.decode(bytes, consumed, bytes.length, values, true), bytes.length);
      assert.deepEqual({ values, malformed }, { values: whole.values, malformed: whole.malformed });
    }
  }
});

test('a record longer than a block is read, and one longer than maxRecordBytes is malformed', () => {
  const long = 'x'.repeat(200_000);
  const lines = `{"a":"1"}\n{"a":"${long}"}\n{"a":"2"}\n`;
  const schema = Types.OBJECT({ a: Types.STRING });
  assert.deepEqual(decode(jsonFormat({ schema }), lines).values, [{ a: '1' }, { a: long }, { a: '2' }]);
  for (const options of [{ schema, maxRecordBytes: 1000 }, { maxRecordBytes: 1000 }]) {
    const { values, malformed, line } = decode(jsonFormat(options), lines);
    assert.deepEqual(values, [{ a: '1' }, { a: '2' }]);
    assert.deepEqual([malformed[0]?.line, malformed[0]?.offset, line], [2, 10, 4]);
    assert.match(malformed[0]?.message ?? '', /longer than 1000 bytes/);
  }
});

test('deep nesting in what is skipped does not overflow the stack', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const { values } = decode(jsonFormat({ schema: Types.OBJECT({ a: Types.INT }) }), `{"x":${deep},"a":1}`);
  assert.deepEqual(values, [{ a: 1 }]);
});

test('records do not refer to the chunk, which the caller overwrites', () => {
  const bytes = new TextEncoder().encode([0, 1, 2, 3, 4].map(event).join('\n'));
  const { values } = decode(ad, bytes);
  const copy = structuredClone(values);
  bytes.fill(0x20);
  decode(ad, new TextEncoder().encode([5, 6, 7].map(event).join('\n')));
  assert.deepEqual(values, copy);
});

test('a handler of malformed records may decode with the same format', () => {
  const values: any[] = [];
  const inner: unknown[] = [];
  const decoder = ad.createDecoder({
    source: 'outer',
    onMalformed: () => {
      inner.push(...decode(ad, event(9)).values);
    },
  });
  const bytes = new TextEncoder().encode(`${event(1)}\nbad\n${event(2)}\n`);
  decoder.decode(bytes, 0, bytes.length, values, true);
  assert.deepEqual([values.length, inner.length], [2, 1]);
  assert.deepEqual(values[1], { ad_id: 'ad-2', event_type: 'view', event_time: 1448000000002 });
});

test('a handler that throws ends decoding with its error', () => {
  const decoder = ad.createDecoder({
    source: 'x',
    onMalformed: () => {
      throw new RangeError('stop');
    },
  });
  assert.throws(() => decoder.decode(new TextEncoder().encode('bad\n'), 0, 4, [], true), RangeError);
});

test('options that do not fit are refused', () => {
  assert.throws(() => jsonFormat({ schema: Types.STRING, fields: ['a'] } as never), /not both/);
  assert.throws(() => jsonFormat({ schema: Types.MAP(Types.DOUBLE, Types.INT) }), /MAP with keys of type DOUBLE/);
  assert.throws(() => jsonFormat({ maxRecordBytes: 0 }), /maxRecordBytes/);
});

test('the encoder writes a line that reads back equal', () => {
  const schema = Types.OBJECT({
    a: Types.STRING,
    big: Types.BIGINT,
    map: Types.MAP(Types.STRING, Types.DATE),
    raw: Types.BYTES,
    gone: Types.OPTIONAL(Types.INT),
    list: Types.LIST(Types.OPTIONAL(Types.INT)),
  });
  const format = jsonFormat({ schema });
  const value = {
    a: 'é\n"',
    big: 9223372036854775807n,
    map: new Map([['k', new Date(5)]]),
    raw: Uint8Array.of(255, 0),
    gone: undefined,
    list: [1, undefined],
  };
  const buffer = new ByteBuffer(4);
  const encode = format.createEncoder();
  encode({ ...value, extra: 1 } as typeof value, buffer);
  encode(value, buffer);
  assert.deepEqual(decode(format, buffer.copy()).values, [value, value]);
  assert.doesNotMatch(new TextDecoder().decode(buffer.view()), /extra/);
});

test('without a schema the encoder writes data of every kind, and refuses what is none', () => {
  const buffer = new ByteBuffer();
  const encode = jsonFormat().createEncoder();
  const write = (value: unknown) => {
    buffer.reset();
    encode(value, buffer);
    return new TextDecoder().decode(buffer.view());
  };
  assert.equal(write({ a: [1, 'x', null, true], b: { c: undefined } }), '{"a":[1,"x",null,true],"b":{}}\n');
  assert.equal(write({ m: new Map([['k', new Set([1n])]]), n: 2n ** 63n }), '{"m":{"k":[1]},"n":9223372036854775808}\n');
  assert.equal(write([new Date(0)]), '["1970-01-01T00:00:00.000Z"]\n');
  assert.throws(() => write({ a: { f: () => 1 } }), /function \(at "a.f"\)/);
  assert.throws(() => write(undefined), /undefined/);
});
