/**
 * sum, min, max, minBy, maxBy as reduce functions over a field.
 *
 * As in Flink, sum, min and max keep all other fields of the first record. Results are new objects: what was emitted
 * before does not change.
 */

/** A field of a record, or a position of an array. */
export type AggregatedField<T> = T extends readonly unknown[] ? number : T extends object ? keyof T & string : never;

/** A field that holds numbers. */
export type NumericField<T> = T extends readonly unknown[]
  ? number
  : { [F in keyof T & string]: T[F] extends number | bigint ? F : never }[keyof T & string];

/** What sum takes: nothing for a stream of numbers, otherwise a field that holds numbers. */
export type SumArguments<T> = T extends number | bigint ? [] : [field: NumericField<T>];

type Fields = Record<string | number, any>;
type Reduce<T> = (a: T, b: T) => T;

export function sumOf<T>(field: string | number | undefined): Reduce<T> {
  if (field === undefined) return (a, b) => ((a as number) + (b as number)) as T;
  return (a, b) => withField(a, field, (a as Fields)[field] + (b as Fields)[field]);
}

export function minOf<T>(field: string | number | undefined): Reduce<T> {
  if (field === undefined) return (a, b) => (b < a ? b : a);
  return (a, b) => ((b as Fields)[field] < (a as Fields)[field] ? withField(a, field, (b as Fields)[field]) : a);
}

export function maxOf<T>(field: string | number | undefined): Reduce<T> {
  if (field === undefined) return (a, b) => (b > a ? b : a);
  return (a, b) => ((b as Fields)[field] > (a as Fields)[field] ? withField(a, field, (b as Fields)[field]) : a);
}

export function minBy<T>(field: string | number, first: boolean): Reduce<T> {
  return (a, b) => {
    const x = (a as Fields)[field];
    const y = (b as Fields)[field];
    return y < x || (!first && y === x) ? b : a;
  };
}

export function maxBy<T>(field: string | number, first: boolean): Reduce<T> {
  return (a, b) => {
    const x = (a as Fields)[field];
    const y = (b as Fields)[field];
    return y > x || (!first && y === x) ? b : a;
  };
}

/** A copy of `record` with one field changed. */
function withField<T>(record: T, field: string | number, value: unknown): T {
  if (Array.isArray(record)) {
    const copy = record.slice();
    copy[field as number] = value;
    return copy as T;
  }
  const copy: Fields = { ...(record as Fields) };
  copy[field] = value;
  return copy as T;
}
