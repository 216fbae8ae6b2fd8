/**
 * Reads blocks of CSV: the header first, then rows.
 *
 * After broken quotes nobody knows where the row ends: what is reported ends at the next newline, and indexing starts
 * anew behind it, in small blocks at first, so that a file full of such rows is not indexed over and over.
 */
import { invariant, MillraceError } from '../../common/index.ts';
import { BLOCK_BYTES, type BlockPosition, type BlockReader } from '../chunk-decoder.ts';
import { excerpt, utf8Text } from '../text-decoding.ts';
import { ScanArea } from '../wasm/scan-area.ts';
import { ENTRY_SHIFT, FLAG_NEWLINE } from '../wasm/structural-scan.ts';
import { type CsvFields, type CsvPlan, planCsv, stringFields } from './csv-plan.ts';
import { CsvRows } from './csv-rows.ts';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SMALLEST_WINDOW = 4096;
/** Fields with a string cache; the fields behind them go without. */
const MAX_TABLES = 64;
const MAX_PLANS = 16;

export interface CsvDialect {
  readonly delimiter: number;
  readonly quote: number;
}

interface CsvEngine {
  readonly area: ScanArea;
  readonly rows: CsvRows;
}

/** The plans of one format, by columns, each with its idle engines: shared by all decoders, as for JSON. */
export class CsvEnginePool {
  readonly dialect: CsvDialect;
  private readonly fields: CsvFields | undefined;
  private readonly idle = new Map<string, { readonly plan: CsvPlan; readonly engines: CsvEngine[] }>();

  constructor(fields: CsvFields | undefined, dialect: CsvDialect) {
    this.fields = fields;
    this.dialect = dialect;
  }

  /** The plan for these columns and its engines. @throws MillraceError MALFORMED_RECORD if a wanted column is not there. */
  planFor(columns: readonly string[], where: string): { readonly plan: CsvPlan; readonly engines: CsvEngine[] } {
    const key = JSON.stringify(columns);
    let entry = this.idle.get(key);
    if (entry === undefined) {
      if (this.idle.size === MAX_PLANS) this.idle.clear();
      entry = { plan: planCsv(this.fields ?? stringFields(columns), columns, where), engines: [] };
      this.idle.set(key, entry);
    }
    return entry;
  }

  createEngine(capacity: number, plan: CsvPlan): CsvEngine {
    const tables = Math.min(plan.fields.length, MAX_TABLES);
    const area = new ScanArea(capacity, tables);
    return { area, rows: new CsvRows(area, plan, this.dialect.quote, tables) };
  }
}

export interface CsvReaderOptions {
  readonly source: string;
  /** What the first record is. */
  readonly header: 'byName' | 'skip' | 'none';
  /** The columns, unless the header names them. */
  readonly columns: readonly string[] | undefined;
}

export class CsvBlockReader<T> implements BlockReader<T> {
  private readonly pool: CsvEnginePool;
  private readonly options: CsvReaderOptions;
  private headerPending: boolean;
  private columns: readonly string[] | undefined;
  private planned: { readonly plan: CsvPlan; readonly engines: CsvEngine[] } | undefined = undefined;
  private window = BLOCK_BYTES;

  /** @param columns those that an earlier decoder of this input found, if this one starts behind the header. */
  constructor(pool: CsvEnginePool, options: CsvReaderOptions, headerPending: boolean, columns?: readonly string[]) {
    this.pool = pool;
    this.options = options;
    this.headerPending = headerPending;
    this.columns = columns ?? options.columns;
  }

  snapshotState(): unknown {
    return this.headerPending ? undefined : this.columns;
  }

  read(chunk: Uint8Array, start: number, end: number, final: boolean, out: T[], position: BlockPosition): number {
    if (this.headerPending) return this.readHeader(chunk, start, end, final, position);
    if (this.planned === undefined) {
      invariant(this.columns !== undefined, 'columns are known behind the header');
      this.planned = this.pool.planFor(this.columns, this.describe());
    }
    for (;;) {
      const windowEnd = Math.min(end, start + this.window);
      const consumed = this.readRows(chunk, start, windowEnd, final && windowEnd === end, out, position);
      if (consumed > 0 || windowEnd === end) return consumed;
      this.window *= 2;
    }
  }

  private describe(): string {
    return this.options.header === 'byName' ? `The header of ${this.options.source}` : 'The option "columns"';
  }

  private readHeader(chunk: Uint8Array, start: number, end: number, final: boolean, position: BlockPosition): number {
    const header = parseHeader(chunk, start, end, final, this.pool.dialect);
    if (header === undefined) return 0;
    if (header.fault !== undefined) {
      throw new MillraceError('MALFORMED_RECORD', `The header of ${this.options.source} cannot be read: ${header.fault}`, {
        context: { source: this.options.source },
        recoverable: false,
      });
    }
    if (this.options.header === 'byName') this.columns = header.names;
    this.planned = this.pool.planFor(this.columns as readonly string[], this.describe());
    this.headerPending = false;
    for (let at = start; at < header.end; at++) if (chunk[at] === NEWLINE) position.line++;
    return header.end - start;
  }

