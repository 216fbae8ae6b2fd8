/** The least engine that can run a sink by its contract; see `SourceDriver`. */
import { type Clock, type Logger, type Random, seededRandom, silentLogger, systemClock } from '../common/index.ts';
import type { CommittingSinkWriter, Sink, SinkInitContext, SinkWriter, SinkWriterContext } from './sink.ts';
import { NO_TIMESTAMP } from './source.ts';

export interface SinkDriverOptions {
  readonly subtaskIndex?: number;
  readonly parallelism?: number;
  readonly attemptNumber?: number;
  readonly jobName?: string;
  readonly operatorId?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/** Runs one writer of a sink. */
export class SinkDriver<T, CommittableT> {
  readonly counters = new Map<string, number>();
  readonly #sink: Sink<T, CommittableT>;
  readonly #context: SinkInitContext;
  readonly #record: SinkWriterContext = { timestamp: NO_TIMESTAMP, currentWatermark: Number.NEGATIVE_INFINITY };
  #writer: SinkWriter<T> | undefined;

  constructor(sink: Sink<T, CommittableT>, options: SinkDriverOptions = {}) {
    this.#sink = sink;
    this.#context = {
      subtaskIndex: options.subtaskIndex ?? 0,
      parallelism: options.parallelism ?? 1,
      attemptNumber: options.attemptNumber ?? 0,
      jobName: options.jobName ?? 'test job',
      operatorId: options.operatorId ?? '0123456789abcdef0123456789abcdef',
      clock: options.clock ?? systemClock,
      random: options.random ?? seededRandom(1),
      logger: options.logger ?? silentLogger,
      counter: (name) => ({ inc: (n = 1) => this.counters.set(name, (this.counters.get(name) ?? 0) + n) }),
      gauge: () => {},
    };
  }

  async start(): Promise<void> {
    this.#writer = await this.#sink.createWriter(this.#context);
  }

  get writer(): SinkWriter<T> {
    if (this.#writer === undefined) throw new Error('The driver was not started.');
    return this.#writer;
  }

  /** Writes values as the engine does: waits whenever the writer is not available. */
  async write(values: Iterable<T>, timestampMs = NO_TIMESTAMP, watermarkMs = Number.NEGATIVE_INFINITY): Promise<void> {
    this.#record.timestamp = timestampMs;
    this.#record.currentWatermark = watermarkMs;
    for (const value of values) {
      const available = this.writer.isAvailable?.();
      if (available !== undefined) await available;
      this.writer.write(value, this.#record);
    }
  }

  /** Flushes; returns what a two-phase sink hands over. */
  async prepareCommit(endOfInput = true): Promise<CommittableT[]> {
    await this.writer.flush(endOfInput);
    if (this.#sink.createCommitter === undefined) return [];
    return structuredClone(await (this.writer as CommittingSinkWriter<T, CommittableT>).prepareCommit());
  }

  async commit(committables: readonly CommittableT[]): Promise<void> {
    const committer = await this.#sink.createCommitter?.(this.#context);
    await committer?.commit(committables);
    await committer?.close();
  }

  async close(): Promise<void> {
    await this.#writer?.close();
  }

  /** A whole bounded life: start, write, flush, commit, close. */
  async runAll(values: Iterable<T>): Promise<void> {
    await this.start();
    await this.write(values);
    await this.commit(await this.prepareCommit());
    await this.close();
  }
}
