import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../common/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, encodeValue, TypeRegistry } from './index.ts';
import { littleEndianBytes } from './typed-array-codec.ts';

function bytesOf(value: unknown, types?: TypeRegistry): Uint8Array {
  const writer = new BinaryWriter(16);
  encodeValue(writer, value, types);
  return writer.toBytes();
}

function roundTrip(value: unknown, types?: TypeRegistry): unknown {
  const reader = new BinaryReader(bytesOf(value, types));
  const result = decodeValue(reader, types);
  assert.equal(reader.remaining, 0);
  return result;
}

function refusal(value: unknown): MillraceError {
  try {
    bytesOf(value);
  } catch (error) {
    assert.ok(error instanceof MillraceError);
    assert.equal(error.code, 'NOT_SERIALIZABLE');
    return error;
  }
  return assert.fail('the value was not refused');
}

test('special numbers, strings, dates and bigints survive', () => {
  const values = [0, -0, 191, 192, -1, 2 ** 31, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53, 0.1, Number.NaN, Infinity, -Infinity];
  const others = [
    '',
    'abc',
    'é',
    '漢字',
    '😀',
    '\ud800',
    'a\udc00b',
    '\ud83d',
    'x'.repeat(9000),
    'é'.repeat(9000),
    0n,
    -1n,
    255n,
    256n,
    2n ** 200n,
    -(2n ** 64n),
  ];
  const dates = [new Date(0), new Date(-1), new Date(Number.NaN)];
  for (const value of [...values, ...others, ...dates, undefined, null, true, false])
    assert.deepStrictEqual(roundTrip(value), value);
});

test('containers keep their prototypes, order and content', () => {
  const nullPrototype: Record<string, unknown> = Object.create(null);
  nullPrototype.a = 1;
  const value = { b: [1, [2, undefined]], m: new Map<unknown, unknown>([[{ k: 1 }, new Set([1, '1'])]]), n: nullPrototype };
  assert.deepStrictEqual(roundTrip(value), value);
  assert.deepStrictEqual(Object.keys(roundTrip({ z: 1, a: 2 }) as object), ['z', 'a']);
});

test('all typed arrays, buffers and views survive, also at an odd offset', () => {
  const float16 = (globalThis as any).Float16Array;
  const bytes = new Uint8Array([9, 1, 2, 3, 4, 5, 6, 7, 8]);
  const values = [
    bytes.subarray(1, 4),
    new Int8Array([-1]),
    new Uint8ClampedArray([1, 255]),
    new Int16Array([-2, 3]),
    new Uint16Array([65535]),
    new Int32Array([-7]),
    new Uint32Array([4e9]),
    new Float32Array([0.5]),
    new Float64Array([0.1, Number.NaN]),
    new BigInt64Array([-1n]),
    new BigUint64Array([2n ** 64n - 1n]),
    bytes.buffer,
    new DataView(bytes.buffer, 1, 3),
    ...(float16 ? [new float16([0.5])] : []),
  ];
  for (const value of values) {
    const [, result] = roundTrip(['odd', value]) as [string, typeof value];
    assert.equal(Object.prototype.toString.call(result), Object.prototype.toString.call(value));
    assert.deepStrictEqual(
      result instanceof DataView ? new Uint8Array(result.buffer) : result,
      value instanceof DataView ? new Uint8Array([1, 2, 3]) : value,
    );
  }
});

test('a big-endian machine writes the elements of typed arrays turned round', () => {
  assert.deepStrictEqual(littleEndianBytes(new Uint8Array([1, 2, 3, 4]), 2, false), new Uint8Array([2, 1, 4, 3]));
});

test('a Node Buffer comes back as Uint8Array, a hole as a hole', () => {
  assert.deepStrictEqual(roundTrip(Buffer.from('ab')), new Uint8Array([97, 98]));
  // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
  const sparse = [1, , 2, undefined, ,];
  assert.deepStrictEqual(roundTrip(sparse), sparse);
  assert.deepStrictEqual(Object.keys(roundTrip(sparse) as object), ['0', '2', '3']);
});