  private readRows(chunk: Uint8Array, start: number, end: number, final: boolean, out: T[], position: BlockPosition): number {
    const { plan, engines } = this.planned as { plan: CsvPlan; engines: CsvEngine[] };
    let engine = engines.pop();
    if (engine === undefined || engine.area.capacity < end - start) {
      engine = this.pool.createEngine(Math.max(BLOCK_BYTES, end - start), plan);
    }
    try {
      return this.decode(engine, chunk, start, end, final, out, position);
    } finally {
      engines.push(engine);
    }
  }

  private decode(
    { area, rows }: CsvEngine,
    chunk: Uint8Array,
    start: number,
    end: number,
    final: boolean,
    out: T[],
    position: BlockPosition,
  ): number {
    const { delimiter, quote } = this.pool.dialect;
    const terminate = final && chunk[end - 1] !== NEWLINE;
    const length = area.load(chunk, start, end, terminate);
    const { entries } = area;
    let limit = area.scanCsv(length, delimiter, quote);
    while (limit > 0 && ((entries[limit - 1] as number) & FLAG_NEWLINE) === 0) limit--;
    let k = 0;
    let p = 0;
    while (k < limit) {
      const before = out.length;
      rows.read(k, p, limit, out);
      position.line += out.length - before + rows.quotedNewlines;
      k = rows.k;
      p = rows.p;
      if (k >= limit) break;
      const width = rows.width(k);
      const rowEnd = (entries[k + width - 1] as number) >>> ENTRY_SHIFT;
      if (rows.isBlank(k, p)) {
        position.line++;
      } else {
        const fault = rows.explain(k, p);
        if (fault.isQuoting) return this.refuse(area, chunk, start, end, final, p, fault.at, fault.message, position);
        position.malformed(chunk, start, start + p, Math.min(start + rowEnd, end), start + fault.at, fault.message);
        rows.quotedNewlines = 0;
        rows.countNewlines(p, rowEnd);
        position.line += 1 + rows.quotedNewlines;
      }
      k += width;
      p = rowEnd + 1;
    }
    if (final && p < length) {
      return this.refuse(area, chunk, start, end, final, p, p, 'A quote is opened in this record and never closed.', position);
    }
    if (this.window < BLOCK_BYTES && p > 0) this.window *= 2;
    return Math.min(p, end - start);
  }

  /** Reports the row at `p`, whose quotes are broken at `at`; returns what is consumed with it. */
  private refuse(
    { bytes }: ScanArea,
    chunk: Uint8Array,
    start: number,
    end: number,
    final: boolean,
    p: number,
    at: number,
    message: string,
    position: BlockPosition,
  ): number {
    const length = end - start;
    const newline = bytes.indexOf(NEWLINE, at);
    // Without a newline the row goes on in the next block, unless there is none.
    if ((newline < 0 || newline >= length) && !final) return p;
    const rowEnd = newline < 0 || newline >= length ? length : newline;
    position.malformed(chunk, start, start + p, start + rowEnd, start + at, message);
    for (let i = p; i < rowEnd; i++) if (bytes[i] === NEWLINE) position.line++;
    position.line++;
    this.window = SMALLEST_WINDOW;
    return Math.min(rowEnd + 1, length);
  }
}

interface Header {
  readonly names: readonly string[];
  /** Index behind the header's newline. */
  readonly end: number;
  readonly fault: string | undefined;
}

/** Reads the first record that is not blank as names; `undefined` if it is not complete. */
function parseHeader(
  chunk: Uint8Array,
  start: number,
  end: number,
  final: boolean,
  { delimiter, quote }: CsvDialect,
): Header | undefined {
  const names: string[] = [];
  let at = start;
  for (;;) {
    let name = '';
    let fault: string | undefined;
    const from = at;
    if (chunk[at] === quote) {
      at++;
      for (let textStart = at; ; at++) {
        if (at >= end) return final ? { names, end, fault: 'a quote in it is never closed.' } : undefined;
        if (chunk[at] !== quote) continue;
        name += utf8Text(chunk, textStart, at);
        if (chunk[at + 1] !== quote || at + 1 >= end) break;
        name += String.fromCharCode(quote);
        textStart = at + 2;
        at++;
      }
      at++;
      if (at < end && chunk[at] === CARRIAGE_RETURN) at++;
      if (at < end && chunk[at] !== delimiter && chunk[at] !== NEWLINE)
        fault = `${excerpt(chunk, from, at + 1)} goes on after a closing quote.`;
    } else {
      while (at < end && chunk[at] !== delimiter && chunk[at] !== NEWLINE) at++;
      const isReturn = at > from && chunk[at - 1] === CARRIAGE_RETURN && (at >= end || chunk[at] === NEWLINE);
      name = utf8Text(chunk, from, isReturn ? at - 1 : at);
      if (name.includes(String.fromCharCode(quote))) fault = `a quote stands within ${JSON.stringify(name)}.`;
    }
    if (at >= end && !final) return undefined;
    const isEnd = at >= end || chunk[at] === NEWLINE;
    at = Math.min(at + 1, end);
    if (isEnd && names.length === 0 && name === '' && at < end && chunk[from] !== quote) continue;
    names.push(name);
    if (fault !== undefined || isEnd) return { names, end: at, fault };
  }
}
