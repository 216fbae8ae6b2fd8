/**
 * States with a time to live: wrappers that store each value (element of a list, entry of a map) with the time of its
 * last access, and hide or remove what has expired. They follow Flink's rules: a value expires once its time plus the
 * time to live is not after now; an expired value that is met is removed, and returned this once if the visibility allows.
 */
import type { Clock } from '../common/index.ts';
import type { StateKind } from './state-descriptors.ts';
import type { AggregateFunction } from './state-functions.ts';
import type { StateTtlConfig } from './state-ttl-config.ts';
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './states.ts';

/** As it is stored. */
export interface TtlValue<T> {
  readonly value: T;
  readonly accessMs: number;
}

export class TtlTime {
  readonly config: StateTtlConfig;
  private readonly clock: Clock;
  private readonly onAccess: () => void;

  /** `onAccess` is called before each access to the state, for the cleanup in the background. */
  constructor(config: StateTtlConfig, clock: Clock, onAccess: () => void) {
    this.config = config;
    this.clock = clock;
    this.onAccess = onAccess;
  }

  access(): void {
    this.onAccess();
  }

  wrap<T>(value: T): TtlValue<T> {
    return { value, accessMs: this.clock.currentTimeMs() };
  }

  isExpired(stored: TtlValue<unknown>): boolean {
    return stored.accessMs + this.config.ttlMs <= this.clock.currentTimeMs();
  }

  get updatesOnRead(): boolean {
    return this.config.updateType === 'OnReadAndWrite';
  }

  get returnsExpired(): boolean {
    return this.config.stateVisibility === 'ReturnExpiredIfNotCleanedUp';
  }

  /** Reads one stored value by the rules above. */
  read<T>(stored: TtlValue<T> | undefined, store: (stored: TtlValue<T>) => void, remove: () => void): T | undefined {
    if (stored === undefined) return undefined;
    if (this.isExpired(stored)) {
      remove();
      return this.returnsExpired ? stored.value : undefined;
    }
    if (this.updatesOnRead) store(this.wrap(stored.value));
    return stored.value;
  }

  /** What is left of the content of a slot without what has expired; `undefined` if nothing is. */
  unexpired(kind: StateKind, slot: any): unknown {
    if (kind === 'LIST') {
      const list = slot as TtlValue<unknown>[];
      const left = list.filter((stored) => !this.isExpired(stored));
      return left.length === 0 ? undefined : left.length === list.length ? list : left;
    }
    if (kind === 'MAP') {
      const map = slot as Map<unknown, TtlValue<unknown>>;
      for (const [key, stored] of map) if (this.isExpired(stored)) map.delete(key);
      return map.size === 0 ? undefined : map;
    }
    return this.isExpired(slot) ? undefined : slot;
  }
}

/** The content of a slot with every value replaced: how restored state with TTL becomes state without, and back. */
export function mapStoredValues(kind: StateKind, slot: any, replace: (value: any) => unknown): unknown {
  if (kind === 'LIST') return (slot as unknown[]).map(replace);
  if (kind === 'MAP') return new Map([...(slot as Map<unknown, unknown>)].map(([key, value]) => [key, replace(value)]));
  return replace(slot);
}

export class TtlValueState<T> implements ValueState<T> {
  private readonly inner: ValueState<TtlValue<T>>;
  private readonly time: TtlTime;
  private readonly defaultValue: () => T | undefined;
  private readonly store = (stored: TtlValue<T>): void => this.inner.update(stored);
  private readonly remove = (): void => this.inner.clear();

  constructor(inner: ValueState<TtlValue<T>>, time: TtlTime, defaultValue: () => T | undefined) {
    this.inner = inner;
    this.time = time;
    this.defaultValue = defaultValue;
  }

  value(): T | undefined {
    this.time.access();
    const value = this.time.read(this.inner.value(), this.store, this.remove);
    return value === undefined ? this.defaultValue() : value;
  }

  update(value: T | undefined): void {
    this.time.access();
    this.inner.update(value === undefined ? undefined : this.time.wrap(value));
  }

  clear(): void {
    this.inner.clear();
  }
}

export class TtlReducingState<T> implements ReducingState<T> {
  private readonly stored: TtlValueState<T>;
  private readonly inner: ValueState<TtlValue<T>>;
  private readonly time: TtlTime;
  private readonly reduce: (a: T, b: T) => T;

