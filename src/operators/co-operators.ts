/**
 * Operators on two connected streams: one function per input, state and life in common.
 *
 * Each is called record by record in the order in which its host takes them; between the two inputs there is no order.
 * On connected keyed streams both inputs share the key, and with it the state of rich functions.
 */

import { NO_TIMESTAMP } from '../connector/index.ts';
import type {
  CoFlatMapFunction,
  CoMapFunction,
  CoProcessFunction,
  KeyedCoProcessFunction,
  KeyedProcessContext,
  OnTimerContext,
  ProcessContext,
  TimeDomain,
} from './functions.ts';
import { methodOf } from './functions.ts';
import type { Triggerable } from './internal-timer-service.ts';
import { FunctionOperator, flatMapCode, mapCode } from './map-operators.ts';
import type { ChainCode, EmitCode, OperatorContext, StreamOperator } from './operator.ts';
import { readOnlyTimerService, TimestampedCollector, timestampOrUndefined, userTimerService } from './process-operators.ts';

export class CoMapOperator<A, B, R> extends FunctionOperator {
  readonly oneToOne = true;

  constructor(fn: CoMapFunction<A, B, R>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string {
    return mapCode(code, methodOf(this.fn, 'map1'), value, timestamp, emit);
  }

  inline2(code: ChainCode, value: string, timestamp: string, emit: EmitCode): string {
    return mapCode(code, methodOf(this.fn, 'map2'), value, timestamp, emit);
  }
}

export class CoFlatMapOperator<A, B, R> extends FunctionOperator {
  constructor(fn: CoFlatMapFunction<A, B, R>) {
    super(fn);
  }

  inline(code: ChainCode, value: string, timestamp: string): string {
    return flatMapCode(code, methodOf(this.fn, 'flatMap1'), value, timestamp);
  }

  inline2(code: ChainCode, value: string, timestamp: string): string {
    return flatMapCode(code, methodOf(this.fn, 'flatMap2'), value, timestamp);
  }
}

export class CoProcessOperator<A, B, R> implements StreamOperator<A, R, B> {
  private readonly fn: CoProcessFunction<A, B, R>;
  private collector!: TimestampedCollector<R>;
  private functionContext!: ProcessContext;

  constructor(fn: CoProcessFunction<A, B, R>) {
    this.fn = fn;
  }

  open(context: OperatorContext<R>): void | Promise<void> {
    const collector = new TimestampedCollector<R>(context.output);
    this.collector = collector;
    this.functionContext = {
      timestamp: () => timestampOrUndefined(collector.timestamp),
      timerService: readOnlyTimerService(context),
      output: (tag, value) => collector.collectTo(tag, value),
    };
    return this.fn.open?.(context.runtimeContext);
  }

  processElement(value: A, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.fn.processElement1(value, this.functionContext, this.collector);
  }

  processElement2(value: B, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.fn.processElement2(value, this.functionContext, this.collector);
  }

  close(): void | Promise<void> {
    return this.fn.close?.();
  }
}

/** With state and timers of the key that both inputs share. */
export class KeyedCoProcessOperator<K, A, B, R> implements StreamOperator<A, R, B>, Triggerable {
  private readonly fn: KeyedCoProcessFunction<K, A, B, R>;
  private collector!: TimestampedCollector<R>;
  private functionContext!: KeyedProcessContext<K> & { timeDomain: TimeDomain };

  constructor(fn: KeyedCoProcessFunction<K, A, B, R>) {
    this.fn = fn;
  }

  open(context: OperatorContext<R>): void | Promise<void> {
    const collector = new TimestampedCollector<R>(context.output);
    const backend = context.keyedState;
    this.collector = collector;
    this.functionContext = {
      timestamp: () => timestampOrUndefined(collector.timestamp),
      timerService: userTimerService(context.timerService('user-timers', this)),
      output: (tag, value) => collector.collectTo(tag, value),
      getCurrentKey: () => backend.currentKey as K,
      timeDomain: 'EVENT_TIME',
    };
    return this.fn.open?.(context.runtimeContext);
  }

  processElement(value: A, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.fn.processElement1(value, this.functionContext, this.collector);
  }

  processElement2(value: B, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.fn.processElement2(value, this.functionContext, this.collector);
  }

  onEventTime(timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.onTimer(timestamp, 'EVENT_TIME');
  }

  onProcessingTime(timestamp: number): void {
    this.collector.timestamp = NO_TIMESTAMP;
    this.onTimer(timestamp, 'PROCESSING_TIME');
  }

  close(): void | Promise<void> {
    return this.fn.close?.();
  }

  private onTimer(timestamp: number, domain: TimeDomain): void {
    this.functionContext.timeDomain = domain;
    this.fn.onTimer?.(timestamp, this.functionContext as OnTimerContext<K>, this.collector);
  }
}
