import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DEFINITIONS, MAX_FIELDS, MAX_LAYOUTS } from './record-codec.ts';
import { RecordDecoder } from './record-decoder.ts';
import { RecordEncoder } from './record-encoder.ts';
import { TypeRegistry } from './type-registry.ts';

const none = Number.NEGATIVE_INFINITY;

/** Through one encoder and one decoder, all in one piece. */
function passed(
  values: readonly unknown[],
  encoder = new RecordEncoder({ initialBytes: 16 }),
  decoder = new RecordDecoder(),
): unknown[] {
  for (const value of values) encoder.write(value, none);
  decoder.load(encoder.bytes.slice(0, encoder.position));
  encoder.reset();
  return readAll(decoder).map(([value]) => value);
}

function readAll(decoder: RecordDecoder, limit = 7): [unknown, number][] {
  const values: unknown[] = new Array(limit);
  const timestamps = new Float64Array(limit);
  const all: [unknown, number][] = [];
  while (decoder.remaining > 0) {
    const count = decoder.read(values, timestamps, limit);
    for (let i = 0; i < count; i++) all.push([values[i], timestamps[i] as number]);
  }
  return all;
}

function assertPasses(values: readonly unknown[]): RecordEncoder {
  const encoder = new RecordEncoder({ initialBytes: 16 });
  const back = passed(values, encoder);
  assert.deepStrictEqual(back, values);
  assert.deepStrictEqual(back.map(keysOf), values.map(keysOf));
  return encoder;
}

function keysOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).map(([key, item]) => [key, keysOf(item)])
    : typeof value;
}

test('every kind of field comes back as it was', () => {
  const encoder = assertPasses([
    { i: 1, d: 1.5, s: 'text', b: true, n: null, u: undefined, o: { x: 1 }, a: [1, 'two', [3]] },
    { i: -1, d: -0, s: 'ü\ud800', b: false, n: 1, u: 'u', o: { x: 2 }, a: [] },
    { i: 2 ** 31 - 1, d: Number.NaN, s: '', b: true, n: null, u: undefined, o: { x: -0 }, a: [{ x: 1 }, { x: 2 }] },
    {
      i: -(2 ** 31),
      d: Number.NEGATIVE_INFINITY,
      s: 'x'.repeat(5000),
      b: true,
      n: null,
      u: undefined,
      o: { y: 2 },
      a: [undefined, null],
    },
    { i: 63, d: Number.MAX_VALUE, s: 'é'.repeat(5000), b: true, n: null, u: undefined, o: {}, a: [true, false] },
  ]);
  assert.equal(encoder.fallbacks, 0);
});

test('records that are no objects pass as well', () => {
  assertPasses([1, 'two', true, null, undefined, -0, 2.5, [1, 2], ['key', 3], {}, [], [[]], false, 2 ** 40]);
});

test('what is data but has no shape takes the general codec', () => {
  const encoder = assertPasses([
    { at: new Date(5), big: 12n, map: new Map([[1, { a: 2 }]]), set: new Set([1]), bytes: new Uint8Array([1, 2, 3]) },
    new Map([['k', 1]]),
    Object.assign(Object.create(null), { a: 1 }),
    99n,
  ]);
  assert.equal(encoder.fallbacks, 8);
});

test('bytes that are decoded do not change when the next piece is loaded to the same place', () => {
  const encoder = new RecordEncoder();
  const decoder = new RecordDecoder();
  const place = new Uint8Array(1000);
  const read = (value: unknown): unknown => {
    encoder.write(value, none);
    place.set(encoder.bytes.subarray(0, encoder.position));
    decoder.load(place, encoder.position);
    encoder.reset();
    return readAll(decoder)[0]?.[0];
  };
  const first = read({ bytes: new Uint8Array([1, 2, 3]) });
  read({ bytes: new Uint8Array([7, 8, 9]) });
  assert.deepStrictEqual(first, { bytes: new Uint8Array([1, 2, 3]) });
});

test('names that are special in JavaScript are ordinary names', () => {
  const proto = JSON.parse('{"__proto__": {"x": 1}, "a": 1}') as object;
  assertPasses([
    proto,
    JSON.parse('{"__proto__": 5}'),
    { constructor: 1, toString: 'x', hasOwnProperty: null },
    { 'quo"te': 1, "it's": 2, '\n\u2028\\': 3, '${x}': 4, '': 5 },
    { 2: 'two', 1: 'one', b: 1, a: 2 },
    { length: 1, name: 'n', arguments: 2, eval: 3, f0: 1, v: 2, w: 3, pos: 4 },
  ]);
  assert.equal(Object.getPrototypeOf(passed([proto])[0]), Object.prototype);
});

