/**
 * A two-phase sink in memory, as exact as a database with transactions: what was prepared becomes visible when it is
 * committed, once, however often it is committed. One sink may stand at the end of several streams, and of several jobs
 * one after the other.
 */
import type { Committer, CommittingSinkWriter, Sink, SinkInitContext } from '../../src/connector/index.ts';
import { type Faults, NO_FAULTS } from './faults.ts';

interface Transaction<T> {
  readonly id: string;
  readonly values: readonly T[];
}

export class TransactionalSink<T> implements Sink<T, Transaction<T>> {
  readonly name = 'Transactional Sink';
  readonly deliveryGuarantee = 'EXACTLY_ONCE';
  /** By transaction. */
  readonly committed = new Map<string, readonly T[]>();
  readonly #faults: Faults;
  #transactions = 0;

  constructor(faults: Faults = NO_FAULTS) {
    this.#faults = faults;
  }

  get values(): T[] {
    return [...this.committed.values()].flat();
  }

  createWriter({ subtaskIndex, attemptNumber }: SinkInitContext): CommittingSinkWriter<T, Transaction<T>> {
    const faults = this.#faults;
    let values: T[] = [];
    faults.at('open');
    return {
      write: (value) => {
        faults.at('write');
        values.push(value);
      },
      flush: () => faults.at('flush'),
      prepareCommit: () => {
        faults.at('prepare');
        if (values.length === 0) return [];
        const transaction = { id: `${subtaskIndex}/${attemptNumber}/${this.#transactions++}`, values };
        values = [];
        return [transaction];
      },
      close: () => faults.at('close'),
    };
  }

  createCommitter(): Committer<Transaction<T>> {
    return {
      commit: (transactions) => {
        for (const { id, values } of transactions) {
          this.#faults.at('commit');
          this.committed.set(id, values);
          this.#faults.at('commit');
        }
      },
      close: () => {},
    };
  }
}
