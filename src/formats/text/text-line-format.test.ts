import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MalformedRecord } from '../../connector/index.ts';
import { ByteBuffer } from '../../serialization/index.ts';
import { textLineFormat } from './text-line-format.ts';

test('each line is a record, without LF or CRLF, wherever a chunk ends', () => {
  const bytes = new TextEncoder().encode('\ufeffone\r\n\nzwölf 😀\nlast\r');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const lines: string[] = [];
    const decoder = textLineFormat().createDecoder({ source: 'x', onMalformed: () => assert.fail() });
    const consumed = decoder.decode(bytes, 0, cut, lines, false);
    assert.equal(decoder.decode(bytes, consumed, bytes.length, lines, true), bytes.length);
    assert.deepEqual(lines, ['one', '', 'zwölf 😀', 'last']);
  }
});

test('a line that is too long is malformed, and reading goes on behind it', () => {
  const malformed: MalformedRecord[] = [];
  const lines: string[] = [];
  const decoder = textLineFormat({ maxRecordBytes: 4 }).createDecoder({
    source: 'x',
    onMalformed: (record) => malformed.push(record),
  });
  const bytes = new TextEncoder().encode('abc\n1234567\nend');
  decoder.decode(bytes, 0, bytes.length, lines, true);
  assert.deepEqual(lines, ['abc', 'end']);
  assert.deepEqual([malformed.length, malformed[0]?.line, malformed[0]?.offset, decoder.line], [1, 2, 4, 4]);
});

test('the encoder ends each line', () => {
  const buffer = new ByteBuffer();
  textLineFormat().createEncoder()('é', buffer);
  assert.equal(new TextDecoder().decode(buffer.view()), 'é\n');
});
