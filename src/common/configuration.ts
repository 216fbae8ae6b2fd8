/**
 * Configuration: typed options with Flink's keys. A key that is unknown or a value of the wrong type is an error that
 * names the nearest known key, never a silent default.
 */
import { MillraceError } from './errors.ts';

export interface ConfigOption<T> {
  readonly key: string;
  readonly defaultValue: T;
  readonly description: string;
  /** Turns what was written into the value; `undefined` if it does not fit. */
  parse(value: unknown): T | undefined;
  /** What is expected, for messages: 'a duration like 200 ms'. */
  readonly expects: string;
}

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  const match = typeof value === 'string' ? DURATION.exec(value.trim()) : null;
  return match ? Number(match[1]) * (UNIT_MS[match[2] ?? 'ms'] as number) : undefined;
}

export const ConfigOptions = {
  int(key: string, defaultValue: number, description: string, least = 0): ConfigOption<number> {
    const parse = (value: unknown): number | undefined => {
      const n = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      return typeof n === 'number' && Number.isSafeInteger(n) && n >= least ? n : undefined;
    };
    return { key, defaultValue, description, parse, expects: `a whole number, at least ${least}` };
  },
  boolean(key: string, defaultValue: boolean, description: string): ConfigOption<boolean> {
    const parse = (value: unknown): boolean | undefined =>
      typeof value === 'boolean' ? value : value === 'true' ? true : value === 'false' ? false : undefined;
    return { key, defaultValue, description, parse, expects: 'true or false' };
  },
  string(key: string, defaultValue: string, description: string): ConfigOption<string> {
    return { key, defaultValue, description, parse: (v) => (typeof v === 'string' ? v : undefined), expects: 'a text' };
  },
  /** In milliseconds. */
  duration(key: string, defaultMs: number, description: string): ConfigOption<number> {
    return {
      key,
      defaultValue: defaultMs,
      description,
      parse: parseDuration,
      expects: "a duration like '200 ms', or milliseconds",
    };
  },
};

export class Configuration {
  private readonly values: ReadonlyMap<string, unknown>;

  private constructor(values: ReadonlyMap<string, unknown>) {
    this.values = values;
  }

  /**
   * @param known the options that may appear
   * @throws MillraceError `INVALID_OPTION`
   */
  static from(input: Readonly<Record<string, unknown>>, known: readonly ConfigOption<unknown>[]): Configuration {
    const options = new Map(known.map((o) => [o.key, o]));
    const values = new Map<string, unknown>();
    for (const [key, raw] of Object.entries(input)) {
      const option = options.get(key);
      if (option === undefined) {
        const near = nearestKey(key, [...options.keys()]);
        throw new MillraceError(
          'INVALID_OPTION',
          `Unknown configuration key '${key}'.${near ? ` Did you mean '${near}'?` : ''}`,
          {
            context: { key },
          },
        );
      }
      const value = option.parse(raw);
      if (value === undefined) {
        const shown =
          typeof raw === 'function' ? 'a function' : JSON.stringify(raw, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
        throw new MillraceError('INVALID_OPTION', `Configuration key '${key}' expects ${option.expects}; got ${shown}.`, {
          context: { key },
        });
      }
      values.set(key, value);
    }
    return new Configuration(values);
  }

  get<T>(option: ConfigOption<T>): T {
    return this.values.has(option.key) ? (this.values.get(option.key) as T) : option.defaultValue;
  }

  has(option: ConfigOption<unknown>): boolean {
    return this.values.has(option.key);
  }
}

/** The key that this one is the beginning or the end of, whole words of it, if there is only one; otherwise the nearest. */
function nearestKey(key: string, keys: readonly string[]): string | undefined {
  const longer = keys.filter((k) => k.startsWith(`${key}.`) || k.endsWith(`.${key}`));
  return longer.length === 1 ? longer[0] : nearest(key, keys);
}

/** The candidate with the smallest edit distance, if it is near enough to be a slip; for "did you mean". */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((previous[j] as number) + 1, (row[j - 1] as number) + 1, substitution));
    }
    previous = row;
  }
  return previous[b.length] as number;
}
