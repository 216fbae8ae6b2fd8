import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultMaxParallelism, encodeKey, keyGroupOf, keyGroupRange, operatorIndexForKeyGroup } from './index.ts';

test('keys stay in their key groups for ever: savepoints depend on it', () => {
  const keys = [
    '',
    'a',
    'ab',
    'abc',
    'user-42',
    '漢字',
    '😀',
    0,
    -0,
    1,
    -1,
    0.5,
    1e300,
    Infinity,
    0n,
    1n,
    -1n,
    2n ** 64n,
    true,
    false,
    [1, 'a'],
    { b: 1, a: new Date(0) },
  ];
  assert.deepEqual(
    keys.map((key) => keyGroupOf(encodeKey(key), 32768)),
    [
      23234, 2296, 12005, 17699, 30331, 10515, 11066, 24345, 24345, 6297, 31067, 20620, 23336, 31360, 14159, 24657, 3193, 31324,
      21940, 21443, 2298, 23148,
    ],
  );
});

test('the hash of an empty string and of known blocks is that of MurmurHash3', () => {
  // Reference values of MurmurHash3_x86_32 with seed 0x73, over the UTF-16LE bytes.
  assert.equal(keyGroupOf('', 2 ** 32), murmur3(Buffer.alloc(0), 0x73));
  for (const text of ['ab', 'abcd', 'a', 'abc', '漢字!']) {
    assert.equal(keyGroupOf(text, 2 ** 32), murmur3(Buffer.from(text, 'utf16le'), 0x73), text);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(0.1);
  assert.equal(keyGroupOf(0.1, 2 ** 32), murmur3(bytes, 0x6e));
});

/** Written from the published algorithm, byte by byte, to check the one in use. */
function murmur3(bytes: Uint8Array, seed: number): number {
  const rotate = (x: number, r: number): number => (x << r) | (x >>> (32 - r));
  let h = seed;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(rotate(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
    h = (Math.imul(rotate(h ^ k, 13), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let j = bytes.length - 1; j >= i; j--) tail = (tail << 8) | bytes[j]!;
  if (i < bytes.length) h ^= Math.imul(rotate(Math.imul(tail, 0xcc9e2d51), 15), 0x1b873593);
  h ^= bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

test('keys of every usual kind are spread evenly', () => {
  const kinds: ((i: number) => unknown)[] = [
    (i) => i,
    (i) => i * 1024,
    (i) => i / 3,
    (i) => `user-${i}`,
    (i) => BigInt(i),
    (i) => [i],
    (i) => new Date(i * 1000),
  ];
  for (const kind of kinds) {
    const counts = new Array<number>(128).fill(0);
    for (let i = 0; i < 12_800; i++) counts[keyGroupOf(encodeKey(kind(i)), 128)]!++;
    assert.ok(Math.min(...counts) > 50 && Math.max(...counts) < 160, `${kind}: ${Math.min(...counts)} to ${Math.max(...counts)}`);
  }
});

test('ranges cover every key group once, and name the subtask that owns it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (a, b) => {
      const parallelism = Math.min(a, b);
      const maxParallelism = Math.max(a, b);
      let next = 0;
      for (let index = 0; index < parallelism; index++) {
        const { start, end } = keyGroupRange(parallelism, maxParallelism, index);
        assert.equal(start, next);
        assert.ok(end >= start);
        for (let group = start; group <= end; group++)
          assert.equal(operatorIndexForKeyGroup(group, parallelism, maxParallelism), index);
        next = end + 1;
      }
      assert.equal(next, maxParallelism);
    }),
  );
  assert.throws(() => keyGroupRange(129, 128, 0), { code: 'INVALID_PROGRAM', message: /129.*128/ });
});

test('the default number of key groups is Flink’s', () => {
  const expected: [number, number][] = [
    [1, 128],
    [85, 128],
    [86, 256],
    [100, 256],
    [171, 256],
    [172, 512],
    [21845, 32768],
    [30000, 32768],
  ];
  for (const [parallelism, groups] of expected) assert.equal(defaultMaxParallelism(parallelism), groups, `${parallelism}`);
});