test('the order of the fields, and missing against undefined, are kept', () => {
  const values = [{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1 }, { a: 1, b: undefined }, { b: 2, a: 1 }];
  assert.equal(assertPasses(values).fallbacks, 0);
});

test('a field whose values change their kind is followed', () => {
  const values = [1, 2, 2.5, 3, 'x', null, undefined, true, { n: 1 }, [1], 4].flatMap((v) => [
    { v, w: 1 },
    { v: 1, w: v },
  ]);
  assert.equal(assertPasses(values).fallbacks, 0);
});

test('objects within objects of the same names are told apart', () => {
  assertPasses([
    { v: 1, next: { v: 2, next: { v: 'three', next: null } } },
    { v: 2.5, next: { v: 2, next: undefined } },
    { v: 3, next: null },
  ]);
});

test('timestamps come back exactly', () => {
  const times = [
    none,
    none,
    0,
    1,
    1,
    1_700_000_000_000,
    1_700_000_000_001,
    5,
    -7,
    0.25,
    2 ** 53,
    2 ** 53 - 1,
    Number.POSITIVE_INFINITY,
    3,
    none,
  ];
  const encoder = new RecordEncoder();
  const decoder = new RecordDecoder();
  for (let piece = 0; piece < 2; piece++) {
    times.forEach((time, i) => void encoder.write(i % 3 === 0 ? 'x' : { i }, time));
    decoder.load(encoder.bytes, encoder.position);
    assert.deepEqual(
      readAll(decoder, 4).map(([, time]) => time),
      times,
    );
    encoder.reset();
  }
});

test('beyond the number of shapes, records take the general codec, and known shapes stay fast', () => {
  const encoder = new RecordEncoder();
  const decoder = new RecordDecoder();
  const values = Array.from({ length: MAX_LAYOUTS + 10 }, (_, i) => ({ [`field${i}`]: i }));
  assert.deepStrictEqual(passed(values, encoder, decoder), values);
  assert.equal(encoder.fallbacks, 10);
  assert.deepStrictEqual(passed(values.slice(0, MAX_LAYOUTS), encoder, decoder), values.slice(0, MAX_LAYOUTS));
  assert.equal(encoder.fallbacks, 10);
});

test('shapes that are widened all the time stay within the number of definitions', () => {
  const encoder = new RecordEncoder();
  const decoder = new RecordDecoder();
  const mixed = [1, 'text', true, 2.5];
  for (let round = 0; round < 8; round++) {
    const values = Array.from({ length: MAX_LAYOUTS }, (_, i) =>
      Object.fromEntries(Array.from({ length: 6 }, (_, f) => [`f${i}_${f}`, f < round ? null : mixed[f % 4]])),
    );
    assert.deepStrictEqual(passed(values, encoder, decoder), values);
  }
  assert.ok(MAX_LAYOUTS * 5 > MAX_DEFINITIONS);
});

test('an object with very many fields is taken for a dictionary', () => {
  const dictionary = Object.fromEntries(Array.from({ length: MAX_FIELDS + 1 }, (_, i) => [`k${i}`, i]));
  assert.equal(assertPasses([dictionary, { dictionary }]).fallbacks, 2);
});

test('an object that is nested very deep passes', () => {
  let nested: unknown = 'end';
  for (let i = 0; i < 200; i++) nested = i % 2 ? { nested } : [nested];
  assertPasses([nested, { a: 1 }, nested]);
});

test('what is not data is refused with its path, and the channel goes on as if it had not been', () => {
  const encoder = new RecordEncoder();
  const decoder = new RecordDecoder();
  encoder.write({ a: 1 }, 1);
  const cyclic: Record<string, unknown> = { a: 2 };
  cyclic.self = cyclic;
  class Point {
    x = 1;
  }
  const refused: [unknown, string][] = [
    [{ a: { fresh: 1, b: [1, () => 1] } }, '$.a.b[1]'],
    [{ other: { fresh: 2 }, s: Symbol('s') }, '$.s'],
    [new Point(), '$'],
    [{ a: 1, p: new Point() }, '$.p'],
    [() => 1, '$'],
    [{ m: new Map([[1, { f: () => 1 }]]) }, '$.m.entries[0].value.f'],
    [cyclic, '$.self'],
  ];
  for (const [value, path] of refused) {
    const before = encoder.position;
    assert.throws(
      () => encoder.write(value, 99),
      (error: any) => error.code === 'NOT_SERIALIZABLE' && error.context.path === path,
      path,
    );
    assert.equal(encoder.position, before);
  }
  encoder.write({ a: { fresh: 3, b: [1, 2] } }, 2);
  encoder.write({ other: { fresh: 4 }, s: 's' }, 3);
  encoder.write({ a: 5 }, 4);
  decoder.load(encoder.bytes, encoder.position);
  assert.deepStrictEqual(readAll(decoder), [
    [{ a: 1 }, 1],
    [{ a: { fresh: 3, b: [1, 2] } }, 2],
    [{ other: { fresh: 4 }, s: 's' }, 3],
    [{ a: 5 }, 4],
  ]);
});

