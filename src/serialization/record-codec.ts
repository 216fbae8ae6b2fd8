/**
 * The codec of channels: records as bytes, in a form that adapts itself to what passes.
 *
 * Purpose: between threads (and processes) a record must be written and read in tens of nanoseconds. TypeScript's types do
 * not exist at run time, so an encoder watches the objects themselves: for each shape that it meets (an ordered list of
 * property names, and the kind of value in each) it generates a function that writes just that shape, announces the shape
 * once in the stream, and names it by one byte from then on. The decoder generates a function that reads it, with an object
 * literal in it. What fits no shape is written by the general codec (`encodeValue`); nothing else is different about it.
 *
 * A stream is a sequence of records: a value and its timestamp. A shape is defined in front of the first value that has it,
 * so a decoder must see all of a stream from its beginning; `reset` and `load` mark where one piece of it ends and the next
 * begins, and both ends begin a piece with the same idea of the last timestamp.
 *
 * - timestamp: a whole number: 0 and a double, or 1 + the zigzag difference to the one before
 * - value: a tag, and by tag: INT zigzag; DOUBLE 8 bytes; STRING as below; ARRAY count and values, HOLE for those that are
 *   missing; GENERAL length and bytes of
 *   `encodeValue`; DEFINE count and, for each field, name and kind, and behind it the value itself; from FIRST_SHAPE on the
 *   fields of that shape
 * - field: by kind; an ANY field is a value with its tag
 * - string: twice the length, plus 1 if each unit takes two bytes and not one; ASCII or UTF-16, so that every string survives
 *
 * Of an array, only the elements are carried: one that has other properties is refused where that is noticed.
 *
 * Whole numbers are in groups of 7 bits, the lowest first. All of it is little endian. The form may change between
 * versions: it is never stored.
 */

export const UNDEFINED = 0;
export const NULL = 1;
export const FALSE = 2;
export const TRUE = 3;
export const INT = 4;
export const DOUBLE = 5;
export const STRING = 6;
export const ARRAY = 7;
export const GENERAL = 8;
export const DEFINE = 9;
export const HOLE = 10;
export const FIRST_SHAPE = 16;

/** Definitions that a stream may hold; all of its tags are one byte. */
export const MAX_DEFINITIONS = 256 - FIRST_SHAPE;
/** Different lists of names in a stream; records beyond take the general codec. */
export const MAX_LAYOUTS = 64;
/** How often the kinds of a layout follow what comes; the last time, every field becomes ANY. */
export const MAX_WIDENINGS = 4;
/** Larger objects are taken for dictionaries. */
export const MAX_FIELDS = 96;
/** Objects nested deeper are written by the general codec. */
export const MAX_SHAPED_DEPTH = 32;

/** What a field holds; the numbers are in the stream. */
export const Kind = { INT: 0, DOUBLE: 1, STRING: 2, BOOLEAN: 3, ANY: 4 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The length of a string whose header takes one byte. */
export const SHORT_STRING = 63;

let nextCodeId = 1;

/**
 * Compiles the source of generated functions. Every source carries a number of its own: V8 shares type feedback between
 * functions of the same text, which would make the codecs of all channels as slow as the most varied one.
 */
export function compileCode<T>(name: string, constants: Readonly<Record<string, unknown>>, body: string): T {
  const id = nextCodeId++;
  const source = `"use strict";\n// ${name} ${id}\n${body}\n//# sourceURL=millrace://${name}/${id}`;
  return new Function(...Object.keys(constants), source)(...Object.values(constants)) as T;
}
