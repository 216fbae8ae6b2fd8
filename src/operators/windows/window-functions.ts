/**
 * The functions that see a window when it fires, and the one form in which operators call them.
 *
 * Wherever Flink takes a function object, a plain function will do; it may return what to emit instead of calling `out`,
 * so that its result type is inferred. One signature stands for both: with overloads, the compiler would not
 * infer the parameters of a function that takes `out`.
 */
import type { OutputTag } from '../../connector/index.ts';
import { type Collector, type KeyedStateStore, lifeCycleOf, type RichFunction } from '../functions.ts';
import type { Window } from './window.ts';

/** What the function of a window that fires (or is cleared) can see and use. */
export interface ProcessWindowContext<W extends Window> {
  readonly window: W;
  currentWatermark(): number;
  currentProcessingTime(): number;
  /**
   * State of this key and this window: clear it in `clear`.
   * @throws MillraceError `ILLEGAL_STATE` for windows that merge (sessions)
   */
  windowState(): KeyedStateStore;
  /** State of this key, for all its windows. */
  globalState(): KeyedStateStore;
  output<S>(tag: OutputTag<S>, value: S): void;
}

/** As a class or object, with a life cycle. `E` is what it sees of the window: all elements, or the one result. */
export interface RichProcessWindowFunction<IN, OUT, K, W extends Window, E extends readonly IN[] = readonly IN[]>
  extends RichFunction {
  process(key: K, context: ProcessWindowContext<W>, elements: E, out: Collector<OUT>): void;
  /** The window is gone for ever: clear the state that `context.windowState()` holds. */
  clear?(context: ProcessWindowContext<W>): void;
}

export type ProcessWindowFunction<IN, OUT, K, W extends Window, E extends readonly IN[] = readonly IN[]> =
  | ((key: K, context: ProcessWindowContext<W>, elements: E, out: Collector<OUT>) => Iterable<OUT> | void)
  | RichProcessWindowFunction<IN, OUT, K, W, E>;

/** For windows over a whole stream. */
export interface RichProcessAllWindowFunction<IN, OUT, W extends Window, E extends readonly IN[] = readonly IN[]>
  extends RichFunction {
  process(context: ProcessWindowContext<W>, elements: E, out: Collector<OUT>): void;
  clear?(context: ProcessWindowContext<W>): void;
}

export type ProcessAllWindowFunction<IN, OUT, W extends Window, E extends readonly IN[] = readonly IN[]> =
  | ((context: ProcessWindowContext<W>, elements: E, out: Collector<OUT>) => Iterable<OUT> | void)
  | RichProcessAllWindowFunction<IN, OUT, W, E>;

export interface RichWindowFunction<IN, OUT, K, W extends Window> extends RichFunction {
  apply(key: K, window: W, elements: readonly IN[], out: Collector<OUT>): void;
}

export type WindowFunction<IN, OUT, K, W extends Window> =
  | ((key: K, window: W, elements: readonly IN[], out: Collector<OUT>) => Iterable<OUT> | void)
  | RichWindowFunction<IN, OUT, K, W>;

export interface RichAllWindowFunction<IN, OUT, W extends Window> extends RichFunction {
  apply(window: W, elements: readonly IN[], out: Collector<OUT>): void;
}

export type AllWindowFunction<IN, OUT, W extends Window> =
  | ((window: W, elements: readonly IN[], out: Collector<OUT>) => Iterable<OUT> | void)
  | RichAllWindowFunction<IN, OUT, W>;

/** Any of the functions above, as operators call it. */
export interface InternalWindowFunction extends RichFunction {
  process(key: unknown, context: ProcessWindowContext<any>, elements: readonly any[], out: Collector<any>): void;
  /** Absent if the function has nothing to clear. */
  clear?(context: ProcessWindowContext<any>): void;
}

type Call = (...args: unknown[]) => unknown;

export function internalProcessFunction(fn: unknown): InternalWindowFunction {
  const call = callOf(fn, 'process');
  return internal(fn, (key, context, elements, out) => emitReturned(call(key, context, elements, out), out));
}

export function internalProcessAllFunction(fn: unknown): InternalWindowFunction {
  const call = callOf(fn, 'process');
  return internal(fn, (_key, context, elements, out) => emitReturned(call(context, elements, out), out));
}

export function internalApplyFunction(fn: unknown): InternalWindowFunction {
  const call = callOf(fn, 'apply');
  return internal(fn, (key, context, elements, out) => emitReturned(call(key, context.window, elements, out), out));
}

export function internalApplyAllFunction(fn: unknown): InternalWindowFunction {
  const call = callOf(fn, 'apply');
  return internal(fn, (_key, context, elements, out) => emitReturned(call(context.window, elements, out), out));
}

function callOf(fn: unknown, name: string): Call {
  return typeof fn === 'function' ? (fn as Call) : ((fn as Record<string, Call>)[name] as Call).bind(fn);
}

function internal(fn: unknown, process: InternalWindowFunction['process']): InternalWindowFunction {
  if (typeof fn === 'function') return { process };
  const rich = fn as RichProcessWindowFunction<unknown, unknown, unknown, any>;
  return {
    ...lifeCycleOf(fn),
    process,
    ...(rich.clear ? { clear: (context: ProcessWindowContext<any>) => rich.clear?.(context) } : {}),
  };
}

function emitReturned(returned: unknown, out: Collector<unknown>): void {
  if (returned !== undefined) for (const value of returned as Iterable<unknown>) out.collect(value);
}
