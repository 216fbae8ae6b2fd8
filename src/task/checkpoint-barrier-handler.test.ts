import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckpointBarrier, decodeElements, ElementBatch, isInFlightEvent, LocalChannel } from '../network/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { CheckpointBarrierHandler } from './checkpoint-barrier-handler.ts';
import type { InFlightCapture } from './in-flight-capture.ts';

function barrier(checkpointId: number, options: Partial<CheckpointBarrier['options']> = {}): CheckpointBarrier {
  return {
    type: 'CHECKPOINT_BARRIER',
    checkpointId,
    timestampMs: 0,
    options: { kind: 'CHECKPOINT', alignment: 'ALIGNED', directory: 'd', ...options },
  };
}

/** Reads its channels as a gate does, into `log`. */
function gate(count: number, aligned: readonly number[] = []) {
  const clock = new VirtualClock();
  const channels = Array.from({ length: count }, () => new LocalChannel());
  const log: unknown[] = [];
  const captures: InFlightCapture[] = [];
  const handler = new CheckpointBarrierHandler(
    channels.map((channel, i) => ({ channel, canBeUnaligned: !aligned.includes(i) })),
    {
      clock,
      post: (mail) => mail(),
      begunBatch: () => undefined,
      decline: (id) => void log.push(`decline ${id}`),
      perform: (b, info, capture) => {
        log.push(`take ${b.checkpointId}${info.unaligned ? ' unaligned' : ''}`);
        const captured = capture();
        if (captured) captures.push(captured);
      },
    },
  );
  const poll = (index: number): void => {
    if (handler.isBlocked(index)) return;
    const channel = channels[index] as LocalChannel;
    const element = channel.poll();
    if (element instanceof ElementBatch) {
      handler.batchTaken(index, element);
      for (let i = 0; i < element.length; i++) log.push(element.values[i]);
      channel.recycle(element);
    } else if (element?.type === 'CHECKPOINT_BARRIER') handler.barrier(index, element);
    else if (element?.type === 'END_OF_PARTITION') handler.endOfPartition(index);
    else if (element !== undefined && isInFlightEvent(element)) handler.eventTaken(index, element);
  };
  return { clock, channels, log, captures, handler, poll, take: () => log.splice(0) };
}

async function inFlight(capture: InFlightCapture | undefined): Promise<Record<number, unknown[]>> {
  const records: Record<number, unknown[]> = {};
  for (const { channel, records: parts } of (await capture?.complete) ?? []) {
    records[channel] = parts
      .flatMap((part) => [...decodeElements(part)])
      .flatMap((element): readonly unknown[] => (element.type === 'RECORDS' ? element.values : [element]));
  }
  return records;
}

test('an aligned checkpoint is taken when the barriers of all channels have come, and those that have are not read until then', () => {
  const { channels, poll, take } = gate(2);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  a.writeEvent(barrier(1));
  a.write('after', 0);
  b.write('before', 0);
  b.writeEvent(barrier(1));
  poll(0);
  poll(0);
  poll(1);
  assert.deepEqual(take(), ['before']);
  poll(1);
  assert.deepEqual(take(), ['take 1']);
  poll(0);
  assert.deepEqual(take(), ['after']);
});

test('a channel that has ended needs no barrier', () => {
  const { channels, poll, take } = gate(2);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  a.writeEvent(barrier(1));
  b.writeEvent({ type: 'END_OF_PARTITION' });
  poll(0);
  poll(1);
  assert.deepEqual(take(), ['take 1']);
  a.writeEvent(barrier(2));
  poll(0);
  assert.deepEqual(take(), ['take 2']);
});

