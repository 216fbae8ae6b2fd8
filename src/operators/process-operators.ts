/**
 * process(): the general functions, with access to time, side outputs and (on keyed streams) state and timers.
 */
import { NO_TIMESTAMP, type OutputTag } from '../connector/index.ts';
import type {
  Collector,
  KeyedProcessContext,
  KeyedProcessFunction,
  OnTimerContext,
  ProcessContext,
  ProcessFunction,
  RichFunction,
  TimeDomain,
  TimerService,
} from './functions.ts';
import type { InternalTimerService, Triggerable } from './internal-timer-service.ts';
import type { OperatorContext, Output, StreamOperator } from './operator.ts';

/** Emits with the timestamp of the record or timer being processed. */
export class TimestampedCollector<T> implements Collector<T> {
  timestamp = NO_TIMESTAMP;
  private readonly output: Output<T>;

  constructor(output: Output<T>) {
    this.output = output;
  }

  collect(value: T): void {
    this.output.collect(value, this.timestamp);
  }

  collectTo<S>(tag: OutputTag<S>, value: S): void {
    this.output.collectTo(tag, value, this.timestamp);
  }
}

/** Timers of the void namespace, for user functions. */
export function userTimerService(timers: InternalTimerService): TimerService {
  return {
    currentProcessingTime: () => timers.currentProcessingTime(),
    currentWatermark: () => timers.currentWatermark(),
    registerProcessingTimeTimer: (timeMs) => timers.registerProcessingTimeTimer('', timeMs),
    registerEventTimeTimer: (timeMs) => timers.registerEventTimeTimer('', timeMs),
    deleteProcessingTimeTimer: (timeMs) => timers.deleteProcessingTimeTimer('', timeMs),
    deleteEventTimeTimer: (timeMs) => timers.deleteEventTimeTimer('', timeMs),
  };
}

/** For functions on streams that are not keyed: time can be read, timers cannot be set. */
export function readOnlyTimerService(context: OperatorContext): TimerService {
  const refuse = (): never => {
    throw new TypeError('Setting timers is only supported on a keyed stream. Call keyBy(…) before process(…).');
  };
  return {
    currentProcessingTime: () => context.processingTime.currentTimeMs(),
    currentWatermark: () => context.currentWatermark(),
    registerProcessingTimeTimer: refuse,
    registerEventTimeTimer: refuse,
    deleteProcessingTimeTimer: refuse,
    deleteEventTimeTimer: refuse,
  };
}

export class ProcessOperator<T, R> implements StreamOperator<T, R> {
  readonly userFunction: ProcessFunction<T, R>;
  private collector!: TimestampedCollector<R>;
  private functionContext!: ProcessContext;

  constructor(fn: ProcessFunction<T, R>) {
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

  processElement(value: T, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement(value, this.functionContext, this.collector);
  }

  close(): void | Promise<void> {
    return this.userFunction.close?.();
  }
}

/** What all keyed process functions share: a context with the key and timers, and the timers when they fire. */
export abstract class KeyedFunctionOperator<K, R, F extends KeyedFunction<K, R>> implements Triggerable {
  readonly userFunction: F;
  protected collector!: TimestampedCollector<R>;
  protected functionContext!: KeyedProcessContext<K> & { timeDomain: TimeDomain };

  constructor(fn: F) {
    this.userFunction = fn;
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
    return this.userFunction.open?.(context.runtimeContext);
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
    return this.userFunction.close?.();
  }

  private onTimer(timestamp: number, domain: TimeDomain): void {
    this.functionContext.timeDomain = domain;
    this.userFunction.onTimer?.(timestamp, this.functionContext as OnTimerContext<K>, this.collector);
  }
}

type KeyedFunction<K, R> = RichFunction & Pick<KeyedProcessFunction<K, never, R>, 'onTimer'>;

export class KeyedProcessOperator<K, T, R>
  extends KeyedFunctionOperator<K, R, KeyedProcessFunction<K, T, R>>
  implements StreamOperator<T, R>
{
  processElement(value: T, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement(value, this.functionContext, this.collector);
  }
}

export function timestampOrUndefined(timestamp: number): number | undefined {
  return timestamp === NO_TIMESTAMP ? undefined : timestamp;
}
