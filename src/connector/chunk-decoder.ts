/**
 * Decoding for sources that read bytes: chunks in, batches of at most so many records out, a position to resume from.
 *
 * A chunk is decoded in one go; its records wait here until they are polled. The position of a record in the middle of a
 * chunk is where the chunk's decoding began (byte offset, line, the decoder's own state) and how many records to skip from
 * there: byte offsets of single records are known to no one. A resumed decoder may be fed chunks cut elsewhere: skipping
 * counts records, over as many chunks as it takes.
 * Malformed records keep their place between the good ones, so that each is reported exactly once when a split is resumed;
 * only the policy 'fail' throws at once.
 */
import { MillraceError } from '../common/index.ts';
import type { DecodingFormat, MalformedRecord, StreamDecoder } from './format.ts';
import { OutputTag } from './output-tag.ts';
import type { RecordBatch } from './source.ts';

/** What to do with records that cannot be decoded: fail, skip and count them, or send them to a side output. */
export type MalformedPolicy = 'fail' | 'skip' | OutputTag<MalformedRecord>;

/** Where to go on in an input: plain data. */
export interface DecodePosition {
  /** Of the first byte to decode. */
  readonly offset: number;
  /** 1-based. */
  readonly line: number;
  /** Set if `line` counts from somewhere within the input, because what is before was not read. */
  readonly isLineRelative?: true;
  /** Records from there on that were delivered already. */
  readonly recordsToSkip: number;
  readonly decoderState?: unknown;
}

/** The beginning of an input. */
export const START_POSITION: DecodePosition = { offset: 0, line: 1, recordsToSkip: 0 };

export interface ChunkDecoderOptions<T> {
  readonly format: DecodingFormat<T>;
  /** What the input calls itself in messages. */
  readonly source: string;
  readonly onMalformed: MalformedPolicy;
  readonly position?: DecodePosition;
}

interface Misfit {
  /** How many records of the chunk come before it. */
  readonly index: number;
  readonly record: MalformedRecord;
}

export class ChunkDecoder<T> {
  readonly #policy: MalformedPolicy;
  readonly #countError: (records: number) => void;
  readonly #decoder: StreamDecoder<T>;
  readonly #source: string;
  readonly #isLineRelative: boolean;
  #offset: number;
  #toSkip: number;
  /** The records of the last chunk, of which `#next` were handed out. */
  #decoded: T[] = [];
  #next = 0;
  #misfits: Misfit[] = [];
  #nextMisfit = 0;
  /** Where the decoding of the last chunk began, and the records that were skipped for good before its first one. */
  #base: DecodePosition;

