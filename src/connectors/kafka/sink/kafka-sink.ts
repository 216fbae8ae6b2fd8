/**
 * Writes records into Kafka topics.
 *
 * At least once by default: an idempotent producer for each subtask, whose batches are acknowledged before a checkpoint. Exactly once as
 * two-phase commit: what a subtask writes between two checkpoints is one transaction, which is part of the later one and
 * is committed when that is complete, by whatever process is there then.
 */
import { MillraceError } from '../../../common/index.ts';
import type { Committer, Sink, SinkInitContext, SinkWriter } from '../../../connector/index.ts';
import { loadBatchCodecs } from '../batches/index.ts';
import { KafkaClient, kafkaErrorName } from '../client/index.ts';
import { KafkaCommitter } from './kafka-committer.ts';
import { type KafkaSinkOptions, type KafkaSinkSettings, kafkaSinkSettings } from './kafka-sink-options.ts';
import { KafkaSinkWriter } from './kafka-sink-writer.ts';
import type { RecordSenderOptions } from './record-sender.ts';
import type { KafkaCommittable } from './transaction-pool.ts';
import { type KafkaWriterState, TransactionalWriter } from './transactional-writer.ts';

export class KafkaSink<T> implements Sink<T, KafkaCommittable> {
  readonly name = 'Kafka Sink';
  readonly deliveryGuarantee: 'NONE' | 'AT_LEAST_ONCE' | 'EXACTLY_ONCE';
  /** There with EXACTLY_ONCE only, as the next one. */
  readonly restoreWriter?: (context: SinkInitContext, state: readonly unknown[]) => Promise<SinkWriter<T>>;
  readonly createCommitter?: (context: SinkInitContext) => Committer<KafkaCommittable>;
  readonly #settings: KafkaSinkSettings<T>;

  /**
   * @example
   * ```ts
   * const sink = new KafkaSink<Order>({
   *   bootstrapServers: 'localhost:9092',
   *   topic: 'orders',
   *   key: (order) => order.customer,
   *   value: jsonFormat<Order>(),
   *   deliveryGuarantee: 'EXACTLY_ONCE',
   *   transactionalIdPrefix: 'order-job',
   * });
   * ```
   * @throws MillraceError `INVALID_OPTION`
   */
  constructor(options: KafkaSinkOptions<T>) {
    const settings = kafkaSinkSettings(options);
    this.#settings = settings;
    this.deliveryGuarantee = settings.deliveryGuarantee;
    if (settings.deliveryGuarantee === 'EXACTLY_ONCE') {
      this.restoreWriter = (context, state) => this.#createTransactional(context, state as readonly KafkaWriterState[]);
      this.createCommitter = (context) => new KafkaCommitter(this.#client(context), context.logger, settings.onLostTransaction);
    }
  }

  createWriter(context: SinkInitContext): Promise<SinkWriter<T>> {
    return this.deliveryGuarantee === 'EXACTLY_ONCE' ? this.#createTransactional(context, []) : this.#createPlain(context);
  }

  async #createPlain(context: SinkInitContext): Promise<SinkWriter<T>> {
    const client = this.#client(context);
    const renewSession: RecordSenderOptions['renewSession'] = (lost, reason) => {
      context.logger.log(
        'warn',
        'A broker has forgotten the producer of the Kafka sink, so records that are sent again now could be there twice.',
        { producerId: lost.producerId, kafkaError: reason },
      );
      return client.initProducerId({});
    };
    const writer = new KafkaSinkWriter(client, this.#settings, context, await loadBatchCodecs(), renewSession);
    return opened(writer, async () => {
      await writer.open();
      writer.sender.setSession(await client.initProducerId({}));
    });
  }

  async #createTransactional(context: SinkInitContext, state: readonly KafkaWriterState[]): Promise<SinkWriter<T>> {
    const writer = new TransactionalWriter(this.#client(context), this.#settings, context, await loadBatchCodecs());
    return opened(writer, async () => {
      try {
        await writer.start(state);
      } catch (error) {
        throw this.#startError(error);
      }
    });
  }

  #startError(error: unknown): unknown {
    const { transactionTimeoutMs } = this.#settings;
    if (kafkaErrorName(error) !== 'INVALID_TRANSACTION_TIMEOUT') return error;
    return new MillraceError(
      'INVALID_OPTION',
      `KafkaSink: transactionTimeoutMs is ${transactionTimeoutMs}, which is more than the broker allows. Lower it to the broker's transaction.max.timeout.ms (900,000 unless it was changed), or raise that.`,
      { cause: error },
    );
  }

  #client({ clock, random, logger }: SinkInitContext): KafkaClient {
    const { bootstrapServers, clientId, security, client } = this.#settings;
    return new KafkaClient({
      ...client,
      bootstrapServers,
      ...(clientId !== undefined && { clientId }),
      ...(security && { security }),
      clock,
      random,
      logger,
    });
  }
}

/** Closes a writer that cannot be opened. */
async function opened<W extends { close(): Promise<void> }>(writer: W, open: () => Promise<void>): Promise<W> {
  try {
    await open();
    return writer;
  } catch (error) {
    await writer.close();
    throw error;
  }
}
