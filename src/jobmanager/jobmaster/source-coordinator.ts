/**
 * The coordinator of one source: runs its enumerator, and carries messages between it and the readers.
 *
 * All calls of the enumerator happen one after the other, in the order of the events. An error in the enumerator fails
 * the job. A snapshot is taken in the same turn in which the readers' checkpoints are triggered, and events reach a reader in
 * order with its trigger: a split is therefore either in the enumerator's part of a checkpoint or in a reader's, never in both.
 */
import { type Clock, type Logger, type TimerHandle, toError } from '../../common/index.ts';
import type {
  CoordinatorEvent,
  ReaderEvent,
  Source,
  SourceSplit,
  SplitEnumerator,
  SplitEnumeratorContext,
} from '../../connector/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, encodeValue } from '../../serialization/index.ts';
import { SplitAssignmentTracker } from './split-assignment-tracker.ts';

export interface SourceCoordinatorDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly parallelism: number;
  sendEvent(subtaskIndex: number, event: CoordinatorEvent): void;
  /** Takes a reader's watermark into its alignment group; returns the slowest of the group. */
  alignWatermark(group: string, subtaskIndex: number, watermark: number): number;
  fail(error: Error): void;
}

export class SourceCoordinator {
  private readonly dependencies: SourceCoordinatorDependencies;
  private readonly readers = new Set<number>();
  private readonly timers = new Set<TimerHandle>();
  private readonly tracker = new SplitAssignmentTracker();
  private readonly enumerator: SplitEnumerator<SourceSplit, unknown>;
  private started: Promise<void> | undefined;
  private closed = false;

  /** @param restored what `snapshot` returned */
  constructor(source: Source<unknown>, dependencies: SourceCoordinatorDependencies, restored?: Uint8Array) {
    this.dependencies = dependencies;
    this.enumerator =
      restored === undefined
        ? source.createEnumerator(this.createContext())
        : source.restoreEnumerator(this.createContext(), decodeValue(new BinaryReader(restored)));
  }

  /** The enumerator's part of a checkpoint. @throws whatever the enumerator throws, MillraceError `NOT_SERIALIZABLE` */
  snapshot(checkpointId: number): Uint8Array {
    const writer = new BinaryWriter();
    encodeValue(writer, this.enumerator.snapshotState(checkpointId));
    this.tracker.checkpointTaken(checkpointId);
    return writer.toBytes();
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.tracker.checkpointCompleted(checkpointId);
    this.run(() => this.enumerator.notifyCheckpointComplete?.(checkpointId));
  }

  /** A reader alone goes back to a checkpoint: the splits that it was given since go back to the enumerator. */
  resetSubtask(subtaskIndex: number, checkpointId: number): void {
    this.readers.delete(subtaskIndex);
    const splits = this.tracker.takeBack(subtaskIndex, checkpointId);
    if (splits.length > 0) this.run(() => this.enumerator.addSplitsBack(splits, subtaskIndex));
  }

  /** Starts the enumerator. Events that come before it has started wait. */
  start(): Promise<void> {
    this.started ??= (async () => this.enumerator.start())();
    return this.started;
  }

  /** Reports what the enumerator threw. */
  fail(thrown: unknown): void {
    if (!this.closed) this.dependencies.fail(toError(thrown));
  }

  handleEvent(event: ReaderEvent): void {
    void this.start().then(
      () => this.run(() => this.dispatch(event)),
      () => {},
    );
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
    await this.enumerator.close();
  }

  private assign(subtaskIndex: number, splits: readonly SourceSplit[]): void {
    this.tracker.assigned(subtaskIndex, splits);
    this.dependencies.sendEvent(subtaskIndex, { type: 'ADD_SPLITS', splits });
  }

  private dispatch(event: ReaderEvent): void {
    const { subtaskIndex } = event;
    switch (event.type) {
      case 'REGISTER_READER':
        this.readers.add(subtaskIndex);
        this.enumerator.addReader(subtaskIndex);
        break;
      case 'REQUEST_SPLIT':
        this.enumerator.handleSplitRequest(subtaskIndex);
        break;
      case 'SOURCE_EVENT':
        this.enumerator.handleSourceEvent?.(subtaskIndex, event.event);
        break;
      case 'REPORT_WATERMARK':
        this.dependencies.sendEvent(subtaskIndex, {
          type: 'ALIGN_WATERMARK',
          slowest: this.dependencies.alignWatermark(event.group, subtaskIndex, event.watermark),
        });
        break;
    }
  }

  private createContext(): SplitEnumeratorContext<SourceSplit> {
    const { dependencies } = this;
    const { clock, logger } = dependencies;
    return {
      clock,
      logger,
      currentParallelism: () => dependencies.parallelism,
      registeredReaders: () => [...this.readers],
      assignSplits: (assignment) => {
        for (const [subtaskIndex, splits] of assignment) this.assign(subtaskIndex, splits);
      },
      assignSplit: (split, subtaskIndex) => this.assign(subtaskIndex, [split]),
      signalNoMoreSplits: (subtaskIndex) => dependencies.sendEvent(subtaskIndex, { type: 'NO_MORE_SPLITS' }),
      sendEventToSourceReader: (subtaskIndex, event) => dependencies.sendEvent(subtaskIndex, { type: 'SOURCE_EVENT', event }),
      callAsync: (work, handler, options) => {
        const round = async (): Promise<void> => {
          const [result, error] = await (async () => work())().then(
            (r) => [r, undefined] as const,
            (e: unknown) => [undefined, toError(e)] as const,
          );
          await this.started?.catch(() => {});
          this.run(() => handler(result, error));
          if (options?.periodMs !== undefined) this.schedule(options.periodMs, round);
        };
        if (options?.initialDelayMs) this.schedule(options.initialDelayMs, round);
        else void round();
      },
    };
  }

  private schedule(delayMs: number, callback: () => Promise<void>): void {
    if (this.closed) return;
    const timer = this.dependencies.clock.setTimer(delayMs, () => {
      this.timers.delete(timer);
      void callback();
    });
    this.timers.add(timer);
  }

  private run(call: () => void): void {
    if (this.closed) return;
    try {
      call();
    } catch (error) {
      this.fail(error);
    }
  }
}
