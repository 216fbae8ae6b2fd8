import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecoderContext, DecodingFormat, MalformedRecord } from '../../connector/index.ts';
import { ByteBuffer, Types } from '../../serialization/index.ts';
import { csvFormat } from './csv-format.ts';

function decode<T>(format: DecodingFormat<T>, input: string, context: Partial<DecoderContext> = {}) {
  const bytes = new TextEncoder().encode(input);
  const values: T[] = [];
  const malformed: MalformedRecord[] = [];
  const decoder = format.createDecoder({ source: 'flights.csv', onMalformed: (record) => malformed.push(record), ...context });
  assert.equal(decoder.decode(bytes, 0, bytes.length, values, true), bytes.length);
  return { values, malformed, decoder };
}

const schema = Types.OBJECT({ id: Types.LONG, name: Types.STRING, delay: Types.OPTIONAL(Types.DOUBLE) });

test('columns are found by the names in the header, whatever their order', () => {
  const { values, malformed } = decode(csvFormat({ schema }), '\ufeffdelay,x,"name",id\r\n1.5,_,"a ""b"", c",7\r\n,_,,-8');
  assert.deepEqual(malformed, []);
  assert.deepEqual(values, [
    { id: 7, name: 'a "b", c', delay: 1.5 },
    { id: -8, name: '', delay: undefined },
  ]);
});

test('without a schema the columns of the header are strings', () => {
  assert.deepEqual(decode(csvFormat(), 'a,b\n1,\n"x\ny",2\n').values, [
    { a: '1', b: '' },
    { a: 'x\ny', b: '2' },
  ]);
});

test('a header without a wanted column fails, with the columns that there are', () => {
  assert.throws(
    () => decode(csvFormat({ schema }), 'id,nome\n1,x\n'),
    /The header of flights.csv has no column "name", which the schema wants; it has "id", "nome"/,
  );
  assert.throws(() => decode(csvFormat({ schema }), 'id,id,name\n'), /two columns "id"/);
  assert.throws(() => decode(csvFormat({ schema }), 'id,"name\n'), /header of flights.csv cannot be read/);
});

test('an optional field may lack its column', () => {
  assert.deepEqual(decode(csvFormat({ schema }), 'name,id\nx,1\n').values, [{ id: 1, name: 'x', delay: undefined }]);
});

test('a header can be skipped or absent; then the columns are those of the option or of the schema', () => {
  const row = { id: 1, name: 'n', delay: 2 };
  assert.deepEqual(decode(csvFormat({ schema, header: 'skip' }), '?,?,?\n1,n,2\n').values, [row]);
  assert.deepEqual(decode(csvFormat({ schema, header: 'none' }), '1,n,2\n').values, [row]);
  const columns = ['name', 'other', 'delay', 'id'];
  assert.deepEqual(decode(csvFormat({ schema, header: 'none', columns, delimiter: ';' }), 'n;;2;1\n').values, [row]);
});

test('malformed rows are reported with column and value, and decoding goes on', () => {
  const input = [
    'id,name,delay', // 1
    '1,"two\nlines",0', // 2, 3
    'x,n,1', // 4
    '2,n', // 5
    '3,n,1,2', // 6
    '4,n,abc', // 7
    '5,"n"x,1', // 8
    '6,n"y,1', // 9
    '', // 10
    '7,ok,', // 11
    '8,"never closed,1', // 12
    '9,ok,3', // 13
  ].join('\n');
  const { values, malformed } = decode(csvFormat({ schema }), input);
  assert.deepEqual(
    values.map((value) => value.id),
    [1, 7, 9],
  );
  assert.deepEqual(
    malformed.map(({ line, column, message }) => [line, column, message]),
    [
      [4, 1, 'Column 1 ("id"): "x" is no LONG.'],
      [5, 1, 'The record has 2 columns, but should have 3 columns.'],
      [6, 1, 'The record has 4 columns, but should have 3 columns.'],
      [7, 5, 'Column 3 ("delay"): "abc" is no DOUBLE.'],
      [8, 6, 'Column 2 ("name"): After a closing quote, the column goes on.'],
      [9, 4, 'Column 2 ("name"): A quote stands in a column that does not begin with one.'],
      [12, 1, 'A quote is opened in this record and never closed.'],
    ],
  );
  const bytes = new TextEncoder().encode(input);
  for (const record of malformed) {
    assert.deepEqual(record.bytes, bytes.slice(record.offset, record.offset + record.bytes.length));
    assert.notEqual(record.bytes.at(-1), 0x0a);
  }
});

test('broken quotes in a column that is not wanted are malformed, too', () => {
  const { values, malformed } = decode(csvFormat({ schema: Types.OBJECT({ a: Types.STRING }) }), 'a,b\n1,x"y\n2,"z"\n');
  assert.deepEqual([values, malformed.length], [[{ a: '2' }], 1]);
});

test('a file of broken quotes is read in reasonable time', () => {
  const lines = 20_000;
  const { values, malformed } = decode(csvFormat(), `a,b\n${'x"y,1\n'.repeat(lines)}ok,1\n`);
  assert.deepEqual([values.length, malformed.length], [1, lines]);
});

