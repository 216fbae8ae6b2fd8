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
  #delivered = 0;

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
    this.#delivered = 0;
    return new StaticSplitEnumerator(context, [{ splitId: 'collection', position: 0 }]);
  }

  restoreEnumerator(
    context: SplitEnumeratorContext<CollectionSplit>,
    checkpoint: CollectionSplit[],
  ): StaticSplitEnumerator<CollectionSplit> {
    return new StaticSplitEnumerator(context, checkpoint);
  }

  createReader(context: SourceReaderContext): SingleSplitReader<T, CollectionSplit> {
    const onDelivered = (position: number): void => {
      this.#delivered = position;
    };
    const values = this.#values;
    return new SingleSplitReader(context, (split) =>
      Array.isArray(values) ? new ArrayCursor<T>(values, split, onDelivered) : new IterableCursor<T>(values, split, onDelivered),
    );
  }

  /** In values; known for arrays. */
  progress(): { readonly done: number; readonly total: number } | undefined {
    return Array.isArray(this.#values) ? { done: this.#delivered, total: this.#values.length } : undefined;
  }
}

class ArrayCursor<T> {
  readonly #values: readonly T[];
  readonly #split: CollectionSplit;
  readonly #onDelivered: (position: number) => void;
  #position: number;

  constructor(values: readonly T[], split: CollectionSplit, onDelivered: (position: number) => void) {
    this.#values = values;
    this.#split = split;
    this.#onDelivered = onDelivered;
    this.#position = split.position;
  }

  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    const from = this.#position;
    const to = Math.min(this.#values.length, from + maxRecords);
    const values = batch.values;
    for (let i = from, k = 0; i < to; i++, k++) values[k] = this.#values[i] as T;
    batch.length = Math.max(0, to - from);
    this.#position = to;
    this.#onDelivered(to);
    return to >= this.#values.length ? 'END_OF_INPUT' : 'MORE_AVAILABLE';
  }

  snapshot(): CollectionSplit {
    return { ...this.#split, position: this.#position };
  }
}

class IterableCursor<T> {
  readonly #iterator: Iterator<T>;
  readonly #split: CollectionSplit;
  readonly #onDelivered: (position: number) => void;
  #position = 0;

  constructor(values: Iterable<T>, split: CollectionSplit, onDelivered: (position: number) => void) {
    this.#split = split;
    this.#onDelivered = onDelivered;
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
    this.#onDelivered(this.#position);
    return done ? 'END_OF_INPUT' : 'MORE_AVAILABLE';
  }

  snapshot(): CollectionSplit {
    return { ...this.#split, position: this.#position };
  }

  close(): void {
    this.#iterator.return?.();
  }
}
