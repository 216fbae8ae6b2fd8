/**
 * A family of states of the heap backend that share their cells: all partitioned states are one family, with the empty
 * namespace only; each namespaced state is a family of its own, with a table per namespace.
 *
 * A family of one state keeps its values in the table as they are; of several, an array with a slot for each, so that a
 * record costs one lookup for all of them. (An entry object for a single state as well was simpler, but one more memory
 * access made it 25 to 40 % slower on a million keys.)
 *
 * Invariants: the cell of the current key is looked up at the first access after the key or the namespace changed, and not
 * again; a key without any value has no cell; a table without cells is not in the family (except that of the empty
 * namespace), so that emptied state costs nothing.
 */
import { MillraceError } from '../common/index.ts';
import { type CanonicalKey, decodeKey } from './key-encoding.ts';
import { type CellMap, KeyTable } from './key-table.ts';

/** The key that all families of a backend look at. */
export class KeyContext {
  /** Of the partitioned states. Its key is the current key; it gets it first at every record. */
  readonly partitioned: StateFamily = new StateFamily(this);
  private readonly namespaced: StateFamily[] = [];
  private hasNamespaced = false;
  private decoded: { readonly canonical: CanonicalKey; readonly key: unknown } | undefined = undefined;

  get canonicalKey(): CanonicalKey {
    const { key } = this.partitioned;
    if (key === undefined) {
      throw new MillraceError(
        'ILLEGAL_STATE',
        'There is no current key: keyed state was used outside of the processing of a record or timer (in open or finish, for instance). Use it while a record or timer is processed.',
      );
    }
    return key;
  }

  /** The key itself; composites are decoded once. */
  get key(): unknown {
    const canonical = this.canonicalKey;
    if (this.decoded?.canonical !== canonical) this.decoded = { canonical, key: decodeKey(canonical) };
    return this.decoded.key;
  }

  set(canonical: CanonicalKey | undefined): void {
    const { partitioned } = this;
    partitioned.key = canonical;
    partitioned.stale = true;
    if (this.hasNamespaced) this.setNamespaced(canonical);
  }

  addNamespacedFamily(): StateFamily {
    const family = new StateFamily(this);
    family.key = this.partitioned.key;
    this.namespaced.push(family);
    this.hasNamespaced = true;
    return family;
  }

  /** Runs `body`, which may change the current key, and sets it back. */
  preserving(body: () => void): void {
    const { key } = this.partitioned;
    try {
      body();
    } finally {
      this.set(key);
    }
  }

  private setNamespaced(canonical: CanonicalKey | undefined): void {
    const { namespaced } = this;
    for (let i = 0; i < namespaced.length; i++) {
      const family = namespaced[i] as StateFamily;
      family.key = canonical;
      family.stale = true;
    }
  }
}

export class StateFamily {
  /** Whether `cell` may be that of another key or namespace. */
  stale = true;
  /** The current key: a copy in each family, for one indirection less. */
  key: CanonicalKey | undefined = undefined;
  private cell: unknown = undefined;
  /** Where `cell` is or would be, if there is a table. */
  private map: CellMap | undefined = undefined;
  private slots = 0;
  private namespace = '';
  private table: KeyTable | undefined = undefined;
  private readonly tables = new Map<string, KeyTable>();
  private readonly context: KeyContext;

  constructor(context: KeyContext) {
    this.context = context;
  }

  /** Makes room for one more state; returns its slot. */
  addSlot(): number {
    if (this.slots === 1) {
      for (const table of this.tables.values()) table.replaceAll((cell) => [cell]);
      this.stale = true;
    }
    return this.slots++;
  }

  read(slot: number): unknown {
    const cell = this.stale ? this.load() : this.cell;
    return this.slots === 1 || cell === undefined ? cell : (cell as unknown[])[slot];
  }

  /** `undefined` removes the value. */
  write(slot: number, value: unknown): void {
    const cell = this.stale ? this.load() : this.cell;
    if (this.slots === 1) {
      if (value !== cell) this.setCell(cell, value);
    } else if (value !== undefined && cell !== undefined && slot < (cell as unknown[]).length) {
      (cell as unknown[])[slot] = value;
    } else {
      const changed = withSlot(cell as unknown[] | undefined, slot, value);
      if (changed !== cell) this.setCell(cell, changed);
    }
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
        this.table?.forEach((key, cell, map) => {
          if (this.valueIn(cell, slot) === undefined) return;
          context.set(key);
          this.setNamespace(namespace);
          this.cell = cell;
          this.map = map;
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
      table.forEach((key, cell) => {
        const value = this.valueIn(cell, slot);
        if (value !== undefined) visit(namespace, key, value);
      });
    }
  }

  /** Goes over the keys of the empty namespace while they change, as `KeyTable.keys`. */
  keys(): Iterator<CanonicalKey, void> | undefined {
    return this.tables.get('')?.keys();
  }

  /** The value of any key in the empty namespace. */
  peek(key: CanonicalKey, slot: number): unknown {
    return this.valueIn(this.tables.get('')?.find(key), slot);
  }

  /** Sets or removes a value of any key and namespace; the current ones stay. */
  put(namespace: string, key: CanonicalKey, slot: number, value: unknown): void {
    this.context.preserving(() => {
      const before = this.namespace;
      this.context.set(key);
      this.setNamespace(namespace);
      this.write(slot, value);
      this.setNamespace(before);
    });
  }

  isEmpty(): boolean {
    return this.namespaces().length === 0;
  }

  dispose(): void {
    this.tables.clear();
    this.table = undefined;
    this.cell = undefined;
  }

  private valueIn(cell: unknown, slot: number): unknown {
    return this.slots === 1 || cell === undefined ? cell : (cell as unknown[])[slot];
  }

  private load(): unknown {
    const { table } = this;
    const key = this.key ?? this.context.canonicalKey;
    this.stale = false;
    if (table === undefined) {
      this.cell = undefined;
      return undefined;
    }
    const map = table.mapOf(key);
    this.map = map;
    // V8 inlines the lookup of what is known to be a 32-bit integer.
    const cell = typeof key === 'number' && (key | 0) === key ? map.get(key | 0) : map.get(key);
    this.cell = cell;
    return cell;
  }

  /** `before` is that of the current key, and loaded. */
  private setCell(before: unknown, after: unknown): void {
    const key = this.key as CanonicalKey;
    this.cell = after;
    if (before === undefined) this.insertCell(key, after);
    else if (after === undefined) this.removeCell(key);
    else (this.map as CellMap).set(key, after);
  }

  private insertCell(key: CanonicalKey, cell: unknown): void {
    if (this.table === undefined) {
      this.table = new KeyTable();
      this.tables.set(this.namespace, this.table);
    }
    this.map = this.table.insert(key, cell);
  }

  private removeCell(key: CanonicalKey): void {
    this.table?.delete(key);
    if (this.namespace === '' || this.table?.size !== 0) return;
    this.tables.delete(this.namespace);
    this.table = undefined;
  }
}

/** The cell of several states with one of them changed: the same array, a new one, or `undefined` if no value is left. */
function withSlot(cell: unknown[] | undefined, slot: number, value: unknown): unknown[] | undefined {
  const slots = cell ?? [];
  while (slots.length <= slot) slots.push(undefined);
  slots[slot] = value;
  return value === undefined && slots.every((each) => each === undefined) ? undefined : slots;
}
