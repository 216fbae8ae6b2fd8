/**
 * Layouts: generated readers for records that look like earlier ones.
 *
 * Machines write records of one kind with the same keys, in the same order, with the same white space; only the values
 * differ. Once the walker has met a shape three times, a reader is generated for it. It compares the bytes between the
 * values with the learned ones, four at a time as integers, which proves in one go that the structure is legal, that no
 * key is new and none comes twice; steps over each string by the index; and reads the wanted values with code for their
 * types. At the first difference it gives the record back, and another layout or the walker takes it. Every record is
 * checked in full either way.
 *
 * Nothing of the input gets into the source but integers (words of literal bytes, lengths); names come from the schema,
 * as JSON strings. A source carries a unique id, so that V8 keeps the type feedback of layouts apart.
 */
import { objectLiteral } from '../object-literal.ts';
import type { StringCache } from '../string-cache.ts';
import type { ScanArea } from '../wasm/scan-area.ts';
import { ENTRY_SHIFT, FLAG_DOUBT } from '../wasm/structural-scan.ts';
import type { JsonType } from './json-type.ts';
import { FAILED, type JsonWalker, type LayoutTrace } from './json-walker.ts';

/**
 * Reads records from entry `k` and byte `p` on, as long as they fit, and appends them to `out`; stops at entry `limit`.
 * Leaves the place of the first record that it did not read in the walker's `k` and `p`.
 */
export type LayoutReader = (k: number, p: number, limit: number, out: unknown[]) => void;

const MAX_LAYOUTS = 8;
/** Layouts that one engine may generate in its life. */
const MAX_GENERATED = 256;
const SIGHTINGS = 3;
const MAX_CANDIDATES = 64;
const MAX_FIELDS = 256;
const MAX_LITERAL_BYTES = 4096;

/** The layouts of one engine, the most recently used first. */
export class JsonLayouts {
  readonly readers: LayoutReader[] = [];
  private readonly area: ScanArea;
  private readonly walker: JsonWalker;
  private readonly root: JsonType;
  private readonly sightings = new Map<string, number>();
  private generated = 0;
  private barren = 0;

  constructor(area: ScanArea, walker: JsonWalker, root: JsonType) {
    this.area = area;
    this.walker = walker;
    this.root = root;
  }

  /** Whether records that the walker reads should be traced and shown to {@link learn}. */
  get isLearning(): boolean {
    return this.root.kind === 'OBJECT' && this.generated < MAX_GENERATED && this.barren < 32;
  }

  /** Takes note of a record that begins at `start` and that the walker has just read; `true` if there is a reader for its like now. */
  learn(start: number, trace: LayoutTrace): boolean {
    const signature = this.signatureOf(start, trace);
    if (signature === undefined) return false;
    const seen = (this.sightings.get(signature) ?? 0) + 1;
    if (seen < SIGHTINGS) {
      if (this.sightings.size >= MAX_CANDIDATES) {
        this.sightings.clear();
        this.barren++;
      }
      this.sightings.set(signature, seen);
      return false;
    }
    this.sightings.delete(signature);
    const reader = this.generate(start, trace);
    if (reader === undefined) return false;
    this.barren = 0;
    if (this.readers.length === MAX_LAYOUTS) this.readers.pop();
    this.readers.unshift(reader);
    return true;
  }

  /** Moves reader `i` to the front. */
  promote(i: number): void {
    const reader = this.readers[i] as LayoutReader;
    this.readers.copyWithin(1, 0, i);
    this.readers[0] = reader;
  }

  private signatureOf(start: number, trace: LayoutTrace): string | undefined {
    const { bytes } = this.area;
    if (trace.fields.length > MAX_FIELDS) return undefined;
    let signature = '';
    let at = start;
    for (let i = 0; i <= trace.fields.length; i++) {
      const end = i < trace.fields.length ? (trace.valueStarts[i] as number) : trace.end;
      if (signature.length + end - at > MAX_LITERAL_BYTES) return undefined;
      for (; at < end; at++) {
        if (bytes[at] === 0x5c) return undefined;
        signature += String.fromCharCode(bytes[at] as number);
      }
      if (i < trace.fields.length) {
        signature += `\0${kindOf(bytes[at] as number)}`;
        at = trace.valueEnds[i] as number;
      }
    }
    return signature;
  }

  private generate(start: number, trace: LayoutTrace): LayoutReader | undefined {
    const id = ++generatedLayouts;
    const source = layoutSource(this.area.bytes, start, trace, this.root, `millrace://json/layout-${id}`);
    this.generated++;
    try {
      const bind = new Function('W', 'B', 'D', 'E', 'C', 'T', 'FAILED', source) as LayoutBinding;
      const types = this.root.fields.map((field) => field.type);
      return bind(this.walker, this.area.bytes, this.area.view, this.area.entries, this.walker.caches, types, FAILED);
    } catch {
      // Code generation is forbidden here (a content security policy): the walker reads everything.
      this.generated = MAX_GENERATED;
      return undefined;
    }
  }
}

type LayoutBinding = (
  walker: JsonWalker,
  bytes: Uint8Array,
  view: DataView,
  entries: Int32Array,
  caches: readonly StringCache[],
  types: readonly JsonType[],
  failed: typeof FAILED,
) => LayoutReader;

