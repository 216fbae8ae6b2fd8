/**
 * A family of states of the heap backend that share their entries: all partitioned states are one family, with the empty
 * namespace only; each namespaced state is a family of its own, with a table per namespace.
 *
 * Invariants: the entry of the current key is looked up at the first access after the key or the namespace changed, and
 * not again; after that, a state is a field. An entry without any value is not in the table, and a table without entries
 * is not in the family (except that of the empty namespace), so that emptied state costs nothing.
 */
import { MillraceError } from '../common/index.ts';
import { type CanonicalKey, decodeKey } from './key-encoding.ts';
import { type KeyEntry, KeyTable, readSlot, writeSlot } from './key-table.ts';

/** The key that all families of a backend look at. */
export class KeyContext {
  /** Of the partitioned states: marked stale at every record, before any other. */
  readonly partitioned: StateFamily = new StateFamily(this);
  private readonly namespaced: StateFamily[] = [];
  /** Read by families, which check it through `canonicalKey` when it is missing. */
  canonical: CanonicalKey | undefined = undefined;
  /** The key as it was given; `undefined` if only the canonical form was. */
  private raw: unknown = undefined;

  get canonicalKey(): CanonicalKey {
    if (this.canonical === undefined) {
      throw new MillraceError(
        'ILLEGAL_STATE',
        'There is no current key: keyed state was used outside of the processing of a record or timer (in open or finish, for instance). Use it while a record or timer is processed.',
      );
    }
    return this.canonical;
  }

  get key(): unknown {
    this.raw ??= decodeKey(this.canonicalKey);
    return this.raw;
  }

  set(canonical: CanonicalKey, raw: unknown): void {
    this.canonical = canonical;
    this.raw = raw;
    this.partitioned.stale = true;
    if (this.namespaced.length > 0) this.markNamespaced();
  }

  addNamespacedFamily(): StateFamily {
    const family = new StateFamily(this);
    this.namespaced.push(family);
    return family;
  }

  /** Runs `body`, which may change the current key, and sets it back. */
  preserving(body: () => void): void {
    const { canonical, raw } = this;
    try {
      body();
    } finally {
      this.canonical = canonical;
      this.raw = raw;
      this.partitioned.stale = true;
      this.markNamespaced();
    }
  }

  private markNamespaced(): void {
    for (const family of this.namespaced) family.stale = true;
  }
}

export class StateFamily {
  /** Whether `entry` may be that of another key or namespace. */
  stale = true;
  /** Slots given out so far. */
  slots = 0;
  private entry: KeyEntry | undefined = undefined;
  private namespace = '';
  private table: KeyTable | undefined = undefined;
  private readonly tables = new Map<string, KeyTable>();
  private readonly context: KeyContext;

  constructor(context: KeyContext) {
    this.context = context;
  }

  read(slot: number): unknown {
    const entry = this.stale ? this.load() : this.entry;
    return entry === undefined ? undefined : readSlot(entry, slot);
  }

  /** `undefined` removes the value. */
  write(slot: number, value: unknown): void {
    const entry = this.stale ? this.load() : this.entry;
    if (entry === undefined) {
      if (value !== undefined) writeSlot(this.insertEntry(), slot, value);
      return;
    }
    writeSlot(entry, slot, value);
    if (value === undefined && entry.isEmpty()) this.removeEntry(this.context.canonicalKey);
  }

  setNamespace(namespace: string): void {
    if (namespace === this.namespace) return;
    this.namespace = namespace;
    this.table = this.tables.get(namespace);
    this.stale = true;
  }

  get currentNamespace(): string {
    return this.namespace;
  }

  clearNamespace(namespace: string): void {
    this.tables.delete(namespace);
    if (namespace !== this.namespace) return;
    this.table = undefined;
    this.stale = true;
  }

  namespaces(): string[] {
    const found: string[] = [];
    for (const [namespace, table] of this.tables) if (namespace !== '' || table.size > 0) found.push(namespace);
    return found;
  }

  /** Calls `visit` for every key with a value in `slot`, with current key and namespace set; then sets them back. */
  forEachKey(namespace: string, slot: number, visit: (key: unknown) => void): void {
    const before = this.namespace;
    const { context } = this;
    try {
      context.preserving(() => {
        this.setNamespace(namespace);
        this.table?.forEach((key, entry) => {
          if (readSlot(entry, slot) === undefined) return;
          context.set(key, undefined);
          this.setNamespace(namespace);
          this.entry = entry;
          this.stale = false;
          visit(context.key);
        });
      });
    } finally {
      this.setNamespace(before);
    }
  }

  /** Every value of a slot, as it is stored. */
  forEachValue(slot: number, visit: (namespace: string, key: CanonicalKey, value: unknown) => void): void {
    for (const [namespace, table] of this.tables) {
      table.forEach((key, entry) => {
        const value = readSlot(entry, slot);
        if (value !== undefined) visit(namespace, key, value);
      });
    }
  }

  /** Goes over the entries of the empty namespace while they change, as `KeyTable.entries`. */
  entries(): Iterator<[CanonicalKey, KeyEntry], void> | undefined {
    return this.tables.get('')?.entries();
  }

  /** Replaces a value seen through {@link entries}. An entry that has left the table since holds no value to be seen. */
  replaceSeen(key: CanonicalKey, entry: KeyEntry, slot: number, value: unknown): void {
    writeSlot(entry, slot, value);
    if (!entry.isEmpty()) return;
    this.tables.get('')?.delete(key);
    this.stale = true;
  }

  /** For restored values: leaves the current key alone. */
  put(namespace: string, key: CanonicalKey, slot: number, value: unknown): void {
    const table = this.tableFor(namespace);
    writeSlot(table.find(key) ?? table.insert(key), slot, value);
    this.stale = true;
  }

  dispose(): void {
    this.tables.clear();
    this.table = undefined;
    this.entry = undefined;
  }

  isEmpty(): boolean {
    return this.namespaces().length === 0;
  }

  private load(): KeyEntry | undefined {
    const { table } = this;
    const key = this.context.canonical ?? this.context.canonicalKey;
    const entry = table === undefined ? undefined : table.find(key);
    this.entry = entry;
    this.stale = false;
    return entry;
  }

  private insertEntry(): KeyEntry {
    this.table ??= this.tableFor(this.namespace);
    this.entry = this.table.insert(this.context.canonicalKey);
    return this.entry;
  }

  private removeEntry(key: CanonicalKey): void {
    this.entry = undefined;
    this.table?.delete(key);
    if (this.namespace === '' || this.table?.size !== 0) return;
    this.tables.delete(this.namespace);
    this.table = undefined;
  }

  private tableFor(namespace: string): KeyTable {
    let table = this.tables.get(namespace);
    if (table === undefined) {
      table = new KeyTable();
      this.tables.set(namespace, table);
      if (namespace === this.namespace) this.table = table;
    }
    return table;
  }
}
