/**
 * Functions whose results come later: a plain function that returns a promise, or Flink's `asyncInvoke` with a future.
 */
import type { RichFunction } from '../functions.ts';

/** Takes the outcome of one call, once; what comes later is ignored. May be called from anywhere, at once too. */
export interface ResultFuture<R> {
  /** Any number of records. */
  complete(results: Iterable<R>): void;
  completeExceptionally(error: unknown): void;
}

export interface RichAsyncFunction<T, R> extends RichFunction {
  /** Starts the work and returns. A promise that is returned and rejects completes `resultFuture` with its error. */
  asyncInvoke(input: T, resultFuture: ResultFuture<R>): void | Promise<void>;
  /** Called when the time is over: completes `resultFuture` in another way. Without it, the job fails. */
  timeout?(input: T, resultFuture: ResultFuture<R>): void;
}

/**
 * The promise is of the result, or of an array of results; `undefined` and an empty array emit nothing. (To emit an array as
 * one record, put it into an array.)
 */
export type AsyncFunction<T, R> = ((value: T) => PromiseLike<readonly R[] | R | undefined>) | RichAsyncFunction<T, R>;

/** The object form of any async function. */
export function richAsyncFunction<T, R>(fn: AsyncFunction<T, R>): RichAsyncFunction<T, R> {
  if (typeof fn !== 'function') return fn;
  return {
    asyncInvoke(input, resultFuture) {
      fn(input).then(
        (result) => resultFuture.complete(Array.isArray(result) ? result : result === undefined ? [] : [result as R]),
        (error: unknown) => resultFuture.completeExceptionally(error),
      );
    },
  };
}
