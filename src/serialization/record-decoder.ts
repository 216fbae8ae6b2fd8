/**
 * Reads the records of one channel: see record-codec.ts for the form and the reasons.
 *
 * Invariants: pieces are loaded in the order in which they were written, and read to the end. Nothing that is read leads to
 * an allocation larger than what is left to read. Generated code checks no bounds: bytes behind the end read as garbage,
 * and the position that results is behind the end, which is noticed before a record is handed out.
 */
import { MillraceError } from '../common/index.ts';
import { BinaryReader } from './binary-reader.ts';
import { readAscii, UNROLLED_STRING } from './read-ascii.ts';
import {
  ARRAY,
  DEFINE,
  DOUBLE,
  FALSE,
  FIRST_SHAPE,
  GENERAL,
  HOLE,
  INT,
  Kind,
  MAX_DEFINITIONS,
  MAX_FIELDS,
  MAX_SHAPED_DEPTH,
  NULL,
  STRING,
  TRUE,
  UNDEFINED,
} from './record-codec.ts';
import { compileDecode, type ShapeDecoder } from './record-decoder-code.ts';
import type { TypeRegistry } from './type-registry.ts';
import { decodeValue } from './value-codec.ts';

/** Calls of String.fromCharCode stay below the engine's limit of arguments. */
const CHUNK = 4096;

/** So many shapes of a channel have memories for strings: 8 fields of 24 KB each, at most. */
const REMEMBERING_SHAPES = 8;

const textDecoder = new TextDecoder();
const noBytes = new Uint8Array(0);

export interface RecordDecoderOptions {
  readonly types?: TypeRegistry;
}

export class RecordDecoder {
  bytes: Uint8Array = noBytes;
  view: DataView = new DataView(noBytes.buffer);
  position = 0;
  end = 0;
  lastTimestamp = Number.NEGATIVE_INFINITY;
  private readonly types: TypeRegistry | undefined;
  /** By tag. */
  private shapes: ShapeDecoder[] = [];
  /** By definition; shared with forks, so that each is compiled once. */
  private compiled = new Map<string, ShapeDecoder>();
  private depth = 0;

  constructor(options: RecordDecoderOptions = {}) {
    this.types = options.types;
  }

  /** A decoder that goes on from here by itself: it reads the rest of this piece, and may be given what follows. */
  fork(): RecordDecoder {
    const fork = new RecordDecoder({ types: this.types });
    fork.bytes = this.bytes;
    fork.view = this.view;
    fork.position = this.position;
    fork.end = this.end;
    fork.lastTimestamp = this.lastTimestamp;
    fork.shapes = [...this.shapes];
    fork.compiled = this.compiled;
    return fork;
  }

