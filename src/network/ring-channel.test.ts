import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeElements } from './in-flight-elements.ts';
import { createRing, HEAD, MIN_RING_BYTES, Ring, TAIL } from './ring.ts';
import { RingChannelReader } from './ring-channel-reader.ts';
import { RingChannelWriter } from './ring-channel-writer.ts';
import { ElementBatch, type StreamEvent } from './stream-element.ts';
import { createDoorbell, RemoteBell, ThreadDoorbell } from './thread-doorbell.ts';

function open(buffer = createRing(MIN_RING_BYTES)) {
  const words = [createDoorbell(), createDoorbell()] as const;
  const producer = new ThreadDoorbell(words[0]);
  const consumer = new ThreadDoorbell(words[1]);
  const writer = new RingChannelWriter(buffer, { doorbell: producer, peer: new RemoteBell(words[1]) });
  const reader = new RingChannelReader(buffer, { doorbell: consumer, peer: new RemoteBell(words[0]) });
  return { writer, reader, producer, consumer, buffer };
}

function readOne(reader: RingChannelReader): unknown[] | undefined {
  const element = reader.poll();
  if (element === undefined) return undefined;
  if (!(element instanceof ElementBatch)) return [element];
  const out = Array.from({ length: element.length }, (_, i) => [element.values[i], element.timestamps[i]]);
  reader.recycle(element);
  return out;
}

function readAll(reader: RingChannelReader): unknown[] {
  const out: unknown[] = [];
  for (let read = readOne(reader); read !== undefined; read = readOne(reader)) out.push(...read);
  return out;
}

function captured(reader: RingChannelReader, checkpointId: number): unknown[] {
  return [...decodeElements(reader.captureUntilBarrier(checkpointId))].flatMap((element): unknown[] =>
    element.type === 'RECORDS' ? element.values.map((value, i) => [value, element.timestamps[i]]) : [element],
  );
}

const barrier = (checkpointId: number): StreamEvent => ({
  type: 'CHECKPOINT_BARRIER',
  checkpointId,
  timestampMs: 5,
  options: { kind: 'CHECKPOINT', alignment: 'UNALIGNED', directory: 'd' },
});

test('a record that is many times larger than the ring passes in parts', () => {
  const { writer, reader, producer } = open();
  const huge = { id: 1, text: 'x'.repeat(50_000), wide: 'ü'.repeat(50_000) };
  const records = [{ id: 0, text: 'a', wide: 'b' }, huge, { id: 2, text: 'c', wide: 'd' }];
  records.forEach((record, i) => void writer.write(record, i));
  writer.writeEvent({ type: 'END_OF_DATA' });
  assert.equal(writer.isAvailable, false);
  const read: unknown[] = [];
  for (let i = 0; i < 50; i++) {
    read.push(...readAll(reader));
    producer.checkNow();
  }
  assert.deepEqual(read, [...records.map((record, i) => [record, i]), { type: 'END_OF_DATA' }]);
  assert.ok(reader.isEmpty && writer.isAvailable);
});

test('the first record that takes the general codec is told of, and no other', () => {
  let told = 0;
  const words = createDoorbell();
  const ends = { doorbell: new ThreadDoorbell(createDoorbell()), peer: new RemoteBell(words), onFallback: () => told++ };
  const writer = new RingChannelWriter(createRing(MIN_RING_BYTES), ends);
  writer.write({ a: 1, list: ['x', null] }, 1);
  writer.flush();
  assert.equal(told, 0);
  for (let i = 0; i < 2; i++) {
    writer.write({ a: 1, list: new Set(['x']) }, 1);
    writer.flush();
    assert.equal(told, 1);
  }
});

test('a barrier behind frames that wait for room is announced when it is in the ring, and captured whole', () => {
  const { writer, reader, producer } = open();
  const total = 5000;
  for (let i = 0; i < total; i++) writer.write({ i, text: 'some text' }, i);
  writer.writeEvent(barrier(1));
  let seen = 0;
  while (reader.announcedBarrier === undefined) {
    const read = readOne(reader);
    assert.ok(read !== undefined);
    seen += read.length;
    producer.checkNow();
  }
  assert.ok(seen > 0);
  assert.deepEqual(
    captured(reader, 1),
    Array.from({ length: total - seen }, (_, i) => [{ i: seen + i, text: 'some text' }, seen + i]),
  );
});

