/**
 * The general codec: any JavaScript value that is data, in a form that describes itself. It is what state and everything
 * else without a generated codec is written in.
 *
 * Data are undefined, null, booleans, numbers (−0, NaN and infinities included), bigints, strings (lone surrogates
 * included), Date (also invalid), arrays (their elements and holes, no other properties), plain objects (own enumerable string keys), Map, Set,
 * typed arrays (a Node Buffer comes back as Uint8Array), ArrayBuffer, DataView, and instances of registered classes.
 * Everything else is refused, with the path to it. References are not kept: an object that is reached twice is written
 * twice, and one that holds itself is refused.
 *
 * Format: one byte of tag, then the content. Tags are part of snapshots and must not change; bytes from 0x40 are the whole
 * numbers 0 to 191. Decoding is bounded: in depth, and by the bytes that are left.
 */
import { MillraceError } from '../common/index.ts';
import type { BinaryReader } from './binary-reader.ts';
import type { BinaryWriter } from './binary-writer.ts';
import type { TypeRegistry } from './type-registry.ts';
import { decodeTypedArray, littleEndianBytes, typedArrayNames } from './typed-array-codec.ts';

const UNDEFINED = 0;
const NULL = 1;
const FALSE = 2;
const TRUE = 3;
const UINT = 4;
const NEGATIVE_INT = 5;
const FLOAT64 = 6;
const BIGINT = 7;
const NEGATIVE_BIGINT = 8;
const STRING = 9;
const DATE = 10;
const ARRAY = 11;
const OBJECT = 12;
const NULL_PROTOTYPE_OBJECT = 13;
const MAP = 14;
const SET = 15;
const TYPED_ARRAY = 16;
const ARRAY_BUFFER = 17;
const DATA_VIEW = 18;
const REGISTERED = 19;
/** Only among the elements of an array. */
const HOLE = 20;
const SMALL_INT = 0x40;
const SMALL_INT_MAX = 0xff - SMALL_INT;

/** Deeper values are refused, in both directions: their recursion could exhaust the stack. */
export const MAX_VALUE_DEPTH = 256;

/**
 * Appends `value` to what `writer` holds. If it throws, the writer is as before.
 * @throws MillraceError `NOT_SERIALIZABLE`, with the path (`$.user.callback`) to what is not data in the context
 */
export function encodeValue(writer: BinaryWriter, value: unknown, types?: TypeRegistry): void {
  const start = writer.position;
  try {
    encode(writer, value, types, 0);
  } catch (error) {
    writer.truncate(start);
    throw error instanceof Refusal ? error.toMillraceError() : error;
  }
}

/**
 * Reads one value.
 * @throws MillraceError `CORRUPT_DATA`; also for an instance of a class that is not registered
 */
export function decodeValue(reader: BinaryReader, types?: TypeRegistry): any {
  return decode(reader, types, 0);
}

/** What is not data, and the way to it: each level that it passes on its way up adds itself. */
class Refusal extends Error {
  private readonly what: string;
  private readonly steps: string[] = [];
  private readonly owners: unknown[] = [];

  constructor(what: string) {
    super(what);
    this.what = what;
  }

  through(owner: unknown, step: string): this {
    this.steps.push(step);
    this.owners.push(owner);
    return this;
  }

  toMillraceError(): MillraceError {
    const owners = this.owners.reverse();
    const steps = this.steps.reverse();
    const seen = new Map<unknown, number>();
    let { what } = this;
    for (const [level, owner] of owners.entries()) {
      const first = seen.get(owner);
      if (first !== undefined) {
        what = `the object at ${pathOf(steps.slice(0, first))} again (a cycle)`;
        steps.length = level;
        break;
      }
      seen.set(owner, level);
    }
    const path = pathOf(steps);
    return new MillraceError(
      'NOT_SERIALIZABLE',
      `The value at ${path} is ${what}, which is not data. Leave it out, or replace it by data: an object of a class by a plain object with its fields, for instance.`,
      { context: { path, what } },
    );
  }
}

