/** The numbers from one to another, split into ranges for parallel readers. */
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
import { SingleSplitReader } from './single-split-reader.ts';

export interface SequenceSplit extends SourceSplit {
  /** The next number. */
  readonly next: number;
  /** The last number, inclusive. */
  readonly to: number;
}

/** All integers from `from` to `to`, both included; in order within each split, one split for each reader. */
export class SequenceSource implements Source<number, SequenceSplit, SequenceSplit[]> {
  readonly name = 'Sequence Source';
  readonly boundedness: Boundedness = 'BOUNDED';
  readonly #from: number;
  readonly #to: number;

  constructor(from: number, to: number) {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from > to) {
      throw new MillraceError(
        'INVALID_OPTION',
        `A sequence goes from an integer to one that is not less, both within ±2^53; ${from} to ${to} does not.`,
      );
    }
    this.#from = from;
    this.#to = to;
  }

  createEnumerator(context: SplitEnumeratorContext<SequenceSplit>): StaticSplitEnumerator<SequenceSplit> {
    const count = this.#to - this.#from + 1;
    const parts = Math.min(context.currentParallelism(), count);
    const splits: SequenceSplit[] = [];
    let next = this.#from;
    for (let part = 0; part < parts; part++) {
      const size = Math.floor(count / parts) + (part < count % parts ? 1 : 0);
      splits.push({ splitId: `sequence-${part}`, next, to: next + size - 1 });
      next += size;
    }
    return new StaticSplitEnumerator(context, splits);
  }

  restoreEnumerator(
    context: SplitEnumeratorContext<SequenceSplit>,
    checkpoint: SequenceSplit[],
  ): StaticSplitEnumerator<SequenceSplit> {
    return new StaticSplitEnumerator(context, checkpoint);
  }

  createReader(context: SourceReaderContext): SingleSplitReader<number, SequenceSplit> {
    return new SingleSplitReader(context, {
      open: (split) => new SequenceCursor(split),
      remaining: ({ next, to }) => to - next + 1,
    });
  }
}

class SequenceCursor {
  readonly #split: SequenceSplit;
  #next: number;

  constructor(split: SequenceSplit) {
    this.#split = split;
    this.#next = split.next;
  }

  poll(batch: RecordBatch<number>, maxRecords: number): InputStatus {
    const first = this.#next;
    const count = Math.min(maxRecords, this.#split.to - first + 1);
    const values = batch.values;
    for (let i = 0; i < count; i++) values[i] = first + i;
    batch.length = count;
    this.#next = first + count;
    return this.#next > this.#split.to ? 'END_OF_INPUT' : 'MORE_AVAILABLE';
  }

  snapshot(): SequenceSplit {
    return { ...this.#split, next: this.#next };
  }
}
