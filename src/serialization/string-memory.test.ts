import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordDecoder } from './record-decoder.ts';
import { RecordEncoder } from './record-encoder.ts';
import { StringMemory } from './string-memory.ts';

function passed(texts: readonly string[]): string[] {
  const encoder = new RecordEncoder();
  for (const text of texts) encoder.write({ text }, 1);
  const decoder = new RecordDecoder();
  decoder.load(encoder.bytes, encoder.position);
  const values: { text: string }[] = new Array(texts.length);
  assert.equal(decoder.read(values, new Float64Array(texts.length), texts.length), texts.length);
  return values.map(({ text }) => text);
}

test('strings that agree in what their place depends on are told apart', () => {
  for (let length = 1; length <= 45; length++) {
    const texts: string[] = [];
    for (let i = 0; i < length; i++) {
      for (const base of ['a', 'b']) texts.push(`${base.repeat(i)}x${base.repeat(length - 1 - i)}`, base.repeat(length));
    }
    assert.deepEqual(passed([...texts, ...texts]), [...texts, ...texts]);
  }
});

test('a string that comes again is not built again, until a field has had too few of them', () => {
  const memory = new StringMemory();
  let built = 0;
  const read = (text: string): string => {
    const bytes = new TextEncoder().encode(text);
    const counted = new Proxy(bytes, {
      get(target, name) {
        if (name === '0') built++;
        return Reflect.get(target, name);
      },
    });
    return memory.read(counted, new DataView(bytes.buffer), 0, bytes.length);
  };
  const buildsOf = (text: string): number => {
    built = 0;
    assert.equal(read(text), text);
    return built;
  };
  assert.ok(buildsOf('again and again') > 0);
  assert.equal(buildsOf('again and again'), 0);
  for (let i = 0; i < 2000; i++) assert.equal(read(`different ${i}`), `different ${i}`);
  assert.ok(buildsOf('again and again') > 0);
  assert.ok(buildsOf('again and again') > 0, 'it is no longer looked up');
});
