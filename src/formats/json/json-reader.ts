/**
 * Reads blocks of JSON lines into objects of a schema: index the block, let layouts take what they know, walk the rest.
 *
 * Engines (scan area, walker, layouts, caches) belong to the format, not to a decoder: what was learned serves the next
 * file, too, and thousands of decoders need one memory. An engine is out of the pool while it decodes, so a malformed-record
 * handler that itself decodes gets another one.
 */
import { invariant } from '../../common/index.ts';
import { BLOCK_BYTES, type BlockPosition, type BlockReader } from '../chunk-decoder.ts';
import { ScanArea } from '../wasm/scan-area.ts';
import type { instantiateKernels } from '../wasm/structural-scan.ts';
import { ENTRY_SHIFT } from '../wasm/structural-scan.ts';
import { JsonLayouts, type LayoutReader } from './json-layout.ts';
import type { CompiledSchema } from './json-type.ts';
import { FAILED, type JsonFailure, JsonWalker } from './json-walker.ts';

const NEWLINE = 0x0a;

/** One memory with everything that was learned about the input in it. */
class JsonEngine {
  readonly area: ScanArea;
  readonly walker: JsonWalker;
  readonly layouts: JsonLayouts;
  private readonly schema: CompiledSchema;

  constructor(capacity: number, schema: CompiledSchema, kernelsOf: typeof instantiateKernels | undefined) {
    this.area = new ScanArea(capacity, schema.caches, kernelsOf);
    this.walker = new JsonWalker(this.area, schema);
    this.layouts = new JsonLayouts(this.area, this.walker, schema.root);
    this.schema = schema;
  }

  decode(chunk: Uint8Array, start: number, end: number, final: boolean, out: unknown[], position: BlockPosition): number {
    const { area, walker, layouts } = this;
    const terminate = final && chunk[end - 1] !== NEWLINE;
    const count = area.scanJson(area.load(chunk, start, end, terminate));
    const { bytes, entries } = area;
    let limit = count;
    while (limit > 0 && bytes[(entries[limit - 1] as number) >>> ENTRY_SHIFT] !== NEWLINE) limit--;
    let k = 0;
    let p = 0;
    while (k < limit) {
      if (layouts.readers.length > 0 && this.readByLayout(k, p, limit, out, position)) {
        k = walker.k;
        p = walker.p;
        continue;
      }
      const lineEntry = k;
      const lineStart = p;
      walker.p = p;
      walker.k = k;
      if (isBlank(walker, bytes)) {
        k++;
      } else {
        walker.isTracing = layouts.isLearning;
        const value = walker.readRecord(this.schema.root);
        if (value === FAILED) {
          k = lineEntry;
          while (bytes[(entries[k] as number) >>> ENTRY_SHIFT] !== NEWLINE) k++;
          const lineEnd = (entries[k] as number) >>> ENTRY_SHIFT;
          const failure = walker.failure as JsonFailure;
          const message = describe(failure);
          k++;
          position.malformed(chunk, start, start + lineStart, Math.min(start + lineEnd, end), start + failure.at, message);
        } else {
          k = walker.k + 1;
          out.push(value);
          if (walker.isTracing) layouts.learn(lineStart, walker.trace);
        }
      }
      p = ((entries[k - 1] as number) >>> ENTRY_SHIFT) + 1;
      position.line++;
    }
    return terminate ? Math.min(p, end - start) : p;
  }

  /** Lets the layouts read on from `k` and `p`; `false` if none of them takes the next record. */
  private readByLayout(k: number, p: number, limit: number, out: unknown[], position: BlockPosition): boolean {
    const { readers } = this.layouts;
    const before = out.length;
    for (let i = 0; i < readers.length; i++) {
      (readers[i] as LayoutReader)(k, p, limit, out);
      const records = out.length - before;
      if (records > 0) {
        position.line += records;
        if (i > 0) this.layouts.promote(i);
        return true;
      }
    }
    return false;
  }
}

function isBlank(walker: JsonWalker, bytes: Uint8Array): boolean {
  let at = walker.p;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0d) at++;
  return bytes[at] === NEWLINE;
}

