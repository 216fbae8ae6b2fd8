/** Checks what says how often, and where, an operator runs. */
import { MillraceError } from '../common/index.ts';
import { MAX_KEY_GROUPS } from '../state/index.ts';

/** @throws MillraceError `INVALID_OPTION` unless it is a whole number of at least 1 */
export function checkParallelism(parallelism: number): number {
  if (Number.isSafeInteger(parallelism) && parallelism >= 1) return parallelism;
  throw new MillraceError('INVALID_OPTION', `The parallelism must be a whole number of at least 1; got ${parallelism}.`);
}

/** @throws MillraceError `INVALID_OPTION` unless it is a possible number of key groups */
export function checkMaxParallelism(maxParallelism: number): number {
  if (Number.isSafeInteger(maxParallelism) && maxParallelism >= 1 && maxParallelism <= MAX_KEY_GROUPS) return maxParallelism;
  const expected = `a whole number from 1 to ${MAX_KEY_GROUPS}`;
  throw new MillraceError('INVALID_OPTION', `The max parallelism must be ${expected}; got ${maxParallelism}.`);
}

/** @throws MillraceError `INVALID_OPTION` unless it is a text that is not empty */
export function checkSlotSharingGroup(group: string): string {
  if (typeof group === 'string' && group !== '') return group;
  throw new MillraceError('INVALID_OPTION', `A slot-sharing group needs a name; got ${JSON.stringify(group)}.`);
}
