/**
 * KeyedStream: a stream whose records are grouped by key. Functions on it have state and timers per key.
 */
import type { ChainingStrategy } from '../graph/index.ts';
import {
  CountEvictor,
  CountTrigger,
  type GlobalWindow,
  GlobalWindows,
  type KeyedProcessFunction,
  KeyedProcessOperator,
  KeyedReduceOperator,
  type KeySelector,
  type OperatorDefinition,
  PurgingTrigger,
  type Window,
  type WindowAssigner,
} from '../operators/index.ts';
import type { ReduceFunction } from '../state/index.ts';
import { type AggregatedField, maxBy, maxOf, minBy, minOf, type SumArguments, sumOf } from './aggregations.ts';
import { BroadcastStream, KeyedBroadcastConnectedStream } from './broadcast-stream.ts';
import { checkFunction } from './check-function.ts';
import { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts';
import { DataStream, keyedStream, type SingleOutputStreamOperator } from './data-stream.ts';
import { IntervalJoin } from './interval-join.ts';
import type { StreamExecutionEnvironment } from './stream-execution-environment.ts';
import type { StreamRef } from './stream-graph-builder.ts';
import { WindowedStream } from './windowed-stream.ts';

export class KeyedStream<T, K> extends DataStream<T> {
  readonly keySelector: KeySelector<T, K>;

  constructor(env: StreamExecutionEnvironment, refs: readonly StreamRef[], keySelector: KeySelector<T, K>) {
    super(env, refs);
    this.keySelector = keySelector;
  }

  /** Emits, for every record, the result of its key so far. */
  reduce(fn: ReduceFunction<T>): SingleOutputStreamOperator<T> {
    checkFunction(this.reduce, fn, { methods: ['reduce'] });
    return this.transformKeyed('Keyed Reduce', { create: () => new KeyedReduceOperator(fn) });
  }

  /** The first record of the key, with the running sum in `field`. Without a field, the stream must be of numbers. */
  sum(...[field]: SumArguments<T>): SingleOutputStreamOperator<T> {
    return this.aggregateField('Keyed Sum', sumOf(field));
  }

  /** The first record of the key, with the smallest value so far in `field`. */
  min(field?: AggregatedField<T>): SingleOutputStreamOperator<T> {
    return this.aggregateField('Keyed Min', minOf(field));
  }

  max(field?: AggregatedField<T>): SingleOutputStreamOperator<T> {
    return this.aggregateField('Keyed Max', maxOf(field));
  }

  /** The record of the key with the smallest value in `field`; of equals the first, or the last if `first` is false. */
  minBy(field: AggregatedField<T>, first = true): SingleOutputStreamOperator<T> {
    return this.aggregateField('Keyed MinBy', minBy(field, first));
  }

  maxBy(field: AggregatedField<T>, first = true): SingleOutputStreamOperator<T> {
    return this.aggregateField('Keyed MaxBy', maxBy(field, first));
  }

  override process<R>(fn: KeyedProcessFunction<K, T, R>): SingleOutputStreamOperator<R> {
    checkFunction(this.process, fn, { methods: ['processElement'], optionalMethods: ['onTimer'], plain: false });
    return this.transformKeyed('KeyedProcess', { create: () => new KeyedProcessOperator(fn) });
  }

  /** With a keyed stream of the same type of key, state and timers are shared per key. */
  override connect<B>(other: BroadcastStream<B>): KeyedBroadcastConnectedStream<K, T, B>;
  override connect<B>(other: KeyedStream<B, K>): KeyedConnectedStreams<K, T, B>;
  override connect<B>(other: DataStream<B>): ConnectedStreams<T, B>;
  override connect<B>(
    other: DataStream<B> | BroadcastStream<B>,
  ): ConnectedStreams<T, B> | KeyedBroadcastConnectedStream<K, T, B> {
    this.checkSameEnvironment('connect', other instanceof BroadcastStream ? other.stream : other);
    if (other instanceof BroadcastStream) return new KeyedBroadcastConnectedStream(this, other);
    if (other instanceof KeyedStream) return new KeyedConnectedStreams<K, T, B>(this, other as KeyedStream<B, K>);
    return new ConnectedStreams(this, other);
  }

  /** Pairs of records with equal keys whose event times lie within an interval of each other. */
  intervalJoin<B>(other: KeyedStream<B, K>): IntervalJoin<K, T, B> {
    this.checkSameEnvironment('intervalJoin', other);
    return new IntervalJoin(this, other);
  }

  /** Cuts the records of each key into windows. */
  window<W extends Window>(assigner: WindowAssigner<T, W>): WindowedStream<T, K, W> {
    return new WindowedStream(this, assigner);
  }

  /** Windows of `size` records of a key; with `slide`, of the last `size` records at every `slide` records. */
  countWindow(size: number, slide?: number): WindowedStream<T, K, GlobalWindow> {
    const windows = this.window(GlobalWindows.create());
    return slide === undefined
      ? windows.trigger(PurgingTrigger.of(CountTrigger.of(size)))
      : windows.evictor(CountEvictor.of(size)).trigger(CountTrigger.of(slide));
  }

  /** @internal Adds an operator that has this stream's key. */
  transformKeyed<R>(
    name: string,
    definition: OperatorDefinition,
    options: { readonly operatorType?: string; readonly chainingStrategy?: ChainingStrategy } = {},
  ): SingleOutputStreamOperator<R> {
    return this.transform(name, { ...definition, keySelectors: [this.keySelector] }, { ...options, keyed: true });
  }

  private aggregateField(name: string, reduce: (a: T, b: T) => T): SingleOutputStreamOperator<T> {
    return this.transformKeyed(name, { create: () => new KeyedReduceOperator(reduce) });
  }
}

keyedStream.Class = KeyedStream;