export function describe(failure: JsonFailure): string {
  if (failure.path !== '') return `The field ${JSON.stringify(failure.path)} ${failure.message}`;
  return failure.message.startsWith('is ') ? `The record ${failure.message}` : failure.message;
}

/** The engines of one format. */
export class JsonEnginePool {
  private readonly schema: CompiledSchema;
  private readonly kernelsOf: typeof instantiateKernels | undefined;
  private readonly idle: JsonEngine[] = [];

  /** @param kernelsOf replaces the kernels, for tests of the path without WebAssembly. */
  constructor(schema: CompiledSchema, kernelsOf?: typeof instantiateKernels) {
    this.schema = schema;
    this.kernelsOf = kernelsOf;
  }

  /** Decodes with an engine that has room for `capacity` bytes. */
  decode(chunk: Uint8Array, start: number, end: number, final: boolean, out: unknown[], position: BlockPosition): number {
    let engine = this.idle.pop();
    if (engine === undefined || engine.area.capacity < end - start) {
      engine = new JsonEngine(Math.max(BLOCK_BYTES, end - start), this.schema, this.kernelsOf);
    }
    invariant(engine.area.capacity >= end - start, 'a scan area is at least as large as its block');
    try {
      return engine.decode(chunk, start, end, final, out, position);
    } finally {
      this.idle.push(engine);
    }
  }
}

/** Reads blocks of JSON lines with the engines of a pool. */
export class JsonBlockReader<T> implements BlockReader<T> {
  private readonly pool: JsonEnginePool;

  constructor(pool: JsonEnginePool) {
    this.pool = pool;
  }

  read(chunk: Uint8Array, start: number, end: number, final: boolean, out: T[], position: BlockPosition): number {
    return this.pool.decode(chunk, start, end, final, out, position);
  }
}

/**
 * Reads blocks of JSON lines by `JSON.parse`, every field of any value: for formats without a schema. The block is decoded
 * to text as a whole, which saves half of the time of a decoder call per line. A line that fails is walked, for its position.
 */
export class JsonTextReader<T> implements BlockReader<T> {
  private readonly toText: (bytes: Uint8Array, start: number, end: number) => string;
  private readonly walkers: JsonEnginePool;

  constructor(toText: (bytes: Uint8Array, start: number, end: number) => string, walkers: JsonEnginePool) {
    this.toText = toText;
    this.walkers = walkers;
  }

  read(chunk: Uint8Array, start: number, end: number, final: boolean, out: T[], position: BlockPosition): number {
    const last = final ? end : chunk.lastIndexOf(NEWLINE, end - 1) + 1;
    if (last <= start) return 0;
    const text = this.toText(chunk, start, last);
    let from = 0;
    // The line that byteStart is the start of; only found where a position is needed.
    let byteStart = start;
    let byteLine = position.line;
    while (from < text.length) {
      let to = text.indexOf('\n', from);
      if (to < 0) to = text.length;
      const line = text.substring(from, to);
      from = to + 1;
      let value: T | undefined;
      let isValue = true;
      try {
        value = JSON.parse(line) as T;
      } catch {
        isValue = false;
      }
      if (isValue) {
        out.push(value as T);
      } else if (!/^[ \t\r]*$/.test(line)) {
        for (; byteLine < position.line; byteLine++) byteStart = chunk.indexOf(NEWLINE, byteStart) + 1;
        const newline = chunk.indexOf(NEWLINE, byteStart);
        const lineEnd = newline < 0 || newline > last ? last : newline;
        this.report(chunk, start, byteStart, lineEnd, position);
      }
      position.line++;
    }
    return last - start;
  }

  private report(chunk: Uint8Array, block: number, start: number, end: number, position: BlockPosition): void {
    const collector: BlockPosition & { at: number; message: string } = {
      line: 1,
      at: start,
      message: 'The record is not valid JSON.',
      malformed(_chunk, _block, _start, _end, at, message): void {
        this.at = at;
        this.message = message;
      },
    };
    this.walkers.decode(chunk, start, end, true, [], collector);
    position.malformed(chunk, block, start, end, collector.at, collector.message);
  }
}
