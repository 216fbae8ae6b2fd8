import { MillraceError } from '../common/index.ts';

/**
 * Runs `call`. A mistake of the program that it reports gets the stack of whoever called `method`: the line that a console
 * shows first is then the program's, not one of the engine.
 */
export function atCaller<R>(method: (...args: any[]) => unknown, call: () => R): R {
  try {
    return call();
  } catch (error) {
    if (error instanceof MillraceError && error.code !== 'INTERNAL') Error.captureStackTrace?.(error, method);
    throw error;
  }
}
