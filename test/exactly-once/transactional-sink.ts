/**
 * A two-phase sink in memory, as exact as a database with transactions: what was prepared becomes visible when it is
 * committed, once, however often it is committed.
 */
import type { CommittingSinkWriter, Committer, Sink, SinkInitContext } from '../../src/connector/index.ts';

interface Transaction<T> {
  readonly id: string;
  readonly values: readonly T[];
}

export class TransactionalSink<T> implements Sink<T, Transaction<T>> {
  readonly name = 'Transactional Sink';
  readonly deliveryGuarantee = 'EXACTLY_ONCE';
  /** By transaction. */
  readonly committed = new Map<string, readonly T[]>();
  private transactions = 0;

  get values(): T[] {
    return [...this.committed.values()].flat();
  }

  createWriter({ subtaskIndex, attemptNumber }: SinkInitContext): CommittingSinkWriter<T, Transaction<T>> {
    let values: T[] = [];
    return {
      write: (value) => void values.push(value),
      flush() {},
      prepareCommit: () => {
        if (values.length === 0) return [];
        const transaction = { id: `${subtaskIndex}/${attemptNumber}/${this.transactions++}`, values };
        values = [];
        return [transaction];
      },
      close() {},
    };
  }

  createCommitter(): Committer<Transaction<T>> {
    return {
      commit: (transactions) => {
        for (const { id, values } of transactions) this.committed.set(id, values);
      },
      close() {},
    };
  }
}
