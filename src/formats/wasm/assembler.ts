/**
 * A small WebAssembly assembler: enough to write a SIMD kernel as an expression in TypeScript.
 *
 * Why not a compiler: the kernels are a few hundred bytes. Assembled when they are first needed (well under a
 * millisecond), they need no toolchain, no generated file in the repository and no test that the two agree. An
 * instruction is the array of its bytes, operands before the operator, as the binary format has it (WebAssembly core
 * specification 2.0, chapter 5).
 */
export type Code = readonly number[];

const I32 = 0x7f;
const I64 = 0x7e;
const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof V128;
export const valueTypes = { i32: I32, i64: I64, v128: V128 } as const;

function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signed(value: bigint): Code {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const binary =
  (...opcode: number[]) =>
  (a: Code, b: Code): Code => [...a, ...b, ...opcode];
const unary =
  (...opcode: number[]) =>
  (a: Code): Code => [...a, ...opcode];
const simdUnary = (opcode: number) => unary(0xfd, ...unsigned(opcode));
const simdBinary = (opcode: number) => binary(0xfd, ...unsigned(opcode));

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(BigInt(value | 0))],
  load: (address: Code, offset = 0): Code => [...address, 0x28, 0, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0x36, 0, ...unsigned(offset)],
  store8: (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0x3a, 0, ...unsigned(offset)],
  eqz: unary(0x45),
  ne: binary(0x47),
  ltU: binary(0x49),
  gtU: binary(0x4b),
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  or: binary(0x72),
  xor: binary(0x73),
  shl: binary(0x74),
  shrU: binary(0x76),
  wrap: unary(0xa7),
};

export const i64 = {
  const: (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))],
  eqz: unary(0x50),
  ne: binary(0x52),
  ltU: binary(0x54),
  ctz: unary(0x7a),
  add: binary(0x7c),
  sub: binary(0x7d),
  mul: binary(0x7e),
  and: binary(0x83),
  or: binary(0x84),
  xor: binary(0x85),
  shl: binary(0x86),
  shrS: binary(0x87),
  shrU: binary(0x88),
  extendU: unary(0xad),
};

export const v128 = {
  load: (address: Code, offset = 0): Code => [...address, 0xfd, 0, 0, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, 0xfd, 11, 0, ...unsigned(offset)],
  splatI8: simdUnary(15),
  eqI8: simdBinary(35),
  ltI8S: simdBinary(37),
  and: simdBinary(78),
  andnot: simdBinary(79),
  or: simdBinary(80),
  xor: simdBinary(81),
  anyTrue: simdUnary(83),
  bitmaskI8: simdUnary(100),
  laneI64: (vector: Code, lane: 0 | 1): Code => [...vector, 0xfd, 29, lane],
};

/** Names of locals, in order; the parameters first. */
export interface FunctionSource {
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, type: ValueType])[];
  readonly locals: readonly (readonly [name: string, type: ValueType])[];
  readonly result: ValueType;
  readonly body: (local: Locals) => Code;
}

/** Access to locals by name. */
export interface Locals {
  get(name: string): Code;
  set(name: string, value: Code): Code;
  tee(name: string, value: Code): Code;
}

/** `while (condition) body`, the condition an i32. */
export function whileLoop(condition: Code, ...body: Code[]): Code {
  return [0x02, 0x40, 0x03, 0x40, ...condition, 0x45, 0x0d, 1, ...body.flat(), 0x0c, 0, 0x0b, 0x0b];
}

export function ifElse(condition: Code, then: readonly Code[], otherwise: readonly Code[] = []): Code {
  const tail = otherwise.length === 0 ? [] : [0x05, ...otherwise.flat()];
  return [...condition, 0x04, 0x40, ...then.flat(), ...tail, 0x0b];
}

export const returnValue = (value: Code): Code => [...value, 0x0f];
export const block = (...body: Code[]): Code => body.flat();

function locals(source: FunctionSource): Locals {
  const names = [...source.parameters, ...source.locals].map(([name]) => name);
  const index = (name: string): Code => {
    const at = names.indexOf(name);
    if (at < 0) throw new Error(`${source.name} has no local "${name}"`);
    return unsigned(at);
  };
  return {
    get: (name) => [0x20, ...index(name)],
    set: (name, value) => [...value, 0x21, ...index(name)],
    tee: (name, value) => [...value, 0x22, ...index(name)],
  };
}

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const text = (value: string): Code => vector([...value].map((char) => [char.charCodeAt(0)]));
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];

/** Assembles a module that imports its memory as `env.memory` and exports every function by its name. */
export function assembleModule(functions: readonly FunctionSource[]): Uint8Array<ArrayBuffer> {
  const types = functions.map((f) => [0x60, ...vector(f.parameters.map(([, type]) => [type])), ...vector([[f.result]])]);
  const bodies = functions.map((f) => {
    const code = [...vector(f.locals.map(([, type]) => [1, type])), ...f.body(locals(f)), 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, vector(types)),
    ...section(2, vector([[...text('env'), ...text('memory'), 0x02, 0x00, ...unsigned(1)]])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map((f, i) => [...text(f.name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(bodies)),
  ]);
}
