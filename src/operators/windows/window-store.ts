/**
 * What a window operator keeps of a window, per key, in keyed state: the elements, or what they were combined to.
 * Always points at one window of the current key.
 */
import {
  AggregatingStateDescriptor,
  type KeyedStateBackend,
  ListStateDescriptor,
  type MergingState,
  ReducingStateDescriptor,
  reducerOf,
} from '../../state/index.ts';
import { copyData } from './copy-data.ts';
import type { TimestampedValue } from './evictor.ts';
import type { WindowContents } from './window-operation.ts';

const STATE_NAME = 'window-contents';

export interface WindowStore {
  /** Turns to a window by the name of its state. */
  select(name: string): void;
  add(value: unknown, timestamp: number): void;
  /**
   * What the window's function sees; `undefined` if the window is empty. The caller may keep and change the array.
   * @param last whether the window is dropped right afterwards; otherwise, results must not change when it goes on
   */
  contents(last: boolean): unknown[] | undefined;
  clear(): void;
  merge(name: string, sources: readonly string[]): void;
}

export function windowStore(contents: WindowContents, backend: KeyedStateBackend): WindowStore {
  switch (contents.kind) {
    case 'ELEMENTS':
      return elementStore(backend);
    case 'REDUCE': {
      const descriptor = new ReducingStateDescriptor<unknown>(STATE_NAME, reducerOf(contents.reduceFunction));
      const state = backend.getNamespacedState(descriptor);
      return combiningStore(state, (last) => (last ? state.get() : copyData(state.get())));
    }
    case 'AGGREGATE': {
      const fn = contents.aggregateFunction;
      let copying = false;
      const descriptor = new AggregatingStateDescriptor<unknown, unknown, unknown>(STATE_NAME, {
        createAccumulator: () => fn.createAccumulator(),
        add: (value, accumulator) => fn.add(value, accumulator),
        merge: (one, other) => fn.merge(one, other),
        getResult: (accumulator) => fn.getResult(copying ? copyData(accumulator) : accumulator),
      });
      const state = backend.getNamespacedState(descriptor);
      return combiningStore(state, (last) => {
        copying = !last;
        return state.get();
      });
    }
  }
}

function elementStore(backend: KeyedStateBackend): WindowStore {
  const state = backend.getNamespacedState(new ListStateDescriptor<unknown>(STATE_NAME));
  return {
    select: (name) => state.setCurrentNamespace(name),
    add: (value) => state.add(value),
    contents: () => nonEmpty([...state.get()]),
    clear: () => state.clear(),
    merge: (name, sources) => mergeInto(state, name, sources),
  };
}

interface CombiningState extends MergingState {
  add(value: unknown): void;
}

function combiningStore(state: CombiningState, get: (last: boolean) => unknown): WindowStore {
  return {
    select: (name) => state.setCurrentNamespace(name),
    add: (value) => state.add(value),
    contents: (last) => {
      const value = get(last);
      return value === undefined ? undefined : [value];
    },
    clear: () => state.clear(),
    merge: (name, sources) => mergeInto(state, name, sources),
  };
}

/** All elements with their timestamps, for evictors. */
export interface EvictingStore extends WindowStore {
  elements(): TimestampedValue<unknown>[];
  replace(elements: readonly TimestampedValue<unknown>[]): void;
}

export function evictingStore(backend: KeyedStateBackend): EvictingStore {
  const state = backend.getNamespacedState(new ListStateDescriptor<TimestampedValue<unknown>>(STATE_NAME));
  return {
    select: (name) => state.setCurrentNamespace(name),
    add: (value, timestamp) => state.add({ value, timestamp }),
    contents: () => nonEmpty(Array.from(state.get(), (element) => element.value)),
    clear: () => state.clear(),
    merge: (name, sources) => mergeInto(state, name, sources),
    elements: () => [...state.get()],
    replace: (elements) => state.update(elements),
  };
}

function nonEmpty(elements: unknown[]): unknown[] | undefined {
  return elements.length === 0 ? undefined : elements;
}

function mergeInto(state: MergingState, name: string, sources: readonly string[]): void {
  if (sources.length > 0) state.mergeNamespaces(name, sources);
}

/** Combines elements at once, as a window with an evictor does; `undefined` if there are none. */
export function combine(contents: WindowContents, elements: readonly unknown[]): unknown[] | undefined {
  switch (contents.kind) {
    case 'ELEMENTS':
      return [...elements];
    case 'REDUCE': {
      if (elements.length === 0) return undefined;
      const reduce = reducerOf<unknown>(contents.reduceFunction);
      let result = elements[0];
      for (let i = 1; i < elements.length; i++) result = reduce(i === 1 ? copyData(result) : result, elements[i]);
      return [result];
    }
    case 'AGGREGATE': {
      const { aggregateFunction } = contents;
      let accumulator: unknown = aggregateFunction.createAccumulator();
      for (const element of elements) accumulator = aggregateFunction.add(element, accumulator);
      return [aggregateFunction.getResult(accumulator)];
    }
  }
}
