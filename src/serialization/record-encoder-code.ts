/**
 * Generates the function that writes objects of one shape.
 *
 * Invariants: the function writes nothing unless the object has exactly the names of the shape, in their order, and values
 * of the kinds; it answers `false` then. Names are the user's: they enter the source as string literals only.
 *
 * All values are loaded and checked before the first is written. Room for fields of bounded size is made once; after a
 * field without a bound the encoder makes room for the rest.
 */
import { compileCode, Kind, SHORT_STRING } from './record-codec.ts';
import type { RecordEncoder } from './record-encoder.ts';

export type EncodeFunction = (encoder: RecordEncoder, value: object) => boolean;

const BOUNDS: Record<Kind, number> = {
  [Kind.INT]: 5,
  [Kind.DOUBLE]: 8,
  [Kind.STRING]: 1 + 2 * SHORT_STRING,
  [Kind.BOOLEAN]: 1,
  [Kind.ANY]: 0,
};

export function compileEncode(names: readonly string[], kinds: readonly Kind[]): EncodeFunction {
  const restOf = (from: number): number => kinds.slice(from).reduce<number>((sum, kind) => sum + BOUNDS[kind], 0);
  const body = `
${kinds.map((kind, i) => (kind === Kind.ANY ? `let hint${i};` : '')).join('')}
return function encode(w, v) {
  let k = 0;
  for (const name in v) if (k === ${names.length} || name !== NAMES[k++]) return false;
  if (k !== ${names.length}) return false;
  ${names.map((name, i) => `const f${i} = v[${JSON.stringify(name)}];`).join('\n  ')}
  if (${plainCheck(names)}) return false;
  ${kinds.map((kind, i) => checkCode(kind, `f${i}`)).join('\n  ')}
  if (w.position + ${restOf(0)} > w.bytes.length) w.reserve(${restOf(0)});
  let bytes = w.bytes, view = w.view, pos = w.position;
  ${kinds.map((kind, i) => writeCode(kind, i, restOf(i + 1))).join('\n  ')}
  w.position = pos;
  return true;
};`;
  return compileCode('record-encoder', { ...CONSTANTS, NAMES: names }, body);
}

const CONSTANTS = { getPrototypeOf: Object.getPrototypeOf, plain: Object.prototype, Object, writeVarUint, writeUnits };

/**
 * Whether the object is no plain one. The JIT folds the load of `constructor` into the check of the hidden class that it
 * makes anyway; a call of `Object.getPrototypeOf` costs 6 ns, of about 80 for a record.
 */
function plainCheck(names: readonly string[]): string {
  return names.includes('constructor') ? 'getPrototypeOf(v) !== plain' : 'v.constructor !== Object';
}

function checkCode(kind: Kind, f: string): string {
  switch (kind) {
    case Kind.INT:
      return `if (typeof ${f} !== 'number' || (${f} | 0) !== ${f} || (${f} === 0 && 1 / ${f} < 0)) return false;`;
    case Kind.DOUBLE:
      return `if (typeof ${f} !== 'number') return false;`;
    case Kind.STRING:
      return `if (typeof ${f} !== 'string') return false;`;
    case Kind.BOOLEAN:
      return `if (typeof ${f} !== 'boolean') return false;`;
    case Kind.ANY:
      return '';
  }
}

function writeCode(kind: Kind, i: number, rest: number): string {
  const f = `f${i}`;
  const resume = `w.reserve(${rest}); bytes = w.bytes; view = w.view; pos = w.position;`;
  switch (kind) {
    case Kind.INT:
      return `{ const z = (${f} << 1) ^ (${f} >> 31); if ((z & -128) === 0) bytes[pos++] = z; else pos = writeVarUint(bytes, pos, z); }`;
    case Kind.DOUBLE:
      return `view.setFloat64(pos, ${f}, true); pos += 8;`;
    case Kind.BOOLEAN:
      return `bytes[pos++] = ${f} ? 1 : 0;`;
    case Kind.STRING:
      return `{ const n = ${f}.length;
  if (n <= ${SHORT_STRING}) {
    let all = 0;
    for (let i = 0, p = pos + 1; i < n; i++) { const c = ${f}.charCodeAt(i); bytes[p + i] = c; all |= c; }
    if (all < 128) { bytes[pos] = n << 1; pos += 1 + n; } else { bytes[pos] = n << 1 | 1; pos = writeUnits(bytes, pos + 1, ${f}); }
  } else { w.position = pos; w.string(${f}); ${resume} } }`;
    case Kind.ANY:
      return `w.position = pos; hint${i} = w.any(${f}, hint${i}); ${resume}`;
  }
}

/** `value` as an unsigned number of 32 bits, in 1 to 5 bytes. @returns the position behind it */
export function writeVarUint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let pos = at;
  while (rest >>> 0 >= 0x80) {
    bytes[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[pos++] = rest;
  return pos;
}

/** The UTF-16 units of a string. @returns the position behind them */
export function writeUnits(bytes: Uint8Array, at: number, text: string): number {
  let pos = at;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[pos++] = unit & 0xff;
    bytes[pos++] = unit >> 8;
  }
  return pos;
}
