/**
 * Records decoded from bytes in memory, once or several times over: for tests, for benchmarks of formats without a disk, and
 * for text that the program has at hand. The decoder sees slices of the bytes themselves; nothing is copied.
 *
 * Parallel readers share the rounds; if there are fewer than readers, they share the bytes, provided that the format says where
 * these can be cut.
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

/** A piece of the bytes, to be read for some rounds. */
export interface BytesSplit extends SourceSplit {
  /** Where the piece begins. */
  readonly start: DecodePosition;
  /** The offset behind its last byte. */
  readonly end: number;
  /** The round that is read, and the one before which to stop. */
  readonly round: number;
  readonly toRound: number;
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

  constructor(bytes: Uint8Array, format: DecodingFormat<T>, options: BytesSourceOptions = {}) {
    const { repeat = 1, chunkBytes = 64 * 1024, onMalformed = 'fail' } = options;
    if (!(Number.isSafeInteger(repeat) && repeat > 0 && Number.isSafeInteger(chunkBytes) && chunkBytes > 0)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `repeat and chunkBytes must be positive integers, but are ${repeat} and ${chunkBytes}.`,
      );
    }
    this.#repeat = repeat;
    this.#input = { bytes, format, chunkBytes, onMalformed };
    this.sideOutputTags = onMalformed instanceof OutputTag ? [onMalformed as OutputTag<unknown>] : [];
  }

  createEnumerator(context: SplitEnumeratorContext<BytesSplit>): StaticSplitEnumerator<BytesSplit> {
    const parallelism = context.currentParallelism();
    const rounds = this.#repeat >= parallelism ? share(this.#repeat, parallelism) : [0, this.#repeat];
    const starts = rounds.length === 2 ? this.#cut(parallelism) : [START_POSITION];
    const splits: BytesSplit[] = [];
    for (let r = 0; r + 1 < rounds.length; r++) {
      for (const [piece, start] of starts.entries()) {
        splits.push({
          splitId: `bytes-${r}-${piece}`,
          start,
          end: starts[piece + 1]?.offset ?? this.#input.bytes.length,
          round: rounds[r] as number,
          toRound: rounds[r + 1] as number,
          position: start,
        });
      }
    }
    return new StaticSplitEnumerator(context, splits);
  }

  restoreEnumerator(context: SplitEnumeratorContext<BytesSplit>, checkpoint: BytesSplit[]): StaticSplitEnumerator<BytesSplit> {
    return new StaticSplitEnumerator(context, checkpoint);
  }

  createReader(context: SourceReaderContext): SingleSplitReader<T, BytesSplit> {
    return new SingleSplitReader(context, {
      open: (split) => new BytesCursor(split, this.#input, context.metrics),
      remaining: ({ round, toRound, start, end, position }) =>
        (toRound - round) * (end - start.offset) - (position.offset - start.offset),
    });
  }

  /** Where at most so many pieces of about the same size begin. */
  #cut(pieces: number): DecodePosition[] {
    const { bytes, format } = this.#input;
    const starts = [START_POSITION];
    if (format.recordEnd === undefined || pieces === 1) return starts;
    let line = 1;
    let offset = 0;
    for (const wanted of share(bytes.length, pieces).slice(1, -1)) {
      while (offset < wanted) {
        const found = bytes.indexOf(format.recordEnd, offset);
        if (found < 0 || found + 1 === bytes.length) return starts;
        offset = found + 1;
        line++;
      }
      if (offset > (starts.at(-1) as DecodePosition).offset) starts.push({ offset, line, recordsToSkip: 0 });
    }
    return starts;
  }
}

/** The bounds of so many even parts of `total`, both ends included. */
function share(total: number, parts: number): number[] {
  return Array.from({ length: parts + 1 }, (_, i) => Math.floor((total * i) / parts));
}

interface BytesInput<T> {
  readonly bytes: Uint8Array;
  readonly format: DecodingFormat<T>;
  readonly chunkBytes: number;
  readonly onMalformed: MalformedPolicy;
}

class BytesCursor<T> {
  readonly #split: BytesSplit;
  readonly #input: BytesInput<T>;
  readonly #metrics: SourceReaderMetrics;
  #round: number;
  #decoder: ChunkDecoder<T>;
  /** Index of the first byte that is not decoded. */
  #next: number;

  constructor(split: BytesSplit, input: BytesInput<T>, metrics: SourceReaderMetrics) {
    this.#split = split;
    this.#input = input;
    this.#metrics = metrics;
    this.#round = split.round;
    this.#next = split.position.offset;
    this.#decoder = this.#decoderAt(split.position);
  }

  #decoderAt(position: DecodePosition): ChunkDecoder<T> {
    const { format, onMalformed } = this.#input;
    return new ChunkDecoder({ format, source: 'bytes in memory', onMalformed, position }, this.#metrics);
  }

  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    const { start, end, toRound } = this.#split;
    while (!this.#decoder.hasRecords) {
      if (this.#next < end) {
        this.#decodeChunk(batch);
      } else {
        this.#round++;
        if (this.#round >= toRound) return 'END_OF_INPUT';
        this.#next = start.offset;
        this.#decoder = this.#decoderAt(start);
        if (start.offset === end) return 'MORE_AVAILABLE';
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
      const end = Math.min(this.#split.end, start + size);
      const isLast = end === this.#split.end;
      consumed = this.#decoder.decode(bytes, start, end, isLast);
      if (isLast) consumed = end;
      size *= 2;
    }
    this.#next = consumed;
    batch.bytes += consumed - start;
  }

  snapshot(): BytesSplit {
    return { ...this.#split, round: this.#round, position: this.#decoder.position() };
  }
}
