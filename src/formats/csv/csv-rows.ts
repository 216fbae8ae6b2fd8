/**
 * Reads rows of an indexed block into objects.
 *
 * The index has an entry for each end of a column, with flags that say whether it holds quotes, bytes above 127, or
 * ends the row; so the reader generated for a plan checks a row's structure by or-ing its entries, and touches the
 * bytes of the wanted columns only (and of unwanted ones that have quotes, whose quoting is checked). A row that it
 * does not take goes to `explain`, which says what is wrong with it.
 */

import { readBigint, readNumber } from '../number-text.ts';
import { objectLiteral, objectMaker } from '../object-literal.ts';
import { StringCache } from '../string-cache.ts';
import { asciiText, excerpt, utf8Text } from '../text-decoding.ts';
import { MAX_TIMESTAMP, readTimestamp } from '../timestamp-text.ts';
import type { ScanArea } from '../wasm/scan-area.ts';
import { ENTRY_SHIFT, FLAG_NEWLINE, FLAG_NON_ASCII, FLAG_QUOTED_NEWLINE, FLAG_SPECIAL } from '../wasm/structural-scan.ts';
import type { CsvField, CsvKind, CsvPlan } from './csv-plan.ts';

const CARRIAGE_RETURN = 0x0d;
const NEWLINE = 0x0a;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What is wrong with a row. */
export interface CsvFault {
  readonly at: number;
  readonly message: string;
  /** Whether the quotes are broken, so that the row's end cannot be trusted. */
  readonly isQuoting: boolean;
}

/**
 * Reads rows from entry `k` and byte `p` on, as long as they are sound, and appends them to `out`; stops at entry
 * `limit`. Leaves the place of the first row that it did not read in `rows.k` and `rows.p`, and the newlines within
 * quotes in `rows.quotedNewlines`.
 */
export type RowReader = (k: number, p: number, limit: number, out: unknown[]) => void;

export class CsvRows {
  k = 0;
  p = 0;
  quotedNewlines = 0;
  readonly read: RowReader;
  readonly caches: readonly StringCache[];
  private readonly bytes: Uint8Array;
  private readonly entries: Int32Array;
  private readonly plan: CsvPlan;
  private readonly quote: number;

  constructor(area: ScanArea, plan: CsvPlan, quote: number, tables: number) {
    this.bytes = area.bytes;
    this.entries = area.entries;
    this.plan = plan;
    this.quote = quote;
    const build = (start: number, end: number, flags: number) => this.buildString(start, end, flags);
    this.caches = plan.fields.map((_, i) => new StringCache(build, i < tables ? area.internTable(i) : undefined));
    this.read = this.generate(area) ?? this.interpret;
  }

  // Values: each returns `undefined` for an empty optional column, and what `isFault` knows for a column that does not fit.

  /** The value of a column: for everything that generated code does not do itself. `FAULT` if it does not fit. */
  value(field: number, start: number, end: number, flags: number): unknown {
    const { kind, optional } = this.plan.fields[field] as CsvField;
    if (start === end && optional) return undefined;
    if (kind === 'STRING') return (this.caches[field] as StringCache).text(start, end, flags) ?? FAULT;
    if ((flags & FLAG_SPECIAL) === 0) return readValue(kind, this.bytes, start, end);
    if (this.quoteFault(start, end) >= 0) return FAULT;
    // Nothing but text needs a quote inside; with one it is no number either.
    return readValue(kind, this.bytes, start + 1, end - 1);
  }

  /** A number, or NaN if there is none or it stands in quotes: for generated code. */
  number(start: number, end: number, flags: number): number {
    return (flags & FLAG_SPECIAL) === 0 ? readNumber(this.bytes, start, end) : Number.NaN;
  }

  private buildString(start: number, end: number, flags: number): string | undefined {
    const toText = (flags & FLAG_NON_ASCII) === 0 ? asciiText : utf8Text;
    if ((flags & FLAG_SPECIAL) === 0) return toText(this.bytes, start, end);
    if (this.quoteFault(start, end) >= 0) return undefined;
    const text = toText(this.bytes, start + 1, end - 1);
    const quote = String.fromCharCode(this.quote);
    return text.includes(quote) ? text.replaceAll(quote + quote, quote) : text;
  }

  /** Index of the byte at which the quoting of a column is broken, or -1. */
  private quoteFault(start: number, end: number): number {
    const { bytes, quote } = this;
    let at = bytes.indexOf(quote, start);
    if (at !== start) return at >= 0 && at < end ? at : -1;
    for (at = start + 1; at < end; at++) {
      if (bytes[at] !== quote) continue;
      if (at === end - 1) return -1;
      if (bytes[at + 1] !== quote) return at + 1;
      at++;
    }
    return start;
  }

