/**
 * State descriptors, as Flink's: the name, kind and type of a state, and what it needs to work (default value, reduce or
 * aggregate function, time to live). The name identifies the state within its operator, in snapshots too.
 */
import type { TypeInformation } from '../serialization/index.ts';
import type { AggregateFunction, ReduceFunction } from './state-functions.ts';
import type { StateTtlConfig } from './state-ttl-config.ts';

export type StateKind = 'VALUE' | 'LIST' | 'MAP' | 'REDUCING' | 'AGGREGATING';

/** What all descriptors have. */
export class StateDescriptor {
  readonly name: string;
  private ttl: StateTtlConfig | undefined;
  private convert: ((stored: any) => unknown) | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Entries of this state expire. Call it before the descriptor is used. */
  enableTimeToLive(ttlConfig: StateTtlConfig): this {
    this.ttl = ttlConfig;
    return this;
  }

  /**
   * How state that was stored under another type becomes state of this one. It is called with every stored value (of a list, every
   * element; of a map, every value) when a savepoint or checkpoint with another declared type is restored, and with none
   * otherwise. Without it, only compatible types are accepted. Call it before the descriptor is used.
   */
  migrateFrom(convert: (stored: any) => unknown): this {
    this.convert = convert;
    return this;
  }

  get migration(): ((stored: any) => unknown) | undefined {
    return this.convert;
  }

  get ttlConfig(): StateTtlConfig | undefined {
    return this.ttl;
  }
}

/** One value per key. */
export class ValueStateDescriptor<T> extends StateDescriptor {
  readonly kind = 'VALUE';
  readonly type: TypeInformation<T> | undefined;
  /** What `value()` returns for a key without one; each key gets a copy of its own. */
  readonly defaultValue: T | undefined;

  constructor(name: string, options: { readonly type?: TypeInformation<T>; readonly defaultValue?: T } = {}) {
    super(name);
    this.type = options.type;
    this.defaultValue = options.defaultValue;
  }
}

/** A list per key; `type` is that of an element. */
export class ListStateDescriptor<T> extends StateDescriptor {
  readonly kind = 'LIST';
  readonly type: TypeInformation<T> | undefined;

  constructor(name: string, options: { readonly type?: TypeInformation<T> } = {}) {
    super(name);
    this.type = options.type;
  }
}

/** A map per key. */
export class MapStateDescriptor<K, V> extends StateDescriptor {
  readonly kind = 'MAP';
  readonly keyType: TypeInformation<K> | undefined;
  readonly valueType: TypeInformation<V> | undefined;

  constructor(name: string, options: { readonly keyType?: TypeInformation<K>; readonly valueType?: TypeInformation<V> } = {}) {
    super(name);
    this.keyType = options.keyType;
    this.valueType = options.valueType;
  }
}

/** One value per key, combined with each value added. */
export class ReducingStateDescriptor<T> extends StateDescriptor {
  readonly kind = 'REDUCING';
  readonly type: TypeInformation<T> | undefined;
  readonly reduceFunction: ReduceFunction<T>;

  constructor(name: string, reduceFunction: ReduceFunction<T>, options: { readonly type?: TypeInformation<T> } = {}) {
    super(name);
    this.reduceFunction = reduceFunction;
    this.type = options.type;
  }
}

/** One accumulator per key; `type` is that of the accumulator. */
export class AggregatingStateDescriptor<IN, ACC, OUT> extends StateDescriptor {
  readonly kind = 'AGGREGATING';
  readonly type: TypeInformation<ACC> | undefined;
  readonly aggregateFunction: AggregateFunction<IN, ACC, OUT>;

  constructor(
    name: string,
    aggregateFunction: AggregateFunction<IN, ACC, OUT>,
    options: { readonly type?: TypeInformation<ACC> } = {},
  ) {
    super(name);
    this.aggregateFunction = aggregateFunction;
    this.type = options.type;
  }
}

/** Any descriptor of keyed state. */
export type KeyedStateDescriptor =
  | ValueStateDescriptor<any>
  | ListStateDescriptor<any>
  | MapStateDescriptor<any, any>
  | ReducingStateDescriptor<any>
  | AggregatingStateDescriptor<any, any, any>;
