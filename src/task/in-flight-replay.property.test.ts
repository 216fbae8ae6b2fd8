import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeEvent, encodeRecords, type InFlightEvent, WatermarkValve } from '../network/index.ts';
import { BinaryWriter } from '../serialization/index.ts';
import { type InFlightOfSubtask, replayMoved } from './in-flight-replay.ts';

/** What a channel carries up to the barrier: all that its producer said to everyone, and records of its own. */
type Element = InFlightEvent | { readonly type: 'RECORD'; readonly id: number };

const silent = { emitWatermark: () => {}, emitIdle: () => {} };

function feed(valve: WatermarkValve, position: number, element: Element): void {
  if (element.type === 'WATERMARK') valve.watermark(position, element.timestamp);
  else if (element.type === 'WATERMARK_STATUS') valve.status(position, element.idle);
}

function encoded(elements: readonly Element[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const element of elements) {
    if (element.type === 'RECORD') encodeRecords(writer, [element.id], Float64Array.of(0), 0, 1);
    else encodeEvent(writer, element);
  }
  return writer.toBytes();
}

const watermarks = fc
  .uniqueArray(fc.nat(50), { maxLength: 5 })
  .map((times) => times.sort((a, b) => a - b).map((timestamp): InFlightEvent => ({ type: 'WATERMARK', timestamp })));
const events = (withIdle: boolean): fc.Arbitrary<InFlightEvent[]> =>
  withIdle
    ? fc
        .tuple(watermarks, fc.array(fc.boolean(), { maxLength: 3 }))
        .map(([said, idle]) => [...said, ...idle.map((i): InFlightEvent => ({ type: 'WATERMARK_STATUS', idle: i }))])
    : watermarks;

/** By old subtask, then by producer: how records lie between what the producers said, and how much was read before the snapshot. */
const subtasks = fc.array(
  fc.array(fc.record({ records: fc.array(fc.nat(5), { maxLength: 4 }), read: fc.nat(6) }), { minLength: 3, maxLength: 3 }),
  { minLength: 1, maxLength: 4 },
);

/** Records in a row are one element. */
function runsOf(elements: readonly Element[]): Element[][] {
  const runs: Element[][] = [];
  for (const element of elements) {
    const last = runs.at(-1);
    if (element.type === 'RECORD' && last?.[0]?.type === 'RECORD') last.push(element);
    else runs.push([element]);
  }
  return runs;
}

interface Prepared {
  readonly subtasks: InFlightOfSubtask[];
  /** By record: the watermark under which its old subtask would have processed it, and where that was at the snapshot. */
  readonly expected: Map<number, { readonly at: number; readonly begin: number }>;
}

function prepare(
  said: readonly (readonly InFlightEvent[])[],
  drawn: readonly (readonly { readonly records: readonly number[]; readonly read: number }[])[],
): Prepared {
  let ids = 0;
  const expected: Prepared['expected'] = new Map();
  const made = drawn.map((channels): InFlightOfSubtask => {
    const valve = new WatermarkValve(said.length, silent);
    const left = said.map((ofProducer, position) => {
      const { records, read } = channels[position] as (typeof channels)[number];
      const elements: Element[] = [...ofProducer];
      for (const at of records) elements.splice(Math.min(at, elements.length), 0, { type: 'RECORD', id: ids++ });
      for (const element of elements.slice(0, read)) feed(valve, position, element);
      return elements.slice(read);
    });
    const time = valve.state;
    const runs = left.map(runsOf);
    for (let turn = 0; runs.some((ofChannel) => turn < ofChannel.length); turn++) {
      runs.forEach((ofChannel, position) => {
        for (const element of ofChannel[turn] ?? []) {
          if (element.type === 'RECORD') expected.set(element.id, { at: valve.emitted, begin: time.emitted });
          else feed(valve, position, element);
        }
      });
    }
    return {
      time,
      channels: left.map((elements, position) => ({ position, input: 0, elements: encoded(elements), accepts: () => true })),
    };
  });
  return { subtasks: made, expected };
}

/** By record: the watermark of the task. */
function replayed(of: readonly InFlightOfSubtask[]): Map<number, number> {
  const met = new Map<number, number>();
  let watermark = Number.NEGATIVE_INFINITY;
  replayMoved(of, {
    process: (_, { values }) => {
      for (const id of values) met.set(id as number, watermark);
    },
    processWatermark: (timestamp) => {
      assert.ok(timestamp > watermark);
      watermark = timestamp;
    },
  });
  return met;
}

test('every record of every old subtask meets the watermark that it would have met there', () => {
  fc.assert(
    fc.property(fc.array(events(false), { minLength: 3, maxLength: 3 }), subtasks, (said, drawn) => {
      const { subtasks: old, expected } = prepare(said, drawn);
      const met = replayed(old);
      assert.equal(met.size, expected.size);
      // Keys know after a restore where their old subtask was at the snapshot.
      for (const [id, { at, begin }] of expected) assert.equal(Math.max(met.get(id) as number, begin), at);
    }),
  );
});

test('where channels go idle, no record meets a later watermark than it would have met', () => {
  fc.assert(
    fc.property(fc.array(events(true), { minLength: 3, maxLength: 3 }), subtasks, (said, drawn) => {
      const { subtasks: old, expected } = prepare(said, drawn);
      const met = replayed(old);
      assert.equal(met.size, expected.size);
      for (const [id, { at }] of expected) assert.ok((met.get(id) as number) <= at);
    }),
  );
});

test('without the times of old subtasks, records come without watermarks', () => {
  const elements = encoded([
    { type: 'WATERMARK', timestamp: 5 },
    { type: 'RECORD', id: 1 },
  ]);
  const channels = [{ position: 0, input: 0, elements, accepts: () => true }];
  assert.deepEqual([...replayed([{ time: undefined, channels }])], [[1, Number.NEGATIVE_INFINITY]]);
});
