/** What both ends of every channel promise, over all channels. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChannelReader, ChannelWriter } from './channel.ts';
import { decodeElements } from './in-flight-elements.ts';
import { LocalChannel } from './local-channel.ts';
import { createRing } from './ring.ts';
import { RingChannelReader } from './ring-channel-reader.ts';
import { RingChannelWriter } from './ring-channel-writer.ts';
import { BATCH_CAPACITY, type CheckpointBarrier, ElementBatch, type StreamEvent } from './stream-element.ts';
import { createDoorbell, RemoteBell, ThreadDoorbell } from './thread-doorbell.ts';

interface Ends {
  readonly writer: ChannelWriter;
  readonly reader: ChannelReader;
  /** Lets both threads look at their ends. */
  look(): void;
  /** More than the channel takes before its producer should pause. */
  readonly tooMany: number;
}

const kinds: Readonly<Record<string, () => Ends>> = {
  'a local channel': () => {
    const channel = new LocalChannel();
    return { writer: channel, reader: channel, look: () => {}, tooMany: 3 * BATCH_CAPACITY };
  },
  'a ring channel': () => {
    const ring = createRing(16 * 1024);
    const buffers = [createDoorbell(), createDoorbell()] as const;
    const [producer, consumer] = buffers.map((b) => new ThreadDoorbell(b)) as [ThreadDoorbell, ThreadDoorbell];
    const writer = new RingChannelWriter(ring, { doorbell: producer, peer: new RemoteBell(buffers[1]) });
    const reader = new RingChannelReader(ring, { doorbell: consumer, peer: new RemoteBell(buffers[0]) });
    const look = (): void => {
      consumer.checkNow();
      producer.checkNow();
    };
    return { writer, reader, look, tooMany: 3000 };
  },
};

const watermark = (timestamp: number): StreamEvent => ({ type: 'WATERMARK', timestamp });

function barrier(checkpointId: number): CheckpointBarrier {
  return {
    type: 'CHECKPOINT_BARRIER',
    checkpointId,
    timestampMs: 1_700_000_000_000,
    options: { kind: 'CHECKPOINT', alignment: 'UNALIGNED', directory: 'checkpoints/chk-1' },
  };
}

/** Polls up to `limit` times; records as pairs, events as they are. */
function poll(reader: ChannelReader, limit = Number.POSITIVE_INFINITY): unknown[] {
  const out: unknown[] = [];
  for (let i = 0; i < limit; i++) {
    const element = reader.poll();
    if (element === undefined) break;
    if (element instanceof ElementBatch) {
      for (let r = 0; r < element.length; r++) out.push([element.values[r], element.timestamps[r]]);
      reader.recycle(element);
    } else out.push(element);
  }
  return out;
}

function captured(reader: ChannelReader, checkpointId: number): unknown[] {
  const out: unknown[] = [];
  for (const element of decodeElements(reader.captureUntilBarrier(checkpointId))) {
    if (element.type === 'RECORDS') element.values.forEach((value, i) => void out.push([value, element.timestamps[i]]));
    else out.push(element);
  }
  return out;
}

const recordOf = (i: number): unknown =>
  i % 5 === 0 ? { id: i, name: `n${i}` } : i % 7 === 0 ? [i, 'x'] : { id: i, half: i / 2 };

