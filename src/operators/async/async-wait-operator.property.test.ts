import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorHarness, ParallelHarness, type VerifyInput, VirtualClock, verifyOperator } from '../../testing/index.ts';
import type { OperatorDefinition } from '../operator.ts';
import { AsyncRetryStrategies } from './async-retry-strategies.ts';
import { type AsyncOutputMode, AsyncWaitOperator } from './async-wait-operator.ts';

interface Call {
  readonly id: number;
  readonly latencyMs: number;
  /** How many attempts fail before one succeeds. */
  readonly failures: number;
  readonly results: number;
}
type Step = Call | { readonly watermark: true } | { readonly advanceMs: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      id: fc.constant(0),
      latencyMs: fc.integer({ min: 0, max: 40 }),
      failures: fc.integer({ min: 0, max: 2 }),
      results: fc.integer({ min: 0, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ watermark: true as const }) },
  { weight: 2, arbitrary: fc.record({ advanceMs: fc.integer({ min: 0, max: 30 }) }) },
);

function inputOf(steps: readonly Step[]): VerifyInput[] {
  return steps.map((s, i): VerifyInput => {
    if ('watermark' in s) return { watermark: i };
    if ('advanceMs' in s) return s;
    return { value: { ...s, id: i }, timestamp: i };
  });
}

/** Results by stretch between two watermarks, in the order of the records. */
function model(input: readonly VerifyInput[]): string[][] {
  const stretches: string[][] = [[]];
  for (const element of input) {
    if ('watermark' in element) stretches.push([`watermark ${element.watermark}`]);
    else if ('value' in element) stretches.at(-1)?.push(...resultsOf(element.value as Call));
  }
  return stretches;
}

function stretchesOf(output: readonly ({ value: string } | { watermark: number } | { idle: boolean })[]): string[][] {
  const stretches: string[][] = [[]];
  for (const element of output) {
    if ('value' in element) stretches.at(-1)?.push(element.value);
    else if ('watermark' in element && element.watermark !== Number.POSITIVE_INFINITY)
      stretches.push([`watermark ${element.watermark}`]);
  }
  return stretches;
}

const resultsOf = (call: Call): string[] => Array.from({ length: call.results }, (_, i) => `${call.id}.${i}`);

/** Of watermarks that no result separates only the last is sure to come. */
function withResults(stretches: readonly string[][]): string[][] {
  return stretches.filter((stretch) => stretch.some((element) => !element.startsWith('watermark')));
}

function definition(
  clock: VirtualClock,
  outputMode: AsyncOutputMode,
  capacity: number,
  watch: { running: number; most: number },
): OperatorDefinition {
  const left = new Map<number, number>();
  return {
    create: () =>
      new AsyncWaitOperator<Call, string>(
        (call) => {
          watch.most = Math.max(watch.most, ++watch.running);
          return new Promise((resolve, reject) => {
            clock.setTimer(call.latencyMs, () => {
              watch.running--;
              const failures = left.get(call.id) ?? call.failures;
              left.set(call.id, failures - 1);
              if (failures > 0) reject(new Error('busy'));
              else resolve(resultsOf(call));
            });
          });
        },
        { outputMode, capacity, timeoutMs: 0, retryStrategy: AsyncRetryStrategies.fixedDelay({ maxAttempts: 2, delayMs: 5 }) },
      ),
  };
}

const anyMode = fc.constantFrom<AsyncOutputMode>('ORDERED', 'UNORDERED');

test('with random latencies and failures, every result comes out in its stretch between watermarks, in order if ordered', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40, size: 'max' }),
      anyMode,
      fc.integer({ min: 1, max: 8 }),
      async (steps, mode, capacity) => {
        const input = inputOf(steps);
        const clock = new VirtualClock();
        const watch = { running: 0, most: 0 };
        const harness = await OperatorHarness.open<Call, string>(definition(clock, mode, capacity, watch), { clock });
        for (const element of input) {
          if ('watermark' in element) harness.processWatermark(element.watermark);
          else if ('value' in element) harness.processElement(element.value, element.timestamp);
          else {
            await harness.settle();
            harness.advanceProcessingTime(clock.currentTimeMs() + element.advanceMs);
          }
        }
        await harness.finish();
        const sort = (stretch: string[]): string[] => (mode === 'ORDERED' ? stretch : stretch.sort());
        const output = harness.takeOutput();
        assert.deepEqual(output.at(-1), { watermark: Number.POSITIVE_INFINITY });
        const actual = withResults(stretchesOf(output).map(sort));
        assert.deepEqual(actual, withResults(model(input).map(sort)));
        assert.ok(watch.most <= capacity, `${watch.most} calls at a time`);
        await harness.close();
      },
    ),
    { numRuns: 200 },
  );
});

test('async results are the same in batches and when everything under way is restored', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20, size: 'max' }), anyMode, async (steps, mode) => {
      await verifyOperator({
        definition: (clock) => definition(clock, mode, 100, { running: 0, most: 0 }),
        input: inputOf(steps.filter((s) => !('watermark' in s))),
      });
    }),
    { numRuns: 40 },
  );
});

test('at any parallelism, each record has its results once, and none comes after a watermark that it came before', async () => {
  const move = fc.oneof(
    { weight: 6, arbitrary: step },
    { weight: 1, arbitrary: fc.record({ rescale: fc.integer({ min: 1, max: 4 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { maxLength: 50, size: 'max' }),
      fc.constantFrom<AsyncOutputMode>('ORDERED', 'UNORDERED'),
      fc.integer({ min: 1, max: 5 }),
      async (moves, outputMode, capacity) => {
        const clock = new VirtualClock();
        const create = () =>
          new AsyncWaitOperator<Call & { time: number }, { call: string; time: number }>(
            {
              asyncInvoke: (call, future) => {
                const results = resultsOf(call).map((result) => ({ call: result, time: call.time }));
                clock.setTimer(call.latencyMs, () => future.complete(results));
              },
            },
            { outputMode, timeoutMs: 0, capacity },
          );
        const harness = await ParallelHarness.open<Call & { time: number }, { call: string; time: number }>(
          { create },
          { clock, parallelism: 2 },
        );
        const results: string[] = [];
        const expected: string[] = [];
        const take = (): void => {
          for (const subtask of harness.subtasks) {
            let watermark = Number.NEGATIVE_INFINITY;
            for (const output of subtask.takeOutput()) {
              if ('watermark' in output) watermark = output.watermark;
              if (!('value' in output)) continue;
              results.push(output.value.call);
              assert.ok(output.timestamp > watermark, `${output.value.call} comes after the watermark ${watermark}`);
            }
          }
        };
        for (const [time, next] of moves.entries()) {
          if ('rescale' in next) await harness.rescale(next.rescale);
          else if ('watermark' in next) harness.processWatermark(time);
          else if ('advanceMs' in next) harness.advanceProcessingTime(clock.currentTimeMs() + next.advanceMs);
          else {
            expected.push(...resultsOf({ ...next, id: time }));
            harness.processElement({ ...next, id: time, time }, time);
          }
          take();
        }
        await harness.finish();
        take();
        await harness.rescale(2);
        await harness.finish();
        take();
        await harness.close();
        assert.deepEqual(results.sort(), expected.sort());
      },
    ),
    { numRuns: 60 },
  );
});
