/**
 * State descriptors, as Flink's: the name, kind and type of a state, and what it needs to work (default value, reduce or
 * aggregate function, time to live). The name identifies the state within its operator, in snapshots too.
 *
 * A type may stand by itself (`Types.STRING`) or among the options (`{ type: Types.STRING }`).
 */
import { MillraceError } from '../common/index.ts';
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

type TypeOr<T, OptionsT> = TypeInformation<T> | OptionsT;

function isType(value: object): value is TypeInformation<any> {
  return typeof (value as { kind?: unknown }).kind === 'string';
}

/** @throws MillraceError `INVALID_OPTION` for what is neither a type nor options of these names */
function optionsOf<T, OptionsT extends object>(
  name: string,
  given: TypeOr<T, OptionsT>,
  names: readonly (keyof OptionsT & string)[],
): OptionsT {
  if (typeof given === 'object' && given !== null) {
    if (isType(given) && names.includes('type' as keyof OptionsT & string)) return { type: given } as unknown as OptionsT;
    if (Object.keys(given).every((key) => (names as readonly string[]).includes(key))) return given as OptionsT;
  }
  throw new MillraceError(
    'INVALID_OPTION',
    `The descriptor of the state '${name}' takes ${names[0] === 'keyType' ? 'two types' : 'a type'}, as Types.STRING, or an object with ${names.join(' and ')}, and nothing else.`,
    { context: { state: name } },
  );
}

/** One value per key. */
export class ValueStateDescriptor<T> extends StateDescriptor {
  readonly kind = 'VALUE';
  readonly type: TypeInformation<T> | undefined;
  /** What `value()` returns for a key without one; each key gets a copy of its own. */
  readonly defaultValue: T | undefined;

  constructor(name: string, options: TypeOr<T, { readonly type?: TypeInformation<T>; readonly defaultValue?: T }> = {}) {
    super(name);
    const { type, defaultValue } = optionsOf(name, options, ['type', 'defaultValue']);
    this.type = type;
    this.defaultValue = defaultValue;
  }
}

/** A list per key; `type` is that of an element. */
export class ListStateDescriptor<T> extends StateDescriptor {
  readonly kind = 'LIST';
  readonly type: TypeInformation<T> | undefined;

  constructor(name: string, options: TypeOr<T, { readonly type?: TypeInformation<T> }> = {}) {
    super(name);
    this.type = optionsOf(name, options, ['type']).type;
  }
}

/** A map per key. */
export class MapStateDescriptor<K, V> extends StateDescriptor {
  readonly kind = 'MAP';
  readonly keyType: TypeInformation<K> | undefined;
  readonly valueType: TypeInformation<V> | undefined;

  constructor(name: string, keyType: TypeInformation<K>, valueType: TypeInformation<V>);
  constructor(name: string, options?: { readonly keyType?: TypeInformation<K>; readonly valueType?: TypeInformation<V> });
  constructor(
    name: string,
    options: TypeOr<K, { readonly keyType?: TypeInformation<K>; readonly valueType?: TypeInformation<V> }> = {},
    type?: TypeInformation<V>,
  ) {
    super(name);
    const types = isType(options) && type !== undefined ? { keyType: options, valueType: type } : options;
    const { keyType, valueType } = optionsOf(name, types, ['keyType', 'valueType']);
    this.keyType = keyType;
    this.valueType = valueType;
  }
}

/** One value per key, combined with each value added. */
export class ReducingStateDescriptor<T> extends StateDescriptor {
  readonly kind = 'REDUCING';
  readonly type: TypeInformation<T> | undefined;
  readonly reduceFunction: ReduceFunction<T>;

  constructor(name: string, reduceFunction: ReduceFunction<T>, options: TypeOr<T, { readonly type?: TypeInformation<T> }> = {}) {
    super(name);
    this.reduceFunction = reduceFunction;
    this.type = optionsOf(name, options, ['type']).type;
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
    options: TypeOr<ACC, { readonly type?: TypeInformation<ACC> }> = {},
  ) {
    super(name);
    this.aggregateFunction = aggregateFunction;
    this.type = optionsOf(name, options, ['type']).type;
  }
}

/** Any descriptor of keyed state. */
export type KeyedStateDescriptor =
  | ValueStateDescriptor<any>
  | ListStateDescriptor<any>
  | MapStateDescriptor<any, any>
  | ReducingStateDescriptor<any>
  | AggregatingStateDescriptor<any, any, any>;
