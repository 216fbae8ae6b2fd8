import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CheckpointBarrier, encodeEvent, encodeRecords, LocalChannel } from '../network/index.ts';
import { BinaryWriter } from '../serialization/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { GateInput, type RestoredInput } from './gate-input.ts';
import type { OperatorChain } from './operator-chain.ts';

function inFlight(...elements: readonly (string | number)[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const element of elements) {
    if (typeof element === 'number') encodeEvent(writer, { type: 'WATERMARK', timestamp: element });
    else encodeRecords(writer, [element], Float64Array.of(0), 0, 1);
  }
  return writer.toBytes();
}

/** A gate with two channels in front of a chain that notes what it gets. */
function gate(restored: RestoredInput | undefined) {
  const log: unknown[] = [];
  const channels = [0, 1].map((producerSubtask) => ({
    channel: new LocalChannel(),
    input: 0,
    edge: 0,
    producerSubtask,
    canBeUnaligned: true,
  }));
  const chain = {
    compiled: {
      inputs: [
        (values: readonly unknown[], _: Float64Array, from: number, to: number) => void log.push(...values.slice(from, to)),
      ],
    },
    processWatermark: (timestamp: number) => void log.push(timestamp),
    processIdle: (idle: boolean) => void log.push(idle ? 'idle' : 'active'),
    head: { operator: {} },
  } as unknown as OperatorChain;
  const input = new GateInput(channels, chain, restored, {
    clock: new VirtualClock(),
    post: (mail) => mail(),
    decline: (id) => void log.push(`decline ${id}`),
    perform: (barrier, _, capture) => {
      log.push(`take ${barrier.checkpointId}`);
      capture();
    },
  });
  const [a, b] = channels.map(({ channel }) => channel) as [LocalChannel, LocalChannel];
  const run = (): unknown[] => {
    for (let step = input.step(100); step === 'MORE'; step = input.step(100));
    return log.splice(0);
  };
  return { input, a, b, run, log };
}

const unaligned: CheckpointBarrier = {
  type: 'CHECKPOINT_BARRIER',
  checkpointId: 1,
  timestampMs: 0,
  options: { kind: 'CHECKPOINT', alignment: 'UNALIGNED', directory: 'd' },
};

test('channels go on where they were, with what was in flight, in order', () => {
  const first = gate(undefined);
  first.a.writeEvent({ type: 'WATERMARK', timestamp: 10 });
  first.b.writeEvent({ type: 'WATERMARK', timestamp: 30 });
  assert.deepEqual(first.run(), [10]);
  const { emitted, idle, channels } = first.input.time;
  const channel = { position: 0, input: 0, elements: inFlight('a1', 20, 'a2'), accepts: () => true };
  const second = gate({ time: { emitted, idle, channels }, inFlight: [{ time: undefined, channels: [channel] }] });
  second.a.writeEvent({ type: 'WATERMARK', timestamp: 40 });
  assert.deepEqual(second.run(), [10, 'a1', 20, 'a2', 30]);
});

test('a channel that was idle or had ended does not have to say so again', () => {
  const first = gate(undefined);
  first.b.writeEvent({ type: 'WATERMARK_STATUS', idle: true });
  assert.deepEqual(first.run(), []);
  const second = gate({ time: first.input.time, inFlight: [] });
  second.a.writeEvent({ type: 'WATERMARK', timestamp: 40 });
  assert.deepEqual(second.run(), [Number.NEGATIVE_INFINITY, 40]);
  second.a.writeEvent({ type: 'WATERMARK_STATUS', idle: true });
  assert.deepEqual(second.run(), ['idle']);
  const third = gate({ time: second.input.time, inFlight: [] });
  assert.deepEqual(third.run(), [40, 'idle']);
});

test('what a channel has said in flight does not wait behind all that is in flight on another', () => {
  const channel = (position: number, elements: Uint8Array) => ({ position, input: 0, elements, accepts: () => true });
  const writer = new BinaryWriter();
  encodeEvent(writer, { type: 'WATERMARK_STATUS', idle: true });
  const inputs = [channel(0, inFlight('a1', 20, 'a2')), channel(1, writer.toBytes())];
  const { input, run } = gate({ time: gate(undefined).input.time, inFlight: [{ time: undefined, channels: inputs }] });
  assert.deepEqual(run(), [Number.NEGATIVE_INFINITY, 'a1', 20, 'a2']);
  assert.equal(input.time.channels[1]?.idle, true);
});

test('no checkpoint is taken before what was in flight has been replayed', () => {
  const channel = { position: 0, input: 0, elements: inFlight('restored'), accepts: () => true };
  const { input, a, b, run, log } = gate({ time: undefined, inFlight: [{ time: undefined, channels: [channel] }] });
  a.writeEvent(unaligned);
  b.writeEvent(unaligned);
  input.lookAhead();
  input.step(100);
  input.lookAhead();
  assert.deepEqual(log.splice(0), ['restored', 'take 1']);
  assert.deepEqual(run(), []);
});
