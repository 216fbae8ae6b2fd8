/**
 * Generates the functions that read objects of one shape: one value, and as many records of the shape as follow each other,
 * in one loop that the JIT compiles as a whole.
 *
 * Names come out of the stream: they enter the source as string literals only, and `__proto__` as a computed name, which
 * makes it an ordinary property.
 */
import { readAscii, UNROLLED_STRING } from './read-ascii.ts';
import { compileCode, Kind } from './record-codec.ts';
import type { RecordDecoder } from './record-decoder.ts';
import { StringMemory } from './string-memory.ts';

export interface ShapeDecoder {
  /** The value behind the tag. */
  one(decoder: RecordDecoder): object;
  /** Records from `from` on, up to `to`, as long as they have this `tag`. @returns behind the last one */
  run(decoder: RecordDecoder, tag: number, values: unknown[], timestamps: Float64Array, from: number, to: number): number;
}

/** String fields of a shape that have a memory. */
const MAX_MEMORIES = 8;

/** @param remembers whether its string fields remember the strings that they had last */
export function compileDecode(names: readonly string[], kinds: readonly Kind[], remembers: boolean): ShapeDecoder {
  const strings = kinds.flatMap((kind, i) => (kind === Kind.STRING ? [i] : []));
  const remembering = new Set(remembers ? strings.slice(0, MAX_MEMORIES) : []);
  const fields = kinds.map((kind, i) => readCode(kind, `f${i}`, remembering.has(i))).join('\n  ');
  const nameCode = (name: string): string => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name));
  const object = `{ ${names.map((name, i) => `${nameCode(name)}: f${i}`).join(', ')} }`;
  const body = `function one(r) {
  const bytes = r.bytes, view = r.view;
  let pos = r.position;
  ${fields}
  r.position = pos;
  return ${object};
}
function run(r, tag, values, timestamps, from, to) {
  const bytes = r.bytes, view = r.view, end = r.end;
  let pos = r.position, time = r.lastTimestamp, n = from;
  while (n < to && pos < end && bytes[pos] === tag) {
    pos++;
    ${fields}
    const t = bytes[pos];
    if (t === 1) pos++;
    else { r.position = pos; r.lastTimestamp = time; time = r.readTimestamp(); pos = r.position; }
    values[n] = ${object};
    timestamps[n++] = time;
  }
  r.position = pos;
  r.lastTimestamp = time;
  return n;
}
return { one, run };`;
  const memories = Object.fromEntries([...remembering].map((i) => [`memory_f${i}`, new StringMemory()]));
  return compileCode('record-decoder', { readAscii, ...memories }, body);
}

function readCode(kind: Kind, f: string, remembers: boolean): string {
  switch (kind) {
    case Kind.INT:
      return `let ${f} = bytes[pos];
  if (${f} < 128) pos++; else { r.position = pos; ${f} = r.readVarUint(); pos = r.position; }
  ${f} = (${f} >>> 1) ^ -(${f} & 1);`;
    case Kind.DOUBLE:
      return `const ${f} = view.getFloat64(pos, true); pos += 8;`;
    case Kind.BOOLEAN:
      return `const ${f} = bytes[pos++] !== 0;`;
    case Kind.STRING:
      return `let ${f}; { const h = bytes[pos];
  if (h <= ${2 * UNROLLED_STRING} && (h & 1) === 0) { ${f} = ${remembers ? `memory_${f}.read(bytes, view, ` : 'readAscii(bytes, '}pos + 1, h >> 1); pos += 1 + (h >> 1); }
  else { r.position = pos; ${f} = r.readString(); pos = r.position; } }`;
    case Kind.ANY:
      return `r.position = pos; const ${f} = r.any(); pos = r.position;`;
  }
}
