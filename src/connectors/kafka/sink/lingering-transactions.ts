/**
 * Aborts what earlier attempts have left open: readers with `read_committed` see nothing behind an open transaction, of any
 * producer, until it times out. Aborting also fences whoever would still write into it.
 */
import type { Logger } from '../../../common/index.ts';
import type { KafkaClient } from '../client/index.ts';
import { parseTransactionalId, type TransactionName } from './transactional-ids.ts';

export interface LingeringTransactions {
  readonly prefix: string;
  /** Whether the transaction of this name is one that nobody will commit. */
  readonly isLeftOver: (name: TransactionName, transactionalId: string) => boolean;
  readonly transactionTimeoutMs: number;
}

/** @returns the names of those aborted */
export async function abortLingeringTransactions(
  client: KafkaClient,
  { prefix, isLeftOver, transactionTimeoutMs }: LingeringTransactions,
  logger: Logger,
): Promise<string[]> {
  const open = await client.listTransactions({ states: ['Ongoing'], transactionalIdPrefix: `${prefix}-` });
  const leftOver = open
    .map(({ transactionalId }) => transactionalId)
    .filter((transactionalId) => {
      const name = parseTransactionalId(prefix, transactionalId);
      return name !== undefined && isLeftOver(name, transactionalId);
    });
  for (const transactionalId of leftOver) {
    // A new identity for the name ends the transaction of the old one.
    await client.initProducerId({ transactionalId, transactionTimeoutMs });
    logger.log('info', 'Aborted a transaction that an earlier attempt of the job left open.', { transactionalId });
  }
  return leftOver;
}
