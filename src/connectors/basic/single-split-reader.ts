/**
 * The reader of sources whose splits are read one after the other without waiting for the outside: asks for a split, reads it
 * through a cursor, asks for the next. What differs between sources is the cursor.
 */
import type { InputStatus, RecordBatch, SourceReader, SourceReaderContext, SourceSplit } from '../../connector/index.ts';

/** Reads one split. */
export interface SplitCursor<T, SplitT extends SourceSplit> {
  /** Fills the batch but for its split; `NOTHING_AVAILABLE` promises that `available` knows when to come back. */
  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus;
  available?(): Promise<void>;
  /** The split with its present position. */
  snapshot(): SplitT;
  close?(): void;
}

export interface SingleSplitReaderOptions<T, SplitT extends SourceSplit> {
  readonly open: (split: SplitT) => SplitCursor<T, SplitT>;
  /** How much of a split is still to be read, in any unit; absent if nobody knows. */
  readonly remaining?: ((split: SplitT) => number) | undefined;
}

export class SingleSplitReader<T, SplitT extends SourceSplit> implements SourceReader<T, SplitT> {
  readonly #context: SourceReaderContext;
  readonly #options: SingleSplitReaderOptions<T, SplitT>;
  /** What all splits that this reader was given had to be read; NaN before the first. */
  #total = Number.NaN;
  #queue: SplitT[] = [];
  #cursor: SplitCursor<T, SplitT> | undefined;
  #splitId = '';
  #noMoreSplits = false;
  #paused: ReadonlySet<string> = new Set();
  #wake: () => void = () => {};

  constructor(context: SourceReaderContext, options: SingleSplitReaderOptions<T, SplitT>) {
    this.#context = context;
    this.#options = options;
    if (options.remaining === undefined) return;
    context.metrics.gauge('progressTotal', () => this.#total);
    context.metrics.gauge('progressDone', () => this.#total - this.#remainingOf(this.snapshotState()));
  }

  #remainingOf(splits: readonly SplitT[]): number {
    const { remaining } = this.#options;
    return remaining === undefined ? 0 : splits.reduce((sum, split) => sum + remaining(split), 0);
  }

  start(): void {
    if (this.#queue.length === 0) this.#context.sendSplitRequest();
  }

  pollBatch(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    if (this.#cursor === undefined) {
      const split = this.#queue.shift();
      if (split === undefined) return this.#noMoreSplits ? 'END_OF_INPUT' : 'NOTHING_AVAILABLE';
      this.#cursor = this.#options.open(split);
      this.#splitId = split.splitId;
    }
    batch.splitId = this.#splitId;
    if (this.#paused.size > 0 && this.#paused.has(this.#splitId)) return 'NOTHING_AVAILABLE';
    const status = this.#cursor.poll(batch, maxRecords);
    if (status !== 'END_OF_INPUT') return status;
    batch.addFinishedSplit(this.#splitId);
    this.#cursor = undefined;
    if (this.#queue.length > 0) return 'MORE_AVAILABLE';
    if (this.#noMoreSplits) return 'END_OF_INPUT';
    this.#context.sendSplitRequest();
    return 'NOTHING_AVAILABLE';
  }

  async isAvailable(): Promise<void> {
    while (this.#cursor === undefined ? this.#queue.length === 0 && !this.#noMoreSplits : this.#paused.has(this.#splitId)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    await this.#cursor?.available?.();
  }

  addSplits(splits: readonly SplitT[]): void {
    this.#queue.push(...splits);
    this.#addToTotal(this.#remainingOf(splits));
    this.#wake();
  }

  notifyNoMoreSplits(): void {
    this.#noMoreSplits = true;
    this.#addToTotal(0);
    this.#wake();
  }

  #addToTotal(more: number): void {
    this.#total = (Number.isNaN(this.#total) ? 0 : this.#total) + more;
  }

  snapshotState(): SplitT[] {
    return this.#cursor === undefined ? [...this.#queue] : [this.#cursor.snapshot(), ...this.#queue];
  }

  pauseOrResumeSplits(toPause: readonly string[], toResume: readonly string[]): void {
    this.#paused = new Set([...this.#paused, ...toPause].filter((splitId) => !toResume.includes(splitId)));
    this.#wake();
  }

  close(): void {
    this.#noMoreSplits = true;
    this.#cursor?.close?.();
    this.#wake();
  }
}
