/**
 * The records of one state: a table per namespace (partitioned state has only the empty one), each an index of the values by
 * key, and if needed a second one of what is too large for one record: parts of lists, entries of maps.
 *
 * Invariant: a table that was dropped is never used again; who remembers one checks `dropped`.
 */
import { BinaryReader, decodeValue } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import type { StateMeta } from '../keyed-state-backend.ts';
import type { Compactor } from './compactor.ts';
import type { CurrentKey } from './current-key.ts';
import type { HashIndex } from './hash-index.ts';
import type { RecordLog } from './record-log.ts';
import { RecordWindow } from './record-window.ts';
import { HEADER_BYTES, TAG_WORD } from './segment.ts';
import type { TableRegistry } from './table-registry.ts';

/** What all stores of a backend share. */
export interface StoreContext {
  readonly log: RecordLog;
  readonly registry: TableRegistry;
  readonly compactor: Compactor;
  readonly current: CurrentKey;
  readonly maxParallelism: number;
}

export class StateTable {
  readonly namespace: string;
  readonly values: HashIndex;
  dropped = false;
  private readonly store: StateStore;
  private secondary: HashIndex | undefined;

  constructor(namespace: string, store: StateStore) {
    const { registry, log } = store.context;
    this.namespace = namespace;
    this.store = store;
    this.values = registry.create(log, store, false);
  }

  /** The second index, if there is one. */
  get parts(): HashIndex | undefined {
    return this.secondary;
  }

  makeParts(): HashIndex {
    const { registry, log } = this.store.context;
    this.secondary ??= registry.create(log, this.store, true);
    return this.secondary;
  }

  /** Forgets all that is in it. */
  drop(): void {
    const { registry } = this.store.context;
    this.dropped = true;
    registry.remove(this.values);
    if (this.secondary !== undefined) registry.remove(this.secondary);
  }
}

/** Tables that may be empty before somebody looks; each costs a few hundred bytes. */
const SWEEP_ABOVE = 1024;

export class StateStore {
  meta: StateMeta;
  readonly context: StoreContext;
  /** Whether a key's record is all that there is, and has expired; none without a time to live. Reads behind the key. */
  isExpired: ((key: CanonicalKey, value: BinaryReader) => boolean) | undefined;
  /** Writes what waits in a cache; to be called before anything that goes over all keys. */
  settle: () => void = () => {};
  private readonly tables = new Map<string, StateTable>();
  private sweepAbove = SWEEP_ABOVE;

  constructor(meta: StateMeta, context: StoreContext) {
    this.meta = meta;
    this.context = context;
  }

  tableOf(namespace: string): StateTable | undefined {
    return this.tables.get(namespace);
  }

  makeTable(namespace: string): StateTable {
    let table = this.tables.get(namespace);
    if (table === undefined) {
      if (this.tables.size > this.sweepAbove) this.sweep();
      table = new StateTable(namespace, this);
      this.tables.set(namespace, table);
    }
    return table;
  }

  dropTable(namespace: string): void {
    const table = this.tables.get(namespace);
    this.tables.delete(namespace);
    table?.drop();
  }

  /** Takes all tables out; they are the caller's, to be dropped. */
  detachTables(): StateTable[] {
    const tables = [...this.tables.values()];
    this.tables.clear();
    return tables;
  }

  allTables(): IterableIterator<StateTable> {
    return this.tables.values();
  }

  /** How many keys (and namespaces) have a value. */
  get count(): number {
    this.settle();
    let count = 0;
    for (const { values } of this.tables.values()) count += values.count;
    return count;
  }

  namespaces(): string[] {
    this.settle();
    const found: string[] = [];
    for (const { namespace, values } of this.tables.values()) if (values.count > 0) found.push(namespace);
    return found;
  }

  /**
   * Calls `visit` with each key that is in a table at the start and still has a value when its turn comes, in the order of the
   * log. `read` gives the value's bytes if the record is as it was then.
   */
  forEachKey(table: StateTable, visit: (key: CanonicalKey, tag: number, location: number, value: BinaryReader) => void): void {
    this.settle();
    const { log } = this.context;
    log.iterate(() => {
      const window = new RecordWindow(log.segments);
      for (const location of table.values.locations()) {
        window.open(location);
        const { bytes, start, length } = window;
        const value = new BinaryReader(bytes.subarray(start + HEADER_BYTES, start + length));
        const tag = window.word(TAG_WORD);
        const key = decodeValue(value) as CanonicalKey;
        if (table.dropped) return;
        visit(key, tag, location | 0, value);
      }
    });
  }

  dispose(): void {
    for (const table of this.tables.values()) table.drop();
    this.tables.clear();
  }

  private sweep(): void {
    this.settle();
    for (const [namespace, { values }] of this.tables) if (values.count === 0) this.dropTable(namespace);
    this.sweepAbove = Math.max(SWEEP_ABOVE, 2 * this.tables.size);
  }
}
