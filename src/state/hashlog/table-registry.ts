/** Numbers the indexes of a backend: the number stands in every record, so that compaction knows whose it is. */
import { HashIndex } from './hash-index.ts';
import type { RecordLog, RecordTables } from './record-log.ts';
import type { StateStore } from './state-store.ts';

export interface RegisteredIndex {
  readonly index: HashIndex;
  readonly store: StateStore;
  /** Entries of maps and parts of lists, not values of keys. */
  readonly secondary: boolean;
}

export class TableRegistry implements RecordTables {
  /** Whether a state has a time to live. */
  hasExpiry = false;
  private readonly indexes = new Map<number, RegisteredIndex>();
  private next = 1;

  create(log: RecordLog, store: StateStore, secondary: boolean): HashIndex {
    const index = new HashIndex(log, this.next++);
    this.indexes.set(index.table, { index, store, secondary });
    return index;
  }

  remove(index: HashIndex): void {
    this.indexes.delete(index.table);
    index.dispose();
  }

  get(table: number): RegisteredIndex | undefined {
    return this.indexes.get(table);
  }

  indexOf(table: number): HashIndex | undefined {
    return this.indexes.get(table)?.index;
  }
}
