/**
 * The least engine that can run a source by its contract: one enumerator, some readers, one thread. For contract tests and
 * for trying out a source by hand. It keeps the contract's rule that no call of a reader or enumerator happens during another:
 * what they ask of each other waits in a mailbox until the present call has returned.
 */
import { type Clock, type Logger, silentLogger, systemClock, systemScheduler, toError } from '../common/index.ts';
import type { OutputTag } from './output-tag.ts';
import {
  type InputStatus,
  RecordBatch,
  type Source,
  type SourceReader,
  type SourceSplit,
  type SplitEnumerator,
  type SplitEnumeratorContext,
} from './source.ts';

export interface SourceDriverOptions<SplitT, CheckpointT> {
  /** Readers; 1 by default. */
  readonly parallelism?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Starts from a snapshot instead of from the beginning; at another parallelism, its splits are dealt out in turn. */
  readonly restoreFrom?: SourceSnapshot<SplitT, CheckpointT>;
  /** Called, again and again, while every reader waits: moves a virtual clock, or creates what the source waits for. */
  readonly onIdle?: () => void | Promise<void>;
}

/** A checkpoint of a source. */
export interface SourceSnapshot<SplitT, CheckpointT> {
  readonly enumerator: CheckpointT;
  /** By subtask. */
  readonly splits: SplitT[][];
}

/** A poll's outcome, copied out of the batch. */
export interface PolledBatch<T> {
  readonly status: InputStatus;
  readonly values: T[];
  /** `undefined` unless the batch has timestamps. */
  readonly timestamps: number[] | undefined;
  readonly splitId: string;
  readonly bytes: number;
  readonly sideOutputs: readonly { readonly tag: OutputTag<unknown>; readonly value: unknown }[];
  readonly finishedSplits: readonly string[];
}

export class SourceDriver<T, SplitT extends SourceSplit, CheckpointT> {
  readonly readers: SourceReader<T, SplitT>[] = [];
  /** What readers counted as records in error. */
  errors = 0;
  /** Records of all polls so far. */
  polledRecords = 0;
  readonly #source: Source<T, SplitT, CheckpointT>;
  readonly #options: SourceDriverOptions<SplitT, CheckpointT>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #enumerator: SplitEnumerator<SplitT, CheckpointT>;
  readonly #batch = new RecordBatch<T>();
  readonly #ended: boolean[] = [];
  readonly #gauges: Map<string, () => number>[] = [];
  /** Splits assigned since the last snapshot, by subtask. */
  readonly #assigned = new Map<number, SplitT[]>();
  #mailbox: (() => void)[] = [];
  #draining = false;
  #failure: Error | undefined;
  #closed = false;
  #wake: () => void = () => {};

  constructor(source: Source<T, SplitT, CheckpointT>, options: SourceDriverOptions<SplitT, CheckpointT> = {}) {
    this.#source = source;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    const restored = options.restoreFrom;
    const context = this.#enumeratorContext();
    this.#enumerator =
      restored === undefined ? source.createEnumerator(context) : source.restoreEnumerator(context, restored.enumerator);
  }

  /** Starts the enumerator, then the readers. */
  async start(): Promise<void> {
    await this.#enumerator.start();
    const parallelism = this.#options.parallelism ?? 1;
    const restored = this.#options.restoreFrom?.splits ?? [];
    const splitsOf = (subtask: number): SplitT[] =>
      restored.length === parallelism
        ? (restored[subtask] as SplitT[])
        : restored.flat().filter((_, i) => i % parallelism === subtask);
    for (let subtask = 0; subtask < parallelism; subtask++) this.#startReader(subtask, splitsOf(subtask));
    this.#drainMailbox();
  }

  /** The sum of what the readers' gauges of this name say; NaN if one of them has none. */
  gauge(name: string): number {
    return this.#gauges.reduce((sum, ofReader) => sum + (ofReader.get(name)?.() ?? Number.NaN), 0);
  }

