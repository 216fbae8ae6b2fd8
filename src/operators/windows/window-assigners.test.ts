import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GlobalWindows } from './global-windows.ts';
import { EventTimeSessionWindows, ProcessingTimeSessionWindows } from './session-windows.ts';
import { SlidingEventTimeWindows, SlidingProcessingTimeWindows } from './sliding-windows.ts';
import { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from './tumbling-windows.ts';
import { GlobalWindow, TimeWindow, timeWindowSerializer } from './window.ts';
import { mergeTimeWindows } from './window-assigner.ts';

const at = (nowMs: number) => ({ getCurrentProcessingTime: () => nowMs });
const spans = (windows: readonly TimeWindow[]) => windows.map(({ start, end }) => [start, end]);

test('tumbling windows are aligned to the epoch plus the offset, before the epoch too', () => {
  const windows = TumblingEventTimeWindows.of(1000, 100);
  assert.deepEqual(spans(windows.assignWindows('x', 100)), [[100, 1100]]);
  assert.deepEqual(spans(windows.assignWindows('x', 1099)), [[100, 1100]]);
  assert.deepEqual(spans(windows.assignWindows('x', 99)), [[-900, 100]]);
  assert.deepEqual(spans(windows.assignWindows('x', -901)), [[-1900, -900]]);
  assert.deepEqual(spans(TumblingEventTimeWindows.of(1000, -100).assignWindows('x', 899)), [[-100, 900]]);
});

test('a record belongs to every sliding window that covers it, the latest first', () => {
  const windows = SlidingEventTimeWindows.of(5000, 2000, 500);
  assert.deepEqual(spans(windows.assignWindows('x', 4600)), [
    [4500, 9500],
    [2500, 7500],
    [500, 5500],
  ]);
  assert.deepEqual(spans(windows.assignWindows('x', -1)), [
    [-1500, 3500],
    [-3500, 1500],
  ]);
  assert.deepEqual(spans(SlidingEventTimeWindows.of(1000, 3000).assignWindows('x', 2000)), []);
});

test('every window that an aligned assigner returns covers the timestamp, and none is missing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.integer(),
      fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
      (sizeMs, slideMs, offset, timestamp) => {
        const offsetMs = offset % slideMs;
        const windows = SlidingEventTimeWindows.of(sizeMs, slideMs, offsetMs).assignWindows('x', timestamp);
        for (const { start, end } of windows) {
          assert.ok(start <= timestamp && timestamp < end && end - start === sizeMs);
          assert.equal(Math.abs((start - offsetMs) % slideMs), 0);
        }
        const count = Math.floor(sizeMs / slideMs);
        assert.ok(
          windows.length === count || windows.length === count + 1 || (sizeMs % slideMs === 0 && windows.length === count),
        );
      },
    ),
  );
});

test('processing-time windows go by the clock, and ignore the timestamp of the record', () => {
  assert.deepEqual(spans(TumblingProcessingTimeWindows.of(1000).assignWindows('x', 5, at(2500))), [[2000, 3000]]);
  assert.equal(SlidingProcessingTimeWindows.of(1000, 500).assignWindows('x', 5, at(2500)).length, 2);
  assert.deepEqual(spans(ProcessingTimeSessionWindows.withGap(10).assignWindows('x', 5, at(2500))), [[2500, 2510]]);
  assert.equal(TumblingProcessingTimeWindows.of(1000).isEventTime(), false);
});

test('a session starts as the gap after its record, which may depend on the record', () => {
  assert.deepEqual(spans(EventTimeSessionWindows.withGap(30).assignWindows('x', 5)), [[5, 35]]);
  const dynamic = EventTimeSessionWindows.withDynamicGap((gapMs: number) => gapMs);
  assert.deepEqual(spans(dynamic.assignWindows(7, 5)), [[5, 12]]);
  assert.throws(() => dynamic.assignWindows(0, 5), { code: 'INVALID_PROGRAM', message: /gap .* is 0/ });
  assert.throws(() => dynamic.assignWindows(Number.NaN, 5), { code: 'INVALID_PROGRAM' });
});

test('windows that overlap or touch are merged, each group by itself', () => {
  const merged: string[] = [];
  const windows = [
    new TimeWindow(20, 30),
    new TimeWindow(0, 10),
    new TimeWindow(10, 15),
    new TimeWindow(29, 40),
    new TimeWindow(50, 60),
  ];
  mergeTimeWindows(windows, (parts, result) => merged.push(`${parts.join(' ')} -> ${result}`));
  assert.deepEqual(merged, ['0,10 10,15 -> 0,15', '20,30 29,40 -> 20,40']);
});

test('a record without a timestamp is refused by event-time windows, with advice', () => {
  for (const windows of [
    TumblingEventTimeWindows.of(10),
    SlidingEventTimeWindows.of(10, 5),
    EventTimeSessionWindows.withGap(5),
  ]) {
    assert.throws(() => windows.assignWindows('x', Number.NEGATIVE_INFINITY), {
      code: 'INVALID_PROGRAM',
      message: /without a timestamp .* assignTimestampsAndWatermarks/,
    });
    assert.throws(() => windows.assignWindows('x', Number.NaN), { code: 'INVALID_PROGRAM', message: /timestamp NaN/ });
  }
});

test('sizes, slides, gaps and offsets are checked when the program is built', () => {
  for (const build of [
    () => TumblingEventTimeWindows.of(0),
    () => TumblingEventTimeWindows.of(1.5),
    () => TumblingEventTimeWindows.of(10, 10),
    () => TumblingEventTimeWindows.of(10, -10),
    () => SlidingEventTimeWindows.of(10, 0),
    () => SlidingEventTimeWindows.of(10, 5, 5),
    () => EventTimeSessionWindows.withGap(-1),
    () => TumblingProcessingTimeWindows.of(Number.NaN),
  ]) {
    assert.throws(build, { code: 'INVALID_PROGRAM', message: /must be a whole number of milliseconds/ });
  }
});

test('assigners name themselves with all parameters', () => {
  assert.equal(`${TumblingEventTimeWindows.of(10, 3)}`, 'TumblingEventTimeWindows(10, 3)');
  assert.equal(`${SlidingProcessingTimeWindows.of(10, 5)}`, 'SlidingProcessingTimeWindows(10, 5)');
  assert.equal(`${EventTimeSessionWindows.withGap(7)}`, 'EventTimeSessionWindows(7)');
  assert.equal(`${GlobalWindows.create()}`, 'GlobalWindows()');
});

test('windows survive being written as text', () => {
  const window = new TimeWindow(-5, 1_735_689_600_000);
  assert.ok(timeWindowSerializer.deserialize(timeWindowSerializer.serialize(window)).equals(window));
  assert.equal(GlobalWindows.create().assignWindows()[0], GlobalWindow.get());
});