test('a field named __proto__ stays a field', () => {
  const value = JSON.parse('{"__proto__": {"admin": true}}');
  const result = roundTrip(value) as Record<string, unknown>;
  assert.deepStrictEqual(Object.keys(result), ['__proto__']);
  assert.equal(Object.getPrototypeOf(result), Object.prototype);
  assert.equal(result.admin, undefined);
});

test('what is not data is refused with its path', () => {
  class Account {}
  const cases: [unknown, string][] = [
    [() => 1, '$'],
    [{ user: { callback() {} } }, '$.user.callback'],
    [{ 'a b': [1, Symbol('s')] }, '$["a b"][1]'],
    [new Map([['k', new Account()]]), '$.entries[0].value'],
    [new Set([1, /x/]), '$.values[1]'],
    [[new Error('no')], '$[0]'],
    [{ promise: Promise.resolve() }, '$.promise'],
    [{ weak: new WeakMap() }, '$.weak'],
  ];
  for (const [value, path] of cases) assert.equal(refusal(value).context.path, path);
  assert.match(refusal([new Account()]).message, /an instance of Account/);
});

test('a cycle is refused where it closes', () => {
  const parent: Record<string, unknown> = { name: 'p' };
  parent.child = { parent };
  const error = refusal({ top: parent });
  assert.equal(error.context.path, '$.top.child.parent');
  assert.match(error.message, /the object at \$\.top again \(a cycle\)/);
});

test('a value that is nested too deep is refused, not a crash', () => {
  let value: unknown = 1;
  for (let i = 0; i < 100_000; i++) value = [value];
  assert.match(refusal(value).message, /nested deeper than 256 levels/);
});

test('a refused value leaves no trace in the writer', () => {
  const writer = new BinaryWriter();
  encodeValue(writer, 'before');
  assert.throws(() => encodeValue(writer, ['x'.repeat(1000), () => 1]));
  encodeValue(writer, 'after');
  const reader = new BinaryReader(writer.toBytes());
  assert.deepStrictEqual([decodeValue(reader), decodeValue(reader), reader.remaining], ['before', 'after', 0]);
});

test('an instance of a registered class survives, and is refused where the class is not registered', () => {
  class Money {
    readonly cents: bigint;
    constructor(cents: bigint) {
      this.cents = cents;
    }
  }
  const types = new TypeRegistry();
  types.registerType('money', { constructor: Money, encode: (m) => m.cents, decode: (cents) => new Money(cents) });
  assert.deepStrictEqual(roundTrip({ price: new Money(5n) }, types), { price: new Money(5n) });
  assert.throws(() => decodeValue(new BinaryReader(bytesOf(new Money(1n), types))), { code: 'CORRUPT_DATA', message: /'money'/ });
  assert.throws(() => types.registerType('money', { constructor: Map, encode: () => 0, decode: () => new Map() }), {
    code: 'INVALID_OPTION',
  });
  assert.throws(() => types.registerType('m', { constructor: Money, encode: () => 0, decode: () => new Money(0n) }), {
    code: 'INVALID_OPTION',
  });
});

test('the format has not changed', () => {
  const value = [
    undefined,
    null,
    false,
    true,
    5,
    300,
    -1,
    0.5,
    5n,
    -256n,
    'a',
    'é',
    new Date(1),
    { a: 1 },
    new Map([[1, 2]]),
    new Set([1]),
    new Uint16Array([258]),
  ];
  assert.equal(
    Buffer.from(bytesOf(value)).toString('hex'),
    '0b110001020345' +
      '04ac02' +
      '0501' +
      '06000000000000e03f' +
      '070105' +
      '08020100' +
      '090261' +
      '0905c3a9' +
      '0a000000000000f03f' +
      '0c01026141' +
      '0e014142' +
      '0f0141' +
      '1004020201',
  );
});
