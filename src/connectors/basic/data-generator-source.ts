/**
 * Records made by a function of their number, at full speed or at a rate.
 *
 * Split k of p makes the records k, k+p, k+2p, …, so that parallel readers advance together. Under a rate, records fall due one
 * by one along the injected clock; a reader that was held up makes good at most a tenth of a second's worth.
 */
import { MillraceError } from '../../common/index.ts';
import {
  type Boundedness,
  type InputStatus,
  type RecordBatch,
  type Source,
  type SourceReaderContext,
  type SourceSplit,
  type SplitEnumeratorContext,
  StaticSplitEnumerator,
} from '../../connector/index.ts';
import { RateLimiter } from './rate-limiter.ts';
import { SingleSplitReader } from './single-split-reader.ts';

export interface GeneratorSplit extends SourceSplit {
  /** The number of the next record. */
  readonly next: number;
  /** How far apart the split's numbers are. */
  readonly step: number;
}

export interface DataGeneratorOptions {
  /** Of all readers together; as fast as they can if absent. */
  readonly ratePerSecond?: number;
}

/** `generate(0)`, `generate(1)`, … `generate(count - 1)`; without end if `count` is 'unbounded'. */
export class DataGeneratorSource<T> implements Source<T, GeneratorSplit, GeneratorSplit[]> {
  readonly name = 'Data Generator Source';
  readonly boundedness: Boundedness;
  readonly #generate: (index: number) => T;
  readonly #count: number;
  readonly #ratePerSecond: number | undefined;

  constructor(generate: (index: number) => T, count: number | 'unbounded', options: DataGeneratorOptions = {}) {
    const { ratePerSecond } = options;
    if (count !== 'unbounded' && !(Number.isSafeInteger(count) && count >= 0)) {
      throw new MillraceError(
        'INVALID_OPTION',
        `The count of generated records must be a natural number or 'unbounded', but is ${count}.`,
      );
    }
    if (ratePerSecond !== undefined && !(Number.isFinite(ratePerSecond) && ratePerSecond > 0)) {
      throw new MillraceError('INVALID_OPTION', `ratePerSecond must be a positive number, but is ${ratePerSecond}.`);
    }
    this.#generate = generate;
    this.#count = count === 'unbounded' ? Number.POSITIVE_INFINITY : count;
    this.#ratePerSecond = ratePerSecond;
    this.boundedness = count === 'unbounded' ? 'CONTINUOUS_UNBOUNDED' : 'BOUNDED';
  }

  createEnumerator(context: SplitEnumeratorContext<GeneratorSplit>): StaticSplitEnumerator<GeneratorSplit> {
    const step = context.currentParallelism();
    const splits: GeneratorSplit[] = [];
    for (let next = 0; next < Math.min(step, this.#count); next++) splits.push({ splitId: `generator-${next}`, next, step });
    return new StaticSplitEnumerator(context, splits);
  }

  restoreEnumerator(
    context: SplitEnumeratorContext<GeneratorSplit>,
    checkpoint: GeneratorSplit[],
  ): StaticSplitEnumerator<GeneratorSplit> {
    return new StaticSplitEnumerator(context, checkpoint);
  }

  createReader(context: SourceReaderContext): SingleSplitReader<T, GeneratorSplit> {
    const rate = this.#ratePerSecond;
    const limiter = rate === undefined ? undefined : new RateLimiter(rate / context.parallelism, context.clock);
    const count = this.#count;
    return new SingleSplitReader(context, {
      open: (split) => new GeneratorCursor(split, { generate: this.#generate, count, limiter }),
      remaining: this.boundedness === 'BOUNDED' ? ({ next, step }) => Math.ceil((count - next) / step) : undefined,
    });
  }
}

interface GeneratorCursorOptions<T> {
  readonly generate: (index: number) => T;
  readonly count: number;
  readonly limiter: RateLimiter | undefined;
}

class GeneratorCursor<T> {
  readonly #split: GeneratorSplit;
  readonly #options: GeneratorCursorOptions<T>;
  #next: number;

  constructor(split: GeneratorSplit, options: GeneratorCursorOptions<T>) {
    this.#split = split;
    this.#options = options;
    this.#next = split.next;
  }

  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    const { generate, count, limiter } = this.#options;
    const step = this.#split.step;
    const left = Math.ceil((count - this.#next) / step);
    const wanted = Math.min(maxRecords, left);
    const records = limiter === undefined ? wanted : limiter.take(wanted);
    const values = batch.values;
    let next = this.#next;
    for (let i = 0; i < records; i++, next += step) values[i] = generate(next);
    this.#next = next;
    batch.length = records;
    if (records === left) return 'END_OF_INPUT';
    return records === wanted ? 'MORE_AVAILABLE' : 'NOTHING_AVAILABLE';
  }

  async available(): Promise<void> {
    await this.#options.limiter?.available();
  }

  snapshot(): GeneratorSplit {
    return { ...this.#split, next: this.#next };
  }

  close(): void {
    this.#options.limiter?.close();
  }
}
