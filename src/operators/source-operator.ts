/**
 * The head of a source's chain: drives the reader, and makes watermarks per split.
 *
 * Events between a reader and its enumerator travel as operator events through the task's mailbox. Alignment: splits that
 * are more than `maxDriftMs` ahead of the slowest split of the group are paused until it has caught up; the group's
 * slowest time comes from the coordinator, which sees all sources of the group.
 *
 * Checkpoints: a split belongs either to the enumerator's part or to a reader's. The enumerator's part is fixed when the
 * checkpoint is triggered, so the reader's is, too: when the trigger arrives, before any split that was assigned after it, and
 * not when the operators that are chained behind have flushed. With each split goes its watermark, and whether it is idle, so that
 * after a restore, where a rescale may have moved the split, event time goes on where it was. That no more splits will come is not stored:
 * a reader that is restored asks again when it needs one.
 */
import { MillraceError } from '../common/index.ts';
import type {
  CoordinatorEvent,
  InputStatus,
  ReaderEvent,
  RecordBatch,
  Source,
  SourceReader,
  SourceSplit,
} from '../connector/index.ts';
import { ListStateDescriptor } from '../state/index.ts';
import { MAX_WATERMARK, MIN_WATERMARK, type OperatorContext } from './operator.ts';
import { TimestampsAndWatermarksOperator } from './timestamps-and-watermarks-operator.ts';
import type { WatermarkStrategy } from './watermark-strategy.ts';

/** An element of the operator's state. */
interface SplitInCheckpoint {
  readonly split: SourceSplit;
  readonly watermark: number;
  readonly idle?: true;
}

/** Stands for the splits of a reader that has none, so that it can become idle. */
const NO_SPLIT = '\u0000no split';

export class SourceOperator<T> extends TimestampsAndWatermarksOperator<T> {
  private readonly source: Source<T>;
  private reader!: SourceReader<T, SourceSplit>;
  private readonly pausedSplits = new Set<string>();
  private maxAllowedWatermark = MAX_WATERMARK;
  /** By checkpoint: what its trigger fixed. */
  private readonly fixed = new Map<number, readonly SplitInCheckpoint[]>();
  private stopped = false;

  constructor(source: Source<T>, strategy: WatermarkStrategy<T>) {
    super(strategy);
    this.source = source;
  }

  override open(context: OperatorContext<T>): void {
    this.start(context);
    const { subtaskIndex } = context;
    const errors = context.metrics.counter('numRecordsInErrors');
    this.reader = this.source.createReader({
      subtaskIndex,
      parallelism: context.parallelism,
      clock: context.clock,
      logger: context.logger,
      metrics: {
        countError: (n) => errors.inc(n),
        gauge: (name, read) => void context.metrics.gauge(name, read),
        counter: (name) => context.metrics.counter(name),
      },
      sendSplitRequest: () => context.sendToCoordinator({ type: 'REQUEST_SPLIT', subtaskIndex } satisfies ReaderEvent),
      sendSourceEventToCoordinator: (event) =>
        context.sendToCoordinator({ type: 'SOURCE_EVENT', subtaskIndex, event } satisfies ReaderEvent),
    });
    const restored = [...this.splitState().get()];
    for (const { split, watermark, idle = false } of restored) Object.assign(this.addSplit(split.splitId), { watermark, idle });
    if (restored.length > 0) this.reader.addSplits(restored.map(({ split }) => split));
    this.markWhetherEmpty();
    if (restored.length > 0) this.multiplexer.announce();
    context.sendToCoordinator({ type: 'REGISTER_READER', subtaskIndex } satisfies ReaderEvent);
    this.reader.start();
    this.scheduleAlignment();
  }

  handleCoordinatorEvent(event: CoordinatorEvent): void {
    switch (event.type) {
      case 'ADD_SPLITS':
        this.addSplits(event.splits);
        break;
      case 'NO_MORE_SPLITS':
        this.reader.notifyNoMoreSplits();
        break;
      case 'SOURCE_EVENT':
        this.reader.handleSourceEvent?.(event.event);
        break;
      case 'ALIGN_WATERMARK':
        this.maxAllowedWatermark = event.slowest + (this.strategy.options.alignment?.maxDriftMs ?? MAX_WATERMARK);
        this.alignSplits();
        break;
    }
  }

  /** Fills `batch`; what goes to side outputs is emitted here, the records are the caller's. */
  poll(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    batch.reset();
    const status = this.reader.pollBatch(batch, maxRecords);
    if (batch.length > 0) this.useSplit(batch.splitId);
    if (batch.sideOutputs) {
      for (const { tag, value } of batch.sideOutputs) this.context.output.collectTo(tag, value, Number.NEGATIVE_INFINITY);
    }
    return status;
  }

