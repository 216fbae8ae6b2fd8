/**
 * Reads one record of an indexed block, whatever it looks like: the general path behind the generated layouts.
 *
 * `p` is the next byte and `k` the next entry of the index; at every point all quotes before `p` are behind `k`, so a
 * string ends where entry `k + 1` says. A newline ends every record and is no white space here, so no scan needs
 * another bound. What the schema does not want is checked, iteratively (deep nesting cannot overflow the stack), and
 * never built.
 *
 * Failures are values, not exceptions. A *syntax* failure ends the record. A value that does not fit its type fails
 * *softly*: its object reads on, because a later duplicate of the key replaces it, as in `JSON.parse`.
 * It is over 500 lines because all readers share `p`, `k` and the failure.
 */

import { StringCache } from '../string-cache.ts';
import { asciiText, excerpt, utf8Bytes, utf8Text } from '../text-decoding.ts';
import { readTimestamp } from '../timestamp-text.ts';
import type { ScanArea } from '../wasm/scan-area.ts';
import { ENTRY_SHIFT, FLAG_DOUBT, FLAG_NON_ASCII, FLAG_SPECIAL } from '../wasm/structural-scan.ts';
import type { CompiledSchema, JsonType } from './json-type.ts';

/** What reading returns instead of a value when it failed. */
export const FAILED: unique symbol = Symbol('failed');

export interface JsonFailure {
  /** Index of the byte at fault. */
  readonly at: number;
  readonly message: string;
  /** Names of the fields on the way to the value, outermost first. */
  path: string;
}

/** The shape of a record: where its values were, and which fields they belong to. */
export interface LayoutTrace {
  readonly valueStarts: number[];
  readonly valueEnds: number[];
  /** Index of the field, or -1 if it is not wanted. */
  readonly fields: number[];
  end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MINUS = 0x2d;
const SPECIAL_OR_NON_ASCII = FLAG_SPECIAL | FLAG_NON_ASCII;

const POWERS_OF_TEN = Array.from({ length: 23 }, (_, i) => 10 ** i);
/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15;

const KEYWORDS = [
  { bytes: utf8Bytes('true'), value: true },
  { bytes: utf8Bytes('false'), value: false },
  { bytes: utf8Bytes('null'), value: null },
] as const;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const INTEGER_KEY = /^(?:0|-?[1-9]\d*)$/;

export class JsonWalker {
  p = 0;
  k = 0;
  failure: JsonFailure | undefined = undefined;
  /** Whether `failure` is of the text itself, so that no later value can mend it. */
  isSyntaxFailure = false;
  /** Set to have the next record traced; cleared if it has no shape that a layout could have. */
  isTracing = false;
  readonly trace: LayoutTrace = { valueStarts: [], valueEnds: [], fields: [], end: 0 };
  readonly caches: readonly StringCache[];
  private readonly bytes: Uint8Array;
  private readonly entries: Int32Array;
  /** Kinds of the open brackets while skipping; 1 is an object. */
  private nesting = new Uint8Array(64);

  constructor(area: ScanArea, schema: CompiledSchema) {
    this.bytes = area.bytes;
    this.entries = area.entries;
    const build = (start: number, end: number, flags: number) => this.buildString(start, end, flags);
    this.caches = Array.from({ length: schema.caches }, (_, i) => new StringCache(build, area.internTable(i)));
  }

  /** Reads the record at `p`, which must fill its line. */
  readRecord(type: JsonType): unknown {
    this.failure = undefined;
    this.isSyntaxFailure = false;
    if (this.byteAfterSpace() !== OPEN_BRACE) this.isTracing = false;
    const value = this.read(type, true);
    if (value === FAILED) return FAILED;
    this.trace.end = this.p;
    return this.byteAfterSpace() === 0x0a ? value : this.unexpected('the end of the record');
  }

