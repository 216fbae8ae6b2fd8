/**
 * Reads the files that the enumerator gives to one subtask, one at a time, and asks for the next when one is done.
 *
 * It does not ask earlier, although between two files it waits for about half a millisecond: a split that is assigned and not yet read
 * holds back the watermark.
 */
import { toError } from '../../common/index.ts';
import type { InputStatus, RecordBatch, SourceReader, SourceReaderContext } from '../../connector/index.ts';
import type { FileSourceEvent, RestoredSplitsEvent } from './file-source-enumerator.ts';
import { type FileSourceSplit, placeOf } from './file-source-split.ts';
import { FileSplitReader, type FileSplitReaderOptions } from './file-split-reader.ts';

export class FileSourceReader<T> implements SourceReader<T, FileSourceSplit> {
  readonly #context: SourceReaderContext;
  readonly #options: FileSplitReaderOptions<T>;
  /** Of the files that this reader can expect, in storage; NaN until the enumerator has said it. */
  #bytesToRead = Number.NaN;
  /** Of the files that a checkpoint gave back. */
  #bytesRestored = 0;
  /** Of the files that were read to their end, and what was read of the present one. */
  #bytesDone = 0;
  #bytesOfCurrent = 0;
  #currentLength = 0;
  readonly #bufferPool: Uint8Array[] = [];
  #queue: FileSourceSplit[] = [];
  #current: FileSplitReader<T> | undefined;
  #currentId = '';
  #closing: Promise<void>[] = [];
  #noMoreSplits = false;
  #paused: ReadonlySet<string> = new Set();
  #wake: () => void = () => {};

  constructor(context: SourceReaderContext, options: FileSplitReaderOptions<T>, hasEnd: boolean) {
    this.#context = context;
    this.#options = options;
    if (!hasEnd) return;
    context.metrics.gauge('progressTotal', () => this.#bytesToRead);
    context.metrics.gauge('progressDone', () => this.#bytesDone + Math.min(this.#bytesOfCurrent, this.#currentLength));
  }

  handleSourceEvent(event: unknown): void {
    this.#bytesToRead = (event as FileSourceEvent).bytes + this.#bytesRestored;
  }

  start(): void {
    this.#bytesRestored = this.#queue.reduce((sum, { length }) => sum + length, 0);
    if (this.#queue.length === 0) {
      this.#context.sendSplitRequest();
      return;
    }
    const event: RestoredSplitsEvent = { type: 'RESTORED_SPLITS', splits: this.#queue.map(placeOf) };
    this.#context.sendSourceEventToCoordinator(event);
  }

  pollBatch(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    if (this.#current === undefined) {
      const split = this.#queue.shift();
      if (split === undefined) return this.#noMoreSplits ? 'END_OF_INPUT' : 'NOTHING_AVAILABLE';
      this.#current = new FileSplitReader(split, this.#options, this.#context.metrics, this.#bufferPool);
      this.#currentId = split.splitId;
      this.#currentLength = split.length;
    }
    if (this.#paused.has(this.#currentId) || !this.#current.poll(batch, maxRecords)) {
      this.#bytesOfCurrent += batch.bytes;
      return 'NOTHING_AVAILABLE';
    }
    this.#bytesOfCurrent += batch.bytes;
    if (!this.#current.isDone) return 'MORE_AVAILABLE';
    batch.addFinishedSplit(this.#currentId);
    this.#bytesDone += this.#currentLength;
    this.#bytesOfCurrent = 0;
    this.#currentLength = 0;
    this.#closing.push(this.#closeCurrent(this.#current));
    this.#current = undefined;
    if (this.#queue.length > 0) return 'MORE_AVAILABLE';
    if (this.#noMoreSplits) return 'END_OF_INPUT';
    this.#context.sendSplitRequest();
    return 'NOTHING_AVAILABLE';
  }

  /** What was read is read: a file that does not close well is not worth failing for. */
  async #closeCurrent(reader: FileSplitReader<T>): Promise<void> {
    const { path } = reader;
    try {
      await reader.close();
    } catch (error) {
      this.#context.logger.log('warn', `Cannot close '${path}' after reading it.`, { error: toError(error).message });
    }
  }

  async isAvailable(): Promise<void> {
    await Promise.all(this.#closing.splice(0));
    while (this.#current === undefined ? this.#queue.length === 0 && !this.#noMoreSplits : this.#paused.has(this.#currentId)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    await this.#current?.available();
  }

  addSplits(splits: readonly FileSourceSplit[]): void {
    this.#queue.push(...splits);
    this.#wake();
  }

  notifyNoMoreSplits(): void {
    this.#noMoreSplits = true;
    this.#wake();
  }

  snapshotState(): FileSourceSplit[] {
    return this.#current === undefined ? [...this.#queue] : [this.#current.snapshot(), ...this.#queue];
  }

  pauseOrResumeSplits(toPause: readonly string[], toResume: readonly string[]): void {
    this.#paused = new Set([...this.#paused, ...toPause].filter((splitId) => !toResume.includes(splitId)));
    this.#wake();
  }

  async close(): Promise<void> {
    this.#noMoreSplits = true;
    this.#wake();
    await Promise.all([...this.#closing.splice(0), this.#current?.close()]);
  }
}