  constructor(inner: ValueState<TtlValue<T>>, time: TtlTime, reduce: (a: T, b: T) => T) {
    this.stored = new TtlValueState(inner, time, () => undefined);
    this.inner = inner;
    this.time = time;
    this.reduce = reduce;
  }

  get(): T | undefined {
    return this.stored.value();
  }

  add(value: T): void {
    this.time.access();
    const before = this.inner.value();
    const fresh = before === undefined || this.time.isExpired(before);
    this.inner.update(this.time.wrap(fresh ? value : this.reduce(before.value, value)));
  }

  clear(): void {
    this.inner.clear();
  }
}

export class TtlAggregatingState<IN, ACC, OUT> implements AggregatingState<IN, OUT> {
  private readonly stored: TtlValueState<ACC>;
  private readonly inner: ValueState<TtlValue<ACC>>;
  private readonly time: TtlTime;
  private readonly aggregate: AggregateFunction<IN, ACC, OUT>;

  constructor(inner: ValueState<TtlValue<ACC>>, time: TtlTime, aggregate: AggregateFunction<IN, ACC, OUT>) {
    this.stored = new TtlValueState(inner, time, () => undefined);
    this.inner = inner;
    this.time = time;
    this.aggregate = aggregate;
  }

  get(): OUT | undefined {
    const accumulator = this.stored.value();
    return accumulator === undefined ? undefined : this.aggregate.getResult(accumulator);
  }

  add(value: IN): void {
    this.time.access();
    const before = this.inner.value();
    const fresh = before === undefined || this.time.isExpired(before);
    this.inner.update(this.time.wrap(this.aggregate.add(value, fresh ? this.aggregate.createAccumulator() : before.value)));
  }

  clear(): void {
    this.inner.clear();
  }
}

export class TtlListState<T> implements ListState<T> {
  private readonly inner: ListState<TtlValue<T>>;
  private readonly time: TtlTime;

  constructor(inner: ListState<TtlValue<T>>, time: TtlTime) {
    this.inner = inner;
    this.time = time;
  }

  get(): Iterable<T> {
    const { time } = this;
    time.access();
    const stored = [...this.inner.get()];
    const live = stored.filter((element) => !time.isExpired(element));
    if (time.updatesOnRead) this.inner.update(live.map((element) => time.wrap(element.value)));
    else if (live.length !== stored.length) this.inner.update(live);
    return (time.returnsExpired ? stored : live).map((element) => element.value);
  }

  add(value: T): void {
    this.time.access();
    this.inner.add(this.time.wrap(value));
  }

  addAll(values: Iterable<T>): void {
    this.time.access();
    this.inner.addAll([...values].map((value) => this.time.wrap(value)));
  }

  update(values: Iterable<T>): void {
    this.time.access();
    this.inner.update([...values].map((value) => this.time.wrap(value)));
  }

  clear(): void {
    this.inner.clear();
  }
}

export class TtlMapState<K, V> implements MapState<K, V> {
  private readonly inner: MapState<K, TtlValue<V>>;
  private readonly time: TtlTime;

  constructor(inner: MapState<K, TtlValue<V>>, time: TtlTime) {
    this.inner = inner;
    this.time = time;
  }

  get(key: K): V | undefined {
    this.time.access();
    return this.read(key, this.inner.get(key));
  }

  put(key: K, value: V): void {
    this.time.access();
    if (value === undefined) this.inner.remove(key);
    else this.inner.put(key, this.time.wrap(value));
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  remove(key: K): void {
    this.time.access();
    this.inner.remove(key);
  }

  contains(key: K): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): Generator<[K, V], void> {
    this.time.access();
    for (const [key, stored] of this.inner.entries()) {
      const value = this.read(key, stored);
      if (value !== undefined) yield [key, value];
    }
  }

  *keys(): Generator<K, void> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V, void> {
    for (const [, value] of this.entries()) yield value;
  }

  isEmpty(): boolean {
    for (const _ of this.entries()) return false;
    return true;
  }

  clear(): void {
    this.inner.clear();
  }

  private read(key: K, stored: TtlValue<V> | undefined): V | undefined {
    return this.time.read(
      stored,
      (renewed) => this.inner.put(key, renewed),
      () => this.inner.remove(key),
    );
  }
}
