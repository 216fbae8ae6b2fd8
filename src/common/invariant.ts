import { MillraceError } from './errors.ts';

/**
 * Asserts what the engine itself guarantees; a failure is a bug in Millrace, never a user's mistake.
 * @throws MillraceError `INTERNAL`
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new MillraceError('INTERNAL', `Invariant broken: ${message}. This is a bug in Millrace.`);
}

/** For the default branch of a switch over a closed union: does not type-check unless every case is handled. */
export function unreachable(value: never): never {
  throw new MillraceError('INTERNAL', `Unexpected value ${JSON.stringify(value)}. This is a bug in Millrace.`);
}
