/**
 * The states of the heap backend: each is one slot of the cells of its family. What a slot holds: a value as it is, an
 * array for a list (never empty), a Map by canonical key for a map (never empty), the combined value, the accumulator.
 */

import { type CanonicalKey, decodeKey, encodeKey } from './key-encoding.ts';
import type { MergingState, NamespacedState, NamespacedValueState } from './keyed-state-backend.ts';
import type { StateFamily } from './state-family.ts';
import type { AggregateFunction } from './state-functions.ts';
import type { AggregatingState, ListState, MapState, ReducingState } from './states.ts';

class HeapState implements NamespacedState {
  protected readonly family: StateFamily;
  protected readonly slot: number;

  constructor(family: StateFamily, slot: number) {
    this.family = family;
    this.slot = slot;
  }

  clear(): void {
    this.family.write(this.slot, undefined);
  }

  hasValue(): boolean {
    return this.family.read(this.slot) !== undefined;
  }

  setCurrentNamespace(namespace: string): void {
    this.family.setNamespace(namespace);
  }

  forEachKeyInNamespace(namespace: string, visit: (key: any) => void): void {
    this.family.forEachKey(namespace, this.slot, visit);
  }

  clearNamespace(namespace: string): void {
    this.family.clearNamespace(namespace);
  }

  namespaces(): readonly string[] {
    return this.family.namespaces();
  }

  /** The combined values of `sources` into `target`, in this order, for the current key. */
  protected merge(target: string, sources: Iterable<string>, combine: (a: any, b: any) => unknown): void {
    const { family, slot } = this;
    const before = family.currentNamespace;
    let merged: unknown;
    for (const source of sources) {
      if (source === target) continue;
      family.setNamespace(source);
      const value = family.read(slot);
      if (value === undefined) continue;
      family.write(slot, undefined);
      merged = merged === undefined ? value : combine(merged, value);
    }
    if (merged !== undefined) {
      family.setNamespace(target);
      const value = family.read(slot);
      family.write(slot, value === undefined ? merged : combine(value, merged));
    }
    family.setNamespace(before);
  }
}

export class HeapValueState<T> extends HeapState implements NamespacedValueState<T> {
  private readonly defaultValue: () => T | undefined;

  constructor(family: StateFamily, slot: number, defaultValue: () => T | undefined = noValue) {
    super(family, slot);
    this.defaultValue = defaultValue;
  }

  value(): T | undefined {
    const value = this.family.read(this.slot) as T | undefined;
    return value === undefined ? this.defaultValue() : value;
  }

  ownValue(copy: (value: T) => T): T | undefined {
    const value = this.family.read(this.slot) as T | undefined;
    return value === undefined ? undefined : copy(value);
  }

  update(value: T | undefined): void {
    this.family.write(this.slot, value);
  }
}

function noValue(): undefined {}

export class HeapListState<T> extends HeapState implements ListState<T>, MergingState {
  get(): Iterable<T> {
    return (this.family.read(this.slot) as T[] | undefined) ?? [];
  }

  add(value: T): void {
    const list = this.family.read(this.slot) as T[] | undefined;
    if (list === undefined) this.family.write(this.slot, [value]);
    else list.push(value);
  }

  addAll(values: Iterable<T>): void {
    for (const value of [...values]) this.add(value);
  }

  update(values: Iterable<T>): void {
    const list = [...values];
    this.family.write(this.slot, list.length === 0 ? undefined : list);
  }

  mergeNamespaces(target: string, sources: Iterable<string>): void {
    this.merge(target, sources, (a: T[], b: T[]) => a.concat(b));
  }
}

export class HeapMapState<K, V> extends HeapState implements MapState<K, V> {
  get(key: K): V | undefined {
    return this.map()?.get(encodeKey(key));
  }

  put(key: K, value: V): void {
    if (value === undefined) {
      this.remove(key);
      return;
    }
    const canonical = encodeKey(key);
    const map = this.map();
    if (map === undefined) this.family.write(this.slot, new Map([[canonical, value]]));
    else map.set(canonical, value);
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  remove(key: K): void {
    const map = this.map();
    if (map?.delete(encodeKey(key)) && map.size === 0) this.clear();
  }

  contains(key: K): boolean {
    return this.map()?.has(encodeKey(key)) ?? false;
  }

  *entries(): Generator<[K, V], void> {
    for (const [key, value] of this.map() ?? []) yield [decodeKey(key), value];
  }

  *keys(): Generator<K, void> {
    for (const key of this.map()?.keys() ?? []) yield decodeKey(key);
  }

  values(): Iterable<V> {
    return this.map()?.values() ?? [];
  }

  isEmpty(): boolean {
    return this.map() === undefined;
  }

  private map(): Map<CanonicalKey, V> | undefined {
    return this.family.read(this.slot) as Map<CanonicalKey, V> | undefined;
  }
}

export class HeapReducingState<T> extends HeapState implements ReducingState<T>, MergingState {
  private readonly reduce: (a: T, b: T) => T;

  constructor(family: StateFamily, slot: number, reduce: (a: T, b: T) => T) {
    super(family, slot);
    this.reduce = reduce;
  }

  get(): T | undefined {
    return this.family.read(this.slot) as T | undefined;
  }

  add(value: T): void {
    const before = this.family.read(this.slot) as T | undefined;
    this.family.write(this.slot, before === undefined ? value : this.reduce(before, value));
  }

  mergeNamespaces(target: string, sources: Iterable<string>): void {
    this.merge(target, sources, this.reduce);
  }
}

export class HeapAggregatingState<IN, ACC, OUT> extends HeapState implements AggregatingState<IN, OUT>, MergingState {
  private readonly aggregate: AggregateFunction<IN, ACC, OUT>;

  constructor(family: StateFamily, slot: number, aggregate: AggregateFunction<IN, ACC, OUT>) {
    super(family, slot);
    this.aggregate = aggregate;
  }

  get(): OUT | undefined {
    const accumulator = this.family.read(this.slot) as ACC | undefined;
    return accumulator === undefined ? undefined : this.aggregate.getResult(accumulator);
  }

  add(value: IN): void {
    const before = this.family.read(this.slot) as ACC | undefined;
    this.family.write(this.slot, this.aggregate.add(value, before === undefined ? this.aggregate.createAccumulator() : before));
  }

  mergeNamespaces(target: string, sources: Iterable<string>): void {
    this.merge(target, sources, (a: ACC, b: ACC) => this.aggregate.merge(a, b));
  }
}
