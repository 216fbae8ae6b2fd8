/**
 * Type information: what a user may declare about the shape of records, state and keys.
 *
 * TypeScript types do not exist at run time, so where a shape must be known (decoding bytes, state schemas, generated
 * codecs) it is declared with `Types.*`. A `TypeInformation<T>` is pure data; the TypeScript type follows from it.
 * `LONG` is an integer that fits a JavaScript number exactly (±2^53−1); `BIGINT` is a 64-bit integer as bigint;
 * `TIMESTAMP` is milliseconds since the epoch as a number (read from ISO 8601 text or from a number);
 * `DATE` is a JavaScript Date.
 */
export type TypeKind =
  | 'STRING'
  | 'BOOLEAN'
  | 'INT'
  | 'LONG'
  | 'DOUBLE'
  | 'BIGINT'
  | 'TIMESTAMP'
  | 'DATE'
  | 'BYTES'
  | 'ANY'
  | 'OPTIONAL'
  | 'LIST'
  | 'MAP'
  | 'OBJECT';

export type TypeInformation<T> = (
  | { readonly kind: 'STRING' | 'BOOLEAN' | 'INT' | 'LONG' | 'DOUBLE' | 'BIGINT' | 'TIMESTAMP' | 'DATE' | 'BYTES' | 'ANY' }
  | { readonly kind: 'OPTIONAL'; readonly type: TypeInformation<unknown> }
  | { readonly kind: 'LIST'; readonly element: TypeInformation<unknown> }
  | { readonly kind: 'MAP'; readonly key: TypeInformation<unknown>; readonly value: TypeInformation<unknown> }
  | { readonly kind: 'OBJECT'; readonly fields: Readonly<Record<string, TypeInformation<unknown>>> }
) & { readonly __type?: () => T };

/** The TypeScript type that a `TypeInformation` describes. */
export type TypeOf<I> = I extends TypeInformation<infer T> ? T : never;

type Fields = Readonly<Record<string, TypeInformation<unknown>>>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends TypeOf<F[K]> ? K : never }[keyof F];
type ObjectOf<F extends Fields> = {
  [K in Exclude<keyof F, OptionalKeys<F>>]: TypeOf<F[K]>;
} & { [K in OptionalKeys<F>]?: TypeOf<F[K]> } extends infer O
  ? { [K in keyof O]: O[K] }
  : never;

/** Declares shapes: `Types.OBJECT({ id: Types.STRING, amount: Types.DOUBLE })`. */
export const Types = {
  STRING: { kind: 'STRING' } as TypeInformation<string>,
  BOOLEAN: { kind: 'BOOLEAN' } as TypeInformation<boolean>,
  INT: { kind: 'INT' } as TypeInformation<number>,
  LONG: { kind: 'LONG' } as TypeInformation<number>,
  DOUBLE: { kind: 'DOUBLE' } as TypeInformation<number>,
  BIGINT: { kind: 'BIGINT' } as TypeInformation<bigint>,
  TIMESTAMP: { kind: 'TIMESTAMP' } as TypeInformation<number>,
  DATE: { kind: 'DATE' } as TypeInformation<Date>,
  BYTES: { kind: 'BYTES' } as TypeInformation<Uint8Array>,
  /** Any value that is data; nothing is checked and nothing is projected. */
  ANY: { kind: 'ANY' } as TypeInformation<any>,
  /** Absent, null and empty become `undefined`. */
  OPTIONAL<T>(type: TypeInformation<T>): TypeInformation<T | undefined> {
    return { kind: 'OPTIONAL', type: type as TypeInformation<unknown> };
  },
  LIST<T>(element: TypeInformation<T>): TypeInformation<T[]> {
    return { kind: 'LIST', element: element as TypeInformation<unknown> };
  },
  MAP<K, V>(key: TypeInformation<K>, value: TypeInformation<V>): TypeInformation<Map<K, V>> {
    return { kind: 'MAP', key: key as TypeInformation<unknown>, value: value as TypeInformation<unknown> };
  },
  OBJECT<F extends Fields>(fields: F): TypeInformation<ObjectOf<F>> {
    return { kind: 'OBJECT', fields };
  },
} as const;