  /** Reads a value of `type` at `p`. */
  read(type: JsonType, isRoot = false): unknown {
    const byte = this.byteAfterSpace();
    if (byte === 0x6e && type.kind !== 'ANY') {
      const start = this.p;
      if (this.readKeyword() === FAILED) return FAILED;
      return type.optional ? undefined : this.mismatch(start, type.kind);
    }
    switch (type.kind) {
      case 'STRING':
        return byte === QUOTE ? this.readString(type) : this.mismatch(this.p, 'STRING');
      case 'INT':
      case 'LONG':
      case 'DOUBLE':
        return this.readNumberOf(type.kind);
      case 'OBJECT':
        return byte === OPEN_BRACE ? this.readObject(type, isRoot) : this.mismatch(this.p, 'OBJECT');
      case 'TIMESTAMP':
        return this.readTimestamp();
      case 'DATE': {
        const millis = this.readTimestamp();
        return millis === FAILED ? FAILED : new Date(millis as number);
      }
      case 'BOOLEAN': {
        const start = this.p;
        if (byte !== 0x74 && byte !== 0x66) return this.mismatch(start, 'BOOLEAN');
        return this.readKeyword();
      }
      case 'LIST':
        return byte === OPEN_BRACKET ? this.readList(type) : this.mismatch(this.p, 'LIST');
      case 'MAP':
        return byte === OPEN_BRACE ? this.readMap(type) : this.mismatch(this.p, 'MAP');
      case 'BIGINT':
        return this.readBigint();
      case 'BYTES':
        return this.readBytes();
      case 'ANY': {
        const value = this.readAny(type);
        return value === null && type.optional ? undefined : value;
      }
    }
  }

  /** As {@link read}, at the given place: for generated code. */
  readAt(type: JsonType, p: number, k: number): unknown {
    this.p = p;
    this.k = k;
    return this.read(type);
  }

  /** As {@link skip}, at the given place: for generated code. */
  skipAt(p: number, k: number): boolean {
    this.p = p;
    this.k = k;
    return this.skip();
  }

  /** The number at `p`, or NaN and a failure. */
  numberAt(p: number): number {
    this.p = p;
    return this.number();
  }

  // Objects, lists, maps

  private readObject(type: JsonType, isRoot: boolean): unknown {
    const { fields } = type;
    const values: unknown[] = new Array(fields.length).fill(undefined);
    const failures: (JsonFailure | undefined)[] = [];
    let seen = 0;
    let present: boolean[] | undefined;
    const tracing = isRoot && this.isTracing;
    if (tracing) {
      this.trace.valueStarts.length = 0;
      this.trace.valueEnds.length = 0;
      this.trace.fields.length = 0;
    }
    const objectStart = this.p++;
    if (this.byteAfterSpace() === CLOSE_BRACE) {
      this.p++;
    } else {
      for (;;) {
        const index = this.readKey(type);
        if (index === -2) return FAILED;
        this.byteAfterSpace();
        const start = this.p;
        const startEntry = this.k;
        if (index === -1) {
          if (!this.skip()) return FAILED;
        } else {
          let value = this.read((fields[index] as JsonType['fields'][number]).type);
          if (value === FAILED) {
            if (this.isSyntaxFailure) return FAILED;
            failures[index] = this.failure;
            value = FAILED;
            if (!this.skipAt(start, startEntry)) return FAILED;
          }
          present ??= new Array(fields.length).fill(false);
          if (present[index] === false) {
            present[index] = true;
            seen++;
          } else if (tracing) {
            this.isTracing = false;
          }
          values[index] = value;
        }
        if (tracing) {
          this.trace.valueStarts.push(start);
          this.trace.valueEnds.push(this.p);
          this.trace.fields.push(index);
        }
        const byte = this.byteAfterSpace();
        if (byte === COMMA) {
          this.p++;
          if (this.byteAfterSpace() !== QUOTE) return this.unexpected('a key in quotes');
        } else if (byte === CLOSE_BRACE) {
          this.p++;
          break;
        } else {
          return this.unexpected('"," or "}"');
        }
      }
    }
    for (let i = 0; i < fields.length; i++) {
      if (values[i] === FAILED) return this.failAgain(failures[i] as JsonFailure, fields[i]?.name as string);
      if (seen < fields.length && fields[i]?.required === true && present?.[i] !== true) {
        return this.fail(objectStart, 'is missing', fields[i]?.name);
      }
    }
    return type.make(values);
  }