  /** Called when the records of `batch` have been processed. */
  batchDone(batch: RecordBatch<T>): void {
    if (!batch.finishedSplits) return;
    for (const splitId of batch.finishedSplits) {
      const split = this.multiplexer.get(splitId);
      split?.generator.onPeriodicEmit(split);
      this.multiplexer.remove(splitId);
      this.pausedSplits.delete(splitId);
    }
    this.markWhetherEmpty();
  }

  readerAvailable(): Promise<void> {
    return this.reader.isAvailable();
  }

  /**
   * The trigger of a checkpoint has arrived: fixes which splits are this reader's in it. Called in the mail of the trigger; no
   * record is polled between this and the snapshot.
   */
  checkpointTriggered(checkpointId: number): void {
    this.fixed.set(checkpointId, this.splits(checkpointId));
  }

  prepareSnapshot(checkpointId: number): void {
    this.splitState().update(this.fixed.get(checkpointId) ?? this.splits(checkpointId));
    this.fixed.delete(checkpointId);
  }

  notifyCheckpointComplete(checkpointId: number): void | Promise<void> {
    return this.reader.notifyCheckpointComplete?.(checkpointId);
  }

  notifyCheckpointAborted(checkpointId: number): void | Promise<void> {
    this.fixed.delete(checkpointId);
    return this.reader.notifyCheckpointAborted?.(checkpointId);
  }

  /**
   * The job stops with a savepoint: nothing is polled any more, and event time stands still behind the savepoint's barrier.
   * @param drain closes event time before, as at the end of input
   */
  stop(drain: boolean): void {
    if (drain) this.emitPeriodic();
    this.stopped = true;
    if (drain) this.context.output.emitWatermark(MAX_WATERMARK);
  }

  /** Goes on after a savepoint that came to nothing. */
  resume(): void {
    this.stopped = false;
  }

  override emitPeriodic(): void {
    if (!this.stopped) super.emitPeriodic();
  }

  override processWatermark(timestamp: number): void {
    this.context.output.emitWatermark(timestamp);
  }

  override async close(): Promise<void> {
    super.close();
    await this.reader?.close();
  }

  private splitState() {
    return this.context.operatorState.getListState(new ListStateDescriptor<SplitInCheckpoint>('SourceReaderState'));
  }

  private splits(checkpointId: number): SplitInCheckpoint[] {
    return this.reader.snapshotState(checkpointId).map((split) => {
      const { watermark = MIN_WATERMARK, idle = false } = this.multiplexer.get(split.splitId) ?? {};
      return { split, watermark, ...(idle ? { idle } : {}) };
    });
  }

  private addSplits(splits: readonly SourceSplit[]): void {
    for (const split of splits) this.addSplit(split.splitId);
    this.markWhetherEmpty();
    this.reader.addSplits(splits);
  }

  private markWhetherEmpty(): void {
    if (this.strategy.options.idlenessMs === undefined) return;
    let splits = 0;
    for (const { splitId } of this.multiplexer.all()) if (splitId !== NO_SPLIT) splits++;
    if (splits === 0) this.addSplit(NO_SPLIT);
    else this.multiplexer.remove(NO_SPLIT);
  }

  private scheduleAlignment(): void {
    const { alignment } = this.strategy.options;
    if (!alignment) return;
    this.context.processingTime.schedule(alignment.updateIntervalMs, () => {
      this.reportWatermark();
      this.alignSplits();
      this.scheduleAlignment();
    });
  }

  private reportWatermark(): void {
    const { alignment } = this.strategy.options;
    if (!alignment) return;
    let watermark = MAX_WATERMARK;
    for (const split of this.multiplexer.all()) {
      if (!split.idle && split.splitId !== NO_SPLIT) watermark = Math.min(watermark, split.watermark);
    }
    this.context.sendToCoordinator({
      type: 'REPORT_WATERMARK',
      subtaskIndex: this.context.subtaskIndex,
      group: alignment.group,
      watermark,
    } satisfies ReaderEvent);
  }

  private alignSplits(): void {
    const toPause: string[] = [];
    const toResume: string[] = [];
    for (const split of this.multiplexer.all()) {
      const ahead = split.watermark > this.maxAllowedWatermark;
      if (ahead && !this.pausedSplits.has(split.splitId)) toPause.push(split.splitId);
      else if (!ahead && this.pausedSplits.has(split.splitId)) toResume.push(split.splitId);
    }
    if (toPause.length === 0 && toResume.length === 0) return;
    if (!this.reader.pauseOrResumeSplits) {
      throw new MillraceError(
        'INVALID_PROGRAM',
        `Source '${this.context.operatorName}' cannot pause single splits, so withWatermarkAlignment does not work with it. Remove the alignment or use a source that supports it.`,
        { recoverable: false },
      );
    }
    for (const id of toPause) this.pausedSplits.add(id);
    for (const id of toResume) this.pausedSplits.delete(id);
    this.reader.pauseOrResumeSplits(toPause, toResume);
  }
}
