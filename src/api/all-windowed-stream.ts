/**
 * AllWindowedStream: a whole stream cut into windows, by one subtask: as a WindowedStream with the same key everywhere.
 */
import type { OutputTag } from '../connector/index.ts';
import {
  type AllWindowFunction,
  createWindowOperator,
  type Evictor,
  type InternalWindowFunction,
  internalApplyAllFunction,
  internalProcessAllFunction,
  type ProcessAllWindowFunction,
  type Trigger,
  type Window,
  type WindowAssigner,
  type WindowContents,
} from '../operators/index.ts';
import type { AggregateFunction, ReduceFunction } from '../state/index.ts';
import { type AggregatedField, maxBy, maxOf, minBy, minOf, type SumArguments, sumOf } from './aggregations.ts';
import { checkFunction } from './check-function.ts';
import type { SingleOutputStreamOperator } from './data-stream.ts';
import type { KeyedStream } from './keyed-stream.ts';
import { WindowSettings } from './window-settings.ts';

export class AllWindowedStream<T, W extends Window> {
  private readonly input: KeyedStream<T, number>;
  private readonly settings: WindowSettings<T, W>;

  constructor(input: KeyedStream<T, number>, assigner: WindowAssigner<T, W>) {
    this.input = input;
    this.settings = new WindowSettings(assigner);
  }

  /**
   * Replaces the trigger of the assigner.
   * @throws MillraceError `INVALID_PROGRAM` if the windows merge and the trigger cannot
   */
  trigger(trigger: Trigger<T, W>): this {
    this.settings.setTrigger(trigger);
    return this;
  }

  /** Takes elements out of the window before or after its function sees them. Such windows keep all elements. */
  evictor(evictor: Evictor<T, W>): this {
    this.settings.evictor = evictor;
    return this;
  }

  /**
   * For how many milliseconds of event time after its end a window takes late records, each of which makes it fire again.
   * Default 0. Ignored by processing-time windows.
   */
  allowedLateness(latenessMs: number): this {
    this.settings.setAllowedLateness(latenessMs);
    return this;
  }

  /** Sends records that are too late for all of their windows to a side output, instead of dropping them. */
  sideOutputLateData(tag: OutputTag<T>): this {
    this.settings.lateDataOutputTag = tag;
    return this;
  }

  /**
   * Combines the records of a window. `fn` must be associative. In sliding windows, records are combined slice by slice in
   * order of time, and in order of arrival within a slice.
   */
  reduce(fn: ReduceFunction<T>): SingleOutputStreamOperator<T>;
  /** Combines the records of a window; `windowFunction` sees the result as its only element. */
  reduce<R>(fn: ReduceFunction<T>, windowFunction: ProcessAllWindowFunction<T, R, W, [T]>): SingleOutputStreamOperator<R>;
  reduce(fn: ReduceFunction<T>, windowFunction?: unknown): SingleOutputStreamOperator<any> {
    checkFunction(this.reduce, fn, { methods: ['reduce'] });
    if (windowFunction !== undefined) checkFunction(this.reduce, windowFunction, { methods: ['process'] });
    return this.transform(
      { kind: 'REDUCE', reduceFunction: fn },
      windowFunction === undefined ? undefined : internalProcessAllFunction(windowFunction),
    );
  }

  /**
   * Aggregates the records of a window. Sliding windows merge the accumulators of time slices, in order of time; sessions
   * those of sessions that grow together.
   */
  aggregate<ACC, R>(fn: AggregateFunction<T, ACC, R>): SingleOutputStreamOperator<R>;
  /** Aggregates the records of a window; `windowFunction` sees the result as its only element. */
  aggregate<ACC, V, R>(
    fn: AggregateFunction<T, ACC, V>,
    windowFunction: ProcessAllWindowFunction<V, R, W, [V]>,
  ): SingleOutputStreamOperator<R>;
  aggregate(fn: AggregateFunction<T, any, any>, windowFunction?: unknown): SingleOutputStreamOperator<any> {
    checkFunction(this.aggregate, fn, {
      methods: ['createAccumulator', 'add', 'getResult'],
      optionalMethods: ['merge'],
      plain: false,
    });
    if (windowFunction !== undefined) checkFunction(this.aggregate, windowFunction, { methods: ['process'] });
    return this.transform(
      { kind: 'AGGREGATE', aggregateFunction: fn },
      windowFunction === undefined ? undefined : internalProcessAllFunction(windowFunction),
    );
  }

  /**
   * Keeps all records of a window, in order of arrival, and calls `fn` with them when it fires. `fn` returns what to emit,
   * or emits through `out`.
   */
  process<R>(fn: ProcessAllWindowFunction<T, R, W>): SingleOutputStreamOperator<R> {
    checkFunction(this.process, fn, { methods: ['process'] });
    return this.transform({ kind: 'ELEMENTS' }, internalProcessAllFunction(fn));
  }

  /** As `process`, with the window in place of a context. */
  apply<R>(fn: AllWindowFunction<T, R, W>): SingleOutputStreamOperator<R> {
    checkFunction(this.apply, fn, { methods: ['apply'] });
    return this.transform({ kind: 'ELEMENTS' }, internalApplyAllFunction(fn));
  }

  /** The first record of the window, with the sum of `field`. Without a field, the stream must be of numbers. */
  sum(...[field]: SumArguments<T>): SingleOutputStreamOperator<T> {
    return this.reduce(sumOf<T>(field));
  }

  /** The first record of the window, with the smallest value of `field`. */
  min(field?: AggregatedField<T>): SingleOutputStreamOperator<T> {
    return this.reduce(minOf<T>(field));
  }

  max(field?: AggregatedField<T>): SingleOutputStreamOperator<T> {
    return this.reduce(maxOf<T>(field));
  }

  /** The record of the window with the smallest value of `field`; of equals the first, or the last if `first` is false. */
  minBy(field: AggregatedField<T>, first = true): SingleOutputStreamOperator<T> {
    return this.reduce(minBy<T>(field, first));
  }

  maxBy(field: AggregatedField<T>, first = true): SingleOutputStreamOperator<T> {
    return this.reduce(maxBy<T>(field, first));
  }

  private transform<R>(
    contents: WindowContents,
    windowFunction: InternalWindowFunction | undefined,
  ): SingleOutputStreamOperator<R> {
    const { name, description, operation } = this.settings.build(contents, windowFunction);
    return this.input
      .transformKeyed<R>(name, { create: (setting) => createWindowOperator(operation, setting) }, { operatorType: description })
      .setDescription(description)
      .setParallelism(1)
      .setMaxParallelism(1);
  }
}
