/**
 * Any value as one short line of text, for print sinks and error messages. Bounded in depth, width and length; never
 * throws, calls no getter and no user's toString.
 */

export interface FormatOptions {
  /** The result is cut behind this many characters. */
  readonly maxChars?: number;
  /** Whether a string at the top is printed as it is, without quotes. */
  readonly bareStrings?: boolean;
}

const MAX_DEPTH = 6;
const MAX_ENTRIES = 100;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** For instance `{ word: 'to', count: 2 }`. */
export function formatValue(value: unknown, options: FormatOptions = {}): string {
  const maxChars = options.maxChars ?? 10_000;
  const text = options.bareStrings && typeof value === 'string' ? value : format(value, 0, maxChars);
  return text.length > maxChars ? `${text.slice(0, maxChars)}… (${text.length - maxChars} more characters)` : text;
}

function format(value: unknown, depth: number, budget: number): string {
  switch (typeof value) {
    case 'string':
      return `'${(value.length > budget ? value.slice(0, budget + 1) : value).replace(/[\\'\n\r\t]/g, escapeChar)}'`;
    case 'bigint':
      return `${value}n`;
    case 'function':
      return `[Function ${value.name || '(anonymous)'}]`;
    case 'symbol':
      return value.toString();
    case 'object':
      return value === null ? 'null' : formatObject(value, depth, budget);
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

function escapeChar(char: string): string {
  return char === '\n' ? '\\n' : char === '\r' ? '\\r' : char === '\t' ? '\\t' : `\\${char}`;
}

function formatObject(value: object, depth: number, budget: number): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Error) return `[${value.name}: ${value.message}]`;
  if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
  const below = (v: unknown): string => format(v, depth + 1, budget);
  if (Array.isArray(value)) return list('[', ']', value.length, (i) => below(value[i]), budget);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const array = value as unknown as ArrayLike<number>;
    return `${value.constructor.name}(${array.length}) ${list('[', ']', array.length, (i) => String(array[i]), budget)}`;
  }
  if (value instanceof Map) {
    const entries = [...value].slice(0, MAX_ENTRIES + 1);
    return `Map(${value.size}) ${list('{', '}', value.size, (i) => `${below(entries[i]?.[0])} => ${below(entries[i]?.[1])}`, budget)}`;
  }
  if (value instanceof Set) {
    const entries = [...value].slice(0, MAX_ENTRIES + 1);
    return `Set(${value.size}) ${list('{', '}', value.size, (i) => below(entries[i]), budget)}`;
  }
  const keys = Object.keys(value);
  const name = value.constructor?.name;
  const prefix = name === undefined || name === 'Object' ? '' : `${name} `;
  const entry = (i: number): string => {
    const key = keys[i] as string;
    const property = Object.getOwnPropertyDescriptor(value, key);
    const shown = property && 'value' in property ? below(property.value) : '[Getter]';
    return `${IDENTIFIER.test(key) ? key : `'${key}'`}: ${shown}`;
  };
  return prefix + list('{', '}', keys.length, entry, budget);
}

function list(open: string, close: string, size: number, entry: (i: number) => string, budget: number): string {
  if (size === 0) return open + close;
  const parts: string[] = [];
  let chars = 0;
  for (let i = 0; i < size && i < MAX_ENTRIES && chars <= budget; i++) {
    const part = entry(i);
    chars += part.length + 2;
    parts.push(part);
  }
  if (parts.length < size) parts.push(`… ${size - parts.length} more`);
  const pad = open === '{' ? ' ' : '';
  return open + pad + parts.join(', ') + pad + close;
}
