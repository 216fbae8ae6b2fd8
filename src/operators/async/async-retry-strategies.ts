/**
 * When an asynchronous call is made again, and after how long. Attempts are counted from 1, as in Flink: a strategy of
 * `maxAttempts` 3 allows three calls after the first. The timeout of the record covers all of them.
 */
import { MillraceError } from '../../common/index.ts';

export interface AsyncRetryPredicate<R> {
  /** Whether such results call for another attempt. */
  resultPredicate?(results: readonly R[]): boolean;
  /** Whether such an error calls for another attempt. */
  exceptionPredicate?(error: unknown): boolean;
}

export interface AsyncRetryStrategy<R> {
  /** Whether another attempt may follow the attempt with this number. */
  canRetry(currentAttempts: number): boolean;
  /** How long to wait after the attempt with this number. */
  getBackoffTimeMs(currentAttempts: number): number;
  getRetryPredicate(): AsyncRetryPredicate<R>;
}

export interface RetryConditions<R> {
  /** How many calls may follow the first. */
  readonly maxAttempts: number;
  /** Without `ifResult` and `ifException`, every error is retried. */
  readonly ifResult?: (results: readonly R[]) => boolean;
  readonly ifException?: (error: unknown) => boolean;
}

export const NO_RETRY_STRATEGY: AsyncRetryStrategy<any> = {
  canRetry: () => false,
  getBackoffTimeMs: () => 0,
  getRetryPredicate: () => ({}),
};

/** @throws MillraceError `INVALID_OPTION` */
function fixedDelay<R = any>(options: RetryConditions<R> & { readonly delayMs: number }): AsyncRetryStrategy<R> {
  const { delayMs } = options;
  checkPositive('delayMs', delayMs);
  return retryStrategy(options, () => delayMs);
}

/**
 * The first wait is `initialDelayMs`; each further one is `multiplier` times as long, up to `maxDelayMs`.
 * @throws MillraceError `INVALID_OPTION`
 */
function exponentialBackoff<R = any>(
  options: RetryConditions<R> & { readonly initialDelayMs: number; readonly maxDelayMs: number; readonly multiplier: number },
): AsyncRetryStrategy<R> {
  const { initialDelayMs, maxDelayMs, multiplier } = options;
  checkPositive('initialDelayMs', initialDelayMs);
  checkPositive('maxDelayMs', maxDelayMs);
  checkPositive('multiplier', multiplier);
  return retryStrategy(options, (attempt) => Math.min(initialDelayMs * multiplier ** (attempt - 1), maxDelayMs));
}

export const AsyncRetryStrategies = { NO_RETRY_STRATEGY, fixedDelay, exponentialBackoff } as const;

function retryStrategy<R>(conditions: RetryConditions<R>, delayMsAfter: (attempt: number) => number): AsyncRetryStrategy<R> {
  const { maxAttempts, ifResult, ifException } = conditions;
  checkPositive('maxAttempts', maxAttempts);
  const always = ifResult === undefined && ifException === undefined;
  const predicate: AsyncRetryPredicate<R> = {
    ...(ifResult ? { resultPredicate: ifResult } : {}),
    ...(ifException || always ? { exceptionPredicate: ifException ?? (() => true) } : {}),
  };
  return {
    canRetry: (attempt) => attempt <= maxAttempts,
    getBackoffTimeMs: delayMsAfter,
    getRetryPredicate: () => predicate,
  };
}

function checkPositive(name: string, value: number): void {
  if (value > 0) return;
  throw new MillraceError('INVALID_OPTION', `A retry strategy needs a ${name} above 0; got ${value}.`, {
    context: { option: name },
  });
}