for (const [name, open] of Object.entries(kinds)) {
  describe(name, () => {
    test('carries records and events in the order in which they were written', () => {
      const { writer, reader } = open();
      writer.write({ a: 1 }, 1);
      writer.write('b', 2);
      writer.writeEvent(watermark(2));
      writer.writeEvent({ type: 'WATERMARK_STATUS', idle: true });
      writer.write({ a: 3 }, 3);
      writer.writeEvent(barrier(7));
      writer.writeEvent({ type: 'END_OF_DATA', drained: true });
      writer.flush();
      assert.deepEqual(poll(reader), [
        [{ a: 1 }, 1],
        ['b', 2],
        watermark(2),
        { type: 'WATERMARK_STATUS', idle: true },
        [{ a: 3 }, 3],
        barrier(7),
        { type: 'END_OF_DATA', drained: true },
      ]);
      assert.equal(reader.poll(), undefined);
      assert.ok(reader.isEmpty);
    });

    test('carries everything that a producer that cannot stop writes', () => {
      const { writer, reader, look, tooMany } = open();
      const read: unknown[] = [];
      reader.drain = () => read.push(...poll(reader));
      const total = 10 * tooMany;
      for (let i = 0; i < total; i++) writer.write(recordOf(i), i);
      writer.writeEvent(watermark(total));
      while (!reader.isEmpty) {
        read.push(...poll(reader));
        look();
      }
      assert.deepEqual(read, [...Array.from({ length: total }, (_, i) => [recordOf(i), i]), watermark(total)]);
    });

    test('is not available when it is full, and says so when it is again', () => {
      const { writer, reader, look, tooMany } = open();
      let available = 0;
      writer.onAvailable = () => available++;
      assert.ok(writer.isAvailable);
      let written = 0;
      for (; writer.isAvailable; written++) writer.write(recordOf(written), written);
      assert.ok(written < tooMany);
      assert.ok(reader.isFull && reader.usage > 0.4 && writer.usage > 0.4);
      look();
      assert.equal(available, 0);
      writer.flush();
      const read = poll(reader);
      look();
      assert.equal(read.length, written);
      assert.ok(writer.isAvailable && !reader.isFull);
      assert.equal(available, 1);
      look();
      assert.equal(available, 1);
    });

    test('tells its reader of data once, not in every round', () => {
      const { writer, reader, look } = open();
      let calls = 0;
      reader.onData = () => calls++;
      writer.write(1, 0);
      writer.flush();
      look();
      look();
      assert.equal(calls, 1);
      poll(reader);
      look();
      assert.equal(calls, 1);
      writer.writeEvent(watermark(1));
      look();
      assert.equal(calls, 2);
    });

    test('announces the newest barrier that waits behind records', () => {
      const { writer, reader, look } = open();
      const announced: unknown[] = [];
      reader.onBarrierAnnounced = () => announced.push(reader.announcedBarrier?.checkpointId);
      writer.write({ a: 1 }, 1);
      writer.writeEvent(barrier(1));
      look();
      assert.deepEqual(reader.announcedBarrier?.barrier, barrier(1));
      writer.write({ a: 2 }, 2);
      writer.writeEvent(barrier(2));
      look();
      assert.deepEqual(announced, [1, 2]);
      assert.deepEqual(poll(reader, 2), [[{ a: 1 }, 1], barrier(1)]);
      assert.equal(reader.announcedBarrier?.checkpointId, 2);
      poll(reader);
      assert.equal(reader.announcedBarrier, undefined);
      look();
      assert.deepEqual(announced, [1, 2]);
    });

    test('announces a barrier at once when the producer has paused', () => {
      const { writer, reader, look } = open();
      let written = 0;
      for (; writer.isAvailable; written++) writer.write(recordOf(written), written);
      writer.write(recordOf(written), written++);
      writer.writeEvent(barrier(3));
      look();
      assert.equal(reader.announcedBarrier?.checkpointId, 3);
      assert.equal(captured(reader, 3).length, written);
    });

    test('captures the records and watermarks in front of a barrier and leaves them where they are', () => {
      const { writer, reader } = open();
      const pairs = (from: number, to: number): unknown[] =>
        Array.from({ length: to - from }, (_, i) => [recordOf(from + i), from + i]);
      const write = (from: number, to: number): void => {
        for (let i = from; i < to; i++) writer.write(recordOf(i), i);
      };
      const begun = BATCH_CAPACITY;
      const idle = { type: 'WATERMARK_STATUS', idle: true } as const;
      write(0, begun);
      writer.writeEvent(watermark(1));
      writer.writeEvent(idle);
      write(begun, begun + 20);
      writer.writeEvent(barrier(1));
      write(begun + 20, begun + 30);
      writer.writeEvent(barrier(2));
      write(begun + 30, begun + 40);
      writer.flush();
      const inFlight = [...pairs(0, begun), watermark(1), idle, ...pairs(begun, begun + 20)];
      assert.deepEqual(captured(reader, 1), inFlight);
      assert.deepEqual(captured(reader, 2), [...inFlight, ...pairs(begun + 20, begun + 30)]);
      const first = poll(reader, 1);
      assert.deepEqual([...first, ...captured(reader, 1)], inFlight);
      const rest = poll(reader);
      assert.deepEqual(
        [...first, ...rest],
        [
          ...pairs(0, begun),
          watermark(1),
          idle,
          ...pairs(begun, begun + 20),
          barrier(1),
          ...pairs(begun + 20, begun + 30),
          barrier(2),
          ...pairs(begun + 30, begun + 40),
        ],
      );
    });

    test('counts what went in and out', () => {
      const { writer, reader } = open();
      for (let i = 0; i < 100; i++) writer.write({ i }, i);
      writer.flush();
      poll(reader);
      assert.ok(reader.buffersRead >= 1);
      assert.equal(reader.buffersRead, writer.buffersWritten);
      assert.equal(reader.bytesRead, writer.bytesWritten);
      assert.equal(writer.usage, 0);
      assert.equal(reader.usage, 0);
    });

    test('lets its reader read to the end when the producer has closed it', () => {
      const { writer, reader, look } = open();
      reader.drain = () => {};
      const total = 3000;
      for (let i = 0; i < total; i++) writer.write(i, i);
      writer.writeEvent({ type: 'END_OF_PARTITION' });
      writer.close();
      const read: unknown[] = [];
      while (!reader.isEmpty) {
        read.push(...poll(reader));
        look();
      }
      assert.equal(read.length, total + 1);
      assert.deepEqual(read.at(-1), { type: 'END_OF_PARTITION' });
    });
  });
}
