/** What the table numbers in restored segments mean: they were given by the backend that wrote them. Never changes. */
import type { HashIndex } from './hash-index.ts';
import type { RecordTables } from './record-log.ts';

export class RestoredTables implements RecordTables {
  private readonly indexes: ReadonlyMap<number, HashIndex>;

  constructor(indexes: ReadonlyMap<number, HashIndex>) {
    this.indexes = indexes;
  }

  /** Also of a table that has been dropped: it is empty then. */
  indexOf(table: number): HashIndex | undefined {
    return this.indexes.get(table);
  }

  /** For a manifest: number in records, number now, and so on, of the tables that are `known`. */
  pairs(known: ReadonlySet<number>): number[] {
    return [...this.indexes].flatMap(([number, { table }]) => (known.has(table) ? [number, table] : []));
  }
}
