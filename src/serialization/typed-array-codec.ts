/** The bytes of typed arrays, little endian on every machine. The order of the names is part of the format. */
import type { BinaryReader } from './binary-reader.ts';

type TypedArrayConstructor = new (buffer: ArrayBuffer) => ArrayBufferView;

export const typedArrayNames: readonly string[] = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
];

const ELEMENT_BYTES: readonly number[] = [1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 2];
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The same bytes, or on a big-endian machine a copy with each element turned round. */
export function littleEndianBytes(bytes: Uint8Array, elementBytes: number, isLittleEndian = IS_LITTLE_ENDIAN): Uint8Array {
  if (isLittleEndian || elementBytes === 1) return bytes;
  const turned = bytes.slice();
  for (let i = 0; i < turned.length; i += elementBytes) turned.subarray(i, i + elementBytes).reverse();
  return turned;
}

/** @throws MillraceError `CORRUPT_DATA` */
export function decodeTypedArray(reader: BinaryReader, kind: number, bytes: Uint8Array): ArrayBufferView {
  const name = typedArrayNames[kind];
  const elementBytes = ELEMENT_BYTES[kind];
  if (name === undefined || elementBytes === undefined) throw reader.corrupt(`there is no typed array ${kind}`);
  if (bytes.length % elementBytes !== 0) throw reader.corrupt(`${bytes.length} bytes are not a whole ${name}`);
  const arrayClass = (globalThis as unknown as Record<string, TypedArrayConstructor | undefined>)[name];
  if (arrayClass === undefined) throw reader.corrupt(`this platform has no ${name}`);
  const copy = littleEndianBytes(bytes, elementBytes).slice();
  return new arrayClass(copy.buffer as ArrayBuffer);
}
