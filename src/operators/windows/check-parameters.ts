/** Checks of what programs hand to assigners, triggers and evictors, when the program is built. */
import { formatValue, MillraceError } from '../../common/index.ts';

/** A positive whole number of milliseconds. @throws MillraceError `INVALID_PROGRAM` */
export function checkDuration(where: string, name: string, valueMs: number): number {
  if (Number.isSafeInteger(valueMs) && valueMs > 0) return valueMs;
  return refuse(where, name, valueMs, 'a whole number of milliseconds above 0');
}

/** A whole number of milliseconds, possibly negative, smaller than `limitMs` in size. @throws MillraceError `INVALID_PROGRAM` */
export function checkOffset(where: string, name: string, valueMs: number, limitMs: number): number {
  if (Number.isSafeInteger(valueMs) && Math.abs(valueMs) < limitMs) return valueMs;
  return refuse(where, name, valueMs, `a whole number of milliseconds between -${limitMs} and ${limitMs}, both excluded`);
}

/** A whole number above 0. @throws MillraceError `INVALID_PROGRAM` */
export function checkCount(where: string, name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  return refuse(where, name, value, 'a whole number above 0');
}

function refuse(where: string, name: string, value: unknown, wanted: string): never {
  throw new MillraceError('INVALID_PROGRAM', `${where}: ${name} must be ${wanted}, but is ${formatValue(value)}.`);
}
