import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyOperator } from '../../testing/index.ts';
import { CountEvictor } from './count-evictor.ts';
import { CountTrigger } from './count-trigger.ts';
import { createWindowOperator } from './create-window-operator.ts';
import { DeltaEvictor } from './delta-evictor.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import type { Evictor } from './evictor.ts';
import { GlobalWindows } from './global-windows.ts';
import { EventTimeSessionWindows } from './session-windows.ts';
import { TimeEvictor } from './time-evictor.ts';
import type { WindowAssigner } from './window-assigner.ts';
import { internalProcessFunction } from './window-functions.ts';
import type { WindowContents } from './window-operation.ts';

const ELEMENTS: WindowContents = { kind: 'ELEMENTS' };
const SUM: WindowContents = { kind: 'REDUCE', reduceFunction: (a: number, b: number) => a + b };

function definition(
  evictor: Evictor<any, any>,
  contents = ELEMENTS,
  assigner: WindowAssigner<any, any> = GlobalWindows.create(),
  count = 2,
) {
  const trigger = assigner instanceof GlobalWindows ? CountTrigger.of(count) : EventTimeTrigger.create();
  return {
    create: () =>
      createWindowOperator({
        assigner,
        trigger,
        evictor,
        allowedLatenessMs: 0,
        contents,
        windowFunction: internalProcessFunction((_key: unknown, _context: unknown, elements: readonly unknown[]) => [
          elements.join(' '),
        ]),
      }),
    keySelectors: [() => 'key'],
  };
}

const input = [1, 2, 3, 4, 5, 6].map((value) => ({ value, timestamp: value * 10 }));

test('a count evictor keeps the last elements', async () => {
  await verifyOperator({
    definition: () => definition(CountEvictor.of(3)),
    input,
    expected: ['1 2', '2 3 4', '4 5 6'],
    mayLeaveState: true,
  });
});

test('an evictor may evict after the function, which then sees everything that is left', async () => {
  await verifyOperator({
    definition: () => definition(CountEvictor.of(1, true)),
    input,
    expected: ['1 2', '2 3 4', '4 5 6'],
    mayLeaveState: true,
  });
});

test('a time evictor keeps what is younger than its size, counted from the latest', async () => {
  await verifyOperator({
    definition: () => definition(TimeEvictor.of(20)),
    input,
    expected: ['1 2', '3 4', '5 6'],
    mayLeaveState: true,
  });
  await verifyOperator({
    definition: () => definition(TimeEvictor.of(20)),
    input: input.map(({ value }) => ({ value, timestamp: Number.NEGATIVE_INFINITY })),
    expected: ['1 2', '1 2 3 4', '1 2 3 4 5 6'],
    mayLeaveState: true,
  });
});

test('a delta evictor keeps what is near to the last element', async () => {
  await verifyOperator({
    definition: () => definition(DeltaEvictor.of<number>(2, (a, b) => Math.abs(b - a))),
    input,
    expected: ['1 2', '3 4', '5 6'],
    mayLeaveState: true,
  });
});

test('reductions see only what the evictor leaves, and nothing is emitted of nothing', async () => {
  await verifyOperator({
    definition: () => definition(CountEvictor.of(3), SUM),
    input,
    expected: ['3', '9', '15'],
    mayLeaveState: true,
  });
  const all: Evictor<unknown, any> = {
    evictBefore: (elements) => elements.splice(0),
    evictAfter: () => {},
    toString: () => 'all',
  };
  await verifyOperator({ definition: () => definition(all, SUM), input, expected: [], mayLeaveState: true });
  await verifyOperator({ definition: () => definition(all), input, expected: ['', '', ''], mayLeaveState: true });
});

test('sessions merge with all their elements, and are evicted when they fire', async () => {
  const { output } = await verifyOperator({
    definition: () => definition(CountEvictor.of(3), ELEMENTS, EventTimeSessionWindows.withGap(10)),
    input: [
      { value: 1, timestamp: 0 },
      { value: 2, timestamp: 16 },
      { value: 3, timestamp: 18 },
      { value: 4, timestamp: 8 },
    ],
    expected: ['2 3 4'],
  });
  assert.deepEqual(output[0], { value: '2 3 4', timestamp: 27 });
});
