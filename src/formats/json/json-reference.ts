/**
 * The reference: what a record means is what `JSON.parse` and the checks below say.
 *
 * The projecting reader must accept the same records and give the same values; property tests hold it to that. This file is
 * therefore plain and shares no code with the reader.
 */
import type { TypeInformation } from '../../serialization/index.ts';

/** Thrown for a value that does not fit its type. */
export class SchemaMismatch extends Error {}

/** A number with its text, kept where digits beyond 2^53 matter. */
class NumberText {
  readonly text: string;
  readonly value: number;
  constructor(text: string, value: number) {
    this.text = text;
    this.value = value;
  }
}

/** The key of the object that stands for a number while its text is kept. */
const NUMBER = '\0number';
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * Parses one JSON text and checks it against `type`. The text of numbers is kept by parsing a second text, in which
 * each number is an object with its digits in a string. (A reviver would be told the digits, too, but V8 13.6 gets some
 * documents with an escaped key wrong once a reviver has been used some thousand times.)
 * @throws SyntaxError or SchemaMismatch.
 */
export function referenceDecode(text: string, type: TypeInformation<unknown> | undefined): unknown {
  const value: unknown = JSON.parse(text);
  if (type === undefined) return value;
  const tagged = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') ? token : `{${JSON.stringify(NUMBER)}:"${token}"}`,
  );
  return convert(withNumbers(JSON.parse(tagged)), type, '');
}

function withNumbers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNumbers);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.hasOwn(value, NUMBER)) {
    const text = (value as Record<string, string>)[NUMBER] as string;
    return new NumberText(text, JSON.parse(text) as number);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withNumbers(item)]));
}

function mismatch(path: string, kind: string): never {
  throw new SchemaMismatch(`${path === '' ? 'the record' : path} is not a ${kind}`);
}

function plain(value: unknown): unknown {
  if (value instanceof NumberText) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function convert(value: unknown, type: TypeInformation<unknown>, path: string): unknown {
  switch (type.kind) {
    case 'ANY':
      return plain(value);
    case 'OPTIONAL':
      return value === null ? undefined : convert(value, type.type, path);
    case 'STRING':
    case 'BOOLEAN':
      return typeof value === type.kind.toLowerCase() ? value : mismatch(path, type.kind);
    case 'INT':
    case 'LONG':
    case 'DOUBLE':
      return value instanceof NumberText ? convertNumber(value.value, type.kind, path) : mismatch(path, type.kind);
    case 'BIGINT': {
      if (!(value instanceof NumberText) || !/^-?\d+$/.test(value.text)) return mismatch(path, type.kind);
      const digits = BigInt(value.text);
      return BigInt.asIntN(64, digits) === digits ? digits : mismatch(path, type.kind);
    }
    case 'TIMESTAMP':
      return convertTimestamp(value, path);
    case 'DATE':
      return new Date(convertTimestamp(value, path));
    case 'BYTES':
      if (typeof value !== 'string' || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)) {
        return mismatch(path, type.kind);
      }
      return Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
    case 'LIST':
      if (!Array.isArray(value)) return mismatch(path, type.kind);
      return value.map((item, i) => convert(item, type.element, `${path}[${i}]`));
    case 'MAP': {
      if (!isObject(value)) return mismatch(path, type.kind);
      return new Map(
        Object.entries(value).map(([key, item]) => [
          convertKey(key, type.key, path),
          convert(item, type.value, `${path}.${key}`),
        ]),
      );
    }
    case 'OBJECT': {
      if (!isObject(value)) return mismatch(path, type.kind);
      return Object.fromEntries(
        Object.entries(type.fields).map(([name, field]) => {
          if (Object.hasOwn(value, name)) return [name, convert(value[name], field, `${path}.${name}`)];
          if (field.kind === 'OPTIONAL' || field.kind === 'ANY') return [name, undefined];
          return mismatch(`${path}.${name}`, `${field.kind} but absent`);
        }),
      );
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText);
}

function convertNumber(value: number, kind: 'INT' | 'LONG' | 'DOUBLE', path: string): number {
  if (kind === 'DOUBLE') return value;
  const fits = kind === 'INT' ? Number.isInteger(value) && Math.abs(value + 0.5) < 2 ** 31 : Number.isSafeInteger(value);
  return fits ? value + 0 : mismatch(path, kind);
}

function convertTimestamp(value: unknown, path: string): number {
  const millis = value instanceof NumberText ? value.value : typeof value === 'string' ? timestampOf(value) : Number.NaN;
  return Number.isInteger(millis) && Math.abs(millis) <= 8.64e15 ? millis + 0 : mismatch(path, 'TIMESTAMP');
}

const ISO =
  /^\d{4}-\d\d-\d\d(?:[Tt ]([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?:[Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?$/;

function timestampOf(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  if (!ISO.test(text)) return Number.NaN;
  const zone = /[Tt ].*([+-])(\d\d):?(\d\d)?$/.exec(text);
  const offset = zone === null ? 0 : (Number(zone[2]) * 60 + Number(zone[3] ?? 0)) * (zone[1] === '+' ? 60_000 : -60_000);
  const time = /[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,3}))?/.exec(text);
  const day = text.slice(0, 10);
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // Date.parse lets 31 April pass as 1 May.
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) return Number.NaN;
  const [hours = 0, minutes = 0, seconds = 0] = (time?.[1] ?? '').split(':').map(Number);
  const millis = Number((time?.[2] ?? '').padEnd(3, '0'));
  return midnight + ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis - offset;
}

function convertKey(key: string, type: TypeInformation<unknown>, path: string): unknown {
  if (type.kind === 'STRING') return key;
  if (!/^(?:0|-?[1-9]\d*)$/.test(key)) return mismatch(path, `${type.kind} key`);
  return convert(new NumberText(key, Number(key)), type, path);
}
