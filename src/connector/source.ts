/**
 * The contract between the engine and a source (Flink's FLIP-27 in TypeScript).
 *
 * A source splits its input. One `SplitEnumerator` per job finds splits and assigns them; one `SourceReader` per subtask
 * reads the splits it was given. Readers never wait: `pollBatch` returns what is there, in batches of one split each, and
 * `isAvailable` says when to ask again. The engine calls a reader from one thread only, and never while a call is running.
 * Records carry timestamps only if the reader fills them in; watermarks are made by the engine, for each split on its own.
 */
import type { Clock, Logger } from '../common/index.ts';
import type { OutputTag } from './output-tag.ts';

export type Boundedness = 'BOUNDED' | 'CONTINUOUS_UNBOUNDED';

/** A part of the input that one reader can read on its own. Splits are plain data: they go into checkpoints. */
export interface SourceSplit {
  /** Unique within the source and stable across restarts. */
  readonly splitId: string;
}

/** What `pollBatch` found: more can be had at once, nothing right now, or never again. */
export type InputStatus = 'MORE_AVAILABLE' | 'NOTHING_AVAILABLE' | 'END_OF_INPUT';

/** The timestamp of a record that has none. */
export const NO_TIMESTAMP = Number.NEGATIVE_INFINITY;

/**
 * A batch of records of one split, owned by the engine and refilled by the reader at each poll. Before a poll the engine
 * calls `reset()`; the reader then fills `values[0 .. length)` and sets `splitId`.
 */
export class RecordBatch<T> {
  readonly values: T[] = [];
  /** Milliseconds since the epoch, parallel to `values`; read only if `hasTimestamps`. */
  timestamps: Float64Array = EMPTY_TIMESTAMPS;
  hasTimestamps = false;
  length = 0;
  splitId = '';
  /** Bytes that this batch took from the outside; counted as `numBytesIn`. */
  bytes = 0;
  /** Records that go to side outputs of the source instead (malformed input, for instance). */
  sideOutputs: { readonly tag: OutputTag<unknown>; readonly value: unknown }[] | undefined = undefined;
  /** Splits that ended with this batch: their watermarks no longer hold back the source. */
  finishedSplits: string[] | undefined = undefined;

  reset(): void {
    this.length = 0;
    this.splitId = '';
    this.bytes = 0;
    this.hasTimestamps = false;
    this.sideOutputs = undefined;
    this.finishedSplits = undefined;
  }

  /** Appends one record; readers on a hot path fill the arrays themselves. */
  push(value: T, timestampMs?: number): void {
    const i = this.length++;
    this.values[i] = value;
    if (timestampMs !== undefined) {
      if (this.timestamps.length <= i) this.growTimestamps(i + 1);
      this.timestamps[i] = timestampMs;
      this.hasTimestamps = true;
    }
  }

  /** Makes room for `size` timestamps; existing ones are kept. */
  growTimestamps(size: number): void {
    if (this.timestamps.length >= size) return;
    const larger = new Float64Array(Math.max(size, this.timestamps.length * 2, 1024));
    larger.set(this.timestamps);
    this.timestamps = larger;
  }

  addSideOutput<S>(tag: OutputTag<S>, value: S): void {
    this.sideOutputs ??= [];
    this.sideOutputs.push({ tag: tag as OutputTag<unknown>, value });
  }

  addFinishedSplit(splitId: string): void {
    this.finishedSplits ??= [];
    this.finishedSplits.push(splitId);
  }
}

const EMPTY_TIMESTAMPS = new Float64Array(0);

/** Metrics that a source may feed; each is optional reading for the reader. */
export interface SourceReaderMetrics {
  /** Counts records that could not be decoded (`numRecordsInErrors`). */
  countError(records?: number): void;
  /**
   * Registers a gauge under the source operator's scope. Two of them make the progress display, in any unit, each summed
   * over the readers: `progressTotal`, what the reader expects to read in this attempt (NaN while it does not know), and
   * `progressDone`, what of it was read.
   */
  gauge(name: string, read: () => number): void;
  /** Registers a counter under the source operator's scope; returns how to add to it. */
  counter(name: string): { inc(n?: number): void };
}

