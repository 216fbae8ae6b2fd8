/** Reads the files that the enumerator gives to one subtask, one at a time, and asks for the next when one is done. */
import { toError } from '../../common/index.ts';
import type { InputStatus, RecordBatch, SourceReader, SourceReaderContext } from '../../connector/index.ts';
import type { FileSourceSplit } from './file-source-split.ts';
import { FileSplitReader, type FileSplitReaderOptions } from './file-split-reader.ts';

export class FileSourceReader<T> implements SourceReader<T, FileSourceSplit> {
  readonly #context: SourceReaderContext;
  readonly #options: FileSplitReaderOptions<T>;
  /** Told of the bytes taken from storage, for the progress of the whole source. */
  readonly #onBytes: (bytes: number) => void;
  readonly #bufferPool: Uint8Array[] = [];
  #queue: FileSourceSplit[] = [];
  #current: FileSplitReader<T> | undefined;
  #currentId = '';
  #closing: Promise<void>[] = [];
  #noMoreSplits = false;
  #paused: ReadonlySet<string> = new Set();
  #wake: () => void = () => {};

  constructor(context: SourceReaderContext, options: FileSplitReaderOptions<T>, onBytes: (bytes: number) => void) {
    this.#context = context;
    this.#options = options;
    this.#onBytes = onBytes;
  }

  start(): void {
    if (this.#queue.length === 0) this.#context.sendSplitRequest();
  }

  pollBatch(batch: RecordBatch<T>, maxRecords: number): InputStatus {
    if (this.#current === undefined) {
      const split = this.#queue.shift();
      if (split === undefined) return this.#noMoreSplits ? 'END_OF_INPUT' : 'NOTHING_AVAILABLE';
      this.#current = new FileSplitReader(split, this.#options, this.#context.metrics, this.#bufferPool);
      this.#currentId = split.splitId;
    }
    if (this.#paused.has(this.#currentId) || !this.#current.poll(batch, maxRecords)) {
      if (batch.bytes > 0) this.#onBytes(batch.bytes);
      return 'NOTHING_AVAILABLE';
    }
    if (batch.bytes > 0) this.#onBytes(batch.bytes);
    if (!this.#current.isDone) return 'MORE_AVAILABLE';
    batch.addFinishedSplit(this.#currentId);
    this.#closing.push(this.#closeCurrent(this.#current));
    this.#current = undefined;
    if (this.#queue.length > 0) return 'MORE_AVAILABLE';
    if (this.#noMoreSplits) return 'END_OF_INPUT';
    this.#context.sendSplitRequest();
    return 'NOTHING_AVAILABLE';
  }

  /** What was read is read: a file that does not close well is not worth failing for. */
  async #closeCurrent(reader: FileSplitReader<T>): Promise<void> {
    const path = this.#currentId;
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
