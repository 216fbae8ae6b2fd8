import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Frame, FrameMemory } from './frame-memory.ts';
import { FrameReader, TLS_WANTED } from './frame-reader.ts';

const MAX_SPARE_BYTES = 2_000_000;

/** Frames as they travel: each behind its size. */
function wire(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4);
      size.writeInt32BE(frame.length);
      return [size, frame];
    }),
  );
}

/** Delivers bytes in pieces of at most `piece` bytes, as a socket would. */
function deliver(reader: FrameReader, bytes: Uint8Array, piece: () => number): void {
  for (let at = 0; at < bytes.length; ) {
    const target = reader.target();
    assert.ok(target.length > 0);
    const count = Math.min(target.length, Math.max(1, piece()), bytes.length - at);
    target.set(bytes.subarray(at, at + count));
    reader.received(count);
    at += count;
  }
}

const frames = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ minLength: 4, maxLength: 60 }) },
    { weight: 1, arbitrary: fc.nat(600_000).map((length) => new Uint8Array(length + 4).map((_, i) => i ^ length)) },
  ),
  { maxLength: 8 },
);

test('answers are put together from any pieces, with memory that is used again or without', () => {
  fc.assert(
    fc.property(
      frames,
      fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (sent, pieces, pooled) => {
        const got: string[] = [];
        const onFrame = (frame: Frame): void => {
          got.push(frame.bytes.toString('base64'));
          frame.release();
          frame.release();
        };
        const reader = new FrameReader(onFrame, pooled ? new FrameMemory(MAX_SPARE_BYTES) : undefined);
        let i = 0;
        deliver(reader, wire(sent), () => pieces[i++ % pieces.length]!);
        assert.deepEqual(
          got,
          sent.map((frame) => Buffer.from(frame).toString('base64')),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('memory is lent to one frame at a time, and again once it was released', () => {
  const memory = new FrameMemory(MAX_SPARE_BYTES);
  const first = memory.lend(200_000);
  const second = memory.lend(200_000);
  assert.notEqual(first.bytes.buffer, second.bytes.buffer);
  const { buffer } = first.bytes;
  first.release();
  first.release();
  const third = memory.lend(250_000);
  assert.equal(third.bytes.buffer, buffer);
  assert.equal(third.bytes.length, 250_000);
  assert.notEqual(memory.lend(250_000).bytes.buffer, buffer, 'released twice is released once');
});

test('no more memory is kept than allowed, and none that is far too large is used', () => {
  const memory = new FrameMemory(MAX_SPARE_BYTES);
  const huge = memory.lend(MAX_SPARE_BYTES + 1);
  huge.release();
  assert.ok(memory.lend(MAX_SPARE_BYTES + 1).bytes.buffer !== huge.bytes.buffer);
  const large = memory.lend(900_000);
  large.release();
  assert.ok(memory.lend(100_000).bytes.buffer !== large.bytes.buffer);
  assert.ok(memory.lend(800_000).bytes.buffer === large.bytes.buffer);
});

test('what is no answer of Kafka is refused', () => {
  const receive = (...bytes: number[]) => {
    const reader = new FrameReader(() => {});
    reader.target().set(bytes);
    reader.received(bytes.length);
  };
  assert.throws(() => receive(0x48, 0x54, 0x54, 0x50), /size of 1213486160 bytes is impossible: this is not a Kafka broker/);
  assert.throws(() => receive(0, 0, 0, 3), /impossible/);
  assert.throws(() => receive(0xff, 0xff, 0xff, 0xff), /impossible/);
  assert.throws(() => receive(0x15, 3, 3, 0, 2), { message: new RegExp(TLS_WANTED) });
});