  private readList(type: JsonType): unknown {
    const list: unknown[] = [];
    this.p++;
    if (this.byteAfterSpace() === CLOSE_BRACKET) {
      this.p++;
      return list;
    }
    for (;;) {
      const value = this.read(type.element as JsonType);
      if (value === FAILED) return this.failAgain(this.failure as JsonFailure, `[${list.length}]`);
      list.push(value);
      const byte = this.byteAfterSpace();
      this.p++;
      if (byte === CLOSE_BRACKET) return list;
      if (byte !== COMMA) {
        this.p--;
        return this.unexpected('"," or "]"');
      }
    }
  }

  private readMap(type: JsonType): unknown {
    const map = new Map<unknown, unknown>();
    const failures = new Map<unknown, JsonFailure>();
    this.p++;
    if (this.byteAfterSpace() === CLOSE_BRACE) {
      this.p++;
      return map;
    }
    for (;;) {
      const keyStart = this.p;
      const text = this.readKeyText();
      if (text === undefined) return FAILED;
      const key = this.keyOf(text, type.key as JsonType, keyStart);
      if (key === FAILED) return FAILED;
      this.byteAfterSpace();
      const start = this.p;
      const startEntry = this.k;
      const value = this.read(type.element as JsonType);
      if (value === FAILED) {
        if (this.isSyntaxFailure) return FAILED;
        failures.set(key, this.failure as JsonFailure);
        if (!this.skipAt(start, startEntry)) return FAILED;
      } else {
        failures.delete(key);
      }
      map.set(key, value);
      const byte = this.byteAfterSpace();
      if (byte === CLOSE_BRACE) {
        this.p++;
        for (const [failedKey, failure] of failures) return this.failAgain(failure, String(failedKey));
        return map;
      }
      if (byte !== COMMA) return this.unexpected('"," or "}"');
      this.p++;
      if (this.byteAfterSpace() !== QUOTE) return this.unexpected('a key in quotes');
    }
  }

  private keyOf(text: string, type: JsonType, at: number): unknown {
    if (type.kind === 'STRING') return text;
    if (INTEGER_KEY.test(text)) {
      if (type.kind === 'BIGINT') {
        const digits = BigInt(text);
        if (BigInt.asIntN(64, digits) === digits) return digits;
      } else {
        const number = Number(text);
        if (type.kind === 'INT' ? (number | 0) === number : Number.isSafeInteger(number)) return number;
      }
    }
    return this.mismatch(at, `${type.kind} key`);
  }

  /** Reads a key and its colon. Returns the index of its field, -1 if it is not wanted, -2 if the text is broken. */
  private readKey(type: JsonType): number {
    const { bytes } = this;
    const start = this.p + 1;
    const entry = this.entries[this.k + 1] as number;
    const end = entry >>> ENTRY_SHIFT;
    let index = -1;
    if (bytes[start - 1] === QUOTE && bytes[end] === QUOTE && (entry & SPECIAL_OR_NON_ASCII) === 0) {
      const candidates = type.fieldsByLength[end - start];
      if (candidates !== undefined) {
        for (const candidate of candidates) {
          const name = (type.fields[candidate] as JsonType['fields'][number]).nameBytes;
          let i = 0;
          while (i < name.length && bytes[start + i] === name[i]) i++;
          if (i === name.length) index = candidate;
        }
      }
      this.k += 2;
      this.p = end + 1;
      return this.colon() ? index : -2;
    }
    const text = this.readKeyText();
    return text === undefined ? -2 : (type.fieldByName.get(text) ?? -1);
  }

  /** Reads any key and its colon; `undefined` if the text is broken. */
  private readKeyText(): string | undefined {
    if (this.bytes[this.p] !== QUOTE) {
      this.unexpected('a key in quotes');
      return undefined;
    }
    const end = this.stringEnd();
    if (end < 0) return undefined;
    const text = this.buildString(this.p + 1, end, this.entries[this.k + 1] as number);
    if (text === undefined) {
      this.brokenString(this.p + 1, end);
      return undefined;
    }
    this.k += 2;
    this.p = end + 1;
    return this.colon() ? text : undefined;
  }

  private colon(): boolean {
    if (this.byteAfterSpace() !== COLON) {
      this.unexpected('":"');
      return false;
    }
    this.p++;
    return true;
  }

  // Strings

  /** The position of the quote that closes the string at `p`, or -1 and a failure. */
  private stringEnd(): number {
    const end = (this.entries[this.k + 1] as number) >>> ENTRY_SHIFT;
    if (this.bytes[end] === QUOTE) return end;
    this.syntax(this.p, 'The string that begins here is not closed.');
    return -1;
  }

