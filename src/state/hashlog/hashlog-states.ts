/** The states of the `hashlog` backend, as functions get them. */
import { decodeKey, encodeKey } from '../key-encoding.ts';
import type { MergingState, NamespacedState, NamespacedValueState } from '../keyed-state-backend.ts';
import type { AggregateFunction } from '../state-functions.ts';
import type { AggregatingState, ListState, MapState, ReducingState } from '../states.ts';
import type { ListAccess } from './list-access.ts';
import type { MapAccess } from './map-access.ts';
import type { StateAccess } from './state-access.ts';
import type { ValueCells } from './value-cells.ts';

class HashlogState<A extends StateAccess> implements NamespacedState {
  protected readonly access: A;

  constructor(access: A) {
    this.access = access;
  }

  clear(): void {
    this.access.write(undefined);
  }

  hasValue(): boolean {
    return this.access.hasValue();
  }

  setCurrentNamespace(namespace: string): void {
    this.access.setNamespace(namespace);
  }

  forEachKeyInNamespace(namespace: string, visit: (key: any) => void): void {
    this.access.forEachKey(namespace, visit);
  }

  clearNamespace(namespace: string): void {
    this.access.clearNamespace(namespace);
  }

  namespaces(): readonly string[] {
    return this.access.namespaces();
  }

  /** The combined values of `sources` into `target`, in this order, for the current key. */
  protected merge(target: string, sources: Iterable<string>, combine: (a: any, b: any) => unknown): void {
    const { access } = this;
    const before = access.currentNamespace;
    let merged: unknown;
    for (const source of sources) {
      if (source === target) continue;
      access.setNamespace(source);
      const value = access.read();
      if (value === undefined) continue;
      access.write(undefined);
      merged = merged === undefined ? value : combine(merged, value);
    }
    if (merged !== undefined) {
      access.setNamespace(target);
      const value = access.read();
      access.write(value === undefined ? merged : combine(value, merged));
    }
    access.setNamespace(before);
  }
}

export class HashlogValueState<T> extends HashlogState<ValueCells> implements NamespacedValueState<T> {
  private readonly defaultValue: () => T | undefined;

  constructor(access: ValueCells, defaultValue: () => T | undefined = noValue) {
    super(access);
    this.defaultValue = defaultValue;
  }

  value(): T | undefined {
    const value = this.access.read() as T | undefined;
    return value === undefined ? this.defaultValue() : value;
  }

  ownValue(copy: (value: T) => T): T | undefined {
    return this.access.readOwn(copy as (content: unknown) => unknown) as T | undefined;
  }

  update(value: T | undefined): void {
    this.access.write(value);
  }
}

function noValue(): undefined {}

export class HashlogListState<T> extends HashlogState<ListAccess> implements ListState<T>, MergingState {
  get(): Iterable<T> {
    return (this.access.elements() as Iterable<T> | undefined) ?? [];
  }

  add(value: T): void {
    this.access.add(value);
  }

  addAll(values: Iterable<T>): void {
    for (const value of [...values]) this.access.add(value);
  }

  update(values: Iterable<T>): void {
    this.access.write([...values]);
  }

  mergeNamespaces(target: string, sources: Iterable<string>): void {
    const { access } = this;
    const before = access.currentNamespace;
    for (const source of sources) {
      if (source === target) continue;
      access.setNamespace(source);
      const elements = access.read();
      if (elements === undefined) continue;
      access.write(undefined);
      access.setNamespace(target);
      for (const element of elements) access.add(element);
    }
    access.setNamespace(before);
  }
}

export class HashlogMapState<K, V> implements MapState<K, V>, NamespacedState {
  private readonly map: MapAccess;

  constructor(map: MapAccess) {
    this.map = map;
  }

  get(key: K): V | undefined {
    return this.map.get(encodeKey(key)) as V | undefined;
  }

  put(key: K, value: V): void {
    if (value === undefined) this.map.remove(encodeKey(key));
    else this.map.put(encodeKey(key), value);
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  remove(key: K): void {
    this.map.remove(encodeKey(key));
  }

  contains(key: K): boolean {
    return this.map.get(encodeKey(key)) !== undefined;
  }

  *entries(): Generator<[K, V], void> {
    for (const [key, value] of this.map.entries()) yield [decodeKey(key), value as V];
  }

  *keys(): Generator<K, void> {
    for (const [key] of this.map.entries()) yield decodeKey(key);
  }

  *values(): Generator<V, void> {
    for (const [, value] of this.map.entries()) yield value as V;
  }

  isEmpty(): boolean {
    return this.map.isEmpty;
  }

  clear(): void {
    this.map.clear();
  }

  hasValue(): boolean {
    return this.map.cells.hasValue();
  }

  setCurrentNamespace(namespace: string): void {
    this.map.setNamespace(namespace);
  }

  forEachKeyInNamespace(namespace: string, visit: (key: any) => void): void {
    this.map.cells.forEachKey(namespace, visit);
  }

  clearNamespace(namespace: string): void {
    this.map.cells.clearNamespace(namespace);
  }

  namespaces(): readonly string[] {
    return this.map.cells.namespaces();
  }
}

export class HashlogReducingState<T> extends HashlogState<ValueCells> implements ReducingState<T>, MergingState {
  private readonly reduce: (a: T, b: T) => T;

  constructor(access: ValueCells, reduce: (a: T, b: T) => T) {
    super(access);
    this.reduce = reduce;
  }

  get(): T | undefined {
    return this.access.read() as T | undefined;
  }

  add(value: T): void {
    const before = this.access.read() as T | undefined;
    this.access.write(before === undefined ? value : this.reduce(before, value));
  }

  mergeNamespaces(target: string, sources: Iterable<string>): void {
    this.merge(target, sources, this.reduce);
  }
}

export class HashlogAggregatingState<IN, ACC, OUT>
  extends HashlogState<ValueCells>
  implements AggregatingState<IN, OUT>, MergingState
{
  private readonly aggregate: AggregateFunction<IN, ACC, OUT>;

  constructor(access: ValueCells, aggregate: AggregateFunction<IN, ACC, OUT>) {
    super(access);
    this.aggregate = aggregate;
  }

  get(): OUT | undefined {
    const accumulator = this.access.read() as ACC | undefined;
    return accumulator === undefined ? undefined : this.aggregate.getResult(accumulator);
  }

  add(value: IN): void {
    const before = this.access.read() as ACC | undefined;
    this.access.write(this.aggregate.add(value, before === undefined ? this.aggregate.createAccumulator() : before));
  }

  mergeNamespaces(target: string, sources: Iterable<string>): void {
    this.merge(target, sources, (a: ACC, b: ACC) => this.aggregate.merge(a, b));
  }
}
