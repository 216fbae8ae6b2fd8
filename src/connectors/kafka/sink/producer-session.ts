import type { ProducerIdentity, TransactionVersion } from '../client/index.ts';

/**
 * Under whose name batches are sent: an idempotent producer, or one transaction. Sequence numbers begin anew with each session.
 */
export interface ProducerSession extends ProducerIdentity {
  readonly transaction?: {
    readonly transactionalId: string;
    readonly version: TransactionVersion;
  };
}

/** The session of a transaction. */
export type TransactionSession = ProducerSession & Required<Pick<ProducerSession, 'transaction'>>;
