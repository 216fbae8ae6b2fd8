/**
 * Writes values as JSON lines.
 *
 * With a schema, its fields are written and nothing else, in its order. Without one, a value is written as it is: most
 * are plain data, for which `JSON.stringify` is right and fast; those that it would write wrongly or not at all (Map,
 * Set, bigint, bytes) are found by a look through the value first, and converted. Functions and symbols are refused
 * with their path.
 */
import { MillraceError } from '../../common/index.ts';
import type { ByteSink } from '../../connector/index.ts';
import type { TypeInformation } from '../../serialization/index.ts';

/** `JSON.rawJSON` where it exists: a number with all its digits. */
const rawJson = (JSON as { rawJSON?: (text: string) => unknown }).rawJSON;

export function createJsonEncoder<T>(schema: TypeInformation<T> | undefined): (value: T, sink: ByteSink) => void {
  const prepare =
    schema === undefined
      ? (value: unknown) => (isPlain(value) ? value : convertAny(value, ''))
      : (value: unknown) => convert(value, schema, '');
  return (value, sink) => {
    const text = JSON.stringify(prepare(value));
    if (text === undefined) {
      throw new MillraceError('NOT_SERIALIZABLE', 'The JSON format cannot write a record that is undefined.');
    }
    sink.writeString(text);
    sink.writeBytes(NEWLINE);
  };
}

const NEWLINE = Uint8Array.of(0x0a);

/** Whether `JSON.stringify` writes the value as it should. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return true;
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null || value instanceof Date) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value as object) if (!isPlain((value as Record<string, unknown>)[key])) return false;
  return true;
}

function convertAny(value: unknown, path: string): unknown {
  switch (typeof value) {
    case 'bigint':
      return bigintJson(value);
    case 'function':
    case 'symbol':
      throw new MillraceError(
        'NOT_SERIALIZABLE',
        `The JSON format cannot write a ${typeof value} (at ${path === '' ? 'the record itself' : `"${path}"`}).`,
      );
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof Set) value = [...value];
  if (Array.isArray(value)) return value.map((item, i) => convertAny(item, `${path}[${i}]`));
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  const entries: Iterable<readonly [unknown, unknown]> = value instanceof Map ? value : Object.entries(value as object);
  return Object.fromEntries(
    Array.from(entries, ([key, item]) => [String(key), convertAny(item, path === '' ? String(key) : `${path}.${String(key)}`)]),
  );
}

function convert(value: unknown, type: TypeInformation<unknown>, path: string): unknown {
  switch (type.kind) {
    case 'ANY':
      return isPlain(value) ? value : convertAny(value, path);
    case 'OPTIONAL':
      return value === undefined || value === null ? undefined : convert(value, type.type, path);
    case 'BIGINT':
      return bigintJson(value as bigint);
    case 'BYTES':
      return base64(value as Uint8Array);
    case 'LIST':
      return (value as unknown[]).map((item, i) => convert(item, type.element, `${path}[${i}]`) ?? null);
    case 'MAP':
      return Object.fromEntries(
        Array.from(value as Map<unknown, unknown>, ([key, item]) => [
          String(key),
          convert(item, type.value, `${path}.${String(key)}`),
        ]),
      );
    case 'OBJECT': {
      const object: Record<string, unknown> = {};
      for (const name in type.fields) {
        const field = type.fields[name] as TypeInformation<unknown>;
        const item = convert((value as Record<string, unknown>)[name], field, path === '' ? name : `${path}.${name}`);
        if (name === '__proto__') Object.defineProperty(object, name, { value: item, enumerable: true });
        else object[name] = item;
      }
      return object;
    }
    case 'DOUBLE':
      if (!Number.isFinite(value)) {
        throw new MillraceError(
          'NOT_SERIALIZABLE',
          `JSON has no number for ${String(value)} (at ${path === '' ? 'the record itself' : `"${path}"`}).`,
        );
      }
      return value;
    default:
      if (value === undefined || value === null) {
        throw new MillraceError(
          'NOT_SERIALIZABLE',
          `The schema wants a ${type.kind} at ${path === '' ? 'the record itself' : `"${path}"`}, but it is ${String(value)}; ` +
            'declare it OPTIONAL if it may be absent.',
        );
      }
      return value;
  }
}

/** A bigint as a JSON number with all its digits. */
function bigintJson(value: bigint): unknown {
  return rawJson === undefined ? Number(value) : rawJson(value.toString());
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
