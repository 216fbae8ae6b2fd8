/**
 * Commits transactions that a complete checkpoint holds: of this process or of one that is gone, and again after a failure.
 *
 * A commit needs no more than name, producer id and epoch. Repeated, it is answered as the first time. If the broker knows no open
 * transaction under them, the records are lost unless it can be shown that they were committed: the broker says so itself, or
 * describes the name as committed with the very next epoch. A loss is never passed over in silence.
 */
import { type Logger, MillraceError } from '../../../common/index.ts';
import type { Committer } from '../../../connector/index.ts';
import { type KafkaClient, type KafkaErrorName, kafkaErrorName, type TransactionDescription } from '../client/index.ts';
import type { KafkaCommittable } from './transaction-pool.ts';

/** Answers by which a broker says that it has no such transaction open. */
const NOT_OPEN: ReadonlySet<KafkaErrorName | undefined> = new Set<KafkaErrorName>([
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_TXN_STATE',
  'INVALID_PRODUCER_ID_MAPPING',
  'TRANSACTIONAL_ID_NOT_FOUND',
]);

/** What a committer needs of the brokers. */
export type CommitterClient = Pick<KafkaClient, 'endTxn' | 'describeTransactions' | 'close'>;

export class KafkaCommitter implements Committer<KafkaCommittable> {
  readonly #client: CommitterClient;
  readonly #logger: Logger;
  readonly #onLost: 'fail' | 'continue';

  constructor(client: CommitterClient, logger: Logger, onLostTransaction: 'fail' | 'continue') {
    this.#client = client;
    this.#logger = logger;
    this.#onLost = onLostTransaction;
  }

  /** All of them are tried, even if one is lost: what can be committed is committed. */
  async commit(committables: readonly KafkaCommittable[]): Promise<void> {
    const results = await Promise.allSettled(committables.map((committable) => this.#commit(committable)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #commit(committable: KafkaCommittable): Promise<void> {
    const { transactionalId, producerId, producerEpoch, transactionVersion } = committable;
    try {
      await this.#client.endTxn({ transactionalId, producerId, producerEpoch, transactionVersion, committed: true });
    } catch (error) {
      if (!NOT_OPEN.has(kafkaErrorName(error))) {
        throw new MillraceError(
          'SINK_FAILED',
          `The Kafka sink cannot commit transaction '${transactionalId}': ${(error as Error).message}`,
          {
            cause: error,
            context: { transactionalId },
            ...(error instanceof MillraceError && !error.recoverable && { recoverable: false }),
          },
        );
      }
      const found = (await this.#client.describeTransactions([transactionalId])).get(transactionalId);
      if (found !== undefined && wasCommitted(committable, found)) return;
      this.#onLostTransaction(committable, found, error as MillraceError);
    }
  }

  #onLostTransaction(committable: KafkaCommittable, found: TransactionDescription | undefined, cause: MillraceError): void {
    const { transactionalId, producerId, producerEpoch, topics, beganAtMs } = committable;
    const state =
      found === undefined
        ? 'knows nothing of it'
        : `has it in state ${found.state}, with producer id ${found.producerId} and epoch ${found.producerEpoch}`;
    const message =
      `Data loss: transaction '${transactionalId}' (producer id ${producerId}, epoch ${producerEpoch}), which a complete checkpoint holds, cannot be committed; the broker ${state}. ` +
      `It holds records written to ${topics.map((topic) => `'${topic}'`).join(', ')} since ${new Date(beganAtMs).toISOString()}. ` +
      'Either it was open for longer than transactionTimeoutMs, for instance while the job was down, and the broker aborted it: then those records are lost. ' +
      'Or the job was started from a checkpoint that is older than its newest: then they were committed, but that cannot be proved any more. ' +
      'Or another job uses the same transactionalIdPrefix, or these are not the brokers that the checkpoint was written with. ';
    const fields = { transactionalId, producerId, producerEpoch, kafkaError: kafkaErrorName(cause) };
    if (this.#onLost === 'continue') {
      this.#logger.log('warn', `${message}The job goes on without them, as onLostTransaction says.`, fields);
      return;
    }
    throw new MillraceError(
      'SINK_FAILED',
      `${message}To go on without them, start from the checkpoint with the sink's option onLostTransaction: 'continue'; to write them again, start from an older one. Against a repetition, raise transactionTimeoutMs (and the broker's transaction.max.timeout.ms).`,
      { cause, context: fields, recoverable: false },
    );
  }
}

/** Only a commit leaves a transaction in this state, and with version 2 it raises the epoch by one; nothing was begun under the name since. */
function wasCommitted(
  { producerId, producerEpoch, transactionVersion }: KafkaCommittable,
  found: TransactionDescription,
): boolean {
  return (
    found.state === 'CompleteCommit' &&
    found.producerId === producerId &&
    found.producerEpoch === (transactionVersion === 2 ? producerEpoch + 1 : producerEpoch)
  );
}
