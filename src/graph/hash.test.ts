import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hash128 } from './hash.ts';

test('a hash is 32 hex digits, the same in every run', () => {
  assert.match(hash128(''), /^[0-9a-f]{32}$/);
  assert.equal(hash128('uid:count'), hash128('uid:count'));
  // Golden: savepoints refer to operators by these ids, so they must never change.
  assert.equal(hash128('uid:count'), GOLDEN);
});

test('texts that differ in one place, or in length only, have different hashes', () => {
  const texts = ['', 'a', 'b', 'ab', 'ba', 'aaaaaaaa', 'aaaaaaaaa', 'aaaaaaab', '\u0000', '\u0000\u0000', 'ä', '日本'];
  assert.equal(new Set(texts.map((t) => hash128(t))).size, texts.length);
});

const GOLDEN = 'e8288d6aed58249593839606b6d07f49';
