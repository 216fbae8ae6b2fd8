/**
 * Keys in canonical form: every key becomes a primitive that is equal (as a key of a Map) exactly if the keys are.
 *
 * Strings, numbers, bigints and booleans stand for themselves: the path of every record, kept small so that it is inlined.
 * Dates and composites become a string that starts with NUL; a string that starts with NUL itself gets an escape in front.
 * Invariants: encoding is injective, `decodeKey(encodeKey(key))` is an equal key, and the text never changes, since
 * key groups and savepoints depend on it. Fields of objects are sorted, so their order does not matter; -0 is 0.
 */
import { formatValue, invariant, MillraceError } from '../common/index.ts';

/** What a key is in tables, timers and snapshots. */
export type CanonicalKey = string | number | bigint | boolean;

const ESCAPED_STRING = '\u0000s';
const COMPOSITE = '\u0000k';
const MAX_DEPTH = 32;

/**
 * @throws MillraceError `INVALID_KEY` for what cannot be a key: NaN, null, undefined, functions, symbols, invalid dates,
 *   class instances, and composites that hold any of these
 */
export function encodeKey(key: unknown): CanonicalKey {
  if (typeof key === 'string') return key.charCodeAt(0) === 0 ? ESCAPED_STRING + key : key;
  // biome-ignore lint/suspicious/noSelfCompare: the fastest test for NaN
  if (typeof key === 'number' && key === key) return key + 0;
  return encodeRareKey(key);
}

function encodeRareKey(key: unknown): CanonicalKey {
  if (typeof key === 'boolean' || typeof key === 'bigint') return key;
  return COMPOSITE + encodePart(key, '', 0);
}

/** A part of a composite, as text that tells where it ends. */
function encodePart(part: unknown, path: string, depth: number): string {
  switch (typeof part) {
    case 'string':
      return `s${part.length}:${part}`;
    case 'number':
      if (Number.isNaN(part)) refuse(part, path, 'NaN');
      return `n${part + 0};`;
    case 'bigint':
      return `i${part};`;
    case 'boolean':
      return part ? 't' : 'f';
    case 'object':
      return part === null ? refuse(part, path, 'null') : encodeObject(part, path, depth);
    case 'undefined':
      return refuse(part, path, 'undefined');
    default:
      return refuse(part, path, `a ${typeof part}`);
  }
}

function encodeObject(part: object, path: string, depth: number): string {
  if (depth >= MAX_DEPTH) return refuse(part, path, `nested deeper than ${MAX_DEPTH} levels, or holds itself`);
  if (part instanceof Date) {
    const timeMs = part.getTime();
    return Number.isNaN(timeMs) ? refuse(part, path, 'an invalid Date') : `d${timeMs};`;
  }
  if (Array.isArray(part)) {
    let text = '[';
    for (let i = 0; i < part.length; i++) text += encodePart(part[i], `${path}[${i}]`, depth + 1);
    return `${text}]`;
  }
  const prototype: unknown = Object.getPrototypeOf(part);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return refuse(part, path, `an instance of ${part.constructor?.name || 'a class'}`);
  }
  let text = '{';
  for (const name of Object.keys(part).sort()) {
    text += `${name.length}:${name}${encodePart((part as Record<string, unknown>)[name], `${path}.${name}`, depth + 1)}`;
  }
  return `${text}}`;
}

function refuse(part: unknown, path: string, what: string): never {
  const where = path === '' ? 'The key' : `The key's part at '${path.replace(/^\./, '')}'`;
  throw new MillraceError(
    'INVALID_KEY',
    `${where} is ${what}: ${formatValue(part, { maxChars: 80 })}. A key is a string, number, bigint, boolean or Date, or an array or plain object of these. Return one from the key selector, and filter out or replace records without a key before.`,
    { context: { path, what } },
  );
}

/** The key that was encoded: equal, and for objects with sorted fields. */
export function decodeKey(canonical: CanonicalKey): any {
  if (typeof canonical !== 'string' || canonical.charCodeAt(0) !== 0) return canonical;
  if (canonical.startsWith(ESCAPED_STRING)) return canonical.slice(ESCAPED_STRING.length);
  invariant(canonical.startsWith(COMPOSITE), 'a canonical key has an unknown tag');
  return new CompositeReader(canonical).read();
}

/** Reads what `encodePart` wrote. */
class CompositeReader {
  private readonly text: string;
  private position = COMPOSITE.length;

  constructor(text: string) {
    this.text = text;
  }

  read(): unknown {
    const tag = this.text[this.position++];
    switch (tag) {
      case 's':
        return this.readText();
      case 'n':
        return Number(this.readUntil(';'));
      case 'i':
        return BigInt(this.readUntil(';'));
      case 't':
        return true;
      case 'f':
        return false;
      case 'd':
        return new Date(Number(this.readUntil(';')));
      case '[': {
        const array: unknown[] = [];
        while (!this.skip(']')) array.push(this.read());
        return array;
      }
      default: {
        invariant(tag === '{', 'a canonical key is cut off or has an unknown part');
        const object: Record<string, unknown> = {};
        while (!this.skip('}')) {
          const name = this.readText();
          const value = this.read();
          if (name === '__proto__')
            Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
          else object[name] = value;
        }
        return object;
      }
    }
  }

  private skip(end: string): boolean {
    if (this.text[this.position] !== end) return false;
    this.position++;
    return true;
  }

  private readText(): string {
    const length = Number(this.readUntil(':'));
    const start = this.position;
    this.position += length;
    return this.text.slice(start, this.position);
  }

  private readUntil(end: string): string {
    const start = this.position;
    const stop = this.text.indexOf(end, start);
    invariant(stop >= 0, 'a canonical key is cut off');
    this.position = stop + 1;
    return this.text.slice(start, stop);
  }
}
