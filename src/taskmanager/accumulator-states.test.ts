import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Accumulator, AverageAccumulator, Histogram, IntCounter, ListAccumulator } from '../operators/index.ts';
import { accumulatorValues, mergeAccumulatorStates } from './accumulator-states.ts';

type Own = Record<string, Accumulator<any, any>>;

/** As if each entry were the accumulators of one slot. */
function mergeSlots(slots: readonly Own[]): Readonly<Record<string, unknown>> {
  let states = {};
  for (const own of slots) states = structuredClone(mergeAccumulatorStates(new Map(Object.entries(own)), states));
  return accumulatorValues(states);
}

function filled<A extends Accumulator<any, any>>(accumulator: A, ...values: unknown[]): A {
  for (const value of values) accumulator.add(value);
  return accumulator;
}

test('accumulators of several slots merge to what one slot would have', () => {
  const slot = (...values: number[]): Own => ({
    count: filled(new IntCounter(), ...values),
    mean: filled(new AverageAccumulator(), ...values),
    list: filled(new ListAccumulator<number>(), ...values),
    histogram: filled(new Histogram(), ...values),
  });
  assert.deepEqual(mergeSlots([slot(1), slot(2, 9), slot(4)]), mergeSlots([slot(1, 2, 9, 4)]));
});

test('a name that a slot does not know goes through it', () => {
  const mean = () => filled(new AverageAccumulator(), 1, 2);
  assert.deepEqual(mergeSlots([{ mean: mean() }, {}, { mean: filled(new AverageAccumulator(), 9) }, {}]), { mean: 4 });
});

test('an accumulator with private fields is refused, with what to do', () => {
  class Secret implements Accumulator<number, number> {
    #sum = 0;
    add(value: number): void {
      this.#sum += value;
    }
    getLocalValue(): number {
      return this.#sum;
    }
    resetLocal(): void {
      this.#sum = 0;
    }
    merge(other: Accumulator<number, number>): void {
      this.#sum += other.getLocalValue();
    }
    clone(): Secret {
      const clone = new Secret();
      clone.merge(this);
      return clone;
    }
  }
  assert.throws(() => mergeSlots([{ secret: new Secret() }]), {
    code: 'NOT_SERIALIZABLE',
    message: /^Accumulator 'secret' \(Secret\) .*plain fields/,
  });
});
