/**
 * map, filter, flatMap: written into the chain's generated function, so that a record passes them without a call of ours.
 */

import { formatValue } from '../common/index.ts';
import type { FilterFunction, FlatMapFunction, MapFunction, RichFunction, RichSinkFunction } from './functions.ts';
import { methodOf, richOf } from './functions.ts';
import { type ChainCode, type EmitCode, MIN_WATERMARK, type OperatorContext, type StreamOperator } from './operator.ts';

/** An operator around one user function: opens and closes it. */
export abstract class FunctionOperator implements StreamOperator {
  readonly userFunction: unknown;
  private readonly rich: RichFunction | undefined;

  constructor(fn: unknown) {
    this.userFunction = fn;
    this.rich = richOf(fn);
  }

  open(context: OperatorContext): void | Promise<void> {
    return this.rich?.open?.(context.runtimeContext);
  }

  close(): void | Promise<void> {
    return this.rich?.close?.();
  }
}

export class MapOperator<T, R> extends FunctionOperator {
  readonly oneToOne = true;

  constructor(fn: MapFunction<T, R>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string {
    return mapCode(code, methodOf(this.userFunction, 'map'), value, timestamp, emit);
  }
}

export class FilterOperator<T> extends FunctionOperator {
  constructor(fn: FilterFunction<T>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string {
    const f = code.bind(methodOf(this.userFunction, 'filter'), 'filter');
    return `if (${f}(${value})) {\n${emit(value, timestamp)}\n}`;
  }
}

export class FlatMapOperator<T, R> extends FunctionOperator {
  constructor(fn: FlatMapFunction<T, R>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string, _emit: EmitCode): string {
    return flatMapCode(code, methodOf(this.userFunction, 'flatMap'), value, timestamp);
  }
}

/** The end of a stream in a function. */
export class ForEachOperator<T> extends FunctionOperator {
  private readonly invocation = { timestamp: undefined as number | undefined, currentWatermark: MIN_WATERMARK };

  constructor(fn: ((value: T) => void) | RichSinkFunction<T>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string): string {
    const sink = code.bind(methodOf(this.userFunction, 'invoke'), 'sink');
    if (typeof this.userFunction === 'function') return `${sink}(${value});`;
    const invocation = code.bind(this.invocation, 'invocation');
    return `${invocation}.timestamp = ${timestamp} === -Infinity ? undefined : ${timestamp};\n${sink}(${value}, ${invocation});`;
  }

  processWatermark(timestamp: number): void {
    this.invocation.currentWatermark = timestamp;
  }
}

/** Emits what `map` returns. */
export function mapCode(code: ChainCode, map: unknown, value: string, timestamp: string, emit: EmitCode): string {
  const f = code.bind(map, 'map');
  const result = code.local('mapped');
  return `const ${result} = ${f}(${value});\n${emit(result, timestamp)}`;
}

/** Emits what `flatMap` gives to its collector, then what it returns. */
export function flatMapCode(code: ChainCode, flatMap: unknown, value: string, timestamp: string): string {
  const f = code.bind(flatMap, 'flatMap');
  const collect = code.collect();
  const time = code.local('time');
  const out = code.local('out');
  const result = code.local('results');
  const item = code.local('item');
  code.declare(`let ${time} = 0;`);
  code.declare(`const ${out} = { collect(value) { ${collect}(value, ${time}); } };`);
  const iterable = code.bind(requireIterable, 'requireIterable');
  return `${time} = ${timestamp};
const ${result} = ${f}(${value}, ${out});
if (${result} !== undefined) for (const ${item} of ${iterable}(${result})) ${collect}(${item}, ${timestamp});`;
}

function requireIterable(result: unknown): Iterable<unknown> {
  if (typeof (result as Iterable<unknown> | null)?.[Symbol.iterator] === 'function') return result as Iterable<unknown>;
  throw new TypeError(
    `flatMap returned ${formatValue(result, { maxChars: 100 })}. Return an array or another iterable of results, or nothing and emit by out.collect(…).`,
  );
}