test('holes in arrays stay holes', () => {
  // biome-ignore lint/suspicious/noSparseArray: the holes are what is tested
  const sparse = [, 1, , { a: [, undefined] }, ,];
  assertPasses([sparse, { a: 1, sparse }, new Map([[1, sparse]])]);
  const encoder = new RecordEncoder();
  encoder.write(sparse, 1);
  const decoder = new RecordDecoder();
  decoder.load(encoder.bytes, encoder.position);
  assert.deepStrictEqual(Object.keys(readAll(decoder)[0]?.[0] as object), ['1', '3']);
});

test('an array with a property beside its elements is refused with its path, at the latest after some records', () => {
  const encoder = new RecordEncoder();
  encoder.write({ a: 1 }, 1);
  const before = encoder.position;
  const found = /b+/.exec('abbc');
  for (let round = 0; round < 2; round++) {
    assert.throws(
      () => encoder.write({ a: { b: [1, found] } }, 2),
      (error: any) =>
        error.code === 'NOT_SERIALIZABLE' && error.context.path === '$.a.b[1]' && /property "index" beside/.test(error.message),
    );
    assert.equal(encoder.position, before);
    // biome-ignore lint/suspicious/noSparseArray: a hole does not hide the property
    const sparse = Object.assign([1, , , 2], { extra: 1 });
    assert.throws(() => encoder.write(sparse, 2), { message: /at \$ is an array with a property "extra"/ });
  }
  assertPasses([{ a: { b: [1, ['bb']] } }]);
  for (let i = 0; i < 1000; i++) encoder.write([[i], [i]], 3);
  assert.throws(() => {
    for (let i = 0; i < 100; i++) encoder.write([[1], Object.assign([i], { extra: 1 })], 3);
  }, /at \$\[1\] is an array/);
});

test('an error of a getter goes to the caller, and the record is not written', () => {
  const encoder = new RecordEncoder();
  encoder.write({ a: 1 }, none);
  const bad = {
    get a(): number {
      throw new Error('no value');
    },
  };
  const before = encoder.position;
  assert.throws(() => encoder.write(bad, none), /no value/);
  assert.equal(encoder.position, before);
});

test('instances of registered classes pass', () => {
  class Point {
    readonly x: number;
    constructor(x: number) {
      this.x = x;
    }
  }
  const types = new TypeRegistry();
  types.registerType('Point', { constructor: Point, encode: (p) => ({ x: p.x }), decode: (d) => new Point(d.x) });
  const values = [new Point(1), { p: new Point(2) }, [new Point(3)]];
  assert.deepStrictEqual(passed(values, new RecordEncoder({ types }), new RecordDecoder({ types })), values);
});

test('a fork reads on by itself, with the definitions that it meets, and leaves the decoder where it was', () => {
  const encoder = new RecordEncoder();
  const decoder = new RecordDecoder();
  for (const value of [{ a: 1 }, { a: 2 }, { b: 'x' }]) encoder.write(value, 5);
  decoder.load(encoder.bytes.slice(0, encoder.position));
  encoder.reset();
  assert.equal(decoder.read([], new Float64Array(1), 1), 1);
  encoder.write({ c: true, b: 1 }, 6);
  const second = encoder.bytes.slice(0, encoder.position);
  const rest = [
    [{ a: 2 }, 5],
    [{ b: 'x' }, 5],
  ];
  const fork = decoder.fork();
  assert.deepStrictEqual(readAll(fork), rest);
  fork.load(second);
  assert.deepStrictEqual(readAll(fork), [[{ c: true, b: 1 }, 6]]);
  assert.deepStrictEqual(readAll(decoder), rest);
  decoder.load(second);
  assert.deepStrictEqual(readAll(decoder), [[{ c: true, b: 1 }, 6]]);
});

test('a buffer that one huge record made large is given back', () => {
  const encoder = new RecordEncoder({ initialBytes: 1024 });
  encoder.write('x'.repeat(1_000_000), none);
  encoder.reset();
  assert.equal(encoder.bytes.length, 1024);
});
