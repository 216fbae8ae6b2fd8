/**
 * Reads and writes one state for the current key in one namespace; the states that functions get are built on it. What
 * `read` and `write` pass has the same form on every backend: the value, the elements of a list as an array, the entries of a
 * map as a Map by canonical key; `undefined` is none.
 */
import type { BinaryReader } from '../../serialization/index.ts';
import { decodeKey } from '../key-encoding.ts';
import type { CurrentKey } from './current-key.ts';
import type { StateStore, StateTable } from './state-store.ts';

export abstract class StateAccess {
  protected readonly store: StateStore;
  protected readonly current: CurrentKey;
  private namespace = '';
  private selected: StateTable | undefined;

  constructor(store: StateStore) {
    this.store = store;
    this.current = store.context.current;
  }

  abstract read(): unknown;
  abstract write(content: unknown): void;

  get currentNamespace(): string {
    return this.namespace;
  }

  setNamespace(namespace: string): void {
    if (namespace === this.namespace) return;
    this.namespace = namespace;
    this.selected = undefined;
  }

  clearNamespace(namespace: string): void {
    this.store.dropTable(namespace);
  }

  namespaces(): string[] {
    return this.store.namespaces();
  }

  /** As the heap backend's `StateFamily.forEachKey`. */
  forEachKey(namespace: string, visit: (key: unknown) => void): void {
    const table = this.store.tableOf(namespace);
    if (table === undefined) return;
    const before = this.namespace;
    const { current } = this;
    try {
      current.preserving(() => {
        this.store.forEachKey(table, (key, tag, location, value) => {
          current.canonical = key;
          this.setNamespace(namespace);
          this.offer(table, location, table.values.holds(tag, location) ? value : undefined);
          if (this.isPresent(table)) visit(decodeKey(key));
        });
      });
    } finally {
      this.offer(table, 0, undefined);
      this.setNamespace(before);
    }
  }

  /** Whether the current key has a value in the current namespace. */
  hasValue(): boolean {
    const { table } = this;
    return table !== undefined && this.isPresent(table);
  }

  /** The table of the current namespace, if there is one. @throws MillraceError `ILLEGAL_STATE` without a current key */
  protected get table(): StateTable | undefined {
    if (this.current.canonical === undefined) this.current.require();
    if (this.selected === undefined || this.selected.dropped) this.selected = this.store.tableOf(this.namespace);
    return this.selected;
  }

  protected makeTable(): StateTable {
    const { table } = this;
    if (table !== undefined) return table;
    this.selected = this.store.makeTable(this.namespace);
    return this.selected;
  }

  /** Whether the current key has a value; it is not read. */
  protected abstract isPresent(table: StateTable): boolean;
  /** The bytes of the current key's value have been read anyway, if there are any: they hold until the next call. */
  protected abstract offer(table: StateTable, location: number, value: BinaryReader | undefined): void;
}
