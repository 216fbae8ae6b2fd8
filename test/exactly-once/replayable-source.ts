/**
 * A source in memory that can be read again from any position, in splits with event times of their own.
 *
 * Every record comes a while after the one before it in its split. A reader begins when it has all its splits: a split that came
 * later would be late for the watermarks of the others, at whatever parallelism the job goes on. For the same reason a split that is
 * given back goes to the subtask that had it.
 */
import type { Clock } from '../../src/common/index.ts';
import type {
  InputStatus,
  RecordBatch,
  Source,
  SourceReader,
  SourceReaderContext,
  SourceSplit,
  SplitEnumerator,
  SplitEnumeratorContext,
} from '../../src/connector/index.ts';
import type { Faults } from './faults.ts';
import type { Item } from './item.ts';

export interface TimedItem extends Item {
  /** From the record before it, or from the start of the reader. */
  readonly gapMs: number;
}

export interface ReplaySplit extends SourceSplit {
  readonly position: number;
}

/** Hears, whenever a snapshot is taken, how far each split has been read that whoever takes it has. */
export type PositionListener = (split: number, position: number) => void;

export class ReplayableSource implements Source<Item, ReplaySplit, readonly ReplaySplit[]> {
  readonly name = 'Replayable Source';
  readonly boundedness = 'BOUNDED';
  readonly #splits: readonly (readonly TimedItem[])[];
  readonly #faults: Faults;
  readonly #onPosition: PositionListener;

  /** @param splits the records of each split */
  constructor(splits: readonly (readonly TimedItem[])[], faults: Faults, onPosition: PositionListener = () => {}) {
    this.#splits = splits;
    this.#faults = faults;
    this.#onPosition = onPosition;
  }

  createEnumerator(context: SplitEnumeratorContext<ReplaySplit>): ReplayEnumerator {
    return new ReplayEnumerator(
      context,
      this.#splits.map((_, i) => ({ splitId: String(i), position: 0 })),
      this.#onPosition,
    );
  }

  restoreEnumerator(context: SplitEnumeratorContext<ReplaySplit>, checkpoint: readonly ReplaySplit[]): ReplayEnumerator {
    return new ReplayEnumerator(context, checkpoint, this.#onPosition);
  }

  createReader(context: SourceReaderContext): ReplayReader {
    return new ReplayReader(this.#splits, context.clock, this.#faults, this.#onPosition);
  }
}

class ReplayEnumerator implements SplitEnumerator<ReplaySplit, readonly ReplaySplit[]> {
  readonly #context: SplitEnumeratorContext<ReplaySplit>;
  readonly #unassigned: ReplaySplit[][];
  readonly #onPosition: PositionListener;

  constructor(context: SplitEnumeratorContext<ReplaySplit>, splits: readonly ReplaySplit[], onPosition: PositionListener) {
    this.#context = context;
    this.#onPosition = onPosition;
    const parallelism = context.currentParallelism();
    this.#unassigned = Array.from({ length: parallelism }, (_, reader) =>
      splits.filter(({ splitId }) => Number(splitId) % parallelism === reader),
    );
  }

  start(): void {}

  addReader(subtaskIndex: number): void {
    const splits = this.#unassigned[subtaskIndex] as ReplaySplit[];
    this.#unassigned[subtaskIndex] = [];
    if (splits.length > 0) this.#context.assignSplits(new Map([[subtaskIndex, splits]]));
    this.#context.signalNoMoreSplits(subtaskIndex);
  }

  handleSplitRequest(): void {}

  addSplitsBack(splits: readonly ReplaySplit[], subtaskIndex: number): void {
    (this.#unassigned[subtaskIndex] as ReplaySplit[]).push(...splits);
  }

  snapshotState(): readonly ReplaySplit[] {
    const splits = this.#unassigned.flat();
    for (const { splitId, position } of splits) this.#onPosition(Number(splitId), position);
    return splits;
  }

  close(): void {}
}

interface Cursor {
  readonly splitId: string;
  readonly records: readonly TimedItem[];
  position: number;
  nextMs: number;
}

class ReplayReader implements SourceReader<Item, ReplaySplit> {
  readonly #splits: readonly (readonly TimedItem[])[];
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #onPosition: PositionListener;
  #cursors: Cursor[] = [];
  readonly #finished: Cursor[] = [];
  #complete = false;
  #wake = Promise.withResolvers<void>();

  constructor(splits: readonly (readonly TimedItem[])[], clock: Clock, faults: Faults, onPosition: PositionListener) {
    this.#splits = splits;
    this.#clock = clock;
    this.#faults = faults;
    this.#onPosition = onPosition;
  }

  start(): void {
    this.#faults.at('open');
  }

  addSplits(splits: readonly ReplaySplit[]): void {
    for (const { splitId, position } of splits) {
      const records = this.#splits[Number(splitId)] as readonly TimedItem[];
      const gapMs = records[position]?.gapMs ?? 0;
      this.#cursors.push({ splitId, records, position, nextMs: this.#clock.monotonicMs() + gapMs });
    }
  }

  notifyNoMoreSplits(): void {
    this.#complete = true;
    this.#wake.resolve();
  }

  pollBatch(batch: RecordBatch<Item>, maxRecords: number): InputStatus {
    this.#faults.at('poll');
    if (!this.#complete) return 'NOTHING_AVAILABLE';
    const nowMs = this.#clock.monotonicMs();
    const cursor = this.#cursors.find(({ nextMs }) => nextMs <= nowMs);
    if (cursor !== undefined) this.#read(cursor, batch, maxRecords, nowMs);
    if (this.#cursors.length === 0) return 'END_OF_INPUT';
    return cursor === undefined ? 'NOTHING_AVAILABLE' : 'MORE_AVAILABLE';
  }

  isAvailable(): Promise<void> {
    if (!this.#complete) return this.#wake.promise;
    const nextMs = Math.min(...this.#cursors.map((c) => c.nextMs));
    return new Promise((resolve) => {
      this.#clock.setTimer(Math.max(0, nextMs - this.#clock.monotonicMs()), resolve);
    });
  }

  snapshotState(): ReplaySplit[] {
    this.#faults.at('snapshot');
    for (const { splitId, position } of [...this.#cursors, ...this.#finished]) this.#onPosition(Number(splitId), position);
    return this.#cursors.map(({ splitId, position }) => ({ splitId, position }));
  }

  notifyCheckpointComplete(): void {
    this.#faults.at('complete');
  }

  close(): void {
    this.#faults.at('close');
  }

  #read(cursor: Cursor, batch: RecordBatch<Item>, maxRecords: number, nowMs: number): void {
    batch.splitId = cursor.splitId;
    const { records } = cursor;
    while (cursor.position < records.length && batch.length < maxRecords && cursor.nextMs <= nowMs) {
      const { k, v, t } = records[cursor.position++] as TimedItem;
      batch.push({ k, v, t }, t);
      cursor.nextMs = nowMs + (records[cursor.position]?.gapMs ?? 0);
    }
    // The other splits have their turn first.
    this.#cursors = this.#cursors.filter((c) => c !== cursor);
    if (cursor.position < records.length) this.#cursors.push(cursor);
    else {
      this.#finished.push(cursor);
      batch.addFinishedSplit(cursor.splitId);
    }
  }
}
