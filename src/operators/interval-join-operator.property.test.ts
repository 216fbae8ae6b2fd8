import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorHarness, type VerifyInput, verifyOperator } from '../testing/index.ts';
import { IntervalJoinOperator } from './interval-join-operator.ts';
import { MIN_WATERMARK, type OperatorDefinition } from './operator.ts';

interface Item {
  readonly key: number;
  readonly id: number;
}
type Step = { readonly side: 0 | 1; readonly key: number; readonly timestamp: number } | { readonly advanceMs: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        side: fc.constantFrom(0 as const, 1 as const),
        key: fc.integer({ min: 0, max: 2 }),
        timestamp: fc.integer({ min: -50, max: 150 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ advanceMs: fc.integer({ min: 0, max: 60 }) }) },
  ),
  { maxLength: 80, size: 'max' },
);
const bounds = fc
  .tuple(fc.integer({ min: -60, max: 60 }), fc.integer({ min: 0, max: 90 }))
  .map(([lower, width]) => [lower, lower + width] as const);

/** Every pair of records that were on time, found by comparing all with all. */
function model(input: readonly VerifyInput[], lower: number, upper: number): string[] {
  let watermark = MIN_WATERMARK;
  const lefts: { id: number; key: number; timestamp: number }[] = [];
  const rights: typeof lefts = [];
  for (const element of input) {
    if ('watermark' in element) watermark = element.watermark;
    else if ('value' in element && element.timestamp >= watermark) {
      (element.input === 1 ? rights : lefts).push({ ...(element.value as Item), timestamp: element.timestamp });
    }
  }
  const pairs: string[] = [];
  for (const l of lefts) {
    for (const r of rights) {
      const distance = r.timestamp - l.timestamp;
      if (l.key === r.key && distance >= lower && distance <= upper)
        pairs.push(`${l.id}-${r.id}@${Math.max(l.timestamp, r.timestamp)}`);
    }
  }
  return pairs.sort();
}

function inputOf(generated: readonly Step[]): VerifyInput[] {
  let watermark = 0;
  return generated.map((step, id): VerifyInput => {
    if ('advanceMs' in step) return { watermark: (watermark += step.advanceMs) };
    return { value: { key: step.key, id }, timestamp: step.timestamp, input: step.side };
  });
}

function definition(lowerBoundMs: number, upperBoundMs: number): OperatorDefinition {
  const keyOf = (item: Item): number => item.key;
  return {
    keySelectors: [keyOf, keyOf],
    create: () =>
      new IntervalJoinOperator<Item, Item, string>(
        { processElement: (left, right, context, out) => out.collect(`${left.id}-${right.id}@${context.getTimestamp()}`) },
        { lowerBoundMs, upperBoundMs },
      ),
  };
}

test('an interval join gives the pairs of a nested loop over the records that were on time', async () => {
  await fc.assert(
    fc.asyncProperty(steps, bounds, async (generated, [lower, upper]) => {
      const input = inputOf(generated);
      const harness = await OperatorHarness.open<Item, string, Item>(definition(lower, upper));
      for (const element of input) {
        if ('watermark' in element) harness.processWatermark(element.watermark);
        else if ('value' in element && element.input === 1) harness.processElement2(element.value, element.timestamp);
        else if ('value' in element) harness.processElement(element.value, element.timestamp);
      }
      await harness.finish();
      assert.deepEqual(harness.takeValues().sort(), model(input, lower, upper));
      assert.deepEqual(harness.stateLeft().entries, {});
      await harness.close();
    }),
    { numRuns: 300 },
  );
});

test('an interval join gives the same in batches and across restores', async () => {
  await fc.assert(
    fc.asyncProperty(steps, bounds, async (generated, [lower, upper]) => {
      const input = inputOf(generated.slice(0, 30));
      const { output } = await verifyOperator({ definition: () => definition(lower, upper), input });
      const values = output.flatMap((o) => ('value' in o ? [o.value] : []));
      assert.deepEqual(values.sort(), model(input, lower, upper));
    }),
    { numRuns: 40 },
  );
});
