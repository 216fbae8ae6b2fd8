/**
 * The functions that programs are made of, with Flink's names.
 *
 * Wherever Flink takes a function object, a plain function will do; an object (or class instance) with the method's name
 * may also have `open(runtimeContext)` and `close()`: a rich function. It may take part in checkpoints, too.
 */
import type { OutputTag } from '../connector/index.ts';
import type { MetricGroup } from '../metrics/index.ts';
import type {
  AggregatingState,
  AggregatingStateDescriptor,
  BroadcastState,
  KeyedStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReadOnlyBroadcastState,
  ReducingState,
  ReducingStateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from '../state/index.ts';
import type { Accumulator, Histogram, IntCounter } from './accumulators.ts';
import type { CheckpointedFunction, CheckpointListener } from './checkpointed-function.ts';

/** Takes the results of a function; each call emits one record. */
export interface Collector<T> {
  collect(value: T): void;
}

/** What a rich function can see and use. Keyed state needs a keyed stream. */
export interface RuntimeContext {
  readonly jobName: string;
  readonly taskName: string;
  /** With the subtask (from 1), how many there are, and the attempt: `Map -> Sink (2/4)#0`. */
  readonly taskNameWithSubtasks: string;
  readonly indexOfThisSubtask: number;
  readonly numberOfParallelSubtasks: number;
  readonly maxNumberOfParallelSubtasks: number;
  readonly attemptNumber: number;
  readonly metricGroup: MetricGroup;
  getState<T>(descriptor: ValueStateDescriptor<T>): ValueState<T>;
  getListState<T>(descriptor: ListStateDescriptor<T>): ListState<T>;
  getMapState<K, V>(descriptor: MapStateDescriptor<K, V>): MapState<K, V>;
  getReducingState<T>(descriptor: ReducingStateDescriptor<T>): ReducingState<T>;
  getAggregatingState<IN, ACC, OUT>(descriptor: AggregatingStateDescriptor<IN, ACC, OUT>): AggregatingState<IN, OUT>;
  /** Registers an accumulator; the job's result holds its merged value. */
  addAccumulator<V, R>(name: string, accumulator: Accumulator<V, R>): void;
  getAccumulator<V, R>(name: string): Accumulator<V, R> | undefined;
  /** The counter of this name; a new one if there is none. @throws MillraceError `INVALID_PROGRAM` if it is no counter */
  getIntCounter(name: string): IntCounter;
  /** As `getIntCounter`. */
  getHistogram(name: string): Histogram;
}

/** State by descriptor, as `RuntimeContext` gives it. */
export type KeyedStateStore = Pick<
  RuntimeContext,
  'getState' | 'getListState' | 'getMapState' | 'getReducingState' | 'getAggregatingState'
>;

/** The life cycle that any function object may have. */
export interface RichFunction extends Partial<CheckpointedFunction>, Partial<CheckpointListener> {
  open?(context: RuntimeContext): void | Promise<void>;
  close?(): void | Promise<void>;
}

export interface RichMapFunction<T, R> extends RichFunction {
  map(value: T): R;
}
export type MapFunction<T, R> = ((value: T) => R) | RichMapFunction<T, R>;

export interface RichFilterFunction<T> extends RichFunction {
  filter(value: T): boolean;
}
export type FilterFunction<T> = ((value: T) => boolean) | RichFilterFunction<T>;

export interface RichFlatMapFunction<T, R> extends RichFunction {
  flatMap(value: T, out: Collector<R>): void;
}
/** Emits through `out`, or returns an iterable of what to emit. */
export type FlatMapFunction<T, R> = ((value: T, out: Collector<R>) => Iterable<R> | void) | RichFlatMapFunction<T, R>;

export interface RichSinkFunction<T> extends RichFunction {
  invoke(value: T, context: { readonly timestamp: number | undefined; readonly currentWatermark: number }): void;
}

/** Time as seen by the record or timer being processed, and timers of the current key. */
export interface TimerService {
  currentProcessingTime(): number;
  currentWatermark(): number;
  registerProcessingTimeTimer(timeMs: number): void;
  registerEventTimeTimer(timeMs: number): void;
  deleteProcessingTimeTimer(timeMs: number): void;
  deleteEventTimeTimer(timeMs: number): void;
}

export interface ProcessContext {
  /** Of the record; `undefined` if it has none. */
  timestamp(): number | undefined;
  readonly timerService: TimerService;
  output<S>(tag: OutputTag<S>, value: S): void;
}

export interface KeyedProcessContext<K> extends ProcessContext {
  getCurrentKey(): K;
}

export type TimeDomain = 'EVENT_TIME' | 'PROCESSING_TIME';

export interface OnTimerContext<K> extends KeyedProcessContext<K> {
  readonly timeDomain: TimeDomain;
}

export interface ProcessFunction<T, R> extends RichFunction {
  processElement(value: T, context: ProcessContext, out: Collector<R>): void;
}

export interface KeyedProcessFunction<K, T, R> extends RichFunction {
  processElement(value: T, context: KeyedProcessContext<K>, out: Collector<R>): void;
  onTimer?(timestamp: number, context: OnTimerContext<K>, out: Collector<R>): void;
}

export interface CoMapFunction<A, B, R> extends RichFunction {
  map1(value: A): R;
  map2(value: B): R;
}

/** Each method emits through `out`, or returns an iterable of what to emit. */
export interface CoFlatMapFunction<A, B, R> extends RichFunction {
  flatMap1(value: A, out: Collector<R>): Iterable<R> | void;
  flatMap2(value: B, out: Collector<R>): Iterable<R> | void;
}

export interface CoProcessFunction<A, B, R> extends RichFunction {
  processElement1(value: A, context: ProcessContext, out: Collector<R>): void;
  processElement2(value: B, context: ProcessContext, out: Collector<R>): void;
}

export interface KeyedCoProcessFunction<K, A, B, R> extends RichFunction {
  processElement1(value: A, context: KeyedProcessContext<K>, out: Collector<R>): void;
  processElement2(value: B, context: KeyedProcessContext<K>, out: Collector<R>): void;
  onTimer?(timestamp: number, context: OnTimerContext<K>, out: Collector<R>): void;
}

export interface ReadOnlyBroadcastContext {
  timestamp(): number | undefined;
  currentProcessingTime(): number;
  currentWatermark(): number;
  output<S>(tag: OutputTag<S>, value: S): void;
  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): ReadOnlyBroadcastState<K, V>;
}