  private readString(type: JsonType): unknown {
    const end = this.stringEnd();
    if (end < 0) return FAILED;
    const start = this.p + 1;
    const text = (this.caches[type.cache] as StringCache).text(start, end, this.entries[this.k + 1] as number);
    if (text === undefined) return this.brokenString(start, end);
    this.k += 2;
    this.p = end + 1;
    return text;
  }

  private buildString(start: number, end: number, flags: number): string | undefined {
    if ((flags & SPECIAL_OR_NON_ASCII) === 0) return asciiText(this.bytes, start, end);
    if ((flags & FLAG_SPECIAL) === 0) return utf8Text(this.bytes, start, end);
    if ((flags & FLAG_DOUBT) !== 0 && this.stringFault(start, end) >= 0) return undefined;
    return JSON.parse(utf8Text(this.bytes, start - 1, end + 1)) as string;
  }

  /** Whether the escapes of `start .. end` are legal and no control character stands there: for generated code. */
  isString(start: number, end: number): boolean {
    return this.stringFault(start, end) < 0;
  }

  /** Index of the first illegal byte of a string, or -1. */
  private stringFault(start: number, end: number): number {
    const { bytes } = this;
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte < 0x20) return i;
      if (byte !== BACKSLASH) continue;
      const escaped = bytes[++i] as number;
      if (escaped === 0x75) {
        for (let digit = 0; digit < 4; digit++) {
          i++;
          const hex = (bytes[i] as number) | 0x20;
          const isHex = (hex >= 0x61 && hex <= 0x66) || ((bytes[i] as number) >= 0x30 && (bytes[i] as number) <= 0x39);
          if (i >= end || !isHex) return i;
        }
      } else if (!isSimpleEscape(escaped)) {
        return i;
      }
    }
    return -1;
  }

  private brokenString(start: number, end: number): typeof FAILED {
    const at = this.stringFault(start, end);
    const byte = this.bytes[at] as number;
    return this.syntax(
      at,
      byte < 0x20
        ? `A control character (0x${byte.toString(16).padStart(2, '0')}) stands in a string; it must be escaped.`
        : `${excerpt(this.bytes, at, at + 1)} makes no escape sequence.`,
    );
  }

  private readBytes(): unknown {
    const start = this.p;
    const text = this.plainString('BYTES');
    if (text === FAILED) return FAILED;
    if (!BASE64.test(text as string)) return this.mismatch(start, 'BYTES (Base64)');
    return Uint8Array.from(atob(text as string), (char) => char.charCodeAt(0));
  }

  /** A string that goes into no cache. */
  private plainString(kind: string): unknown {
    if (this.bytes[this.p] !== QUOTE) return this.mismatch(this.p, kind);
    const end = this.stringEnd();
    if (end < 0) return FAILED;
    const text = this.buildString(this.p + 1, end, this.entries[this.k + 1] as number);
    if (text === undefined) return this.brokenString(this.p + 1, end);
    this.k += 2;
    this.p = end + 1;
    return text;
  }

  // Numbers, timestamps, keywords

  /** Reads a number at `p`; NaN and a failure if there is none. */
  number(): number {
    const { bytes } = this;
    const start = this.p;
    let p = start;
    let byte = bytes[p] as number;
    if (byte === MINUS) byte = bytes[++p] as number;
    const digitsStart = p;
    let mantissa = 0;
    if (byte === 0x30) {
      byte = bytes[++p] as number;
    } else if (byte >= 0x31 && byte <= 0x39) {
      do {
        mantissa = mantissa * 10 + byte - 48;
        byte = bytes[++p] as number;
      } while (byte >= 0x30 && byte <= 0x39);
    } else {
      this.p = p;
      this.unexpected(p === start ? 'a value' : 'a digit');
      return Number.NaN;
    }
    let digits = p - digitsStart;
    let fraction = 0;
    if (byte === 0x2e) {
      const point = p;
      byte = bytes[++p] as number;
      while (byte >= 0x30 && byte <= 0x39) {
        mantissa = mantissa * 10 + byte - 48;
        byte = bytes[++p] as number;
      }
      fraction = p - point - 1;
      digits += fraction;
      if (fraction === 0) {
        this.p = p;
        this.unexpected('a digit');
        return Number.NaN;
      }
    }
    if (byte === 0x65 || byte === 0x45) {
      byte = bytes[++p] as number;
      if (byte === 0x2b || byte === MINUS) byte = bytes[++p] as number;
      const exponentStart = p;
      while (byte >= 0x30 && byte <= 0x39) byte = bytes[++p] as number;
      this.p = p;
      if (p === exponentStart) {
        this.unexpected('a digit');
        return Number.NaN;
      }
      return Number(asciiText(bytes, start, p));
    }
    this.p = p;
    if (digits > EXACT_DIGITS) return Number(asciiText(bytes, start, p));
    // Both exact, so the quotient is the nearest double (Clinger's fast path).
    const value = fraction === 0 ? mantissa : mantissa / (POWERS_OF_TEN[fraction] as number);
    return digitsStart === start ? value : -value;
  }

  private readNumberOf(kind: 'INT' | 'LONG' | 'DOUBLE'): unknown {
    const start = this.p;
    if (!this.isNumberStart()) return this.mismatch(start, kind);
    const value = this.number();
    if (Number.isNaN(value)) return FAILED;
    if (kind === 'DOUBLE') return value;
    const fits = kind === 'INT' ? (value | 0) === value : Number.isSafeInteger(value);
    return fits ? value + 0 : this.mismatch(start, kind);
  }

  private isNumberStart(): boolean {
    const byte = this.bytes[this.p] as number;
    return byte === MINUS || (byte >= 0x30 && byte <= 0x39);
  }

  private readBigint(): unknown {
    const start = this.p;
    if (!this.isNumberStart()) return this.mismatch(start, 'BIGINT');
    if (Number.isNaN(this.number())) return FAILED;
    for (let i = start + 1; i < this.p; i++) {
      if ((this.bytes[i] as number) < 0x30 || (this.bytes[i] as number) > 0x39) return this.mismatch(start, 'BIGINT');
    }
    // 20 digits and a sign hold every 64-bit integer; JSON has no leading zeros.
    const digits = this.p - start > 20 ? undefined : BigInt(asciiText(this.bytes, start, this.p));
    return digits !== undefined && BigInt.asIntN(64, digits) === digits ? digits : this.mismatch(start, 'BIGINT');
  }

  private readTimestamp(): unknown {
    const start = this.p;
    if (this.bytes[start] === QUOTE) {
      const end = this.stringEnd();
      if (end < 0) return FAILED;
      const millis = this.timestampText(start + 1, end, this.entries[this.k + 1] as number);
      if (Number.isNaN(millis)) {
        if (!this.isString(start + 1, end)) return this.brokenString(start + 1, end);
        return this.mismatch(start, 'TIMESTAMP');
      }
      this.k += 2;
      this.p = end + 1;
      return millis;
    }
    if (!this.isNumberStart()) return this.mismatch(start, 'TIMESTAMP');
    const value = this.number();
    if (Number.isNaN(value)) return FAILED;
    return Number.isInteger(value) && Math.abs(value) <= 8.64e15 ? value + 0 : this.mismatch(start, 'TIMESTAMP');
  }

  /** The timestamp in a string, or NaN. */
  timestampText(start: number, end: number, flags: number): number {
    if ((flags & FLAG_SPECIAL) === 0) return readTimestamp(this.bytes, start, end);
    const text = this.buildString(start, end, flags);
    if (text === undefined) return Number.NaN;
    const bytes = utf8Bytes(text);
    return readTimestamp(bytes, 0, bytes.length);
  }

  private readKeyword(): unknown {
    const start = this.p;
    for (const { bytes, value } of KEYWORDS) {
      let i = 0;
      while (i < bytes.length && this.bytes[start + i] === bytes[i]) i++;
      if (i === bytes.length) {
        this.p = start + i;
        return value;
      }
    }
    return this.unexpected('a value');
  }

  private readAny(type: JsonType): unknown {
    const byte = this.byteAfterSpace();
    if (byte === QUOTE) return this.readString(type);
    if (this.isNumberStart()) {
      const value = this.number();
      return Number.isNaN(value) ? FAILED : value;
    }
    if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) return this.readKeyword();
    const start = this.p;
    return this.skip() ? JSON.parse(utf8Text(this.bytes, start, this.p)) : FAILED;
  }

  // Skipping

  /** Passes over the value at `p`; `false` and a failure if it is no JSON. */
  skip(): boolean {
    let depth = 0;
    for (;;) {
      let byte = this.byteAfterSpace();
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.p++;
        const isObject = byte === OPEN_BRACE;
        byte = this.byteAfterSpace();
        if (byte === (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
          this.p++;
        } else {
          if (depth === this.nesting.length) this.growNesting();
          this.nesting[depth++] = isObject ? 1 : 0;
          if (isObject && !this.skipKey()) return false;
          continue;
        }
      } else if (!this.skipScalar(byte)) {
        return false;
      }
      // A value has ended; close what closes here, and go on to the next value of what remains open.
      for (;;) {
        if (depth === 0) return true;
        const isObject = this.nesting[depth - 1] === 1;
        byte = this.byteAfterSpace();
        this.p++;
        if (byte === COMMA) {
          if (isObject && !this.skipKeyAfterSpace()) return false;
          break;
        }
        if (byte !== (isObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
          this.p--;
          this.unexpected(isObject ? '"," or "}"' : '"," or "]"');
          return false;
        }
        depth--;
      }
    }
  }

  private skipScalar(byte: number): boolean {
    if (byte === QUOTE) return this.skipString();
    if (byte === MINUS || (byte >= 0x30 && byte <= 0x39)) return !Number.isNaN(this.number());
    return this.readKeyword() !== FAILED;
  }

  private skipString(): boolean {
    const end = this.stringEnd();
    if (end < 0) return false;
    if (((this.entries[this.k + 1] as number) & FLAG_DOUBT) !== 0 && this.stringFault(this.p + 1, end) >= 0) {
      this.brokenString(this.p + 1, end);
      return false;
    }
    this.k += 2;
    this.p = end + 1;
    return true;
  }

  private skipKeyAfterSpace(): boolean {
    this.byteAfterSpace();
    return this.skipKey();
  }

  private skipKey(): boolean {
    if (this.bytes[this.p] !== QUOTE) {
      this.unexpected('a key in quotes');
      return false;
    }
    return this.skipString() && this.colon();
  }

  private growNesting(): void {
    const larger = new Uint8Array(this.nesting.length * 2);
    larger.set(this.nesting);
    this.nesting = larger;
  }

  private byteAfterSpace(): number {
    const { bytes } = this;
    let p = this.p;
    let byte = bytes[p] as number;
    while (byte === 0x20 || byte === 0x09 || byte === 0x0d) byte = bytes[++p] as number;
    this.p = p;
    return byte;
  }

  // Failures

  private fail(at: number, message: string, path = ''): typeof FAILED {
    this.failure = { at, message, path };
    return FAILED;
  }

  private syntax(at: number, message: string): typeof FAILED {
    this.isSyntaxFailure = true;
    return this.fail(at, message);
  }

  private failAgain(failure: JsonFailure, step: string): typeof FAILED {
    if (!this.isSyntaxFailure) {
      const path = failure.path === '' || failure.path.startsWith('[') ? step + failure.path : `${step}.${failure.path}`;
      this.failure = { ...failure, path };
    }
    return FAILED;
  }

  private unexpected(wanted: string): typeof FAILED {
    const byte = this.bytes[this.p] as number;
    return this.syntax(
      this.p,
      byte === 0x0a
        ? `The record ends where ${wanted} should be.`
        : `${excerpt(this.bytes, this.p, this.p + utf8Length(byte))} stands where ${wanted} should be.`,
    );
  }

  /** A value that is not of its type; or, if it is no JSON at all, that. */
  private mismatch(start: number, kind: string): typeof FAILED {
    const { p, k } = this;
    this.p = start;
    // The value may have been read already; then its quotes are behind `k`, and it holds none but its own.
    if (p === start && !this.skip()) return FAILED;
    const end = p === start ? this.p : p;
    this.p = p;
    this.k = k;
    return this.fail(start, `is no ${kind}: ${excerpt(this.bytes, start, end)}`);
  }
}

function isSimpleEscape(byte: number): boolean {
  switch (byte) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}

/** Bytes of the character that begins with `byte`. */
const utf8Length = (byte: number): number => (byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4);
