/**
 * Calls that take their time (a database, a service) for the records of a stream, many at once.
 *
 * `orderedWait` emits results in the order of the records; `unorderedWait` as they come, but never across a watermark.
 */
import { MillraceError } from '../common/index.ts';
import { type AsyncFunction, type AsyncOutputMode, type AsyncRetryStrategy, AsyncWaitOperator } from '../operators/index.ts';
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts';

export interface AsyncWaitStreamOptions {
  /** How many records may be under way at a time; 100 unless given. Then the stream waits (backpressure). */
  readonly capacity?: number;
}

const CAPACITY = 100;

/**
 * @param fn returns a promise of the result or of an array of results; or an object with Flink's `asyncInvoke`
 * @param timeoutMs for each record, all attempts included; 0 for no limit. A record that takes longer fails the job with
 *   `ASYNC_TIMEOUT`, unless `fn` has a `timeout` method
 */
function orderedWait<T, R>(
  stream: DataStream<T>,
  fn: AsyncFunction<T, R>,
  timeoutMs: number,
  options: AsyncWaitStreamOptions = {},
): SingleOutputStreamOperator<R> {
  return addOperator(stream, fn, timeoutMs, 'ORDERED', options);
}

/** As `orderedWait`, with the results between two watermarks in the order in which they come. */
function unorderedWait<T, R>(
  stream: DataStream<T>,
  fn: AsyncFunction<T, R>,
  timeoutMs: number,
  options: AsyncWaitStreamOptions = {},
): SingleOutputStreamOperator<R> {
  return addOperator(stream, fn, timeoutMs, 'UNORDERED', options);
}

/** As `orderedWait`; calls whose outcome `strategy` does not accept are made again. */
function orderedWaitWithRetry<T, R>(
  stream: DataStream<T>,
  fn: AsyncFunction<T, R>,
  timeoutMs: number,
  strategy: AsyncRetryStrategy<R>,
  options: AsyncWaitStreamOptions = {},
): SingleOutputStreamOperator<R> {
  return addOperator(stream, fn, timeoutMs, 'ORDERED', options, strategy);
}

function unorderedWaitWithRetry<T, R>(
  stream: DataStream<T>,
  fn: AsyncFunction<T, R>,
  timeoutMs: number,
  strategy: AsyncRetryStrategy<R>,
  options: AsyncWaitStreamOptions = {},
): SingleOutputStreamOperator<R> {
  return addOperator(stream, fn, timeoutMs, 'UNORDERED', options, strategy);
}

export const AsyncDataStream = { orderedWait, unorderedWait, orderedWaitWithRetry, unorderedWaitWithRetry } as const;

function addOperator<T, R>(
  stream: DataStream<T>,
  fn: AsyncFunction<T, R>,
  timeoutMs: number,
  outputMode: AsyncOutputMode,
  options: AsyncWaitStreamOptions,
  retryStrategy?: AsyncRetryStrategy<R>,
): SingleOutputStreamOperator<R> {
  const { capacity = CAPACITY } = options;
  if (!(Number.isSafeInteger(capacity) && capacity >= 1)) {
    throw new MillraceError('INVALID_OPTION', `The capacity of async I/O must be a whole number of at least 1; got ${capacity}.`);
  }
  if (!(timeoutMs >= 0)) {
    throw new MillraceError('INVALID_OPTION', `The timeout of async I/O must be 0 or more milliseconds; got ${timeoutMs}.`);
  }
  const operatorOptions = { outputMode, timeoutMs, capacity, ...(retryStrategy ? { retryStrategy } : {}) };
  return stream.transform<R>('async wait operator', { create: () => new AsyncWaitOperator(fn, operatorOptions) });
}
