/**
 * The writer of an exactly-once sink: a transaction for each checkpoint, prepared here and committed by `KafkaCommitter`.
 *
 * What earlier attempts left open is aborted as soon as it is sure that nobody will commit it:
 * - At the start, without a checkpoint: everything of this subtask, and of subtasks that are no more.
 * - At the start from a checkpoint: what the writers whose state this one got have left, but for what they had prepared. (A rescale
 *   deals out their state and their committables apart: who commits is another subtask perhaps, and may not have done it yet.)
 * - When the first checkpoint is complete, everything again: all subtasks have restored by then, so all has been committed that
 *   will be; and what is open still is of attempts that no checkpoint knows, or of a zombie.
 */
import { MillraceError, toError } from '../../../common/index.ts';
import type { CommittingSinkWriter, SinkInitContext } from '../../../connector/index.ts';
import type { BatchCodecs } from '../batches/index.ts';
import type { KafkaClient } from '../client/index.ts';
import type { KafkaSinkSettings } from './kafka-sink-options.ts';
import { KafkaSinkWriter } from './kafka-sink-writer.ts';
import { abortLingeringTransactions, type LingeringTransactions } from './lingering-transactions.ts';
import type { TransactionSession } from './producer-session.ts';
import { type KafkaCommittable, TransactionPool } from './transaction-pool.ts';
import { newWriterName, type TransactionName } from './transactional-ids.ts';

/** What a checkpoint keeps of one writer. Plain data. */
export interface KafkaWriterState {
  readonly prefix: string;
  /** Its name within the names of its transactions. */
  readonly writer: string;
  /** Its transactions that the checkpoint may hold: they are committed, and never aborted. */
  readonly prepared: readonly string[];
}

/** How long a job may be down, in the reckoning of the warning about `transactionTimeoutMs`. */
const PLAUSIBLE_DOWNTIME_MS = 300_000;
/** How long the end of a writer waits for its open transaction to be aborted. */
const ABORT_TIMEOUT_MS = 3_000;

export class TransactionalWriter<T> extends KafkaSinkWriter<T> implements CommittingSinkWriter<T, KafkaCommittable> {
  readonly #name: string;
  #pool!: TransactionPool;
  /** The one to write in, once it is ready. */
  #transaction: TransactionSession | undefined;
  #inputEnded = false;
  #hasSwept = false;
  #hasWarned = false;
  #closed = false;

  constructor(client: KafkaClient, settings: KafkaSinkSettings<T>, context: SinkInitContext, codecs: BatchCodecs) {
    super(client, settings, context, codecs);
    this.#name = newWriterName(context.subtaskIndex, context.random);
  }