export interface BroadcastContext {
  timestamp(): number | undefined;
  currentProcessingTime(): number;
  currentWatermark(): number;
  output<S>(tag: OutputTag<S>, value: S): void;
  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): BroadcastState<K, V>;
}

export interface BroadcastProcessFunction<T, B, R> extends RichFunction {
  processElement(value: T, context: ReadOnlyBroadcastContext, out: Collector<R>): void;
  processBroadcastElement(value: B, context: BroadcastContext, out: Collector<R>): void;
}

export interface KeyedBroadcastContext<K> extends BroadcastContext {
  /** Calls `visit` with every key that has this state, and the state set to that key. */
  applyToKeyedState(descriptor: KeyedStateDescriptor, visit: (key: K, state: any) => void): void;
}

export interface KeyedReadOnlyBroadcastContext<K> extends ReadOnlyBroadcastContext {
  getCurrentKey(): K;
  readonly timerService: TimerService;
}

export interface KeyedBroadcastProcessFunction<K, T, B, R> extends RichFunction {
  processElement(value: T, context: KeyedReadOnlyBroadcastContext<K>, out: Collector<R>): void;
  processBroadcastElement(value: B, context: KeyedBroadcastContext<K>, out: Collector<R>): void;
  onTimer?(
    timestamp: number,
    context: KeyedReadOnlyBroadcastContext<K> & { readonly timeDomain: TimeDomain },
    out: Collector<R>,
  ): void;
}

/** What a function that joins two streams by time sees of a pair. */
export interface ProcessJoinContext {
  getLeftTimestamp(): number;
  getRightTimestamp(): number;
  /** That of the result: the later of the two. */
  getTimestamp(): number;
  output<S>(tag: OutputTag<S>, value: S): void;
}

export interface ProcessJoinFunction<A, B, R> extends RichFunction {
  processElement(left: A, right: B, context: ProcessJoinContext, out: Collector<R>): void;
}

export interface RichJoinFunction<A, B, R> extends RichFunction {
  /** What it returns is emitted, unless it is `undefined`; `out` takes any number of results. */
  join(first: A, second: B, out: Collector<R>): R | void;
}
/** Called with every pair of records of one key and window. */
export type JoinFunction<A, B, R> = ((first: A, second: B, out: Collector<R>) => R | void) | RichJoinFunction<A, B, R>;

export interface RichCoGroupFunction<A, B, R> extends RichFunction {
  coGroup(first: readonly A[], second: readonly B[], out: Collector<R>): Iterable<R> | void;
}
/** Called once per key and window, with the records of both streams; emits through `out`, or returns what to emit. */
export type CoGroupFunction<A, B, R> =
  | ((first: readonly A[], second: readonly B[], out: Collector<R>) => Iterable<R> | void)
  | RichCoGroupFunction<A, B, R>;

/** Chooses the subtask for a key: a whole number from 0 to below `numPartitions`. */
export type Partitioner<K> = ((key: K, numPartitions: number) => number) | { partition(key: K, numPartitions: number): number };

/** The rich function's life cycle of anything that may be a plain function. */
export function richOf(fn: unknown): RichFunction | undefined {
  return typeof fn === 'object' && fn !== null ? (fn as RichFunction) : undefined;
}

const LIFE_CYCLE = [
  'open',
  'close',
  'initializeState',
  'snapshotState',
  'notifyCheckpointComplete',
  'notifyCheckpointAborted',
] as const;

/** The life cycle of `fn`, for an object that calls it in another form. */
export function lifeCycleOf(fn: unknown): RichFunction {
  const rich = richOf(fn);
  const methods = LIFE_CYCLE.flatMap((name) => (rich?.[name] ? [[name, methodOf(rich, name)]] : []));
  return Object.fromEntries(methods) as RichFunction;
}

/**
 * The method `name` of a function object, bound to it, or the plain function itself.
 */
export function methodOf<F>(fn: unknown, name: string): F {
  if (typeof fn === 'function') return fn as F;
  const method = (fn as Record<string, unknown>)[name];
  return (method as (...args: unknown[]) => unknown).bind(fn) as F;
}
