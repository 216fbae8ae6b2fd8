/** The first `limit` records in an order, as an aggregate: small however many records a window has. */
import type { AggregateFunction } from 'millrace';

/** @param compare a total order; what comes first in it is kept */
export function firstInOrder<T>(limit: number, compare: (a: T, b: T) => number): AggregateFunction<T, T[], T[]> {
  return {
    createAccumulator: () => [],
    add(value, kept) {
      const index = kept.findIndex((other) => compare(value, other) < 0);
      if (index >= 0) kept.splice(index, 0, value);
      else if (kept.length < limit) kept.push(value);
      if (kept.length > limit) kept.pop();
      return kept;
    },
    merge: (a, b) => [...a, ...b].sort(compare).slice(0, limit),
    getResult: (kept) => kept,
  };
}
