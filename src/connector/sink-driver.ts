/** The least engine that can run a sink by its contract; see `SourceDriver`. */
import { type Clock, type Logger, type Random, seededRandom, silentLogger, systemClock } from '../common/index.ts';
import type { Committer, CommittingSinkWriter, Sink, SinkInitContext, SinkWriter, SinkWriterContext } from './sink.ts';
import { NO_TIMESTAMP } from './source.ts';

export interface SinkDriverOptions {
  readonly subtaskIndex?: number;
  readonly parallelism?: number;
  readonly attemptNumber?: number;
  readonly checkpointingEnabled?: boolean;
  readonly jobName?: string;
  readonly operatorId?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/** What one writer put into a checkpoint, copied as a checkpoint would be: plain data. */
export interface SinkSnapshot<CommittableT> {
  readonly committables: readonly CommittableT[];
  readonly writerState: readonly unknown[];
}

/** Runs one writer of a sink. */
export class SinkDriver<T, CommittableT> {
  readonly counters = new Map<string, number>();
  readonly #sink: Sink<T, CommittableT>;
  readonly #context: SinkInitContext;
  readonly #restored: SinkSnapshot<CommittableT> | undefined;
  readonly #record: SinkWriterContext = { timestamp: NO_TIMESTAMP, currentWatermark: Number.NEGATIVE_INFINITY };
  #writer: SinkWriter<T> | undefined;

  /** @param restored goes on from a checkpoint, with this writer's share of it */
  constructor(sink: Sink<T, CommittableT>, options: SinkDriverOptions = {}, restored?: SinkSnapshot<CommittableT>) {
    this.#sink = sink;
    this.#restored = restored;
    this.#context = {
      subtaskIndex: options.subtaskIndex ?? 0,
      parallelism: options.parallelism ?? 1,
      attemptNumber: options.attemptNumber ?? 0,
      isRestored: restored !== undefined,
      checkpointingEnabled: options.checkpointingEnabled ?? false,
      jobName: options.jobName ?? 'test job',
      operatorId: options.operatorId ?? '0123456789abcdef0123456789abcdef',
      clock: options.clock ?? systemClock,
      random: options.random ?? seededRandom(1),
      logger: options.logger ?? silentLogger,
      counter: (name) => ({ inc: (n = 1) => this.counters.set(name, (this.counters.get(name) ?? 0) + n) }),
      gauge: () => {},
      sendToCoordinator: (event) => sink.receive?.(structuredClone(event)),
    };
  }

  /** After a restore: commits what the checkpoint holds, then makes the writer. */
  async start(): Promise<void> {
    const { committables = [], writerState = [] } = this.#restored ?? {};
    if (committables.length > 0) await this.commit(committables);
    this.#writer =
      writerState.length > 0 && this.#sink.restoreWriter
        ? await this.#sink.restoreWriter(this.#context, writerState)
        : await this.#sink.createWriter(this.#context);
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

  /** What a checkpoint asks of the writer, in its order. Committables of earlier calls are the caller's to keep. */
  async snapshot(checkpointId: number): Promise<SinkSnapshot<CommittableT>> {
    const committables = await this.prepareCommit(false);
    const writerState = (this.writer as CommittingSinkWriter<T, CommittableT>).snapshotState?.(checkpointId) ?? [];
    return structuredClone({ committables, writerState });
  }

  async commit(committables: readonly CommittableT[]): Promise<void> {
    let committer: Committer<CommittableT> | undefined;
    try {
      committer = await this.#sink.createCommitter?.(this.#context);
      await committer?.commit(committables);
    } finally {
      await committer?.close();
    }
  }

  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    await this.writer.notifyCheckpointComplete?.(checkpointId);
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