test('parts of a huge record that were taken out already are captured with the rest', () => {
  const { writer, reader, producer } = open();
  const huge = { text: 'x'.repeat(20_000) };
  writer.write({ text: 'first' }, 1);
  writer.write(huge, 2);
  writer.writeEvent(barrier(1));
  assert.deepEqual(readAll(reader), []);
  producer.checkNow();
  assert.equal(reader.announcedBarrier?.checkpointId, 1);
  const inFlight = [
    [{ text: 'first' }, 1],
    [huge, 2],
  ];
  assert.deepEqual(captured(reader, 1), inFlight);
  assert.deepEqual(readAll(reader), [...inFlight, barrier(1)]);
});

test('positions that pass 2^32 do not matter, with or without barriers', () => {
  const { writer, reader, buffer } = open();
  const ring = new Ring(buffer);
  const start = -64;
  ring.store(HEAD, start);
  ring.store(TAIL, start);
  Object.assign(writer, { head: start });
  Object.assign(reader, { tail: start, scanned: start, toldHead: start });
  for (let i = 0; i < 100; i++) {
    writer.write({ i }, i);
    writer.flush();
    if (i % 10 === 9) writer.writeEvent(barrier(i));
    const checkpointId = reader.announcedBarrier?.checkpointId;
    assert.equal(checkpointId, i % 10 === 9 ? i : undefined);
    assert.deepEqual(readAll(reader), [[{ i }, i], ...(i % 10 === 9 ? [barrier(i)] : [])]);
  }
});

test('a producer goes on when its consumer is gone, and what it writes is lost', () => {
  const { writer, reader, producer } = open();
  for (let i = 0; writer.isAvailable || i < 10_000; i++) writer.write({ i }, i);
  let available = 0;
  writer.onAvailable = () => available++;
  reader.close();
  producer.checkNow();
  assert.equal(available, 1);
  for (let i = 0; i < 10_000; i++) writer.write({ i }, i);
  assert.ok(writer.isAvailable);
  writer.close();
  assert.equal(reader.poll(), undefined);
});

test('a frame that is longer than what was put in is noticed', () => {
  const { writer, reader, buffer } = open();
  writer.write('x', 1);
  writer.flush();
  const ring = new Ring(buffer);
  (ring as unknown as { words: Int32Array }).words[0] = 5000;
  assert.throws(() => reader.poll(), { code: 'INTERNAL' });
});

test('a value that is not data is refused with its path, and the channel goes on', () => {
  const { writer, reader } = open();
  writer.write({ a: 1 }, 1);
  assert.throws(() => writer.write({ a: { b: () => 1 } }, 2), { code: 'NOT_SERIALIZABLE', message: /\$\.a\.b/ });
  writer.write({ a: 3 }, 3);
  writer.flush();
  assert.deepEqual(readAll(reader), [
    [{ a: 1 }, 1],
    [{ a: 3 }, 3],
  ]);
});

test('whatever is written, read and captured in whatever order, comes through', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('write' as const), size: fc.oneof(fc.nat(60), fc.nat(9000)), times: fc.nat(30) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('poll' as const), times: fc.nat(12) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('flush' as const, 'barrier' as const, 'watermark' as const, 'check' as const, 'capture' as const),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { writer, reader, producer, consumer } = open();
      const written: unknown[] = [];
      const read: unknown[] = [];
      let next = 0;
      for (const s of steps) {
        switch (s.do) {
          case 'write':
            for (let i = 0; i <= s.times; i++, next++) {
              const value = next % 3 === 0 ? { next, text: 'y'.repeat(s.size) } : { next, [`k${next % 5}`]: next / 4 };
              writer.write(value, next);
              written.push([value, next]);
            }
            break;
          case 'poll':
            for (let i = 0; i < s.times; i++) read.push(...(readOne(reader) ?? []));
            break;
          case 'flush':
            writer.flush();
            break;
          case 'check':
            producer.checkNow();
            consumer.checkNow();
            break;
          case 'watermark':
            writer.writeEvent({ type: 'WATERMARK', timestamp: next });
            written.push({ type: 'WATERMARK', timestamp: next });
            break;
          case 'barrier':
            writer.writeEvent(barrier(next));
            written.push(barrier(next));
            next++;
            break;
          case 'capture': {
            const id = reader.announcedBarrier?.checkpointId;
            if (id === undefined) break;
            const end = written.findIndex((w) => (w as { checkpointId?: number }).checkpointId === id);
            assert.deepEqual(
              captured(reader, id),
              written.slice(read.length, end).filter((w) => (w as { type?: string }).type !== 'CHECKPOINT_BARRIER'),
            );
          }
        }
      }
      writer.flush();
      for (let i = 0; read.length < written.length && i < 10_000; i++) {
        read.push(...(readOne(reader) ?? []));
        producer.checkNow();
      }
      assert.deepEqual(read, written);
      assert.ok(reader.isEmpty);
      assert.equal(reader.announcedBarrier, undefined);
    }),
    { numRuns: 150 },
  );
});
