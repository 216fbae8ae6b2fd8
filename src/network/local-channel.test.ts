import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalChannel } from './local-channel.ts';
import { BATCH_CAPACITY, ElementBatch, type StreamEvent } from './stream-element.ts';

/** Reads everything that is there, as values and events. */
function drain(channel: LocalChannel): unknown[] {
  const out: unknown[] = [];
  for (let element = channel.poll(); element !== undefined; element = channel.poll()) {
    if (element instanceof ElementBatch) {
      for (let i = 0; i < element.length; i++) out.push([element.values[i], element.timestamps[i]]);
      channel.recycle(element);
    } else out.push(element);
  }
  return out;
}

const watermark = (timestamp: number): StreamEvent => ({ type: 'WATERMARK', timestamp });

test('records and events are read in the order in which they were written', () => {
  const channel = new LocalChannel();
  channel.write('a', 1);
  channel.write('b', 2);
  channel.writeEvent(watermark(2));
  channel.write('c', 3);
  assert.deepEqual(drain(channel), [['a', 1], ['b', 2], watermark(2), ['c', 3]]);
  assert.equal(channel.poll(), undefined);
  assert.ok(channel.isEmpty);
});

test('a reader is told when the first record or an event comes, not for every record', () => {
  const channel = new LocalChannel();
  let calls = 0;
  channel.onData = () => calls++;
  channel.write(1, 0);
  channel.write(2, 0);
  assert.equal(calls, 1);
  channel.writeEvent(watermark(1));
  assert.equal(calls, 2);
  channel.write(3, 0);
  assert.equal(calls, 3);
});

test('a full channel is not available, and tells its producer when it is again', () => {
  const channel = new LocalChannel(2);
  let available = 0;
  channel.onAvailable = () => available++;
  for (let i = 0; i < 2 * BATCH_CAPACITY; i++) channel.write(i, 0);
  assert.equal(channel.isAvailable, false);
  const batch = channel.poll() as ElementBatch;
  assert.equal(channel.isAvailable, true);
  assert.equal(available, 1);
  channel.recycle(batch);
});

test('a producer that cannot stop makes the channel ask for draining instead of growing', () => {
  const channel = new LocalChannel(2);
  const read: unknown[] = [];
  let longest = 0;
  channel.drain = () => {
    longest = Math.max(longest, channel.queuedRecords);
    read.push(...drain(channel));
  };
  const total = 20 * BATCH_CAPACITY;
  for (let i = 0; i < total; i++) channel.write(i, i);
  read.push(...drain(channel));
  assert.deepEqual(
    read,
    Array.from({ length: total }, (_, i) => [i, i]),
  );
  assert.ok(longest <= 3 * BATCH_CAPACITY, `${longest} records were queued`);
});

test('a recycled batch keeps no record alive', () => {
  const channel = new LocalChannel();
  channel.write({}, 1);
  const batch = channel.poll() as ElementBatch;
  channel.recycle(batch);
  assert.equal(batch.values[0], undefined);
  assert.equal(batch.length, 0);
});
