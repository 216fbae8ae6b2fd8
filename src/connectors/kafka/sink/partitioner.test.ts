import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError, seededRandom } from '../../../common/index.ts';
import { partitionOfKey } from './murmur2.ts';
import { PartitionChooser } from './partitioner.ts';

const key = (text: string): Uint8Array => new TextEncoder().encode(text);

test('a key goes to the partition of its hash', () => {
  const chooser = new PartitionChooser<string>('t', undefined, 100, seededRandom(1));
  for (const text of ['a', 'b', 'c']) assert.equal(chooser.choose(text, key(text), 10, 5), partitionOfKey(key(text), 5));
});

test('without a key, a batch of bytes goes to one partition, then to another, and all get equally much', () => {
  const chooser = new PartitionChooser<string>('t', undefined, 100, seededRandom(1));
  const bytes = [0, 0, 0];
  let last = -1;
  let run = 0;
  for (let i = 0; i < 3000; i++) {
    const partition = chooser.choose('x', null, 10, 3);
    if (partition === last) run++;
    else {
      assert.ok(last === -1 || run === 10, `${run} records went to partition ${last}`);
      last = partition;
      run = 1;
    }
    bytes[partition] = (bytes[partition] as number) + 10;
  }
  for (const count of bytes) assert.ok(Math.abs(count - 10_000) < 2_000, `${bytes}`);
});

test('a topic with one partition has no other to go to, and one that shrank is left', () => {
  const chooser = new PartitionChooser<string>('t', undefined, 10, seededRandom(1));
  for (let i = 0; i < 10; i++) assert.equal(chooser.choose('x', null, 10, 1), 0);
  const wide = new PartitionChooser<string>('t', undefined, 1000, seededRandom(3));
  while (wide.choose('x', null, 999, 8) === 0);
  assert.equal(wide.choose('x', null, 1, 1), 0);
});

test("a partitioner of the program's own is asked with key, count and topic, and may not leave the range", () => {
  const seen: unknown[] = [];
  const chooser = new PartitionChooser<number>('t', (...args) => seen.push(args) && args[0], 10, seededRandom(1));
  assert.equal(chooser.choose(2, key('k'), 1, 3), 2);
  assert.deepEqual(seen, [[2, key('k'), 3, 't']]);
  for (const wrong of [3, -1, 0.5, Number.NaN]) {
    assert.throws(
      () => chooser.choose(wrong, null, 1, 3),
      (error) => error instanceof MillraceError && error.code === 'USER_FUNCTION_FAILED' && /'t'.*0 to 2/.test(error.message),
    );
  }
});
