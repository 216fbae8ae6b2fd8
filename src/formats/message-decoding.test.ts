import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageDecodingFormat } from '../connector/index.ts';
import { Types } from '../serialization/index.ts';
import { bytesFormat, csvFormat, jsonFormat, textLineFormat } from './index.ts';

const utf8 = new TextEncoder();

function decode<T>(format: MessageDecodingFormat<T>, ...messages: string[]): { values: T[]; malformed: string[] } {
  const bytes = utf8.encode(messages.join(''));
  const ends: number[] = [];
  let at = 0;
  for (const message of messages) ends.push((at += utf8.encode(message).length));
  const block = { bytes, starts: Int32Array.from([0, ...ends.slice(0, -1)]), ends: Int32Array.from(ends) };
  const malformed: string[] = [];
  const values: T[] = [];
  const decoder = format.createMessageDecoder({
    onMalformed: (index, column, message) => malformed.push(`${index}:${column} ${message}`),
  });
  assert.equal(decoder.decode(block, 0, messages.length, values), messages.length);
  return { values, malformed };
}

const events = jsonFormat({ schema: Types.OBJECT({ id: Types.STRING, n: Types.INT }) });

test('messages of JSON become records of the fields wanted, with a report in place of each that is malformed', () => {
  const { values, malformed } = decode(
    events,
    '{"id":"a","n":1,"more":[1]}',
    '{"id":"b"}',
    '',
    '{"n":3,"id":"c"}',
    '{"id":"d","n":"x"}',
  );
  assert.deepEqual(values, [
    { id: 'a', n: 1 },
    { id: 'c', n: 3 },
  ]);
  assert.deepEqual(malformed, [
    '1:1 The field "n" is missing',
    '2:1 The message is blank.',
    '4:15 The field "n" is no INT: "\\"x\\""',
  ]);
});

test('a JSON message may have line ends in it and at its end, but not within strings, and holds one value', () => {
  const { values, malformed } = decode(
    events,
    '{\n  "id": "a",\r\n  "n": 1\n}\n',
    '{"id":"a\nb","n":1}',
    '{"id":"a","n":1}\n{"id":"b","n":2}',
  );
  assert.deepEqual(values, [{ id: 'a', n: 1 }]);
  assert.equal(malformed.length, 2);
  assert.match(malformed[0] as string, /^1:9 A control character/);
  assert.match(malformed[1] as string, /^2:18 /);
});

test('messages longer than a block are read, and those over maxRecordBytes are malformed', () => {
  const long = 'x'.repeat(200_000);
  const { values, malformed } = decode(
    jsonFormat({ schema: Types.OBJECT({ id: Types.STRING }), maxRecordBytes: 250_000 }),
    '{"id":"a"}',
    `{"id":"${long}"}`,
    `{"id":"${long}${long}"}`,
    '{"id":"b"}',
  );
  assert.deepEqual(
    values.map(({ id }) => id),
    ['a', long, 'b'],
  );
  assert.deepEqual(malformed, ['2:1 The message has 400009 bytes, and maxRecordBytes is 250000.']);
  const short = decode(jsonFormat({ maxRecordBytes: 10 }), '{"id":"aaaaaaaaaa"}', '1');
  assert.deepEqual([short.values, short.malformed.length], [[1], 1]);
});

test('many JSON messages come in order, over several blocks', () => {
  const messages = Array.from({ length: 10_000 }, (_, i) => (i % 997 === 5 ? ' ' : `{"id":"key-${i}","n":${i}}`));
  const { values, malformed } = decode(events, ...messages);
  assert.deepEqual(
    values.map(({ n }) => n),
    messages.flatMap((_, i) => (i % 997 === 5 ? [] : [i])),
  );
  assert.deepEqual(malformed.length, 11);
});

test('CSV messages are rows without a header', () => {
  const format = csvFormat({ schema: Types.OBJECT({ id: Types.STRING, n: Types.INT }) });
  const { values, malformed } = decode(format, 'a,1', '"b\nc",2', 'd,x', 'e,5\n', '"open,6', 'f,7\ng,8');
  assert.deepEqual(values, [
    { id: 'a', n: 1 },
    { id: 'b\nc', n: 2 },
    { id: 'e', n: 5 },
  ]);
  assert.deepEqual(
    malformed.map((text) => text.slice(0, 3)),
    ['2:3', '4:1', '5:1'],
  );
  assert.throws(() => csvFormat().createMessageDecoder({ onMalformed() {} }), { code: 'INVALID_OPTION' });
});

test('a text message is a string as it is, and a message of bytes is a copy', () => {
  assert.deepEqual(decode(textLineFormat(), 'a\nb\r\n', '', 'é'), { values: ['a\nb\r\n', '', 'é'], malformed: [] });
  const { values } = decode(bytesFormat(), 'ab', '', 'c');
  assert.deepEqual(values, [utf8.encode('ab'), new Uint8Array(0), utf8.encode('c')]);
  assert.equal(values[0]?.buffer.byteLength, 2);
});
