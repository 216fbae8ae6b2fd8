/**
 * A schema, compiled for the reader: kinds as small integers, field names as bytes, one string cache per place.
 */
import { MillraceError } from '../../common/index.ts';
import type { TypeInformation, TypeKind } from '../../serialization/index.ts';
import { objectMaker } from '../object-literal.ts';
import { utf8Bytes } from '../text-decoding.ts';

export type JsonKind = Exclude<TypeKind, 'OPTIONAL'>;

/** A type at one place of the schema; all have the same hidden class. */
export interface JsonType {
  readonly kind: JsonKind;
  readonly optional: boolean;
  /** Number of its string cache, if it holds strings; otherwise -1. */
  readonly cache: number;
  /** OBJECT. */
  readonly fields: readonly JsonField[];
  readonly fieldByName: ReadonlyMap<string, number>;
  /** OBJECT: indexes of fields by the length of their names in bytes. */
  readonly fieldsByLength: readonly (readonly number[] | undefined)[];
  /** OBJECT: makes the object of its field values. */
  readonly make: (values: readonly unknown[]) => unknown;
  /** LIST and MAP. */
  readonly element: JsonType | undefined;
  /** MAP. */
  readonly key: JsonType | undefined;
}

export interface JsonField {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly type: JsonType;
  /** Whether a record without it is malformed. */
  readonly required: boolean;
}

export interface CompiledSchema {
  readonly root: JsonType;
  readonly caches: number;
}

const MAP_KEYS: ReadonlySet<TypeKind> = new Set<TypeKind>(['STRING', 'INT', 'LONG', 'BIGINT']);

/** Compiles `schema`. @throws MillraceError INVALID_OPTION for a type that JSON cannot have. */
export function compileJsonSchema(schema: TypeInformation<unknown>): CompiledSchema {
  let caches = 0;
  const compile = (type: TypeInformation<unknown>, optional: boolean, path: string): JsonType => {
    if (type.kind === 'OPTIONAL') return compile(type.type, true, path);
    const fields: JsonField[] =
      type.kind !== 'OBJECT'
        ? []
        : Object.entries(type.fields).map(([name, field]) => ({
            name,
            nameBytes: utf8Bytes(name),
            type: compile(field, false, `${path}.${name}`),
            required: field.kind !== 'OPTIONAL' && field.kind !== 'ANY',
          }));
    if (type.kind === 'MAP' && !MAP_KEYS.has(type.key.kind)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `The schema has a MAP with keys of type ${type.key.kind} at "${path.slice(1)}"; keys of a JSON object can be STRING, INT, LONG or BIGINT.`,
      );
    }
    const fieldsByLength: number[][] = [];
    fields.forEach((field, i) => {
      fieldsByLength[field.nameBytes.length] ??= [];
      fieldsByLength[field.nameBytes.length]?.push(i);
    });
    return {
      kind: type.kind,
      optional,
      cache: type.kind === 'STRING' || type.kind === 'ANY' ? caches++ : -1,
      fields,
      fieldByName: new Map(fields.map((field, i) => [field.name, i])),
      fieldsByLength: Array.from(fieldsByLength),
      make: objectMaker(fields.map((field) => field.name)),
      element:
        type.kind === 'LIST'
          ? compile(type.element, false, `${path}[]`)
          : type.kind === 'MAP'
            ? compile(type.value, false, `${path}{}`)
            : undefined,
      key: type.kind === 'MAP' ? compile(type.key, false, `${path}{}`) : undefined,
    };
  };
  const root = compile(schema, false, '');
  return { root, caches };
}
