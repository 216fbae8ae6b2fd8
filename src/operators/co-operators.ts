/**
 * Operators on two connected streams: one function per input, state and life in common.
 *
 * Each is called record by record in the order in which its host takes them; between the two inputs there is no order.
 * On connected keyed streams both inputs share the key, and with it the state of rich functions.
 */

import type { CoFlatMapFunction, CoMapFunction, CoProcessFunction, KeyedCoProcessFunction, ProcessContext } from './functions.ts';
import { methodOf } from './functions.ts';
import { FunctionOperator, flatMapCode, mapCode } from './map-operators.ts';
import type { ChainCode, EmitCode, OperatorContext, StreamOperator } from './operator.ts';
import { KeyedFunctionOperator, readOnlyTimerService, TimestampedCollector, timestampOrUndefined } from './process-operators.ts';

export class CoMapOperator<A, B, R> extends FunctionOperator {
  readonly oneToOne = true;

  constructor(fn: CoMapFunction<A, B, R>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string {
    return mapCode(code, methodOf(this.userFunction, 'map1'), value, timestamp, emit);
  }

  inline2(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string {
    return mapCode(code, methodOf(this.userFunction, 'map2'), value, timestamp, emit);
  }
}

export class CoFlatMapOperator<A, B, R> extends FunctionOperator {
  constructor(fn: CoFlatMapFunction<A, B, R>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string): string {
    return flatMapCode(code, methodOf(this.userFunction, 'flatMap1'), value, timestamp);
  }

  inline2(code: ChainCode, value: string, timestamp: string): string {
    return flatMapCode(code, methodOf(this.userFunction, 'flatMap2'), value, timestamp);
  }
}

export class CoProcessOperator<A, B, R> implements StreamOperator<A, R, B> {
  readonly userFunction: CoProcessFunction<A, B, R>;
  private collector!: TimestampedCollector<R>;
  private functionContext!: ProcessContext;

  constructor(fn: CoProcessFunction<A, B, R>) {
    this.userFunction = fn;
  }

  open(context: OperatorContext<R>): void | Promise<void> {
    const collector = new TimestampedCollector<R>(context.output);
    this.collector = collector;
    this.functionContext = {
      timestamp: () => timestampOrUndefined(collector.timestamp),
      timerService: readOnlyTimerService(context),
      output: (tag, value) => collector.collectTo(tag, value),
    };
    return this.userFunction.open?.(context.runtimeContext);
  }

  processElement(value: A, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement1(value, this.functionContext, this.collector);
  }

  processElement2(value: B, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement2(value, this.functionContext, this.collector);
  }

  close(): void | Promise<void> {
    return this.userFunction.close?.();
  }
}

/** With state and timers of the key that both inputs share. */
export class KeyedCoProcessOperator<K, A, B, R>
  extends KeyedFunctionOperator<K, R, KeyedCoProcessFunction<K, A, B, R>>
  implements StreamOperator<A, R, B>
{
  processElement(value: A, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement1(value, this.functionContext, this.collector);
  }

  processElement2(value: B, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement2(value, this.functionContext, this.collector);
  }
}
