import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../common/index.ts';
import { decodeKey, encodeKey } from './index.ts';

test('strings, numbers, bigints and booleans stand for themselves', () => {
  for (const key of ['', 'a', 'a\u0000', 0, -1.5, Infinity, 1n, true, false]) assert.equal(encodeKey(key), key);
});

test('-0 and 0 are one key, at the top and inside', () => {
  assert.ok(Object.is(encodeKey(-0), 0));
  assert.equal(encodeKey([-0]), encodeKey([0]));
});

test('the order of fields does not matter, that of elements does', () => {
  assert.equal(encodeKey({ a: 1, b: { d: 2, c: 3 } }), encodeKey({ b: { c: 3, d: 2 }, a: 1 }));
  assert.notEqual(encodeKey([1, 2]), encodeKey([2, 1]));
});

test('keys that look alike are different', () => {
  const keys = [
    '1',
    1,
    1n,
    true,
    'true',
    new Date(1),
    [1],
    ['1'],
    [1n],
    [[1]],
    { a: 1 },
    { a: '1' },
    ['a', 1],
    {},
    [],
    '[]',
    ['s1:a'],
    ['a', ''],
    ['', 'a'],
    '\u0000',
    '\u0000s',
    encodeKey([1]),
  ];
  assert.equal(new Set(keys.map(encodeKey)).size, keys.length);
});

test('a field named __proto__ is a field', () => {
  const key = JSON.parse('{"__proto__": 1}');
  assert.deepStrictEqual(decodeKey(encodeKey(key)), key);
  assert.notEqual(encodeKey(key), encodeKey({}));
});

test('what cannot be a key is refused by name, with its place and what to do', () => {
  class Account {}
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const cases: [unknown, RegExp][] = [
    [Number.NaN, /The key is NaN/],
    [null, /The key is null/],
    [undefined, /The key is undefined/],
    [() => 1, /The key is a function/],
    [Symbol('s'), /The key is a symbol/],
    [new Date(Number.NaN), /The key is an invalid Date/],
    [new Account(), /The key is an instance of Account/],
    [new Map(), /The key is an instance of Map/],
    [new Uint8Array(2), /The key is an instance of Uint8Array/],
    [{ user: { id: undefined } }, /The key's part at 'user\.id' is undefined/],
    [[1, [null]], /The key's part at '\[1\]\[0\]' is null/],
    [{ a: [Number.NaN] }, /'a\[0\]' is NaN/],
    [cyclic, /nested deeper than 32 levels, or holds itself/],
  ];
  for (const [key, message] of cases) {
    assert.throws(
      () => encodeKey(key),
      (error) =>
        error instanceof MillraceError &&
        error.code === 'INVALID_KEY' &&
        message.test(error.message) &&
        /key selector/.test(error.message),
    );
  }
});

const primitive = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\u0000', '\u0000s', '\u0000k[', ';', ']', '}'),
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.date({ noInvalidDate: true }),
);
const anyKey = fc.letrec<{ key: unknown }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    primitive,
    fc.array(tie('key'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('key'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).key;

/** As deepStrictEqual sees keys: with -0 as 0. */
function normal(key: unknown): unknown {
  if (typeof key === 'number') return key + 0;
  if (Array.isArray(key)) return key.map(normal);
  if (typeof key !== 'object' || key === null || key instanceof Date) return key;
  const result = {};
  for (const [name, value] of Object.entries(key))
    Object.defineProperty(result, name, { value: normal(value), enumerable: true, configurable: true, writable: true });
  return result;
}

function equal(a: unknown, b: unknown): boolean {
  try {
    assert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

test('every key comes back, and two keys have one form exactly if they are equal', () => {
  fc.assert(
    fc.property(anyKey, anyKey, (a, b) => {
      assert.deepStrictEqual(decodeKey(encodeKey(a)), normal(a));
      assert.equal(encodeKey(a) === encodeKey(b), equal(normal(a), normal(b)));
    }),
    { numRuns: 2000 },
  );
});