test('every type of column is read', () => {
  const types = Types.OBJECT({
    b: Types.BOOLEAN,
    i: Types.INT,
    n: Types.BIGINT,
    t: Types.TIMESTAMP,
    d: Types.DATE,
    raw: Types.BYTES,
    f: Types.DOUBLE,
    any: Types.ANY,
  });
  const { values, malformed } = decode(
    csvFormat({ schema: types, header: 'none' }),
    'TRUE,"-007",9223372036854775807,2024-05-01 10:00+02:00,1714550400000,AAE=,-Infinity,é\nfalse,+5,-1,0,1970-01-01,,1e-3,""\n',
  );
  assert.deepEqual(malformed, []);
  assert.deepEqual(values, [
    {
      b: true,
      i: -7,
      n: 9223372036854775807n,
      t: Date.UTC(2024, 4, 1, 8),
      d: new Date(1714550400000),
      raw: Uint8Array.of(0, 1),
      f: -Infinity,
      any: 'é',
    },
    { b: false, i: 5, n: -1n, t: 0, d: new Date(0), raw: new Uint8Array(), f: 0.001, any: '' },
  ]);
});

test('values that do not fit their type are malformed', () => {
  for (const [type, texts] of [
    [Types.INT, ['2147483648', '1.5', '', ' 1', '0x1', '1_000', '--1']],
    [Types.LONG, ['9007199254740993', '1e', '.5']],
    [Types.DOUBLE, ['1.', '1e5x', 'inf', '1,5']],
    [Types.BIGINT, ['9223372036854775808', '1.0', '-']],
    [Types.BOOLEAN, ['1', 'yes']],
    [Types.TIMESTAMP, ['2023-02-29', '2024-01-01T25:00', '12:00', '8640000000000001']],
    [Types.DATE, ['tomorrow']],
    [Types.BYTES, ['A']],
  ] as const) {
    for (const text of texts) {
      const { values } = decode(
        csvFormat({ schema: Types.OBJECT({ x: type as typeof Types.ANY }), header: 'none' }),
        `"${text}"\n${text},\n`,
      );
      assert.deepEqual(values, [], `${type.kind} ${text}`);
    }
  }
});

test('a decoder goes on behind the header with the state of an earlier one, and not without', () => {
  const input = 'name,id,delay\na,1,\nb,2,\n';
  const format = csvFormat({ schema });
  const { decoder } = decode(format, input.slice(0, 19));
  const state = JSON.parse(JSON.stringify(decoder.snapshotState?.()));
  const { values } = decode(format, input.slice(19), { startOffset: 19, startLine: decoder.line, state });
  assert.deepEqual(values, [{ id: 2, name: 'b', delay: undefined }]);
  assert.throws(() => decode(format, 'b,2,\n', { startOffset: 19 }), /cannot start at byte 19/);
});

test('a chunk may end at any byte', () => {
  const bytes = new TextEncoder().encode('id,"na""me",delay\r\n1,"é\r\n""x""",2\r\n\r\n2,b"ad,1\r\n3,é,\r\n4,"",5');
  const format = csvFormat();
  const whole = decode(format, new TextDecoder().decode(bytes));
  assert.deepEqual([whole.values.length, whole.malformed.length], [3, 1]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const values: any[] = [];
    const malformed: MalformedRecord[] = [];
    const decoder = format.createDecoder({ source: 'flights.csv', onMalformed: (record) => malformed.push(record) });
    const consumed = decoder.decode(bytes.slice(0, cut), 0, cut, values, false);
    assert.equal(decoder.decode(bytes, consumed, bytes.length, values, true), bytes.length);
    assert.deepEqual({ values, malformed }, { values: whole.values, malformed: whole.malformed });
  }
});

test('many columns are read', () => {
  const names = Array.from({ length: 200 }, (_, i) => `c${i}`);
  const row = names.map((_, i) => String(i));
  const format = csvFormat({ schema: Types.OBJECT({ c199: Types.INT, c0: Types.INT, c100: Types.STRING }) });
  const { values, malformed } = decode(format, [names, row, row.slice(1)].map((line) => line.join(',')).join('\n'));
  assert.deepEqual(values, [{ c199: 199, c0: 0, c100: '100' }]);
  assert.equal(malformed.length, 1);
});

test('the encoder quotes only what needs it', () => {
  const format = csvFormat({ schema: Types.OBJECT({ a: Types.STRING, 'b,c': Types.OPTIONAL(Types.STRING) }) });
  const buffer = new ByteBuffer();
  buffer.writeBytes(format.header as Uint8Array);
  const encode = format.createEncoder();
  encode({ a: 'plain text', 'b,c': undefined }, buffer);
  encode({ a: '', 'b,c': 'say "x"' }, buffer);
  assert.equal(new TextDecoder().decode(buffer.view()), 'a,"b,c"\nplain text,\n"","say ""x"""\n');
  assert.throws(() => encode({ a: {} } as never, buffer), /cannot write the object in column "a"/);
  assert.throws(() => csvFormat().createEncoder(), /needs a schema/);
});

test('options that do not fit are refused', () => {
  assert.throws(() => csvFormat({ schema: Types.STRING }), /must be a Types.OBJECT/);
  assert.throws(() => csvFormat({ schema: Types.OBJECT({ a: Types.LIST(Types.INT) }) }), /cannot be a LIST/);
  assert.throws(() => csvFormat({ header: 'none' }), /cannot know the columns/);
  assert.throws(() => csvFormat({ delimiter: ';;' }), /one ASCII character/);
  assert.throws(() => csvFormat({ delimiter: '"' }), /must differ/);
  assert.throws(() => csvFormat({ schema, columns: ['id'] }), /lacks the field "name"/);
});
