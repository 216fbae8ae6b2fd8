/**
 * Operator state on the heap. It is small (positions of splits, rules, in-flight work), so one backend is enough; values
 * are held by reference, and each element is encoded by itself in snapshots.
 */
import { MillraceError } from '../common/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, encodeValue, type TypeRegistry } from '../serialization/index.ts';
import { HeapBroadcastState } from './heap-broadcast-state.ts';
import type {
  OperatorStateBackend,
  OperatorStateEntry,
  OperatorStateMode,
  OperatorStateSnapshot,
} from './operator-state-backend.ts';
import { checkSameState, conversionOf, metaOf, refuseTtl } from './state-checks.ts';
import type { ListStateDescriptor, MapStateDescriptor } from './state-descriptors.ts';
import type { BroadcastState, ListState } from './states.ts';

interface RegisteredState {
  readonly descriptor: ListStateDescriptor<any> | MapStateDescriptor<any, any>;
  readonly mode: OperatorStateMode;
  readonly state: ElementState;
}

/** State as elements that are encoded one by one. */
interface ElementState {
  elements(): Iterable<unknown>;
  /** Adds a restored element. */
  restoreElement(element: any): void;
}

class OperatorListState<T> implements ListState<T>, ElementState {
  private list: T[] = [];

  get(): Iterable<T> {
    return this.list;
  }

  add(value: T): void {
    this.list.push(value);
  }

  addAll(values: Iterable<T>): void {
    for (const value of [...values]) this.list.push(value);
  }

  update(values: Iterable<T>): void {
    this.list = [...values];
  }

  clear(): void {
    this.list = [];
  }

  elements(): Iterable<T> {
    return this.list;
  }

  restoreElement(element: T): void {
    this.list.push(element);
  }
}

const MODE_WORDS: Readonly<Record<OperatorStateMode, string>> = {
  SPLIT: 'split list state',
  UNION: 'union list state',
  BROADCAST: 'broadcast state',
};

export class HeapOperatorStateBackend implements OperatorStateBackend {
  private readonly states = new Map<string, RegisteredState>();
  /** Restored, and not asked for yet. */
  private readonly unclaimed = new Map<string, OperatorStateEntry>();
  private readonly types: TypeRegistry | undefined;

  constructor(options: { readonly types?: TypeRegistry } = {}) {
    this.types = options.types;
  }

  getListState<T>(descriptor: ListStateDescriptor<T>): ListState<T> {
    return this.stateOf(descriptor, 'SPLIT', () => new OperatorListState<T>());
  }

  getUnionListState<T>(descriptor: ListStateDescriptor<T>): ListState<T> {
    return this.stateOf(descriptor, 'UNION', () => new OperatorListState<T>());
  }

  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): BroadcastState<K, V> {
    return this.stateOf(descriptor, 'BROADCAST', () => new HeapBroadcastState<K, V>());
  }

  snapshot(): OperatorStateSnapshot {
    const states: OperatorStateEntry[] = [...this.unclaimed.values()];
    for (const { descriptor, mode, state } of this.states.values()) {
      const { name, type } = metaOf(descriptor, false);
      states.push({ name, mode, type, elements: Array.from(state.elements(), (element) => this.encodeElement(element)) });
    }
    return { states };
  }

  restore(snapshots: readonly OperatorStateSnapshot[]): void {
    if (this.states.size > 0)
      throw new MillraceError('ILLEGAL_STATE', 'Operator state can be restored only before the first state is requested.');
    for (const { states } of snapshots) {
      for (const entry of states) {
        const known = this.unclaimed.get(entry.name);
        if (known && known.mode !== entry.mode) {
          throw new MillraceError(
            'STATE_FAILED',
            `The snapshots do not belong together: operator state '${entry.name}' is ${MODE_WORDS[known.mode]} in one and ${MODE_WORDS[entry.mode]} in another. Restore from the snapshots of one checkpoint.`,
            { context: { state: entry.name }, recoverable: false },
          );
        }
        // All copies of broadcast state are equal: one of them is enough.
        if (known === undefined) this.unclaimed.set(entry.name, entry);
        else if (entry.mode !== 'BROADCAST') {
          this.unclaimed.set(entry.name, { ...known, elements: [...known.elements, ...entry.elements] });
        }
      }
    }
  }

  isEmpty(): boolean {
    for (const { elements } of this.unclaimed.values()) if (elements.length > 0) return false;
    for (const { state } of this.states.values()) for (const _ of state.elements()) return false;
    return true;
  }

  private stateOf<S extends ElementState>(
    descriptor: RegisteredState['descriptor'],
    mode: OperatorStateMode,
    create: () => S,
  ): S {
    refuseTtl(descriptor, 'operator state');
    const known = this.states.get(descriptor.name);
    if (known) {
      if (known.mode !== mode)
        throw twoModes('INVALID_STATE_DESCRIPTOR', descriptor.name, known.mode, mode, 'is used in two ways in one operator');
      checkSameState(known.descriptor, metaOf(known.descriptor, false), descriptor, metaOf(descriptor, false));
      return known.state as S;
    }
    const state = create();
    this.takeRestored(descriptor, mode, state);
    this.states.set(descriptor.name, { descriptor, mode, state });
    return state;
  }

  private takeRestored(descriptor: RegisteredState['descriptor'], mode: OperatorStateMode, state: ElementState): void {
    const { name } = descriptor;
    const entry = this.unclaimed.get(name);
    if (entry === undefined) return;
    if (entry.mode !== mode)
      throw twoModes('STATE_FAILED', name, entry.mode, mode, 'was stored in another way than the program declares');
    const wanted = metaOf(descriptor, false);
    const convert = conversionOf({ ...wanted, type: entry.type }, wanted, descriptor, 0);
    for (const bytes of entry.elements) {
      const element = decodeValue(new BinaryReader(bytes), this.types);
      if (convert === undefined) state.restoreElement(element);
      else if (descriptor.kind !== 'MAP') state.restoreElement(convert(element));
      else {
        const [key, value] = element as [unknown, unknown];
        state.restoreElement([key, convert(value)]);
      }
    }
    this.unclaimed.delete(name);
  }

  private encodeElement(element: unknown): Uint8Array {
    const writer = new BinaryWriter(64);
    encodeValue(writer, element, this.types);
    return writer.toBytes();
  }
}

function twoModes(
  code: 'INVALID_STATE_DESCRIPTOR' | 'STATE_FAILED',
  name: string,
  first: OperatorStateMode,
  second: OperatorStateMode,
  what: string,
): MillraceError {
  return new MillraceError(
    code,
    `Operator state '${name}' ${what}: as ${MODE_WORDS[first]} and as ${MODE_WORDS[second]}. Give the states different names.`,
    { context: { state: name }, recoverable: false },
  );
}