  /** Bytes of this piece that are still to be read. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** Begins the next piece of the stream, which is `bytes[0, end)`; they must stay as they are until all of it is read. */
  load(bytes: Uint8Array, end = bytes.length): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.position = 0;
    this.end = end;
    this.lastTimestamp = Number.NEGATIVE_INFINITY;
  }

  /**
   * Reads up to `limit` records to the beginning of the two arrays. @returns how many
   * @throws MillraceError `CORRUPT_DATA`
   */
  read(values: unknown[], timestamps: Float64Array, limit: number): number {
    let count = 0;
    try {
      while (count < limit && this.position < this.end) {
        const tag = this.bytes[this.position] as number;
        const shape = this.shapes[tag - FIRST_SHAPE];
        if (shape !== undefined) {
          count = shape.run(this, tag, values, timestamps, count, limit);
        } else {
          values[count] = this.any();
          timestamps[count++] = this.readTimestamp();
        }
      }
    } catch (error) {
      this.depth = 0;
      if (error instanceof RangeError) throw this.corrupt('the end came too early');
      throw error;
    }
    if (this.position > this.end) throw this.corrupt('the end came too early');
    return count;
  }

  /** A value with its tag. */
  any(): unknown {
    const tag = this.bytes[this.position++] as number;
    if (this.position > this.end) throw this.corrupt('the end came too early');
    if (tag >= FIRST_SHAPE) {
      const shape = this.shapes[tag - FIRST_SHAPE];
      if (shape === undefined) throw this.corrupt(`the shape ${tag} is not defined`);
      this.enter();
      const value = shape.one(this);
      this.depth--;
      return value;
    }
    switch (tag) {
      case UNDEFINED:
        return undefined;
      case NULL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case INT: {
        const zigzag = this.readVarUint();
        return (zigzag >>> 1) ^ -(zigzag & 1);
      }
      case DOUBLE:
        this.position += 8;
        return this.view.getFloat64(this.position - 8, true);
      case STRING:
        return this.readString();
      case ARRAY:
        return this.array();
      case GENERAL:
        return this.general();
      case DEFINE:
        this.define();
        if ((this.bytes[this.position] as number) < FIRST_SHAPE) throw this.corrupt('a definition stands before no object');
        return this.any();
      default:
        throw this.corrupt(`there is no tag ${tag}`);
    }
  }

  /** A whole number of 32 bits; those from 2^31 on come out negative. */
  readVarUint(): number {
    const { bytes } = this;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[this.position++] as number;
      value |= (byte & 0x7f) << shift;
      if (!(byte >= 0x80)) return value;
    }
    throw this.corrupt('a whole number does not end');
  }

  readString(): string {
    const header = this.readVarUint();
    const length = header >>> 1;
    const from = this.position;
    if (header % 2 === 0) {
      this.skip(length);
      if (length <= UNROLLED_STRING) return readAscii(this.bytes, from, length);
      return textDecoder.decode(this.bytes.subarray(from, from + length));
    }
    this.skip(2 * length);
    return this.units(from, length);
  }

  readTimestamp(): number {
    const header = this.readVarUint();
    if (header === 0) {
      this.position += 8;
      this.lastTimestamp = this.view.getFloat64(this.position - 8, true);
    } else {
      const zigzag = header - 1;
      this.lastTimestamp += (zigzag >>> 1) ^ -(zigzag & 1);
    }
    return this.lastTimestamp;
  }

  private units(from: number, length: number): string {
    const { bytes } = this;
    let text = '';
    for (let start = 0; start < length; start += CHUNK) {
      const codes: number[] = [];
      for (let i = start, stop = Math.min(length, start + CHUNK); i < stop; i++) {
        codes.push((bytes[from + 2 * i] as number) | ((bytes[from + 2 * i + 1] as number) << 8));
      }
      text += String.fromCharCode.apply(null, codes);
    }
    return text;
  }

  private array(): unknown[] {
    const count = this.readVarUint() >>> 0;
    if (count > this.remaining) throw this.corrupt(`${count} elements are announced, but ${this.remaining} bytes are left`);
    this.enter();
    const array: unknown[] = [];
    for (let i = 0; i < count; i++) {
      if (this.bytes[this.position] === HOLE) {
        this.position++;
        array.length++;
      } else {
        array.push(this.any());
      }
    }
    this.depth--;
    return array;
  }

  private general(): unknown {
    const length = this.readVarUint() >>> 0;
    const from = this.position;
    this.skip(length);
    const reader = new BinaryReader(this.bytes.subarray(from, from + length));
    const value = decodeValue(reader, this.types);
    if (reader.remaining > 0) throw this.corrupt(`a value ends ${reader.remaining} bytes before its end`);
    return value;
  }

  private define(): void {
    const count = this.readVarUint() >>> 0;
    if (count > MAX_FIELDS || this.shapes.length >= MAX_DEFINITIONS) throw this.corrupt('a definition is beyond the limits');
    const names: string[] = [];
    const kinds: Kind[] = [];
    for (let i = 0; i < count; i++) {
      names.push(this.readString());
      const kind = this.bytes[this.position++] as Kind;
      if (!(kind <= Kind.ANY)) throw this.corrupt(`there is no kind ${kind}`);
      kinds.push(kind);
    }
    if (this.position > this.end) throw this.corrupt('the end came too early');
    const key = JSON.stringify([names, kinds]);
    let shape = this.compiled.get(key);
    if (shape === undefined)
      this.compiled.set(key, (shape = compileDecode(names, kinds, this.compiled.size < REMEMBERING_SHAPES)));
    this.shapes.push(shape);
  }

  private enter(): void {
    if (++this.depth > MAX_SHAPED_DEPTH) throw this.corrupt(`values are nested deeper than ${MAX_SHAPED_DEPTH} levels`);
  }

  private skip(bytes: number): void {
    if (bytes > this.remaining) throw this.corrupt(`${bytes} bytes are announced, but ${this.remaining} are left`);
    this.position += bytes;
  }

  private corrupt(what: string): MillraceError {
    return new MillraceError(
      'CORRUPT_DATA',
      `Cannot decode byte ${this.position} of ${this.end} of a batch of records: ${what}. The data is damaged, cut off, or of another version.`,
      { context: { position: this.position, bytes: this.end } },
    );
  }
}