  constructor(options: ChunkDecoderOptions<T>, metrics: { countError(records?: number): void }) {
    const position = options.position ?? START_POSITION;
    this.#policy = options.onMalformed;
    this.#countError = (records) => metrics.countError(records);
    this.#source = options.source;
    this.#isLineRelative = position.isLineRelative === true;
    this.#offset = position.offset;
    this.#toSkip = position.recordsToSkip;
    this.#base = position;
    this.#decoder = options.format.createDecoder({
      source: options.source,
      startOffset: position.offset,
      startLine: position.line,
      state: position.decoderState,
      onMalformed: (record) => this.#onMalformed(record),
    });
  }

  /** Byte offset, in the input, of the first byte that is not consumed. */
  get offset(): number {
    return this.#offset;
  }

  /** 1-based line of that byte; `undefined` if the lines before were not counted. */
  get line(): number | undefined {
    return this.#isLineRelative ? undefined : this.#decoder.line;
  }

  /** How messages call the place of that byte. */
  get place(): string {
    return placeOf({ source: this.#source, line: this.line, offset: this.#offset });
  }

  /** Whether records (or malformed ones) wait to be drained. */
  get hasRecords(): boolean {
    return this.#next < this.#decoded.length || this.#nextMisfit < this.#misfits.length;
  }

  /**
   * Decodes `chunk[start .. end)`; call it only when nothing waits.
   * @returns the index behind the last byte consumed, as `StreamDecoder.decode` does.
   */
  decode(chunk: Uint8Array, start: number, end: number, endOfInput: boolean): number {
    this.#base = this.#here();
    this.#decoded = [];
    this.#next = 0;
    if (this.#misfits.length > 0) this.#misfits = [];
    this.#nextMisfit = 0;
    const consumed = this.#decoder.decode(chunk, start, end, this.#decoded, endOfInput);
    this.#offset += consumed - start;
    if (this.#toSkip > 0) this.#skip();
    return consumed;
  }

  #skip(): void {
    const firstKept = this.#misfits.findIndex((misfit) => misfit.index >= this.#toSkip);
    this.#nextMisfit = firstKept < 0 ? this.#misfits.length : firstKept;
    this.#next = Math.min(this.#toSkip, this.#decoded.length);
    this.#toSkip -= this.#next;
    this.#base = { ...this.#base, recordsToSkip: 0 };
  }

  /** Moves at most `maxRecords` records, and the malformed ones among them, into `batch`. */
  drain(batch: RecordBatch<T>, maxRecords: number): void {
    const decoded = this.#decoded;
    const values = batch.values;
    const from = this.#next;
    const to = Math.min(decoded.length, from + maxRecords);
    for (let i = from, k = 0; i < to; i++, k++) values[k] = decoded[i] as T;
    batch.length = to - from;
    this.#next = to;
    if (this.#nextMisfit < this.#misfits.length) this.#drainMisfits(batch, to);
  }

  #drainMisfits(batch: RecordBatch<T>, to: number): void {
    const policy = this.#policy;
    const isLast = to === this.#decoded.length;
    let count = 0;
    while (this.#nextMisfit < this.#misfits.length) {
      const misfit = this.#misfits[this.#nextMisfit] as Misfit;
      if (misfit.index >= to && !isLast) break;
      if (policy instanceof OutputTag) batch.addSideOutput(policy, misfit.record);
      this.#nextMisfit++;
      count++;
    }
    if (count > 0) this.#countError(count);
  }

  /** Where to resume so that exactly the records not drained yet follow. */
  position(): DecodePosition {
    return this.hasRecords ? { ...this.#base, recordsToSkip: this.#next } : this.#here();
  }

  #here(): DecodePosition {
    const decoderState = this.#decoder.snapshotState?.();
    return {
      offset: this.#offset,
      line: this.#decoder.line,
      ...(this.#isLineRelative && { isLineRelative: true }),
      recordsToSkip: this.#toSkip,
      ...(decoderState !== undefined && { decoderState }),
    };
  }

  #onMalformed(found: MalformedRecord): void {
    const record: MalformedRecord = this.#isLineRelative ? { ...found, line: undefined } : found;
    if (this.#policy === 'fail') throw malformedRecordError(record);
    this.#misfits.push({ index: this.#decoded.length, record });
  }
}

/** As editors and terminals know places, if the line is known. */
function placeOf(at: { readonly source: string; readonly line: number | undefined; readonly offset: number }): string {
  return at.line === undefined ? `${at.source}, byte ${at.offset}` : `${at.source}:${at.line}`;
}

const MAX_SHOWN_BYTES = 200;

/** The error that ends a job whose policy for malformed records is 'fail'. */
export function malformedRecordError(record: MalformedRecord): MillraceError {
  const shown = new TextDecoder().decode(record.bytes.subarray(0, MAX_SHOWN_BYTES));
  const cut = record.bytes.length > MAX_SHOWN_BYTES ? '…' : '';
  return new MillraceError(
    'MALFORMED_RECORD',
    `${placeOf(record)}${record.line === undefined ? ', column ' : ':'}${record.column}: ${record.message} Record: ${JSON.stringify(shown)}${cut}. ` +
      "Fix the input, or choose what happens to such records: onMalformed('skip') or a side output.",
    {
      context: {
        source: record.source,
        ...(record.line !== undefined && { line: record.line }),
        column: record.column,
        offset: record.offset,
      },
      recoverable: false,
    },
  );
}
