import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../common/index.ts';
import type { Partitioner } from '../graph/index.ts';
import { ElementBatch, LocalChannel } from '../network/index.ts';
import { encodeKey, keyGroupOf, operatorIndexForKeyGroup } from '../state/index.ts';
import { createEdgeWriter, type PartitionerSettings } from './record-writers.ts';

function deal(
  partitioner: Partitioner,
  count: number,
  values: readonly number[],
  rest: Partial<PartitionerSettings> = {},
): number[][] {
  const channels = Array.from({ length: count }, () => new LocalChannel(1_000));
  const writer = createEdgeWriter({ partitioner, maxParallelism: 128, edgeName: 'a → b', ...rest }, channels, seededRandom(1));
  for (const value of values) writer.write(value, value);
  return channels.map((channel) => {
    const read: number[] = [];
    for (let e = channel.poll(); e instanceof ElementBatch; e = channel.poll()) {
      for (let i = 0; i < e.length; i++) read.push(e.values[i] as number);
      channel.recycle(e);
    }
    return read;
  });
}

const numbers = Array.from({ length: 600 }, (_, i) => i);

test('a hash exchange brings each key to the subtask that owns its key group', () => {
  const dealt = deal('HASH', 3, numbers, { keySelector: (n) => (n as number) % 50 });
  for (const [subtask, values] of dealt.entries()) {
    assert.ok(values.length > 0);
    for (const n of values) assert.equal(operatorIndexForKeyGroup(keyGroupOf(n % 50, 128), 3, 128), subtask);
  }
  assert.equal(dealt.flat().length, 600);
});

test('a hash exchange knows a text again, among others that end alike and among more than it remembers', () => {
  const keys = Array.from({ length: 4_000 }, (_, i) => `${i % 2 === 0 ? '\u0000' : ''}customer ${i} of the region north`);
  const values = [
    ...Array.from({ length: 20_000 }, (_, i) => i % 40),
    ...Array.from({ length: 20_000 }, (_, i) => (i * 7) % keys.length),
    ...Array.from({ length: 1_000 }, (_, i) => i % 40),
  ];
  const dealt = deal('HASH', 3, values, { keySelector: (n) => keys[n as number] });
  assert.equal(dealt.flat().length, values.length);
  for (const [subtask, numbersThere] of dealt.entries()) {
    for (const n of numbersThere) {
      assert.equal(operatorIndexForKeyGroup(keyGroupOf(encodeKey(keys[n]), 128), 3, 128), subtask);
    }
  }
});

test('rebalance and rescale deal in turn', () => {
  for (const partitioner of ['REBALANCE', 'RESCALE'] as const) {
    assert.deepEqual(
      deal(partitioner, 3, numbers).map((v) => v.length),
      [200, 200, 200],
    );
  }
});

test('shuffle deals by chance, to all', () => {
  const dealt = deal('SHUFFLE', 3, numbers);
  assert.equal(dealt.flat().length, 600);
  for (const values of dealt) assert.ok(values.length > 100 && values.length < 300);
});

test('broadcast gives all to all, global all to the first', () => {
  assert.deepEqual(deal('BROADCAST', 2, [1, 2]), [
    [1, 2],
    [1, 2],
  ]);
  assert.deepEqual(deal('GLOBAL', 2, [1, 2]), [[1, 2], []]);
});

test('a custom partitioner chooses', () => {
  assert.deepEqual(deal('CUSTOM', 3, [1, 2, 3], { partition: (n, of) => (n as number) % of }), [[3], [1], [2]]);
});

test('events go to every channel', () => {
  const channels = [new LocalChannel(), new LocalChannel()];
  const writer = createEdgeWriter(
    { partitioner: 'REBALANCE', maxParallelism: 128, edgeName: 'a → b' },
    channels,
    seededRandom(1),
  );
  writer.processWatermark(5);
  writer.processIdle(true);
  for (const channel of channels) {
    assert.deepEqual(channel.poll(), { type: 'WATERMARK', timestamp: 5 });
    assert.deepEqual(channel.poll(), { type: 'WATERMARK_STATUS', idle: true });
  }
});
