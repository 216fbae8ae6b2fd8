/**
 * Writes the records of one channel: see record-codec.ts for the form and the reasons.
 *
 * Invariants: a record is in the buffer as a whole or not at all. When one is refused, or turns out in its middle not to
 * have the shape that it was taken for, the buffer, the definitions and the last timestamp go back to where they were.
 * A shape has a tag from when its definition is in the stream.
 *
 * The way of a record: the shape of the record before is tried first, as code; then its names are looked up, and the layout
 * that has them is widened until it fits; whatever cannot be shaped takes the general codec.
 */
import { propertyOfArray, refuseArrayProperties } from './array-properties.ts';
import { BinaryWriter } from './binary-writer.ts';
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
  MAX_LAYOUTS,
  MAX_SHAPED_DEPTH,
  MAX_WIDENINGS,
  NULL,
  SHORT_STRING,
  STRING,
  TRUE,
  UNDEFINED,
} from './record-codec.ts';
import { compileEncode, type EncodeFunction, writeUnits, writeVarUint } from './record-encoder-code.ts';
import type { TypeRegistry } from './type-registry.ts';
import { encodeValue } from './value-codec.ts';

/** Names and kinds; replaced by another one when its layout is widened. */
export interface Shape {
  readonly names: readonly string[];
  readonly kinds: readonly Kind[];
  /** 0 until it is defined in the stream. */
  tag: number;
  readonly encode: EncodeFunction;
}

/** All shapes with the same names in the same order; a node of the tree in which names are looked up. */
interface Layout {
  readonly children: Map<string, Layout>;
  /** Whether an object had exactly the names on the way here. */
  used: boolean;
  shape: Shape | undefined;
  widenings: number;
}

export interface RecordEncoderOptions {
  readonly initialBytes?: number;
  readonly types?: TypeRegistry;
}

/** Thrown by what cannot go on, to the record that is being written: from there the path is known. */
const REFUSED = Symbol('refused');
const HAS_PROPERTIES = Symbol('array with properties');
/** Buffers that one huge record made larger than this many times their first size are given back. */
const SHRINK_FACTOR = 8;
/**
 * Arrays that are looked at for properties that are no elements: the first ones, as what one record has, the others have too, and
 * then one of so many (a prime, so that it is not always the same one of a record).
 */
const FIRST_ARRAYS = 64;
const ARRAYS_PER_LOOK = 61;

const textEncoder = new TextEncoder();

export class RecordEncoder {
  /** What was written is `[0, position)`; replaced when it grows. */
  bytes: Uint8Array;
  view: DataView;
  position = 0;
  /** Values that took the general codec, which is several times slower: too many shapes, or what no shape describes. */
  fallbacks = 0;
  private readonly initialBytes: number;
  private readonly types: TypeRegistry | undefined;
  private readonly scratch = new BinaryWriter();
  private readonly root = newLayout();
  private layouts = 0;
  private readonly defined: Shape[] = [];
  private last: Shape | undefined;
  private lastTimestamp = Number.NEGATIVE_INFINITY;
  private depth = 0;
  private arraysLookedAt = 0;
  private arraysToNextLook = 1;

