/**
 * Records decoded from bytes in memory, once or several times over: for tests, for benchmarks of formats without a disk, and
 * for text that the program has at hand. The decoder sees slices of the bytes themselves; nothing is copied.
 */
import { MillraceError } from '../../common/index.ts';
import {
  type Boundedness,
  ChunkDecoder,
  type DecodePosition,
  type DecodingFormat,
  type InputStatus,
  type MalformedPolicy,
  OutputTag,
  type RecordBatch,
  type Source,
  type SourceReaderContext,
  type SourceReaderMetrics,
  type SourceSplit,
  type SplitEnumeratorContext,
  START_POSITION,
  StaticSplitEnumerator,
} from '../../connector/index.ts';
import { SingleSplitReader } from './single-split-reader.ts';

export interface BytesSplit extends SourceSplit {
  /** Runs through the bytes that are complete. */
  readonly rounds: number;
  readonly position: DecodePosition;
}

export interface BytesSourceOptions {
  /** How often the bytes are read; once by default. */
  readonly repeat?: number;
  /** How much is decoded at a time; 64 KiB by default. */
  readonly chunkBytes?: number;
  /** 'fail' by default. */
  readonly onMalformed?: MalformedPolicy;
}

export class BytesSource<T> implements Source<T, BytesSplit, BytesSplit[]> {
  readonly name = 'Bytes Source';
  readonly boundedness: Boundedness = 'BOUNDED';
  readonly sideOutputTags: readonly OutputTag<unknown>[];
  readonly #input: BytesInput<T>;
  readonly #repeat: number;
  #done = 0;

  constructor(bytes: Uint8Array, format: DecodingFormat<T>, options: BytesSourceOptions = {}) {
    const { repeat = 1, chunkBytes = 64 * 1024, onMalformed = 'fail' } = options;
    if (!(Number.isSafeInteger(repeat) && repeat > 0 && Number.isSafeInteger(chunkBytes) && chunkBytes > 0)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `repeat and chunkBytes must be positive integers, but are ${repeat} and ${chunkBytes}.`,
      );
    }
    this.#repeat = repeat;
    this.#input = { bytes, format, repeat, chunkBytes, onMalformed };
    this.sideOutputTags = onMalformed instanceof OutputTag ? [onMalformed as OutputTag<unknown>] : [];
  }

  createEnumerator(context: SplitEnumeratorContext<BytesSplit>): StaticSplitEnumerator<BytesSplit> {
    this.#done = 0;
    return new StaticSplitEnumerator(context, [{ splitId: 'bytes', rounds: 0, position: START_POSITION }]);
  }

  restoreEnumerator(context: SplitEnumeratorContext<BytesSplit>, checkpoint: BytesSplit[]): StaticSplitEnumerator<BytesSplit> {
    return new StaticSplitEnumerator(context, checkpoint);
  }

  createReader(context: SourceReaderContext): SingleSplitReader<T, BytesSplit> {
    const onBytes = (bytes: number): void => {
      this.#done += bytes;
    };
    return new SingleSplitReader(context, (split) => new BytesCursor(split, this.#input, context.metrics, onBytes));
  }

  /** In bytes. */
  progress(): { readonly done: number; readonly total: number } {
    return { done: this.#done, total: this.#input.bytes.length * this.#repeat };
  }
}

interface BytesInput<T> {
  readonly bytes: Uint8Array;
  readonly format: DecodingFormat<T>;
  readonly repeat: number;
  readonly chunkBytes: number;
  readonly onMalformed: MalformedPolicy;
}

class BytesCursor<T> {
  readonly #split: BytesSplit;
  readonly #input: BytesInput<T>;
  readonly #metrics: SourceReaderMetrics;
  readonly #onBytes: (bytes: number) => void;
  #rounds: number;
  #decoder: ChunkDecoder<T>;
  /** Index of the first byte that is not decoded. */
  #next: number;

  constructor(split: BytesSplit, input: BytesInput<T>, metrics: SourceReaderMetrics, onBytes: (bytes: number) => void) {
    this.#split = split;
    this.#input = input;
    this.#metrics = metrics;
    this.#onBytes = onBytes;
    this.#rounds = split.rounds;
    this.#next = split.position.offset;
    this.#decoder = this.#decoderAt(split.position);
  }

  #decoderAt(position: DecodePosition): ChunkDecoder<T> {
    const { format, onMalformed } = this.#input;
    return new ChunkDecoder({ format, source: 'bytes in memory', onMalformed, position }, this.#metrics);
  }

  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    while (!this.#decoder.hasRecords) {
      if (this.#next < this.#input.bytes.length) {
        this.#decodeChunk(batch);
      } else {
        this.#rounds++;
        if (this.#rounds >= this.#input.repeat) return 'END_OF_INPUT';
        this.#next = 0;
        this.#decoder = this.#decoderAt(START_POSITION);
        if (this.#input.bytes.length === 0) return 'MORE_AVAILABLE';
      }
    }
    this.#decoder.drain(batch, maxRecords);
    return 'MORE_AVAILABLE';
  }

  #decodeChunk(batch: RecordBatch<T>): void {
    const { bytes, chunkBytes } = this.#input;
    const start = this.#next;
    let size = chunkBytes;
    let consumed = start;
    while (consumed === start) {
      const end = Math.min(bytes.length, start + size);
      const isLast = end === bytes.length;
      consumed = this.#decoder.decode(bytes, start, end, isLast);
      if (isLast) consumed = end;
      size *= 2;
    }
    this.#next = consumed;
    batch.bytes += consumed - start;
    this.#onBytes(consumed - start);
  }

  snapshot(): BytesSplit {
    return { ...this.#split, rounds: this.#rounds, position: this.#decoder.position() };
  }
}
