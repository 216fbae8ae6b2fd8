/**
 * Two streams of different types with one operator for both: shared state, one output.
 */
import {
  type CoFlatMapFunction,
  CoFlatMapOperator,
  type Collector,
  type CoMapFunction,
  CoMapOperator,
  type CoProcessFunction,
  CoProcessOperator,
  type KeyedCoProcessFunction,
  KeyedCoProcessOperator,
  type KeySelector,
  type OperatorDefinition,
} from '../operators/index.ts';
import { checkFunction } from './check-function.ts';
import type { DataStream, SingleOutputStreamOperator } from './data-stream.ts';
import type { KeyedStream } from './keyed-stream.ts';

type CoFlatMapHalf<T, R> = (value: T, out: Collector<R>) => Iterable<R> | void;

export class ConnectedStreams<A, B> {
  protected readonly first: DataStream<A>;
  protected readonly second: DataStream<B>;

  constructor(first: DataStream<A>, second: DataStream<B>) {
    this.first = first;
    this.second = second;
  }

  getFirstInput(): DataStream<A> {
    return this.first;
  }

  getSecondInput(): DataStream<B> {
    return this.second;
  }

  /** Both keys must be of one type: records of both streams with equal keys share state. */
  keyBy<K>(firstKey: KeySelector<A, K>, secondKey: KeySelector<B, K>): KeyedConnectedStreams<K, A, B> {
    return new KeyedConnectedStreams<K, A, B>(this.first.keyBy(firstKey), this.second.keyBy(secondKey));
  }

  /** One result for each record, from `map1` for the first stream and `map2` for the second. */
  map<R>(fn: CoMapFunction<A, B, R>): SingleOutputStreamOperator<R>;
  map<R1, R2 = R1>(map1: (value: A) => R1, map2: (value: B) => R2): SingleOutputStreamOperator<R1 | R2>;
  map<R>(fn: CoMapFunction<A, B, R> | ((value: A) => R), map2?: (value: B) => R): SingleOutputStreamOperator<R> {
    const both = typeof fn === 'function' ? { map1: fn, map2: map2 as (value: B) => R } : fn;
    checkFunction(this.map, both, { methods: ['map1', 'map2'], plain: false });
    return this.transform('Co-Map', { create: () => new CoMapOperator(both) });
  }

  /** Any number of results for each record: returned, or given to `out`. */
  flatMap<R>(fn: CoFlatMapFunction<A, B, R>): SingleOutputStreamOperator<R>;
  flatMap<R1, R2 = R1>(flatMap1: CoFlatMapHalf<A, R1>, flatMap2: CoFlatMapHalf<B, R2>): SingleOutputStreamOperator<R1 | R2>;
  flatMap<R>(
    fn: CoFlatMapFunction<A, B, R> | CoFlatMapHalf<A, R>,
    flatMap2?: CoFlatMapHalf<B, R>,
  ): SingleOutputStreamOperator<R> {
    const both = typeof fn === 'function' ? { flatMap1: fn, flatMap2: flatMap2 as CoFlatMapHalf<B, R> } : fn;
    checkFunction(this.flatMap, both, { methods: ['flatMap1', 'flatMap2'], plain: false });
    return this.transform('Co-Flat Map', { create: () => new CoFlatMapOperator<A, B, R>(both) });
  }

  process<R>(fn: CoProcessFunction<A, B, R>): SingleOutputStreamOperator<R> {
    checkFunction(this.process, fn, { methods: ['processElement1', 'processElement2'], plain: false });
    return this.transform('Co-Process', { create: () => new CoProcessOperator(fn) });
  }

  protected transform<R>(name: string, definition: OperatorDefinition): SingleOutputStreamOperator<R> {
    const inputs = [this.first.refs, this.second.refs];
    return this.first.addTransformation<R>({ operatorType: name, name, definition, inputs });
  }
}

/** Connected streams with a key in common: functions have state, and `process` timers, per key. */
export class KeyedConnectedStreams<K, A, B> extends ConnectedStreams<A, B> {
  private readonly keySelectors: readonly [KeySelector<A, K>, KeySelector<B, K>];

  constructor(first: KeyedStream<A, K>, second: KeyedStream<B, K>) {
    super(first, second);
    this.keySelectors = [first.keySelector, second.keySelector];
  }

  override process<R>(fn: KeyedCoProcessFunction<K, A, B, R>): SingleOutputStreamOperator<R> {
    const methods = ['processElement1', 'processElement2'];
    checkFunction(this.process, fn, { methods, optionalMethods: ['onTimer'], plain: false });
    return this.transform('Co-Keyed-Process', { create: () => new KeyedCoProcessOperator(fn) });
  }

  /** @internal */
  override transform<R>(name: string, definition: OperatorDefinition): SingleOutputStreamOperator<R> {
    const inputs = [this.first.refs, this.second.refs];
    return this.first.addTransformation<R>({
      operatorType: name,
      name,
      definition: { ...definition, keySelectors: this.keySelectors },
      inputs,
      keyed: true,
    });
  }
}
