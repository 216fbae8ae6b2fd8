import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { verifyOperator } from '../testing/index.ts';
import { KeyedReduceOperator } from './keyed-reduce-operator.ts';
import type { OperatorDefinition } from './operator.ts';

interface Payment {
  readonly account: string;
  readonly amount: number;
}

const running = (): OperatorDefinition => ({
  create: () => new KeyedReduceOperator<Payment>((a, b) => ({ account: a.account, amount: a.amount + b.amount })),
  keySelectors: [(p: Payment) => p.account],
});

test('every record gives the result of its key so far, with its own timestamp', async () => {
  const { output } = await verifyOperator({
    definition: running,
    input: [
      { value: { account: 'a', amount: 1 }, timestamp: 10 },
      { value: { account: 'b', amount: 5 }, timestamp: 20 },
      { value: { account: 'a', amount: 2 }, timestamp: 5 },
    ],
    mayLeaveState: true,
  });
  assert.deepEqual(output.slice(0, 3), [
    { value: { account: 'a', amount: 1 }, timestamp: 10 },
    { value: { account: 'b', amount: 5 }, timestamp: 20 },
    { value: { account: 'a', amount: 3 }, timestamp: 5 },
  ]);
});

test('running sums are those of a map, however the input is cut and wherever it is restored', async () => {
  const payment = fc.record(
    { account: fc.constantFrom('a', 'b', 'c'), amount: fc.integer({ min: -9, max: 9 }) },
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(payment, { maxLength: 30, size: 'max' }), async (payments) => {
      const totals = new Map<string, number>();
      const expected = payments.map(({ account, amount }) => {
        totals.set(account, (totals.get(account) ?? 0) + amount);
        return { account, amount: totals.get(account) };
      });
      const input = payments.map((value, timestamp) => ({ value, timestamp }));
      await verifyOperator({ definition: running, input, expected, mayLeaveState: true });
    }),
    { numRuns: 40 },
  );
});
