import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputTag } from '../connector/index.ts';
import { OperatorHarness, verifyOperator } from '../testing/index.ts';
import { IntervalJoinOperator, type IntervalJoinOptions } from './interval-join-operator.ts';
import type { OperatorDefinition } from './operator.ts';

interface Item {
  readonly key: string;
  readonly id: string;
}

const keyOf = (item: Item): string => item.key;
const item = (key: string, id: string): Item => ({ key, id });

function joinOf(options: IntervalJoinOptions<Item, Item>): OperatorDefinition {
  return {
    keySelectors: [keyOf, keyOf],
    create: () =>
      new IntervalJoinOperator<Item, Item, string>(
        { processElement: (left, right, _context, out) => out.collect(`${left.id}-${right.id}`) },
        options,
      ),
  };
}

test('pairs within both bounds come out once, at the later time, and nothing is left', async () => {
  const { output } = await verifyOperator({
    definition: () => joinOf({ lowerBoundMs: -2, upperBoundMs: 1 }),
    input: [
      { value: item('a', 'l10'), timestamp: 10 },
      { value: item('a', 'r7'), timestamp: 7, input: 1 },
      { value: item('a', 'r8'), timestamp: 8, input: 1 },
      { value: item('a', 'r11'), timestamp: 11, input: 1 },
      { value: item('a', 'r12'), timestamp: 12, input: 1 },
      { value: item('b', 'r10'), timestamp: 10, input: 1 },
      { watermark: 11 },
      { value: item('a', 'l13'), timestamp: 13 },
      { value: item('a', 'l12'), timestamp: 12 },
      { watermark: 12 },
      { value: item('a', 'late'), timestamp: 11, input: 1 },
    ],
    expected: ['l10-r8', 'l10-r11', 'l13-r11', 'l13-r12', 'l12-r11', 'l12-r12'],
  });
  assert.deepEqual(output[0], { value: 'l10-r8', timestamp: 10 });
  assert.deepEqual(output[1], { value: 'l10-r11', timestamp: 11 });
});

test('late records are dropped and counted, or go to the side output of their side', async () => {
  const late = new OutputTag<Item>('late');
  const harness = await OperatorHarness.open<Item, string, Item>(
    joinOf({ lowerBoundMs: 0, upperBoundMs: 5, leftLateTag: late }),
    {
      sideOutputs: [late],
    },
  );
  harness.processElement(item('a', 'l10'), 10);
  harness.processWatermark(12);
  harness.processElement(item('a', 'l11'), 11);
  harness.processElement2(item('a', 'r11'), 11);
  harness.processElement2(item('a', 'r12'), 12);
  assert.deepEqual(harness.takeValues(), ['l10-r12']);
  assert.deepEqual(harness.takeSideOutput(late), [{ value: item('a', 'l11'), timestamp: 11 }]);
  assert.equal(harness.metric('numLateRecordsDropped'), 1);
  await harness.close();
});

test('the function sees both times and that of the result, and has side outputs', async () => {
  const tag = new OutputTag<number>('distance');
  const harness = await OperatorHarness.open<Item, string, Item>(
    {
      keySelectors: [keyOf, keyOf],
      create: () =>
        new IntervalJoinOperator<Item, Item, string>(
          {
            processElement(left, right, context, out) {
              context.output(tag, context.getRightTimestamp() - context.getLeftTimestamp());
              out.collect(`${left.id} ${right.id} ${context.getTimestamp()}`);
            },
          },
          { lowerBoundMs: -10, upperBoundMs: 10 },
        ),
    },
    { sideOutputs: [tag] },
  );
  harness.processElement2(item('a', 'r'), 1003);
  harness.processElement(item('a', 'l'), 1010);
  assert.deepEqual(harness.takeOutput(), [{ value: 'l r 1010', timestamp: 1010 }]);
  assert.deepEqual(harness.takeSideOutput(tag), [{ value: -7, timestamp: 1010 }]);
  await harness.close();
});

test('what the watermark has passed is let go of by buckets of 110 ms, not before a partner can no longer come', async () => {
  const harness = await OperatorHarness.open<Item, string, Item>(joinOf({ lowerBoundMs: -10, upperBoundMs: 100 }));
  harness.processElement(item('a', 'l'), 1000);
  harness.processElement2(item('a', 'r'), 500);
  const left = (): unknown => harness.stateLeft().entries;
  assert.deepEqual(left(), { 'left-buffer': 1, 'right-buffer': 1 });
  harness.processWatermark(559);
  assert.deepEqual(left(), { 'left-buffer': 1, 'right-buffer': 1 });
  harness.processWatermark(560);
  assert.deepEqual(left(), { 'left-buffer': 1 });
  harness.processWatermark(1000 + 100);
  assert.deepEqual(left(), { 'left-buffer': 1 });
  harness.processElement2(item('a', 'r1100'), 1100);
  assert.deepEqual(harness.takeValues(), ['l-r1100']);
  harness.processWatermark(1100 + 100);
  assert.deepEqual(left(), { 'right-buffer': 1 });
  await harness.close();
});

test('state survives a change of the bounds', async () => {
  const before = await OperatorHarness.open<Item, string, Item>(joinOf({ lowerBoundMs: 0, upperBoundMs: 10 }));
  for (const key of ['a', 'b']) {
    for (let t = 0; t < 40; t += 3) before.processElement(item(key, `${key}${t}`), t);
  }
  const restored = [await before.snapshot()];
  await before.close();
  const harness = await OperatorHarness.open<Item, string, Item>(joinOf({ lowerBoundMs: 0, upperBoundMs: 25 }), { restored });
  harness.processElement2(item('b', 'r'), 40);
  assert.deepEqual(harness.takeValues(), ['b15-r', 'b18-r', 'b21-r', 'b24-r', 'b27-r', 'b30-r', 'b33-r', 'b36-r', 'b39-r']);
  await harness.finish();
  assert.deepEqual(harness.stateLeft().entries, {});
  await harness.close();
});

test('a record without a timestamp is refused with advice', async () => {
  const harness = await OperatorHarness.open<Item, string, Item>(joinOf({ lowerBoundMs: 0, upperBoundMs: 1 }));
  assert.throws(
    () => harness.processElement2(item('a', 'r')),
    /right record of an interval join has no timestamp.*assignTimestampsAndWatermarks/s,
  );
  await harness.close();
});

test('bounds that hold no time are refused', () => {
  for (const [lowerBoundMs, upperBoundMs] of [
    [1, 0],
    [0, Number.POSITIVE_INFINITY],
    [Number.NaN, 0],
  ] as const) {
    assert.throws(() => joinOf({ lowerBoundMs, upperBoundMs }).create(), { code: 'INVALID_PROGRAM' });
  }
});