  constructor(options: RecordEncoderOptions = {}) {
    this.initialBytes = options.initialBytes ?? 1024;
    this.types = options.types;
    this.bytes = new Uint8Array(this.initialBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Begins the next piece of the stream, at the beginning of the buffer. */
  reset(): void {
    this.position = 0;
    this.lastTimestamp = Number.NEGATIVE_INFINITY;
    if (this.bytes.length > this.initialBytes * SHRINK_FACTOR) {
      this.bytes = new Uint8Array(this.initialBytes);
      this.view = new DataView(this.bytes.buffer);
    }
  }

  /**
   * Appends a record.
   * @throws MillraceError `NOT_SERIALIZABLE`, with the path to what is not data; nothing was appended then
   */
  write(value: unknown, timestamp: number): void {
    const start = this.position;
    const definitions = this.defined.length;
    try {
      const { last } = this;
      if (last === undefined || typeof value !== 'object' || value === null || !this.tryShape(last, value)) {
        this.last = this.any(value, undefined);
      }
    } catch (error) {
      this.position = start;
      this.depth = 0;
      for (const shape of this.defined.splice(definitions)) shape.tag = 0;
      this.last = undefined;
      if (error === HAS_PROPERTIES) {
        this.arraysLookedAt = 0;
        this.arraysToNextLook = 1;
        refuseArrayProperties(value);
      }
      if (error !== REFUSED) throw error;
      this.writeGeneral(value);
    }
    this.writeTimestamp(timestamp);
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.position + bytes > this.bytes.length) this.grow(this.position + bytes);
  }

  /** A string of any length, without tag. */
  string(text: string): void {
    const { length } = text;
    this.reserve(5 + 2 * length);
    const start = this.position;
    if (length <= SHORT_STRING) {
      const { bytes } = this;
      let all = 0;
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i);
        bytes[start + 1 + i] = code;
        all |= code;
      }
      bytes[start] = (length << 1) | (all < 0x80 ? 0 : 1);
      this.position = all < 0x80 ? start + 1 + length : writeUnits(bytes, start + 1, text);
      return;
    }
    const from = writeVarUint(this.bytes, start, length << 1);
    const { read, written } = textEncoder.encodeInto(text, this.bytes.subarray(from, from + length));
    if (read === length && written === length) this.position = from + length;
    else this.position = writeUnits(this.bytes, writeVarUint(this.bytes, start, (length << 1) | 1), text);
  }

  /** A value with its tag. @returns the shape to try first for the next value at the same place */
  any(value: unknown, hint: Shape | undefined): Shape | undefined {
    switch (typeof value) {
      case 'object':
        if (value !== null) return this.object(value, hint);
        this.tag(NULL);
        return hint;
      case 'number':
        this.number(value);
        return hint;
      case 'string':
        this.tag(STRING);
        this.string(value);
        return hint;
      case 'boolean':
        this.tag(value ? TRUE : FALSE);
        return hint;
      case 'undefined':
        this.tag(UNDEFINED);
        return hint;
      case 'bigint':
        this.general(value);
        return hint;
      default:
        throw REFUSED;
    }
  }

  private object(value: object, hint: Shape | undefined): Shape | undefined {
    if (++this.depth > MAX_SHAPED_DEPTH) throw REFUSED;
    let shape = hint;
    if (hint === undefined || hint.tag === 0 || !this.tryShape(hint, value)) shape = this.otherObject(value) ?? hint;
    this.depth--;
    return shape;
  }

  private tryShape(shape: Shape, value: object): boolean {
    this.tag(shape.tag);
    if (shape.encode(this, value)) return true;
    this.position--;
    return false;
  }

  private otherObject(value: object): Shape | undefined {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Array.prototype) {
      this.array(value as unknown[]);
      return undefined;
    }
    const layout = prototype === Object.prototype ? this.layoutOf(Object.keys(value)) : undefined;
    if (layout?.shape !== undefined && layout.shape.tag !== 0 && this.tryShape(layout.shape, value)) return layout.shape;
    const shape = layout === undefined ? undefined : this.widen(layout, value);
    if (shape === undefined) {
      this.general(value);
      return undefined;
    }
    if (shape.tag === 0) this.define(shape);
    if (!this.tryShape(shape, value)) throw REFUSED;
    return shape;
  }

  private array(value: readonly unknown[]): void {
    const { length } = value;
    this.reserve(6);
    this.bytes[this.position++] = ARRAY;
    this.position = writeVarUint(this.bytes, this.position, length);
    let hint: Shape | undefined;
    for (let i = 0; i < length; i++) {
      const element = value[i];
      if (element === undefined && !(i in value)) this.tag(HOLE);
      else hint = this.any(element, hint);
    }
    // Behind the loop, and not in front of it: there it made the loop a third slower.
    if (--this.arraysToNextLook === 0) this.lookAt(value);
  }

  private lookAt(array: readonly unknown[]): void {
    this.arraysToNextLook = ++this.arraysLookedAt < FIRST_ARRAYS ? 1 : ARRAYS_PER_LOOK;
    if (propertyOfArray(array) !== undefined) throw HAS_PROPERTIES;
  }

  private number(value: number): void {
    this.reserve(9);
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      this.bytes[this.position++] = INT;
      this.position = writeVarUint(this.bytes, this.position, (value << 1) ^ (value >> 31));
    } else {
      this.bytes[this.position++] = DOUBLE;
      this.view.setFloat64(this.position, value, true);
      this.position += 8;
    }
  }

  private tag(tag: number): void {
    this.reserve(1);
    this.bytes[this.position++] = tag;
  }

  private general(value: unknown): void {
    this.scratch.truncate(0);
    try {
      encodeValue(this.scratch, value, this.types);
    } catch {
      // Refused as a whole: only from the record down, the path to what is not data is complete.
      throw REFUSED;
    }
    this.appendScratch();
  }

  private writeGeneral(record: unknown): void {
    this.scratch.truncate(0);
    encodeValue(this.scratch, record, this.types);
    this.appendScratch();
  }

  private appendScratch(): void {
    this.fallbacks++;
    const content = this.scratch.toBytes();
    this.reserve(6 + content.length);
    this.bytes[this.position++] = GENERAL;
    this.position = writeVarUint(this.bytes, this.position, content.length);
    this.bytes.set(content, this.position);
    this.position += content.length;
  }

  private writeTimestamp(timestamp: number): void {
    this.reserve(9);
    const { lastTimestamp } = this;
    if (timestamp === lastTimestamp) {
      this.bytes[this.position++] = 1;
      return;
    }
    this.lastTimestamp = timestamp;
    const delta = timestamp - lastTimestamp;
    if ((delta << 1) >> 1 === delta && lastTimestamp + delta === timestamp) {
      this.position = writeVarUint(this.bytes, this.position, ((delta << 1) ^ (delta >> 31)) + 1);
    } else {
      this.bytes[this.position++] = 0;
      this.view.setFloat64(this.position, timestamp, true);
      this.position += 8;
    }
  }

  /** The shape of the layout, made to fit `value`; `undefined` if there are too many shapes. */
  private widen(layout: Layout, value: object): Shape | undefined {
    const { shape } = layout;
    const names = Object.keys(value);
    const kinds = names.map((name, i) => joinKinds(shape?.kinds[i], kindOf((value as Record<string, unknown>)[name])));
    if (this.defined.length >= MAX_DEFINITIONS) return undefined;
    if (shape !== undefined) {
      if (kinds.every((kind, i) => kind === shape.kinds[i])) return shape;
      if (++layout.widenings >= MAX_WIDENINGS) kinds.fill(Kind.ANY);
    }
    layout.shape = { names, kinds, tag: 0, encode: compileEncode(names, kinds) };
    return layout.shape;
  }

  /** `undefined` if there are too many names or too many layouts. */
  private layoutOf(names: readonly string[]): Layout | undefined {
    if (names.length > MAX_FIELDS) return undefined;
    let layout = this.root;
    for (const name of names) {
      let child = layout.children.get(name);
      if (child === undefined) {
        if (this.layouts >= MAX_LAYOUTS) return undefined;
        layout.children.set(name, (child = newLayout()));
      }
      layout = child;
    }
    if (!layout.used) {
      if (this.layouts >= MAX_LAYOUTS) return undefined;
      layout.used = true;
      this.layouts++;
    }
    return layout;
  }

  private define(shape: Shape): void {
    this.tag(DEFINE);
    this.reserve(5);
    this.position = writeVarUint(this.bytes, this.position, shape.names.length);
    for (const [i, name] of shape.names.entries()) {
      this.string(name);
      this.tag(shape.kinds[i] as Kind);
    }
    shape.tag = FIRST_SHAPE + this.defined.length;
    this.defined.push(shape);
  }

  private grow(atLeast: number): void {
    const larger = new Uint8Array(Math.max(atLeast, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.position));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

function newLayout(): Layout {
  return { children: new Map(), used: false, shape: undefined, widenings: 0 };
}

function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case 'number':
      return (value | 0) === value && !Object.is(value, -0) ? Kind.INT : Kind.DOUBLE;
    case 'string':
      return Kind.STRING;
    case 'boolean':
      return Kind.BOOLEAN;
    default:
      return Kind.ANY;
  }
}

/** The narrowest kind that holds both; a field that has held a double stays one. */
function joinKinds(known: Kind | undefined, seen: Kind): Kind {
  if (known === undefined || known === seen) return seen;
  const numeric = (kind: Kind): boolean => kind === Kind.INT || kind === Kind.DOUBLE;
  return numeric(known) && numeric(seen) ? Kind.DOUBLE : Kind.ANY;
}
