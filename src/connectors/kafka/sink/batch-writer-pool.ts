import { KafkaBatchWriter, type KafkaBatchWriterOptions } from '../batches/index.ts';

/** The batch writers of one sink: many partitions share them, so that memory goes with what is buffered and not with partitions. */
export class BatchWriterPool {
  readonly #options: KafkaBatchWriterOptions;
  readonly #maxSpare: number;
  readonly #spare: KafkaBatchWriter[] = [];

  /** @param maxSpare how many empty writers are kept, with the memory to which they have grown */
  constructor(options: KafkaBatchWriterOptions, maxSpare: number) {
    this.#options = options;
    this.#maxSpare = maxSpare;
  }

  take(): KafkaBatchWriter {
    return this.#spare.pop() ?? new KafkaBatchWriter(this.#options);
  }

  /** Takes back a writer whose batch is finished. */
  give(writer: KafkaBatchWriter): void {
    if (this.#spare.length < this.#maxSpare) this.#spare.push(writer);
  }
}
