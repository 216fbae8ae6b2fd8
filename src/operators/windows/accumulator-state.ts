/**
 * The accumulators of windows in keyed state, by namespace. Operators that keep them on the heap write them here for
 * snapshots, those that do not work on them here: so each goes on from the snapshots of the other.
 *
 * Lists of elements are list state, so that adding one does not write all of them again.
 */
import { type KeyedStateBackend, ListStateDescriptor, type NamespacedState, ValueStateDescriptor } from '../../state/index.ts';
import { copyData } from './copy-data.ts';
import { EMPTY, type WindowAggregate } from './window-aggregate.ts';
import type { WindowOperation } from './window-operation.ts';

/** For the current key, and the namespace that was selected last. */
export interface AccumulatorState {
  readonly state: NamespacedState;
  select(namespace: string): void;
  /** `EMPTY` if there is none. It belongs to the state: copy it if anyone may change it. */
  read(): unknown;
  /** The same, but the caller's own. */
  own(): unknown;
  write(accumulator: unknown): void;
  add(value: unknown): void;
  clear(): void;
}

export function accumulatorState(
  name: string,
  { contents }: WindowOperation,
  aggregate: WindowAggregate,
  backend: KeyedStateBackend,
): AccumulatorState {
  if (contents.kind === 'ELEMENTS') {
    const state = backend.getNamespacedState(new ListStateDescriptor<unknown>(name));
    const read = (): unknown => {
      const elements = [...state.get()];
      return elements.length === 0 ? EMPTY : elements;
    };
    return {
      state,
      select: (namespace) => state.setCurrentNamespace(namespace),
      read,
      // Off the heap, elements are decoded anew at each reading.
      own: backend.keepsStateOffHeap ? read : () => copyData(read()),
      write: (elements) => state.update(elements as unknown[]),
      add: (value) => state.add(value),
      clear: () => state.clear(),
    };
  }
  // In an array, because an accumulator may be undefined.
  const state = backend.getNamespacedState(new ValueStateDescriptor<[unknown]>(name));
  return {
    state,
    select: (namespace) => state.setCurrentNamespace(namespace),
    read: () => {
      const held = state.value();
      return held === undefined ? EMPTY : held[0];
    },
    own: () => {
      const held = state.ownValue(copyData);
      return held === undefined ? EMPTY : held[0];
    },
    write: (accumulator) => state.update([accumulator]),
    add: (value) => {
      const held = state.value();
      state.update([aggregate.add(value, held === undefined ? aggregate.create() : held[0])]);
    },
    clear: () => state.clear(),
  };
}
