import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partitionOfKey } from './murmur2.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('the hash is that of the Java client', () => {
  const known: Record<string, number> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [text, hash] of Object.entries(known)) assert.equal(murmur2(bytes(text)), hash, text);
});

test('a partition is in range, whatever the sign of the hash', () => {
  assert.equal(partitionOfKey(bytes('21'), 7), (-973932308 & 0x7fffffff) % 7);
  assert.equal(partitionOfKey(new Uint8Array(0), 1), 0);
});
