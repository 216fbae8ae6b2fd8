import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../../../common/index.ts';
import { csvFormat, jsonFormat, textLineFormat } from '../../../formats/index.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';
import { RecordSerializer } from './record-serializer.ts';

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));

function serialized<T>(options: Pick<KafkaSinkOptions<T>, 'key' | 'value' | 'headers'>, record: T) {
  const serializer = new RecordSerializer<T>(options);
  serializer.serialize(record);
  return [text(serializer.key), text(serializer.value)];
}

test('a format gives the value without the line end that it writes for files', () => {
  assert.deepEqual(serialized({ value: jsonFormat() }, { a: 1 }), [null, '{"a":1}']);
  assert.deepEqual(serialized({ value: textLineFormat() }, 'ends with a line\n'), [null, 'ends with a line\n']);
  assert.deepEqual(serialized({ value: textLineFormat() }, ''), [null, '']);
  assert.deepEqual(serialized({ value: csvFormat({ columns: ['a', 'b'] }) }, { a: '1\n', b: 2 } as never), [null, '"1\n",2']);
});

test('functions give bytes, text or nothing', () => {
  assert.deepEqual(serialized({ value: (n: number) => `v${n}`, key: (n) => `k${n}` }, 1), ['k1', 'v1']);
  assert.deepEqual(serialized({ value: () => null, key: () => undefined }, 1), [null, null]);
  assert.deepEqual(serialized({ value: () => Uint8Array.of(120), key: () => '' }, 1), ['', 'x']);
});

test('what is neither bytes nor text is refused', () => {
  for (const wrong of [{ value: () => 5 }, { value: () => undefined }, { value: () => 'x', key: () => ({}) }]) {
    assert.throws(
      () => serialized(wrong as never, 1),
      (error) =>
        error instanceof MillraceError && error.code === 'NOT_SERIALIZABLE' && /(value|key) of a record/.test(error.message),
    );
  }
});

test('headers keep their order, and may come twice', () => {
  const serializer = new RecordSerializer<number>({
    value: () => '',
    headers: () =>
      new Map([
        ['a', 'x' as string | null],
        ['b', null],
      ]),
  });
  serializer.serialize(1);
  assert.deepEqual(serializer.headers, [
    { key: 'a', value: new TextEncoder().encode('x') },
    { key: 'b', value: null },
  ]);
});
