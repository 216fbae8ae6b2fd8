/**
 * Reads one file, or a piece of one: chunks from the read-ahead, through the decoder, into batches.
 *
 * A chunk rarely ends where a record does. What the decoder leaves over is put in front of the next chunk, into the room
 * kept there; when it is too long for that, both go into a larger buffer, which keeps growing while one record does not
 * end. A record that is still not complete is not tried again before the buffer has doubled, so that a long record costs
 * time in proportion to its length.
 */
import { MillraceError, toError } from '../../common/index.ts';
import {
  ChunkDecoder,
  type DecodingFormat,
  type MalformedPolicy,
  type RecordBatch,
  type SourceReaderMetrics,
} from '../../connector/index.ts';
import type { FileSourceSplit } from './file-source-split.ts';
import { type Chunk, type OpenFile, ReadAhead } from './read-ahead.ts';

export interface FileSplitReaderOptions<T> {
  readonly format: DecodingFormat<T>;
  readonly onMalformed: MalformedPolicy;
  readonly chunkBytes: number;
  readonly readAheadChunks: number;
  readonly maxRecordBytes: number;
  /** Opens the file behind the split, from its position on. */
  readonly open: (split: FileSourceSplit) => Promise<OpenFile>;
}

const NO_BYTES = new Uint8Array(0);

export class FileSplitReader<T> {
  readonly #split: FileSourceSplit;
  readonly #options: FileSplitReaderOptions<T>;
  readonly #readAhead: ReadAhead;
  /** Made when the file is open, because a piece of one finds out only then where it begins. */
  #decoder: ChunkDecoder<T> | undefined;
  /** What is not decoded yet: `#buffer[#start .. #end)`. */
  #buffer: Uint8Array = NO_BYTES;
  #start = 0;
  #end = 0;
  /** Whether the buffer is one that grew, and is not of the read-ahead's pool. */
  #ownBuffer = true;
  /** How many bytes must be there before decoding is tried again. */
  #needed = 1;
  #endDecoded = false;

  /** @param pool as for {@link ReadAhead} */
  constructor(split: FileSourceSplit, options: FileSplitReaderOptions<T>, metrics: SourceReaderMetrics, pool: Uint8Array[]) {
    this.#split = split;
    this.#options = options;
    this.#readAhead = new ReadAhead(
      async () => {
        try {
          const file = await options.open(split);
          this.#decoder = new ChunkDecoder<T>(
            { format: options.format, source: split.path, onMalformed: options.onMalformed, position: file.position },
            metrics,
          );
          return file;
        } catch (error) {
          throw this.#readError(error);
        }
      },
      { chunkBytes: options.chunkBytes, chunks: options.readAheadChunks },
      pool,
    );
  }

  get path(): string {
    return this.#split.path;
  }

  /** Whether everything was polled. */
  get isDone(): boolean {
    return this.#endDecoded && !this.#decoder?.hasRecords;
  }

  /** Moves what is there into `batch`; `false` if nothing is there now. */
  poll(batch: RecordBatch<T>, maxRecords: number): boolean {
    while (!this.#decoder?.hasRecords) {
      const chunk = this.#take();
      if (chunk !== undefined) {
        batch.bytes += chunk.rawBytes;
        this.#append(chunk);
        if (this.#end - this.#start >= this.#needed) this.#decode(false);
      } else if (this.#readAhead.isDone) {
        if (this.#end > this.#start) this.#decode(true);
        this.#endDecoded = true;
        break;
      } else {
        return false;
      }
    }
    batch.splitId = this.#split.splitId;
    if (this.#decoder?.hasRecords) this.#decoder.drain(batch, maxRecords);
    return true;
  }

  available(): Promise<void> {
    return this.#readAhead.available();
  }

  snapshot(): FileSourceSplit {
    if (this.#decoder === undefined) return this.#split;
    const { isCut: _, ...split } = this.#split;
    return { ...split, position: this.#decoder.position() };
  }

  close(): Promise<void> {
    if (!this.#ownBuffer) this.#readAhead.release(this.#buffer);
    this.#use(NO_BYTES, 0, 0, true);
    return this.#readAhead.close();
  }

  #take(): Chunk | undefined {
    try {
      return this.#readAhead.take();
    } catch (error) {
      throw this.#readError(error);
    }
  }

  /** Puts a chunk behind what is left of the last one. */
  #append(chunk: Chunk): void {
    const left = this.#end - this.#start;
    if (left <= chunk.start) {
      const start = chunk.start - left;
      chunk.buffer.set(this.#buffer.subarray(this.#start, this.#end), start);
      if (!this.#ownBuffer) this.#readAhead.release(this.#buffer);
      this.#use(chunk.buffer, start, chunk.end, false);
      return;
    }
    const size = chunk.end - chunk.start;
    if (!this.#ownBuffer || this.#end + size > this.#buffer.length) {
      const larger = new Uint8Array(2 * (left + size));
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      if (!this.#ownBuffer) this.#readAhead.release(this.#buffer);
      this.#use(larger, 0, left, true);
    }
    this.#buffer.set(chunk.buffer.subarray(chunk.start, chunk.end), this.#end);
    this.#end += size;
    this.#readAhead.release(chunk.buffer);
  }

  #use(buffer: Uint8Array, start: number, end: number, own: boolean): void {
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
    this.#ownBuffer = own;
  }

  #decode(endOfInput: boolean): void {
    const decoder = this.#decoder as ChunkDecoder<T>;
    const consumed = decoder.decode(this.#buffer, this.#start, this.#end, endOfInput);
    const left = this.#end - consumed;
    if (consumed > this.#start) {
      this.#start = consumed;
      this.#needed = 1;
    } else if (left > this.#options.maxRecordBytes) {
      throw new MillraceError(
        'MALFORMED_RECORD',
        `${decoder.place}: the record that begins here does not end within ${left} bytes, and ` +
          `maxRecordBytes is ${this.#options.maxRecordBytes}. Is this the right format for the file? If so, raise maxRecordBytes.`,
        {
          context: {
            source: this.#split.path,
            ...(decoder.line !== undefined && { line: decoder.line }),
            offset: decoder.offset,
          },
          recoverable: false,
        },
      );
    } else {
      this.#needed = Math.min(2 * left, this.#options.maxRecordBytes + 1);
    }
    if (endOfInput) this.#start = this.#end;
  }

  #readError(error: unknown): MillraceError {
    if (error instanceof MillraceError) return error;
    const { offset } = this.#decoder ?? this.#split.position;
    return new MillraceError(
      'SOURCE_FAILED',
      `Cannot read '${this.#split.path}' behind byte ${offset}: ${toError(error).message}.`,
      { cause: error, context: { path: this.#split.path, offset } },
    );
  }
}
