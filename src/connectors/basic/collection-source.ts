/** The values of an array or iterable, in order. One split: a collection is read by one reader. */
import { formatValue, MillraceError } from '../../common/index.ts';
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
import { SingleSplitReader } from './single-split-reader.ts';

export interface CollectionSplit extends SourceSplit {
  /** Values that were delivered. */
  readonly position: number;
}

/**
 * Values that the program holds. An iterable is asked for its values as they are needed; one that can be iterated only once
 * (a generator object) feeds one run only, and cannot be resumed.
 */
export class CollectionSource<T> implements Source<T, CollectionSplit, CollectionSplit[]> {
  readonly name = 'Collection Source';
  readonly boundedness: Boundedness = 'BOUNDED';
  readonly #values: Iterable<T>;

  /** @throws MillraceError `INVALID_PROGRAM` if the values cannot be iterated */
  constructor(values: Iterable<T>) {
    if (typeof (values as Iterable<T> | undefined)?.[Symbol.iterator] !== 'function') {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `A collection must be an array or another iterable, but is ${formatValue(values, { maxChars: 80 })}. For values that come asynchronously, write a Source.`,
      );
    }
    this.#values = values;
  }

  createEnumerator(context: SplitEnumeratorContext<CollectionSplit>): StaticSplitEnumerator<CollectionSplit> {
    return new StaticSplitEnumerator(context, [{ splitId: 'collection', position: 0 }]);
  }

  restoreEnumerator(
    context: SplitEnumeratorContext<CollectionSplit>,
    checkpoint: CollectionSplit[],
  ): StaticSplitEnumerator<CollectionSplit> {
    return new StaticSplitEnumerator(context, checkpoint);
  }

  createReader(context: SourceReaderContext): SingleSplitReader<T, CollectionSplit> {
    const values = this.#values;
    return Array.isArray(values)
      ? new SingleSplitReader(context, {
          open: (split) => new ArrayCursor<T>(values, split),
          remaining: ({ position }) => values.length - position,
        })
      : new SingleSplitReader(context, { open: (split) => new IterableCursor<T>(values, split) });
  }
}

class ArrayCursor<T> {
  readonly #values: readonly T[];
  readonly #split: CollectionSplit;
  #position: number;

  constructor(values: readonly T[], split: CollectionSplit) {
    this.#values = values;
    this.#split = split;
    this.#position = split.position;
  }

  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    const from = this.#position;
    const to = Math.min(this.#values.length, from + maxRecords);
    const values = batch.values;
    for (let i = from, k = 0; i < to; i++, k++) values[k] = this.#values[i] as T;
    batch.length = Math.max(0, to - from);
    this.#position = to;
    return to >= this.#values.length ? 'END_OF_INPUT' : 'MORE_AVAILABLE';
  }

  snapshot(): CollectionSplit {
    return { ...this.#split, position: this.#position };
  }
}

class IterableCursor<T> {
  readonly #iterator: Iterator<T>;
  readonly #split: CollectionSplit;
  #position = 0;

  constructor(values: Iterable<T>, split: CollectionSplit) {
    this.#split = split;
    this.#iterator = values[Symbol.iterator]();
    while (this.#position < split.position && !this.#iterator.next().done) this.#position++;
  }

  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    const values = batch.values;
    let count = 0;
    let done = false;
    while (count < maxRecords) {
      const next = this.#iterator.next();
      if (next.done) {
        done = true;
        break;
      }
      values[count++] = next.value;
    }
    batch.length = count;
    this.#position += count;
    return done ? 'END_OF_INPUT' : 'MORE_AVAILABLE';
  }

  snapshot(): CollectionSplit {
    return { ...this.#split, position: this.#position };
  }

  close(): void {
    this.#iterator.return?.();
  }
}