test('an unaligned checkpoint is taken at the first announcement, with the records and watermarks in front of all barriers', async () => {
  const { channels, handler, poll, take, captures } = gate(2);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  const unaligned = barrier(1, { alignment: 'UNALIGNED' });
  const watermark = { type: 'WATERMARK', timestamp: 7 } as const;
  const idle = { type: 'WATERMARK_STATUS', idle: true } as const;
  a.writeEvent(watermark);
  a.write('a1', 0);
  a.writeEvent(unaligned);
  a.write('a2', 0);
  b.write('b1', 0);
  b.writeEvent(watermark);
  handler.lookAhead();
  assert.deepEqual(take(), ['take 1 unaligned']);
  poll(1);
  poll(1);
  b.write('b2', 0);
  b.writeEvent(idle);
  b.writeEvent(unaligned);
  b.writeEvent(watermark);
  b.write('b3', 0);
  handler.lookAhead();
  assert.deepEqual(await inFlight(captures[0]), { 0: [watermark, 'a1'], 1: ['b1', watermark, 'b2', idle] });
  for (let i = 0; i < 6; i++) for (const index of [0, 1]) poll(index);
  assert.deepEqual(take().sort(), ['a1', 'a2', 'b1', 'b2', 'b3']);
});

test('channels that must be aligned are waited for', async () => {
  const { channels, handler, poll, take, captures } = gate(2, [1]);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  const unaligned = barrier(1, { alignment: 'UNALIGNED' });
  a.write('a1', 0);
  a.writeEvent(unaligned);
  b.write('b1', 0);
  handler.lookAhead();
  assert.deepEqual(take(), []);
  b.writeEvent(unaligned);
  poll(1);
  poll(1);
  assert.deepEqual(take(), ['b1', 'take 1 unaligned']);
  assert.deepEqual(await inFlight(captures[0]), { 0: ['a1'] });
});

test('an aligned checkpoint goes on unaligned after its timeout', async () => {
  const { clock, channels, handler, poll, take, captures } = gate(2);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  const timed = barrier(1, { alignedTimeoutMs: 50 });
  a.writeEvent(timed);
  poll(0);
  b.write('b1', 0);
  clock.advanceBy(49);
  handler.lookAhead();
  assert.deepEqual(take(), []);
  clock.advanceBy(1);
  assert.deepEqual(take(), ['take 1 unaligned']);
  b.writeEvent(timed);
  handler.lookAhead();
  assert.deepEqual(await inFlight(captures[0]), { 1: ['b1'] });
});

test('a newer checkpoint ends the alignment of an older one, and unblocks its channels', () => {
  const { channels, poll, take } = gate(2);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  a.writeEvent(barrier(1));
  a.writeEvent(barrier(2));
  b.writeEvent(barrier(2));
  poll(0);
  poll(1);
  assert.deepEqual(take(), ['decline 1']);
  poll(0);
  assert.deepEqual(take(), ['take 2']);
});

test('an aborted checkpoint blocks nothing any more, and its late barriers are ignored', () => {
  const { channels, handler, poll, take } = gate(2);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  a.writeEvent(barrier(1));
  a.write('a1', 0);
  b.writeEvent(barrier(1));
  poll(0);
  handler.aborted(1);
  poll(0);
  poll(1);
  assert.deepEqual(take(), ['a1']);
});

test('a checkpoint that was aborted while records were captured is given up', async () => {
  const { channels, handler, captures } = gate(2);
  const [a] = channels as [LocalChannel];
  a.writeEvent(barrier(1, { alignment: 'UNALIGNED' }));
  handler.lookAhead();
  handler.aborted(1);
  await assert.rejects(captures[0]?.complete as Promise<unknown>, /aborted/);
});

test('a checkpoint that the coordinator starts here waits until all channels have ended', () => {
  const { channels, handler, poll, take } = gate(2);
  const [a, b] = channels as [LocalChannel, LocalChannel];
  a.writeEvent({ type: 'END_OF_PARTITION' });
  b.writeEvent({ type: 'END_OF_PARTITION' });
  poll(0);
  handler.trigger(barrier(3));
  assert.deepEqual(take(), []);
  poll(1);
  assert.deepEqual(take(), ['take 3']);
});