  /** @param restored the state of earlier writers that this one got */
  async start(restored: readonly KafkaWriterState[]): Promise<void> {
    const { transactionalIdPrefix: prefix, transactionTimeoutMs } = this.settings;
    const version = await this.client.transactionVersion();
    this.#pool = new TransactionPool(prefix, this.#name, version, (transactionalId) =>
      this.client.initProducerId({ transactionalId, transactionTimeoutMs }),
    );
    // Fails if the broker does not allow the time-out, before anything is written.
    await this.#acquire();
    if (this.context.isRestored) {
      const earlier = new Map(restored.filter((s) => s.prefix === prefix).map(({ writer, prepared }) => [writer, prepared]));
      await this.#abort(({ writer }, transactionalId) => earlier.get(writer)?.includes(transactionalId) === false);
    } else {
      await this.#abort((name) => this.#isOfThisSubtask(name));
    }
    await this.open();
    if (this.context.checkpointingEnabled) return;
    this.context.logger.log(
      'warn',
      `The Kafka sink is to deliver exactly once, but the job takes no checkpoints: records become visible at the end of the input only, and the broker aborts their transaction after transactionTimeoutMs, ${transactionTimeoutMs} ms. Set execution.checkpointing.interval.`,
    );
  }

  override async flush(endOfInput: boolean): Promise<void> {
    this.#inputEnded ||= endOfInput;
    await super.flush(endOfInput);
  }

  /** What was flushed becomes one committable. */
  prepareCommit(): KafkaCommittable[] {
    const { usage } = this.sender;
    const session = this.#transaction;
    if (usage === undefined || session === undefined) return [];
    this.#checkTimeout(this.context.clock.monotonicMs() - usage.beganMonotonicMs);
    const { producerId, producerEpoch, transaction } = session;
    this.#pool.prepared(transaction.transactionalId);
    this.#transaction = undefined;
    this.sender.setSession(undefined);
    if (!this.#inputEnded) void this.#acquire().catch((error) => this.sender.fail(error));
    return [
      {
        transactionalId: transaction.transactionalId,
        transactionVersion: transaction.version,
        producerId,
        producerEpoch,
        beganAtMs: usage.beganAtMs,
        topics: [...usage.topics],
      },
    ];
  }

  snapshotState(checkpointId: number): KafkaWriterState[] {
    this.#pool.snapshotTaken(checkpointId);
    return [{ prefix: this.settings.transactionalIdPrefix, writer: this.#name, prepared: this.#pool.waiting }];
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.#pool.checkpointCompleted(checkpointId);
    if (this.#hasSwept) return;
    this.#hasSwept = true;
    void this.#abort((name) => this.#isOfThisSubtask(name) && name.writer !== this.#name).catch((error) => {
      if (this.#closed) return;
      this.context.logger.log(
        'warn',
        'Cannot look for transactions that earlier attempts left open; the broker aborts them in time.',
        {
          error: toError(error).message,
        },
      );
    });
  }

  /** Aborts what is open, so that readers need not wait until it times out. What was prepared stays. */
  override async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const session = this.#transaction;
    const isOpen = this.sender.usage !== undefined;
    this.sender.close();
    if (session !== undefined && isOpen) {
      const { producerId, producerEpoch, transaction } = session;
      const { transactionalId, version: transactionVersion } = transaction;
      await this.client
        .endTxn(
          { transactionalId, producerId, producerEpoch, transactionVersion, committed: false },
          { timeoutMs: ABORT_TIMEOUT_MS },
        )
        .catch((error) => {
          this.context.logger.log('debug', 'An open transaction could not be aborted at the end; the next attempt does.', {
            transactionalId,
            error: toError(error).message,
          });
        });
    }
    await super.close();
  }

  async #acquire(): Promise<void> {
    this.#transaction = await this.#pool.acquire();
    this.sender.setSession(this.#transaction);
  }

  async #abort(isLeftOver: LingeringTransactions['isLeftOver']): Promise<void> {
    const { transactionalIdPrefix: prefix, transactionTimeoutMs } = this.settings;
    await abortLingeringTransactions(this.client, { prefix, isLeftOver, transactionTimeoutMs }, this.context.logger);
  }

  /** Of one of its attempts, or of a subtask that is no more and that it stands in for. */
  #isOfThisSubtask({ subtaskIndex }: TransactionName): boolean {
    return subtaskIndex % this.context.parallelism === this.context.subtaskIndex;
  }

  /**
   * A transaction that has timed out must not become part of a checkpoint: then its records would be lost, whereas now they
   * are written again. One that comes near to it is warned of.
   */
  #checkTimeout(openMs: number): void {
    const { transactionTimeoutMs } = this.settings;
    if (openMs >= transactionTimeoutMs) {
      throw new MillraceError(
        'SINK_FAILED',
        `A transaction of the Kafka sink has been open for ${Math.round(openMs)} ms when its checkpoint came, and the broker aborts it after transactionTimeoutMs, ${transactionTimeoutMs} ms. Take checkpoints more often, or raise transactionTimeoutMs (and the broker's transaction.max.timeout.ms if it is above that).`,
        { context: { openMs, transactionTimeoutMs } },
      );
    }
    if (this.#hasWarned || openMs + PLAUSIBLE_DOWNTIME_MS <= transactionTimeoutMs) return;
    this.#hasWarned = true;
    this.context.logger.log(
      'warn',
      `A transaction of the Kafka sink was open for ${Math.round(openMs)} ms before its checkpoint, and the broker aborts it after transactionTimeoutMs, ${transactionTimeoutMs} ms: if the job is down for longer than the difference, records are lost. Raise transactionTimeoutMs (and the broker's transaction.max.timeout.ms if it is above that).`,
    );
  }
}
