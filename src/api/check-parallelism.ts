import { MillraceError } from '../common/index.ts';

/** @throws MillraceError `INVALID_OPTION` unless it is a whole number of at least 1 */
export function checkParallelism(parallelism: number, what = 'parallelism'): number {
  if (Number.isSafeInteger(parallelism) && parallelism >= 1) return parallelism;
  throw new MillraceError('INVALID_OPTION', `The ${what} must be a whole number of at least 1; got ${parallelism}.`);
}
