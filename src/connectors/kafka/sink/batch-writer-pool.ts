import { KafkaBatchWriter, type KafkaBatchWriterOptions } from '../batches/index.ts';

/** How many empty writers are kept, with the memory to which they have grown. */
const MAX_SPARE = 8;

/** The batch writers of one sink: many partitions share them, so that memory goes with what is buffered and not with partitions. */
export class BatchWriterPool {
  readonly #options: KafkaBatchWriterOptions;
  readonly #spare: KafkaBatchWriter[] = [];

  constructor(options: KafkaBatchWriterOptions) {
    this.#options = options;
  }

  take(): KafkaBatchWriter {
    return this.#spare.pop() ?? new KafkaBatchWriter(this.#options);
  }

  /** Takes back a writer whose batch is finished. */
  give(writer: KafkaBatchWriter): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(writer);
  }
}