export interface SourceReaderContext {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: SourceReaderMetrics;
  /** Asks the enumerator for a split (a call of its `handleSplitRequest`). */
  sendSplitRequest(): void;
  sendSourceEventToCoordinator(event: unknown): void;
}

export interface SourceReader<T, SplitT extends SourceSplit> {
  /**
   * Called once, before the first poll; splits restored from a checkpoint are added before it. A reader that wants splits on
   * request asks for its first one here.
   */
  start(): void;
  /**
   * Fills `batch` with at most `maxRecords` records of one split, without waiting. A reader that cannot bound a batch so
   * exactly may exceed it by what one decoded chunk holds. May return records together with any status.
   */
  pollBatch(batch: RecordBatch<T>, maxRecords: number): InputStatus;
  /** Resolves when `pollBatch` is worth calling again; called only after `NOTHING_AVAILABLE`. Rejects if reading failed. */
  isAvailable(): Promise<void>;
  addSplits(splits: readonly SplitT[]): void;
  /** Not part of a checkpoint: a reader that is restored asks again when it needs a split, and is told again. */
  notifyNoMoreSplits(): void;
  /** The splits with their present positions: all records polled so far are before them. */
  snapshotState(checkpointId: number): SplitT[];
  notifyCheckpointComplete?(checkpointId: number): void | Promise<void>;
  notifyCheckpointAborted?(checkpointId: number): void | Promise<void>;
  handleSourceEvent?(event: unknown): void;
  /** Watermark alignment: stop and start reading single splits. A reader without it cannot be aligned by split. */
  pauseOrResumeSplits?(toPause: readonly string[], toResume: readonly string[]): void;
  close(): void | Promise<void>;
}

export interface SplitEnumeratorContext<SplitT extends SourceSplit> {
  readonly clock: Clock;
  readonly logger: Logger;
  currentParallelism(): number;
  /** Subtask indexes of the readers that are registered now. */
  registeredReaders(): readonly number[];
  assignSplits(assignment: ReadonlyMap<number, readonly SplitT[]>): void;
  assignSplit(split: SplitT, subtaskIndex: number): void;
  signalNoMoreSplits(subtaskIndex: number): void;
  sendEventToSourceReader(subtaskIndex: number, event: unknown): void;
  /**
   * Runs `work` and hands its outcome to `handler`, never while another call of the enumerator runs; with `periodMs`
   * again and again, each time `periodMs` after the last one ended. An error that `handler` throws fails the job.
   */
  callAsync<R>(
    work: () => Promise<R>,
    handler: (result: R | undefined, error: Error | undefined) => void,
    options?: { readonly initialDelayMs?: number; readonly periodMs?: number },
  ): void;
}

/** Finds and assigns splits. Every method is called from one thread and one at a time. */
export interface SplitEnumerator<SplitT extends SourceSplit, CheckpointT> {
  start(): void | Promise<void>;
  handleSplitRequest(subtaskIndex: number): void;
  addReader(subtaskIndex: number): void;
  /** Takes back the splits of a reader that failed after the last checkpoint. */
  addSplitsBack(splits: readonly SplitT[], subtaskIndex: number): void;
  handleSourceEvent?(subtaskIndex: number, event: unknown): void;
  snapshotState(checkpointId: number): CheckpointT;
  notifyCheckpointComplete?(checkpointId: number): void;
  close(): void | Promise<void>;
}

/** A source of records of type `T`. `CheckpointT` is what its enumerator puts into a checkpoint: plain data. */
export interface Source<T, SplitT extends SourceSplit = SourceSplit, CheckpointT = unknown> {
  readonly boundedness: Boundedness;
  /** How it is called in plans and metrics when the program gives no name. */
  readonly name: string;
  createEnumerator(context: SplitEnumeratorContext<SplitT>): SplitEnumerator<SplitT, CheckpointT>;
  restoreEnumerator(context: SplitEnumeratorContext<SplitT>, checkpoint: CheckpointT): SplitEnumerator<SplitT, CheckpointT>;
  createReader(context: SourceReaderContext): SourceReader<T, SplitT>;
  /** Tags of the side outputs that its readers emit. */
  readonly sideOutputTags?: readonly OutputTag<unknown>[];
}
