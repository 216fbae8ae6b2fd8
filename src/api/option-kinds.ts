/** Kinds of configuration options beside those of `common`. */
import type { ConfigOption } from '../common/index.ts';

const MEMORY_SIZE = /^(\d+(?:\.\d+)?)\s*(b|bytes|k|kb|kibibytes|m|mb|mebibytes|g|gb|gibibytes|t|tb|tebibytes)?$/;
const UNIT_POWER: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4 };

/** A number with a fraction, from `least` to `most`, both included. */
export function numberOption(
  key: string,
  defaultValue: number,
  description: string,
  least = 0,
  most = Number.POSITIVE_INFINITY,
): ConfigOption<number> {
  const parse = (value: unknown): number | undefined => {
    const n = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    return typeof n === 'number' && n >= least && n <= most ? n : undefined;
  };
  const expects = most === Number.POSITIVE_INFINITY ? `a number, at least ${least}` : `a number from ${least} to ${most}`;
  return { key, defaultValue, description, parse, expects };
}

/** One of several words; upper and lower case are the same. `aliases` are taken, too, but not mentioned. */
export function choiceOption<T extends string>(
  key: string,
  defaultValue: T,
  values: readonly T[],
  description: string,
  aliases: Readonly<Record<string, T>> = {},
): ConfigOption<T> {
  const parse = (value: unknown): T | undefined => {
    if (typeof value !== 'string') return undefined;
    const word = value.trim().toLowerCase();
    return values.find((v) => v.toLowerCase() === word) ?? aliases[word];
  };
  return { key, defaultValue, description, parse, expects: `one of ${values.join(', ')}` };
}

/** In bytes; units are powers of 1024, as Flink's. */
export function memorySizeOption(key: string, defaultBytes: number, description: string): ConfigOption<number> {
  const parse = (value: unknown): number | undefined => {
    if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
    const match = typeof value === 'string' ? MEMORY_SIZE.exec(value.trim().toLowerCase()) : null;
    return match ? Math.floor(Number(match[1]) * 1024 ** (UNIT_POWER[(match[2] ?? 'b')[0] as string] as number)) : undefined;
  };
  return { key, defaultValue: defaultBytes, description, parse, expects: "a size like '20 kb', or bytes" };
}
