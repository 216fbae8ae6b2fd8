/** The functions that reducing and aggregating state call; windows and keyed streams use the same ones. */

/** Combines two values of a key into one, either as a plain function or as an object with `reduce`. */
export type ReduceFunction<T> = ((a: T, b: T) => T) | { reduce(a: T, b: T): T };

/**
 * Aggregates values of type `IN` through an accumulator `ACC` into a result `OUT`.
 * An accumulator must be data (it is written to snapshots); `add` may change it in place and return it.
 */
export interface AggregateFunction<IN, ACC, OUT> {
  createAccumulator(): ACC;
  add(value: IN, accumulator: ACC): ACC;
  getResult(accumulator: ACC): OUT;
  /** Combines two accumulators: needed by session windows and by sliding ones, which share slices. May change and return either of them. */
  merge(a: ACC, b: ACC): ACC;
}

/** The plain function of a {@link ReduceFunction}. */
export function reducerOf<T>(reduceFunction: ReduceFunction<T>): (a: T, b: T) => T {
  return typeof reduceFunction === 'function' ? reduceFunction : (a, b) => reduceFunction.reduce(a, b);
}