function pathOf(steps: readonly string[]): string {
  const shown = steps.length > 24 ? [...steps.slice(0, 12), '…', ...steps.slice(-12)] : steps;
  return `$${shown.join('')}`;
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

function fieldStep(name: string): string {
  return IDENTIFIER.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function encode(writer: BinaryWriter, value: unknown, types: TypeRegistry | undefined, depth: number): void {
  switch (typeof value) {
    case 'string':
      writer.writeByte(STRING);
      writer.writeString(value);
      return;
    case 'number':
      encodeNumber(writer, value);
      return;
    case 'boolean':
      writer.writeByte(value ? TRUE : FALSE);
      return;
    case 'undefined':
      writer.writeByte(UNDEFINED);
      return;
    case 'bigint':
      encodeBigint(writer, value);
      return;
    case 'object':
      if (value === null) writer.writeByte(NULL);
      else encodeObject(writer, value, types, depth);
      return;
    case 'function':
      throw new Refusal(value.name ? `the function ${value.name}` : 'a function');
    case 'symbol':
      throw new Refusal('a symbol');
  }
}

function encodeNumber(writer: BinaryWriter, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    if (value >= 0 && value <= SMALL_INT_MAX) {
      writer.writeByte(SMALL_INT + value);
      return;
    }
    writer.writeByte(value < 0 ? NEGATIVE_INT : UINT);
    writer.writeVarUint(value < 0 ? -value : value);
    return;
  }
  writer.writeByte(FLOAT64);
  writer.writeFloat64(value);
}

function encodeBigint(writer: BinaryWriter, value: bigint): void {
  const hex = (value < 0n ? -value : value).toString(16);
  const padded = hex.length % 2 === 1 ? `0${hex}` : hex;
  writer.writeByte(value < 0n ? NEGATIVE_BIGINT : BIGINT);
  writer.writeVarUint(padded.length / 2);
  for (let i = 0; i < padded.length; i += 2) writer.writeByte(Number.parseInt(padded.slice(i, i + 2), 16));
}

function encodeObject(writer: BinaryWriter, value: object, types: TypeRegistry | undefined, depth: number): void {
  if (depth >= MAX_VALUE_DEPTH) throw new Refusal(`nested deeper than ${MAX_VALUE_DEPTH} levels`);
  const prototype: unknown = Object.getPrototypeOf(value);
  switch (prototype) {
    case Object.prototype:
      encodeFields(writer, OBJECT, value, types, depth);
      return;
    case Array.prototype:
      encodeArray(writer, value as unknown[], types, depth);
      return;
    case null:
      encodeFields(writer, NULL_PROTOTYPE_OBJECT, value, types, depth);
      return;
    case Date.prototype:
      writer.writeByte(DATE);
      writer.writeFloat64((value as Date).getTime());
      return;
    case Map.prototype:
      encodeMap(writer, value as Map<unknown, unknown>, types, depth);
      return;
    case Set.prototype:
      encodeSet(writer, value as Set<unknown>, types, depth);
      return;
  }
  encodeOther(writer, value, types, depth);
}

function encodeFields(writer: BinaryWriter, tag: number, value: object, types: TypeRegistry | undefined, depth: number): void {
  const names = Object.keys(value);
  writer.writeByte(tag);
  writer.writeVarUint(names.length);
  let i = 0;
  try {
    for (; i < names.length; i++) {
      const name = names[i] as string;
      writer.writeString(name);
      encode(writer, (value as Record<string, unknown>)[name], types, depth + 1);
    }
  } catch (error) {
    throw error instanceof Refusal ? error.through(value, fieldStep(names[i] as string)) : error;
  }
}

function encodeArray(writer: BinaryWriter, value: readonly unknown[], types: TypeRegistry | undefined, depth: number): void {
  writer.writeByte(ARRAY);
  writer.writeVarUint(value.length);
  let i = 0;
  try {
    for (; i < value.length; i++) {
      const element = value[i];
      if (element === undefined && !(i in value)) writer.writeByte(HOLE);
      else encode(writer, element, types, depth + 1);
    }
  } catch (error) {
    throw error instanceof Refusal ? error.through(value, `[${i}]`) : error;
  }
}

function encodeMap(writer: BinaryWriter, value: Map<unknown, unknown>, types: TypeRegistry | undefined, depth: number): void {
  writer.writeByte(MAP);
  writer.writeVarUint(value.size);
  let i = 0;
  let part = 'key';
  try {
    for (const [key, item] of value) {
      part = 'key';
      encode(writer, key, types, depth + 1);
      part = 'value';
      encode(writer, item, types, depth + 1);
      i++;
    }
  } catch (error) {
    throw error instanceof Refusal ? error.through(value, `.entries[${i}].${part}`) : error;
  }
}

function encodeSet(writer: BinaryWriter, value: Set<unknown>, types: TypeRegistry | undefined, depth: number): void {
  writer.writeByte(SET);
  writer.writeVarUint(value.size);
  let i = 0;
  try {
    for (const item of value) {
      encode(writer, item, types, depth + 1);
      i++;
    }
  } catch (error) {
    throw error instanceof Refusal ? error.through(value, `.values[${i}]`) : error;
  }
}

function encodeOther(writer: BinaryWriter, value: object, types: TypeRegistry | undefined, depth: number): void {
  const owner: unknown = Object.getPrototypeOf(value)?.constructor;
  const name = types?.nameOf(owner);
  if (name !== undefined) {
    writer.writeByte(REGISTERED);
    writer.writeString(name);
    try {
      encode(writer, types?.typeOf(name)?.encode(value), types, depth + 1);
    } catch (error) {
      throw error instanceof Refusal ? error.through(value, `<${name}>`) : error;
    }
    return;
  }
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (value instanceof DataView) {
      writer.writeByte(DATA_VIEW);
      writer.writeVarUint(bytes.length);
      writer.writeBytes(bytes);
      return;
    }
    const array = value as Uint8Array;
    writer.writeByte(TYPED_ARRAY);
    writer.writeByte(typedArrayNames.indexOf(array[Symbol.toStringTag] as string));
    writer.writeVarUint(bytes.length);
    writer.writeBytes(littleEndianBytes(bytes, array.BYTES_PER_ELEMENT));
    return;
  }
  if (value instanceof ArrayBuffer) {
    writer.writeByte(ARRAY_BUFFER);
    writer.writeVarUint(value.byteLength);
    writer.writeBytes(new Uint8Array(value));
    return;
  }
  const prototype: object = Object.getPrototypeOf(value);
  if (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')) {
    encodeFields(writer, OBJECT, value, types, depth);
    return;
  }
  throw new Refusal(`an instance of ${(typeof owner === 'function' && owner.name) || 'an unnamed class'}`);
}