  /** Whether the quoting of the columns that are not wanted is sound: for generated code. */
  unwantedAreSound(k: number, p: number): boolean {
    for (const column of this.plan.unwanted) {
      if (((this.entries[k + column] as number) & FLAG_SPECIAL) === 0) continue;
      if (this.quoteFault(this.start(k, p, column), this.end(k, p, column)) >= 0) return false;
    }
    return true;
  }

  /** Adds the newlines within the quotes of a row to the count: for generated code. */
  countNewlines(start: number, end: number): void {
    for (let at = start; at < end; at++) if (this.bytes[at] === NEWLINE) this.quotedNewlines++;
  }

  private start(k: number, p: number, column: number): number {
    return column === 0 ? p : ((this.entries[k + column - 1] as number) >>> ENTRY_SHIFT) + 1;
  }

  private end(k: number, p: number, column: number): number {
    const entry = this.entries[k + column] as number;
    const end = entry >>> ENTRY_SHIFT;
    const isReturn = (entry & FLAG_NEWLINE) !== 0 && end > this.start(k, p, column) && this.bytes[end - 1] === CARRIAGE_RETURN;
    return isReturn ? end - 1 : end;
  }

  /** The number of columns of the row at entry `k`. */
  width(k: number): number {
    let width = 1;
    while (((this.entries[k + width - 1] as number) & FLAG_NEWLINE) === 0) width++;
    return width;
  }

  isBlank(k: number, p: number): boolean {
    return ((this.entries[k] as number) & FLAG_NEWLINE) !== 0 && this.end(k, p, 0) === p;
  }

  /** Says why the row at entry `k` and byte `p` was not read. */
  explain(k: number, p: number): CsvFault {
    const { plan } = this;
    const width = this.width(k);
    for (let column = 0; column < width; column++) {
      if (((this.entries[k + column] as number) & FLAG_SPECIAL) === 0) continue;
      const start = this.start(k, p, column);
      const at = this.quoteFault(start, this.end(k, p, column));
      if (at < 0) continue;
      const message =
        at === start || this.bytes[start] !== this.quote
          ? 'A quote stands in a column that does not begin with one.'
          : 'After a closing quote, the column goes on.';
      return { at, message: `${this.name(column)}${message}`, isQuoting: true };
    }
    if (width !== plan.columns.length) {
      const columns = plan.columns.length === 1 ? '1 column' : `${plan.columns.length} columns`;
      return {
        at: p,
        message: `The record has ${width} column${width === 1 ? '' : 's'}, but should have ${columns}.`,
        isQuoting: false,
      };
    }
    for (let i = 0; i < plan.fields.length; i++) {
      const { column, kind } = plan.fields[i] as CsvField;
      if (column < 0) continue;
      const start = this.start(k, p, column);
      const end = this.end(k, p, column);
      if (this.value(i, start, end, this.entries[k + column] as number) === FAULT) {
        return {
          at: start,
          message: `${this.name(column)}${excerpt(this.bytes, start, end)} is no ${kind}.`,
          isQuoting: false,
        };
      }
    }
    return { at: p, message: 'The record cannot be read.', isQuoting: false };
  }

  private name(column: number): string {
    const name = this.plan.columns[column];
    return `Column ${column + 1}${name === undefined ? '' : ` (${JSON.stringify(name)})`}: `;
  }

  private generate(area: ScanArea): RowReader | undefined {
    try {
      const bind = new Function('R', 'B', 'E', 'C', 'FAULT', rowReaderSource(this.plan)) as RowReaderBinding;
      return bind(this, area.bytes, area.entries, this.caches, FAULT);
    } catch {
      // Code generation is forbidden here (a content security policy).
      return undefined;
    }
  }

  /** The reader where code cannot be generated. */
  private readonly interpret: RowReader = (k, p, limit, out) => {
    const { plan } = this;
    const make = objectMaker(plan.fields.map((field) => field.name));
    const width = plan.columns.length;
    this.quotedNewlines = 0;
    this.k = k;
    this.p = p;
    while (this.k + width <= limit && !this.isBlank(this.k, this.p) && this.width(this.k) === width) {
      if (!this.unwantedAreSound(this.k, this.p)) return;
      const values = plan.fields.map(({ column }, i) =>
        column < 0
          ? undefined
          : this.value(
              i,
              this.start(this.k, this.p, column),
              this.end(this.k, this.p, column),
              this.entries[this.k + column] as number,
            ),
      );
      if (values.includes(FAULT)) return;
      const next = ((this.entries[this.k + width - 1] as number) >>> ENTRY_SHIFT) + 1;
      this.countNewlines(this.p, next - 1);
      this.k += width;
      this.p = next;
      out.push(make(values));
    }
  };
}

/** What a value reader returns for a column that does not fit its type. */
export const FAULT: unique symbol = Symbol('fault');

