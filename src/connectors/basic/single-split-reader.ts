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

export class SingleSplitReader<T, SplitT extends SourceSplit> implements SourceReader<T, SplitT> {
  readonly #context: SourceReaderContext;
  readonly #openCursor: (split: SplitT) => SplitCursor<T, SplitT>;
  #queue: SplitT[] = [];
  #cursor: SplitCursor<T, SplitT> | undefined;
  #splitId = '';
  #noMoreSplits = false;
  #paused: ReadonlySet<string> = new Set();
  #wake: () => void = () => {};

  constructor(context: SourceReaderContext, openCursor: (split: SplitT) => SplitCursor<T, SplitT>) {
    this.#context = context;
    this.#openCursor = openCursor;
  }

  start(): void {
    if (this.#queue.length === 0) this.#context.sendSplitRequest();
  }

  pollBatch(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    if (this.#cursor === undefined) {
      const split = this.#queue.shift();
      if (split === undefined) return this.#noMoreSplits ? 'END_OF_INPUT' : 'NOTHING_AVAILABLE';
      this.#cursor = this.#openCursor(split);
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
    this.#wake();
  }

  notifyNoMoreSplits(): void {
    this.#noMoreSplits = true;
    this.#wake();
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
