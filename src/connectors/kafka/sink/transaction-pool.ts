/**
 * The transactions of one writer: which are open, which wait for their commit, and whose names can be used again.
 *
 * The trap: a restore replays the commits of its checkpoint, by name, producer id and epoch. If a name had been used again meanwhile, a replay
 * could commit the half of the newer transaction (brokers with transaction.version 1, where the epoch stays the same), or could not tell
 * whether the older one had been committed (version 2). Hence:
 * - A name is used again only once no checkpoint that a failure can go back to holds the transaction that it had: that one is
 *   committed, and a checkpoint that was begun later is complete.
 * - A name that was in a snapshot of which no completion was heard is never used again: it may be a savepoint, and be started
 *   from at any time. (A checkpoint that failed costs a name, too; a broker forgets names that are not used.)
 * - Each transaction, also under a name used again, begins with InitProducerId, which raises the epoch: the replay of an older
 *   commit is refused then, whatever the version. It also follows the broker when epochs run out.
 */
import type { ProducerIdentity, TransactionVersion } from '../client/index.ts';
import type { TransactionSession } from './producer-session.ts';
import { transactionalIdOf } from './transactional-ids.ts';

/** A transaction that waits for its commit. Plain data: it is part of checkpoints. */
export interface KafkaCommittable extends ProducerIdentity {
  readonly transactionalId: string;
  /** How the broker keeps transactions (its feature transaction.version) when this one was begun. */
  readonly transactionVersion: TransactionVersion;
  /** When the sink began to fill it, and where it wrote: for the message if it is lost. */
  readonly beganAtMs: number;
  readonly topics: readonly string[];
}

/** A transaction that was prepared. */
interface Prepared {
  readonly transactionalId: string;
  /** The first and the last snapshot that it is part of. */
  firstSnapshot: number;
  lastSnapshot: number;
  /** Those snapshots of which no completion was heard. */
  readonly unheard: Set<number>;
  committed: boolean;
}

export class TransactionPool {
  readonly #prefix: string;
  readonly #writer: string;
  readonly #initialize: (transactionalId: string) => Promise<ProducerIdentity>;
  readonly #version: TransactionVersion;
  #nextNumber = 0;
  readonly #free: string[] = [];
  /** Whose names cannot be used again yet. */
  #prepared: Prepared[] = [];

  /** @param initialize gets the identity for a new transaction of that name, and raises its epoch */
  constructor(
    prefix: string,
    writer: string,
    version: TransactionVersion,
    initialize: (transactionalId: string) => Promise<ProducerIdentity>,
  ) {
    this.#prefix = prefix;
    this.#writer = writer;
    this.#version = version;
    this.#initialize = initialize;
  }

  /** Transactions that were prepared and may not be committed yet. */
  get waiting(): string[] {
    return this.#prepared.filter(({ committed }) => !committed).map(({ transactionalId }) => transactionalId);
  }

  /** A transaction that has not begun: it begins with the first record. */
  async acquire(): Promise<TransactionSession> {
    const transactionalId = this.#free.shift() ?? transactionalIdOf(this.#prefix, this.#writer, this.#nextNumber++);
    const identity = await this.#initialize(transactionalId);
    return { ...identity, transaction: { transactionalId, version: this.#version } };
  }

  /** The transaction is complete but for its commit. */
  prepared(transactionalId: string): void {
    const never = Number.POSITIVE_INFINITY;
    this.#prepared.push({ transactionalId, firstSnapshot: never, lastSnapshot: never, unheard: new Set(), committed: false });
  }

  /** All that waits is part of this checkpoint or savepoint. */
  snapshotTaken(checkpointId: number): void {
    for (const transaction of this.#prepared) {
      if (transaction.committed) continue;
      transaction.firstSnapshot = Math.min(transaction.firstSnapshot, checkpointId);
      transaction.lastSnapshot = checkpointId;
      transaction.unheard.add(checkpointId);
    }
  }

  /** The checkpoint is complete, and what was prepared for it and before it has been committed. */
  checkpointCompleted(checkpointId: number): void {
    this.#prepared = this.#prepared.filter((transaction) => {
      const { transactionalId, firstSnapshot, lastSnapshot, unheard } = transaction;
      unheard.delete(checkpointId);
      transaction.committed ||= firstSnapshot <= checkpointId;
      if (!transaction.committed) return true;
      for (const id of unheard) if (id < checkpointId) return false;
      if (unheard.size > 0 || checkpointId <= lastSnapshot) return true;
      this.#free.push(transactionalId);
      return false;
    });
  }
}
