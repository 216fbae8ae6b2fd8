/**
 * The package `avsc`, an optional peer: loaded when an Avro decoder is first needed, and what is made of schemas with it.
 *
 * avsc builds instances of a class that it generates for each record type; the engine moves plain objects. So the generated
 * constructors get the prototype of plain objects, which changes nothing about their speed.
 */
import type { Type } from 'avsc';
import { MillraceError, toError } from '../../../common/index.ts';

type AvroLibrary = typeof import('avsc');

export type AvroType = Type;

/** An Avro schema as JSON text, or as the value that it stands for. */
export type AvroSchema = string | object;

let loading: Promise<AvroLibrary> | undefined;

/** @throws MillraceError `INVALID_OPTION` if the package is not installed. */
export function loadAvroLibrary(): Promise<AvroLibrary> {
  loading ??= import('avsc').then(
    // A CommonJS module: what it exports is the default export.
    (module) => (module as unknown as { readonly default: AvroLibrary }).default,
    (error: unknown) => {
      loading = undefined;
      throw new MillraceError(
        'INVALID_OPTION',
        'Avro needs the package "avsc", which could not be loaded: run `npm install avsc@5`.',
        { cause: error },
      );
    },
  );
  return loading;
}

/**
 * @param referenced schemas of the named types that the schema refers to and does not define
 * @throws MillraceError `INVALID_OPTION` if the text is no Avro schema
 */
export function avroTypeOf({ Type }: AvroLibrary, schema: AvroSchema, referenced: readonly string[] = []): AvroType {
  try {
    const options = { registry: {}, omitRecordMethods: true };
    for (const text of referenced) Type.forSchema(parsed(text), options);
    const type = Type.forSchema(parsed(schema), options);
    makePlain(type as unknown as TypeParts, new Set());
    return type;
  } catch (error) {
    throw new MillraceError('INVALID_OPTION', `Not an Avro schema: ${toError(error).message}`, { cause: error });
  }
}

function parsed(schema: AvroSchema): never {
  if (typeof schema !== 'string') return schema as never;
  // The name of a primitive type need not stand in quotes.
  return (/^\s*[[{"]/.test(schema) ? JSON.parse(schema) : schema.trim()) as never;
}

/** The parts of avsc's types in which record types can be. */
interface TypeParts {
  readonly recordConstructor?: { prototype: object };
  readonly fields?: readonly { readonly type: TypeParts }[];
  readonly itemsType?: TypeParts;
  readonly valuesType?: TypeParts;
  readonly types?: readonly TypeParts[];
  readonly underlyingType?: TypeParts;
}

function makePlain(type: TypeParts, seen: Set<TypeParts>): void {
  if (seen.has(type)) return;
  seen.add(type);
  if (type.recordConstructor !== undefined) type.recordConstructor.prototype = Object.prototype;
  const parts = [type.itemsType, type.valuesType, type.underlyingType, ...(type.types ?? [])];
  for (const part of parts) if (part !== undefined) makePlain(part, seen);
  for (const field of type.fields ?? []) makePlain(field.type, seen);
}