  #startReader(subtask: number, splits: readonly SplitT[]): void {
    const gauges = new Map<string, () => number>();
    this.#gauges[subtask] = gauges;
    const reader = this.#source.createReader({
      subtaskIndex: subtask,
      parallelism: this.#options.parallelism ?? 1,
      clock: this.#clock,
      logger: this.#logger,
      metrics: {
        countError: (records = 1) => {
          this.errors += records;
        },
        gauge: (name, read) => void gauges.set(name, read),
        counter: () => ({ inc: () => {} }),
      },
      sendSplitRequest: () => this.#post(() => this.#enumerator.handleSplitRequest(subtask)),
      sendSourceEventToCoordinator: (event) => this.#post(() => this.#enumerator.handleSourceEvent?.(subtask, event)),
    });
    this.readers[subtask] = reader;
    this.#ended[subtask] = false;
    this.#enumerator.addReader(subtask);
    if (splits.length > 0) reader.addSplits(splits);
    reader.start();
  }

  /** Polls one reader once. */
  poll(maxRecords: number, subtask = 0): PolledBatch<T> {
    if (this.#failure !== undefined) throw this.#failure;
    const batch = this.#batch;
    batch.reset();
    const status = this.#reader(subtask).pollBatch(batch, maxRecords);
    if (status === 'END_OF_INPUT') this.#ended[subtask] = true;
    this.polledRecords += batch.length;
    const polled: PolledBatch<T> = {
      status,
      values: batch.values.slice(0, batch.length),
      timestamps: batch.hasTimestamps ? [...batch.timestamps.subarray(0, batch.length)] : undefined,
      splitId: batch.splitId,
      bytes: batch.bytes,
      sideOutputs: batch.sideOutputs ?? [],
      finishedSplits: batch.finishedSplits ?? [],
    };
    this.#drainMailbox();
    return polled;
  }

  /** Polls all readers in turn until `until` returns `true` or all have ended; waits whenever none has anything. */
  async run(maxRecords: number, onBatch: (batch: PolledBatch<T>, subtask: number) => void, until = () => false): Promise<void> {
    while (!until() && this.#ended.includes(false)) {
      let progress = false;
      const waiting: number[] = [];
      for (let subtask = 0; subtask < this.readers.length && !until(); subtask++) {
        if (this.#ended[subtask]) continue;
        const batch = this.poll(maxRecords, subtask);
        onBatch(batch, subtask);
        if (batch.status === 'NOTHING_AVAILABLE') waiting.push(subtask);
        if (batch.status !== 'NOTHING_AVAILABLE' || batch.values.length > 0) progress = true;
      }
      if (!progress && !until()) await this.#wait(waiting);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Reads to the end of the input; the values of all readers, in the order in which they came. */
  async readAll(maxRecords = 1000): Promise<T[]> {
    const values: T[] = [];
    await this.run(maxRecords, (batch) => values.push(...batch.values));
    return values;
  }

  /** Reads until at least `count` values came. */
  async readSome(count: number, maxRecords = 1000): Promise<T[]> {
    const values: T[] = [];
    await this.run(
      maxRecords,
      (batch) => values.push(...batch.values),
      () => values.length >= count,
    );
    return values;
  }

  /** Closes one reader, gives back what it held at the last snapshot and what it got since, and starts another in its place. */
  async failReader(subtask: number, last: SourceSnapshot<SplitT, CheckpointT>): Promise<void> {
    await this.#reader(subtask).close();
    this.#enumerator.addSplitsBack([...(last.splits[subtask] ?? []), ...(this.#assigned.get(subtask) ?? [])], subtask);
    this.#assigned.delete(subtask);
    this.#startReader(subtask, []);
    this.#drainMailbox();
  }

  /** A checkpoint, copied as a checkpoint would be: it throws if the snapshot is not plain data. */
  snapshot(): SourceSnapshot<SplitT, CheckpointT> {
    this.#assigned.clear();
    return structuredClone({
      enumerator: this.#enumerator.snapshotState(1),
      splits: this.readers.map((reader) => reader.snapshotState(1)),
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const reader of this.readers) await reader.close();
    await this.#enumerator.close();
  }

  #reader(subtask: number): SourceReader<T, SplitT> {
    const reader = this.readers[subtask];
    if (reader === undefined) throw new Error(`There is no reader ${subtask}; the driver was not started.`);
    return reader;
  }

  async #wait(subtasks: readonly number[]): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const available = subtasks.map((subtask) => this.#reader(subtask).isAvailable());
    const any = Promise.race([woken, ...available]);
    const { onIdle } = this.#options;
    if (onIdle !== undefined) {
      let settled = false;
      const settle = (): void => {
        settled = true;
      };
      any.then(settle, settle);
      while (!settled && this.#mailbox.length === 0) {
        await onIdle();
        await new Promise<void>((resolve) => systemScheduler.yieldThen(resolve));
      }
    }
    if (this.#mailbox.length === 0) await any;
    this.#drainMailbox();
  }

  #assign(splits: readonly SplitT[], subtask: number): void {
    this.#assigned.set(subtask, [...(this.#assigned.get(subtask) ?? []), ...splits]);
    this.#post(() => this.#reader(subtask).addSplits(splits));
  }

  #post(mail: () => void): void {
    this.#mailbox.push(mail);
    this.#wake();
  }

  #drainMailbox(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let mail = this.#mailbox.shift(); mail !== undefined; mail = this.#mailbox.shift()) mail();
    } finally {
      this.#draining = false;
    }
  }

  #enumeratorContext(): SplitEnumeratorContext<SplitT> {
    return {
      clock: this.#clock,
      logger: this.#logger,
      currentParallelism: () => this.#options.parallelism ?? 1,
      registeredReaders: () => this.readers.map((_, subtask) => subtask),
      assignSplits: (assignment) => {
        for (const [subtask, splits] of assignment) this.#assign(splits, subtask);
      },
      assignSplit: (split, subtask) => this.#assign([split], subtask),
      signalNoMoreSplits: (subtask) => this.#post(() => this.#reader(subtask).notifyNoMoreSplits()),
      sendEventToSourceReader: (subtask, event) => this.#post(() => this.#reader(subtask).handleSourceEvent?.(event)),
      callAsync: <R>(
        work: () => Promise<R>,
        handler: (result: R | undefined, error: Error | undefined) => void,
        options: { readonly initialDelayMs?: number; readonly periodMs?: number } = {},
      ) => {
        const handle = (result: R | undefined, error: Error | undefined): void => {
          if (this.#closed) return;
          this.#post(() => {
            try {
              handler(result, error);
            } catch (thrown) {
              this.#failure = toError(thrown);
            }
            if (options.periodMs !== undefined && this.#failure === undefined) this.#later(options.periodMs, run);
          });
        };
        const run = (): void => {
          if (this.#closed) return;
          work().then(
            (result) => handle(result, undefined),
            (error) => handle(undefined, toError(error)),
          );
        };
        this.#later(options.initialDelayMs ?? 0, run);
      },
    };
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs > 0) this.#clock.setTimer(delayMs, run, { unref: true });
    else run();
  }
}
