/**
 * The states that functions and operators use, as Flink's. Keyed state always means the state of the current key.
 *
 * On the heap backend, values are held by reference, as in Flink with object reuse: whoever changes a value after handing
 * it to a state, or one that a state returned, changes the state. Values must be data, as snapshots write them.
 * The `hashlog` backend keeps such changes only for `ValueState`, and only those made before another key is processed; and what
 * it cannot write is refused when the value leaves its cache, not later than at the next snapshot. So programs that are to
 * run on both call `update`, `put` or `add` after a change.
 */

/** Any state. */
export interface State {
  /** Removes the value of the current key. */
  clear(): void;
}

export interface ValueState<T> extends State {
  /** The value; without one, the descriptor's default value, or else `undefined`. */
  value(): T | undefined;
  /** Sets the value; `undefined` clears it. */
  update(value: T | undefined): void;
}

/** State that takes values one by one and gives something else back. */
export interface AppendingState<IN, OUT> extends State {
  get(): OUT;
  add(value: IN): void;
}

export interface ListState<T> extends AppendingState<T, Iterable<T>> {
  /** The elements in the order in which they were added; empty without any. Do not change the list while reading it. */
  get(): Iterable<T>;
  add(value: T): void;
  addAll(values: Iterable<T>): void;
  /** Replaces all elements. */
  update(values: Iterable<T>): void;
}

export interface MapState<K, V> extends State {
  get(key: K): V | undefined;
  /** Sets the value of `key`; `undefined` removes it. @throws MillraceError `INVALID_KEY` */
  put(key: K, value: V): void;
  putAll(entries: Iterable<readonly [K, V]>): void;
  remove(key: K): void;
  contains(key: K): boolean;
  /** In the order in which the keys were added. Entries may be removed while iterating. */
  entries(): Iterable<[K, V]>;
  keys(): Iterable<K>;
  values(): Iterable<V>;
  isEmpty(): boolean;
}

export interface ReducingState<T> extends AppendingState<T, T | undefined> {
  /** The combined value; `undefined` if nothing was added. */
  get(): T | undefined;
}

export interface AggregatingState<IN, OUT> extends AppendingState<IN, OUT | undefined> {
  /** The result of what was added; `undefined` if nothing was. */
  get(): OUT | undefined;
}

/** Broadcast state on the side that must not change it, because records arrive there in another order on each subtask. */
export interface ReadOnlyBroadcastState<K, V> {
  get(key: K): V | undefined;
  contains(key: K): boolean;
  /** In the order in which the keys were added. */
  immutableEntries(): Iterable<[K, V]>;
}

/** The same map on every subtask, changed by broadcast records only. */
export interface BroadcastState<K, V> extends ReadOnlyBroadcastState<K, V> {
  put(key: K, value: V): void;
  putAll(entries: Iterable<readonly [K, V]>): void;
  remove(key: K): void;
  entries(): Iterable<[K, V]>;
  clear(): void;
}
