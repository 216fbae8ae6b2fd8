/**
 * Checks what a program passes as a function, on the line where it passes it.
 *
 * An async function is refused wherever results are expected at once: nobody would wait for its promise, so a filter would let
 * everything pass, a sink would lose failures, and state would be used under the key of another record.
 */
import { formatValue, MillraceError } from '../common/index.ts';
import { atCaller } from './at-caller.ts';

export interface FunctionForms {
  /** The methods that an object must have; empty if only a plain function will do. */
  readonly methods: readonly string[];
  /** Those that it may have. */
  readonly optionalMethods?: readonly string[];
  /** Whether a plain function will do; `true` unless given. */
  readonly plain?: boolean;
}

/**
 * @param api the method of the API that got `fn`
 * @throws MillraceError `INVALID_PROGRAM`
 */
export function checkFunction(api: (...args: any[]) => unknown, fn: unknown, forms: FunctionForms): void {
  atCaller(api, () => check(`${api.name}()`, fn, forms));
}

function check(where: string, fn: unknown, { methods, optionalMethods = [], plain = true }: FunctionForms): void {
  if (typeof fn === 'function' && plain) {
    refuseAsync(where, fn);
    return;
  }
  const object = (typeof fn === 'object' && fn !== null ? fn : {}) as Record<string, unknown>;
  const missing = methods.filter((name) => typeof object[name] !== 'function');
  if (missing.length > 0 || methods.length === 0) {
    const objectForm =
      methods.length === 0 ? [] : [`an object with the method${methods.length > 1 ? 's' : ''} ${methods.join(', ')}`];
    const forms = [...(plain ? ['a function'] : []), ...objectForm].join(' or ');
    const lacks = object === fn && methods.length > 1 ? `, which lacks ${missing.join(', ')}` : '';
    throw new MillraceError('INVALID_PROGRAM', `${where} takes ${forms}; got ${formatValue(fn, { maxChars: 80 })}${lacks}.`);
  }
  for (const name of [...methods, ...optionalMethods]) refuseAsync(`${where}, in ${name},`, object[name]);
}

function refuseAsync(where: string, fn: unknown): void {
  if (!/^\[object Async/.test(Object.prototype.toString.call(fn))) return;
  throw new MillraceError(
    'INVALID_PROGRAM',
    `${where} takes no async function: nothing would wait for it, and its failures would be lost. ` +
      'Call asynchronous code from AsyncDataStream.orderedWait(…) or unorderedWait(…), or in open() and close().',
  );
}