function decode(reader: BinaryReader, types: TypeRegistry | undefined, depth: number): unknown {
  const tag = reader.readByte();
  if (tag >= SMALL_INT) return tag - SMALL_INT;
  switch (tag) {
    case UNDEFINED:
      return undefined;
    case NULL:
      return null;
    case FALSE:
      return false;
    case TRUE:
      return true;
    case UINT:
      return reader.readVarUint();
    case NEGATIVE_INT:
      return -reader.readVarUint();
    case FLOAT64:
      return reader.readFloat64();
    case BIGINT:
      return decodeBigint(reader);
    case NEGATIVE_BIGINT:
      return -decodeBigint(reader);
    case STRING:
      return reader.readString();
    case DATE:
      return new Date(reader.readFloat64());
    case TYPED_ARRAY: {
      const kind = reader.readByte();
      return decodeTypedArray(reader, kind, reader.readBytes(reader.readVarUint()));
    }
    case ARRAY_BUFFER:
      return reader.readBytes(reader.readVarUint()).slice().buffer;
    case DATA_VIEW:
      return new DataView(reader.readBytes(reader.readVarUint()).slice().buffer);
    default:
      if (depth >= MAX_VALUE_DEPTH) throw reader.corrupt(`values are nested deeper than ${MAX_VALUE_DEPTH} levels`);
      return decodeContainer(reader, tag, types, depth + 1);
  }
}

function decodeContainer(reader: BinaryReader, tag: number, types: TypeRegistry | undefined, depth: number): unknown {
  switch (tag) {
    case ARRAY: {
      const count = reader.readCount();
      const array: unknown[] = [];
      for (let i = 0; i < count; i++) {
        if (reader.peekByte() === HOLE) {
          reader.readByte();
          array.length++;
        } else {
          array.push(decode(reader, types, depth));
        }
      }
      return array;
    }
    case OBJECT:
      return decodeFields(reader, {}, types, depth);
    case NULL_PROTOTYPE_OBJECT:
      return decodeFields(reader, Object.create(null), types, depth);
    case MAP: {
      const count = reader.readCount(2);
      const map = new Map<unknown, unknown>();
      for (let i = 0; i < count; i++) {
        const key = decode(reader, types, depth);
        map.set(key, decode(reader, types, depth));
      }
      return map;
    }
    case SET: {
      const count = reader.readCount();
      const set = new Set<unknown>();
      for (let i = 0; i < count; i++) set.add(decode(reader, types, depth));
      return set;
    }
    case REGISTERED:
      return decodeRegistered(reader, types, depth);
    default:
      throw reader.corrupt(`there is no type ${tag}`);
  }
}

function decodeFields(
  reader: BinaryReader,
  object: Record<string, unknown>,
  types: TypeRegistry | undefined,
  depth: number,
): Record<string, unknown> {
  const count = reader.readCount(2);
  for (let i = 0; i < count; i++) {
    const name = reader.readString();
    const value = decode(reader, types, depth);
    if (name === '__proto__') {
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    } else {
      object[name] = value;
    }
  }
  return object;
}

function decodeBigint(reader: BinaryReader): bigint {
  const bytes = reader.readBytes(reader.readVarUint());
  let hex = '0x0';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  try {
    return BigInt(hex);
  } catch (error) {
    throw Object.assign(reader.corrupt('a bigint is too large'), { cause: error });
  }
}

function decodeRegistered(reader: BinaryReader, types: TypeRegistry | undefined, depth: number): unknown {
  const name = reader.readString();
  const type = types?.typeOf(name);
  if (type === undefined) throw reader.corrupt(`no type is registered as '${name}'; register it before state is restored`);
  const data = decode(reader, types, depth);
  try {
    return type.decode(data);
  } catch (error) {
    throw Object.assign(reader.corrupt(`the type '${name}' could not decode its data: ${String(error)}`), { cause: error });
  }
}