let generatedLayouts = 0;

type ValueStart = 'string' | 'number' | 'other';

function kindOf(byte: number): ValueStart {
  if (byte === 0x22) return 'string';
  return byte === 0x2d || (byte >= 0x30 && byte <= 0x39) ? 'number' : 'other';
}

/** The source of a layout reader. */
export function layoutSource(bytes: Uint8Array, start: number, trace: LayoutTrace, root: JsonType, url: string): string {
  const lines: string[] = [];
  let at = start;
  trace.fields.forEach((field, i) => {
    const valueStart = trace.valueStarts[i] as number;
    lines.push(...matchLiteral(bytes, at, valueStart));
    const kind = kindOf(bytes[valueStart] as number);
    lines.push(...(field < 0 ? skipValue(kind) : readValue(kind, field, root.fields[field]?.type as JsonType)));
    at = trace.valueEnds[i] as number;
  });
  lines.push(...matchLiteral(bytes, at, trace.end));
  const names = root.fields.map((field) => field.name);
  const variables = root.fields.map((_, i) => `,v${i}`).join('');
  return `
return function layout(k, p, limit, out) {
  let e=0,q=0${variables};
  while (k < limit) {
    const k0=k, p0=p;
    read: {
${lines.map((line) => `      ${line}`).join('\n')}
      if (B[p]===13) p++;
      if (B[p]!==10) break read;
      p++; k++;
      out.push${objectLiteral(names, (i) => (trace.fields.includes(i) ? `v${i}` : 'undefined'))};
      continue;
    }
    k=k0; p=p0;
    break;
  }
  W.k=k; W.p=p;
};
//# sourceURL=${url}`;
}

/** Code that compares the input at `p` with `bytes[start .. end)` and passes over it. */
function matchLiteral(bytes: Uint8Array, start: number, end: number): string[] {
  const length = end - start;
  if (length === 0) return [];
  const tests: string[] = [];
  const word = (i: number) => {
    const at = start + i;
    const value =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    tests.push(`D.getInt32(p+${i},true)!==${value}`);
  };
  let i = 0;
  for (; i + 4 <= length; i += 4) word(i);
  if (i < length && length > 4) word(length - 4);
  else for (; i < length; i++) tests.push(`B[p+${i}]!==${bytes[start + i]}`);
  let quotes = 0;
  for (let at = start; at < end; at++) if (bytes[at] === 0x22) quotes++;
  return [`if (${tests.join('||')}) break read;`, `p+=${length};${quotes > 0 ? ` k+=${quotes};` : ''}`];
}

/** Code that sets `e` and `q` to the entry and the place of the closing quote of the string at `p`. */
const FIND_STRING_END = `e=E[k+1]; q=e>>>${ENTRY_SHIFT}; if (B[q]!==34) break read;`;
const PASS_STRING = 'k+=2; p=q+1;';
const SKIP_ANY = 'if (!W.skipAt(p,k)) break read; p=W.p; k=W.k;';

function skipValue(kind: ValueStart): string[] {
  switch (kind) {
    case 'string':
      return [
        `if (B[p]===34) { ${FIND_STRING_END} if ((e&${FLAG_DOUBT})!==0 && !W.isString(p+1,q)) break read; ${PASS_STRING} }`,
        `else { ${SKIP_ANY} }`,
      ];
    case 'number':
      return [
        `if (B[p]===45||B[p]>=48&&B[p]<=57) { const n=W.numberAt(p); if (n!==n) break read; p=W.p; }`,
        `else { ${SKIP_ANY} }`,
      ];
    case 'other':
      return [SKIP_ANY];
  }
}

function readValue(kind: ValueStart, field: number, type: JsonType): string[] {
  const variable = `v${field}`;
  const general = `${variable}=W.readAt(T[${field}],p,k); if (${variable}===FAILED) break read; p=W.p; k=W.k;`;
  if (kind === 'string') {
    const read =
      type.kind === 'STRING' || type.kind === 'ANY'
        ? `${variable}=C[${type.cache}].text(p+1,q,e); if (${variable}===undefined) break read;`
        : type.kind === 'TIMESTAMP'
          ? `${variable}=W.timestampText(p+1,q,e); if (${variable}!==${variable}) break read;`
          : undefined;
    if (read !== undefined) return [`if (B[p]===34) { ${FIND_STRING_END} ${read} ${PASS_STRING} }`, `else { ${general} }`];
  }
  if (kind === 'number') {
    const check =
      type.kind === 'DOUBLE' || type.kind === 'ANY'
        ? `if (n!==n) break read; ${variable}=n;`
        : type.kind === 'INT'
          ? `if ((n|0)!==n) break read; ${variable}=n|0;`
          : type.kind === 'LONG'
            ? `if (!Number.isSafeInteger(n)) break read; ${variable}=n+0;`
            : undefined;
    if (check !== undefined) {
      return [`if (B[p]===45||B[p]>=48&&B[p]<=57) { const n=W.numberAt(p); ${check} p=W.p; }`, `else { ${general} }`];
    }
  }
  return [general];
}