function readValue(kind: CsvKind, bytes: Uint8Array, start: number, end: number): unknown {
  switch (kind) {
    case 'INT':
    case 'LONG': {
      const value = readNumber(bytes, start, end);
      const fits = kind === 'INT' ? (value | 0) === value : Number.isSafeInteger(value);
      return fits ? value + 0 : FAULT;
    }
    case 'DOUBLE': {
      const value = readNumber(bytes, start, end);
      return Number.isNaN(value) ? specialNumber(asciiText(bytes, start, end)) : value;
    }
    case 'BIGINT':
      return readBigint(bytes, start, end) ?? FAULT;
    case 'BOOLEAN': {
      const text = asciiText(bytes, start, end).toLowerCase();
      return text === 'true' ? true : text === 'false' ? false : FAULT;
    }
    case 'TIMESTAMP': {
      const value = readTimestamp(bytes, start, end);
      return Math.abs(value) <= MAX_TIMESTAMP ? value : FAULT;
    }
    case 'DATE': {
      const value = readTimestamp(bytes, start, end);
      return Math.abs(value) <= MAX_TIMESTAMP ? new Date(value) : FAULT;
    }
    case 'BYTES': {
      const text = utf8Text(bytes, start, end);
      return BASE64.test(text) ? Uint8Array.from(atob(text), (char) => char.charCodeAt(0)) : FAULT;
    }
    case 'STRING':
      return utf8Text(bytes, start, end);
  }
}

function specialNumber(text: string): number | typeof FAULT {
  return text === 'NaN' ? Number.NaN : text === 'Infinity' || text === '-Infinity' ? Number(text) : FAULT;
}

type RowReaderBinding = (
  rows: CsvRows,
  bytes: Uint8Array,
  entries: Int32Array,
  caches: readonly StringCache[],
  fault: typeof FAULT,
) => RowReader;

let generated = 0;

/** The source of the reader for a plan. */
export function rowReaderSource(plan: CsvPlan): string {
  const width = plan.columns.length;
  const entry = (column: number) => `E[k+${column}]`;
  // A short row is or-ed in one expression, a long one in a loop.
  const others = Array.from({ length: Math.min(width - 1, 32) }, (_, i) => entry(i)).join('|') || '0';
  const rest = width - 1 > 32 ? `for (let i=32;i<${width - 1};i++) all|=E[k+i];` : '';
  const variables = plan.fields.map((_, i) => `,v${i}`).join('');
  const columns = plan.fields.map((field, i) => (field.column < 0 ? '' : readColumn(field, i, width))).join('\n');
  return `
return function rows(k, p, limit, out) {
  R.quotedNewlines=0;
  let s=0,t=0,f=0,n=0${variables};
  while (k+${width} <= limit) {
    row: {
      let all=${others}; ${rest}
      const last=${entry(width - 1)};
      if ((all&${FLAG_NEWLINE})!==0||(last&${FLAG_NEWLINE})===0) break row;
      const end=last>>>${ENTRY_SHIFT};
      ${width === 1 ? `if (end===p||(end===p+1&&B[p]===${CARRIAGE_RETURN})) break row;` : ''}
      if (((all|last)&${FLAG_SPECIAL})!==0&&!R.unwantedAreSound(k,p)) break row;
${columns}
      if (((all|last)&${FLAG_QUOTED_NEWLINE})!==0) R.countNewlines(p,end);
      k+=${width}; p=end+1;
      out.push${objectLiteral(
        plan.fields.map((field) => field.name),
        (i) => (plan.fields[i]?.column === -1 ? 'undefined' : `v${i}`),
      )};
      continue;
    }
    break;
  }
  R.k=k; R.p=p;
};
//# sourceURL=millrace://csv/rows-${++generated}`;
}

function readColumn(field: CsvField, index: number, width: number): string {
  const { column, kind, optional } = field;
  const v = `v${index}`;
  const isLast = column === width - 1;
  const bounds =
    `s=${column === 0 ? 'p' : `(E[k+${column - 1}]>>>${ENTRY_SHIFT})+1`}; f=E[k+${column}]; t=f>>>${ENTRY_SHIFT};` +
    (isLast ? ` if (t>s&&B[t-1]===${CARRIAGE_RETURN}) t--;` : '');
  const general = `${v}=R.value(${index},s,t,f); if (${v}===FAULT) break row;`;
  const numeric = (check: string, value: string) => `n=R.number(s,t,f); if (${check}) ${v}=${value}; else { ${general} }`;
  let read = general;
  if (kind === 'STRING') read = `${v}=C[${index}].text(s,t,f); if (${v}===undefined) break row;`;
  else if (kind === 'INT') read = numeric('(n|0)===n', 'n|0');
  else if (kind === 'LONG') read = numeric('Number.isSafeInteger(n)', 'n+0');
  else if (kind === 'DOUBLE') read = numeric('n===n', 'n');
  return `      ${bounds} ${optional ? `if (s===t) ${v}=undefined; else { ${read} }` : read}`;
}
