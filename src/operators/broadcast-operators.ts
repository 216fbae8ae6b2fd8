/**
 * A stream that meets a broadcast stream: the broadcast side writes maps that are the same on every subtask, the other side
 * reads them.
 *
 * Invariant: only broadcast records change broadcast state, because only they arrive on every subtask in the same way. The
 * other side gets a view that refuses writes, whatever the type checker was told.
 */
import { MillraceError } from '../common/index.ts';
import { NO_TIMESTAMP, type OutputTag } from '../connector/index.ts';
import type {
  BroadcastState,
  KeyedStateBackend,
  KeyedStateDescriptor,
  MapStateDescriptor,
  ReadOnlyBroadcastState,
} from '../state/index.ts';
import type {
  BroadcastContext,
  BroadcastProcessFunction,
  KeyedBroadcastContext,
  KeyedBroadcastProcessFunction,
  KeyedReadOnlyBroadcastContext,
  ReadOnlyBroadcastContext,
  TimeDomain,
} from './functions.ts';
import type { Triggerable } from './internal-timer-service.ts';
import type { OperatorContext, StreamOperator } from './operator.ts';
import { TimestampedCollector, timestampOrUndefined, userTimerService } from './process-operators.ts';

type Descriptors = readonly MapStateDescriptor<any, any>[];

export class BroadcastProcessOperator<T, B, R> implements StreamOperator<T, R, B> {
  readonly userFunction: BroadcastProcessFunction<T, B, R>;
  private readonly descriptors: Descriptors;
  private collector!: TimestampedCollector<R>;
  private readContext!: ReadOnlyBroadcastContext;
  private writeContext!: BroadcastContext;

  constructor(fn: BroadcastProcessFunction<T, B, R>, descriptors: Descriptors) {
    this.userFunction = fn;
    this.descriptors = descriptors;
  }

  open(context: OperatorContext<R>): void | Promise<void> {
    this.collector = new TimestampedCollector<R>(context.output);
    const contexts = broadcastContexts(context, this.descriptors, this.collector);
    this.readContext = contexts.read;
    this.writeContext = contexts.write;
    return this.userFunction.open?.(context.runtimeContext);
  }

  processElement(value: T, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement(value, this.readContext, this.collector);
  }

  processElement2(value: B, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processBroadcastElement(value, this.writeContext, this.collector);
  }

  close(): void | Promise<void> {
    return this.userFunction.close?.();
  }
}

/** The first input is keyed: it has state and timers per key, and the broadcast side can visit the state of all keys. */
export class KeyedBroadcastProcessOperator<K, T, B, R> implements StreamOperator<T, R, B>, Triggerable {
  readonly userFunction: KeyedBroadcastProcessFunction<K, T, B, R>;
  private readonly descriptors: Descriptors;
  private collector!: TimestampedCollector<R>;
  private readContext!: KeyedReadOnlyBroadcastContext<K> & { timeDomain: TimeDomain };
  private writeContext!: KeyedBroadcastContext<K>;
  private backend!: KeyedStateBackend;

  constructor(fn: KeyedBroadcastProcessFunction<K, T, B, R>, descriptors: Descriptors) {
    this.userFunction = fn;
    this.descriptors = descriptors;
  }

  open(context: OperatorContext<R>): void | Promise<void> {
    this.collector = new TimestampedCollector<R>(context.output);
    const contexts = broadcastContexts(context, this.descriptors, this.collector);
    const backend = context.keyedState;
    this.backend = backend;
    this.readContext = {
      ...contexts.read,
      timerService: userTimerService(context.timerService('user-timers', this)),
      currentWatermark: () => context.currentKeyWatermark(),
      getCurrentKey: () => backend.currentKey as K,
      timeDomain: 'EVENT_TIME',
    };
    this.writeContext = {
      ...contexts.write,
      applyToKeyedState: (descriptor: KeyedStateDescriptor, visit) => backend.forEachKey(descriptor, visit),
    };
    return this.userFunction.open?.(context.runtimeContext);
  }

  processElement(value: T, timestamp: number): void {
    this.collector.timestamp = timestamp;
    this.userFunction.processElement(value, this.readContext, this.collector);
  }

  processElement2(value: B, timestamp: number): void {
    // A broadcast record has no key; without this, keyed state would be that of the record before.
    this.backend.clearCurrentKey();
    this.collector.timestamp = timestamp;
    this.userFunction.processBroadcastElement(value, this.writeContext, this.collector);
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
    this.readContext.timeDomain = domain;
    this.userFunction.onTimer?.(timestamp, this.readContext, this.collector);
  }
}

/** What both sides see; they differ in the states that they get. */
function broadcastContexts(
  context: OperatorContext,
  descriptors: Descriptors,
  collector: TimestampedCollector<unknown>,
): { readonly read: ReadOnlyBroadcastContext; readonly write: BroadcastContext } {
  const states = new Map<string, BroadcastState<any, any>>();
  const views = new Map<string, ReadOnlyBroadcastState<any, any>>();
  for (const descriptor of descriptors) {
    const state = context.operatorState.getBroadcastState(descriptor);
    states.set(descriptor.name, state);
    views.set(descriptor.name, readOnlyView(descriptor.name, state));
  }
  const find = <S>(known: ReadonlyMap<string, S>, name: string): S => {
    const state = known.get(name);
    if (state !== undefined) return state;
    const names = descriptors.map((d) => `'${d.name}'`).join(', ') || 'none';
    throw new MillraceError(
      'INVALID_STATE_DESCRIPTOR',
      `There is no broadcast state '${name}': the stream was broadcast with ${names}. Pass its descriptor to broadcast(…).`,
      { context: { state: name } },
    );
  };
  const common = {
    timestamp: () => timestampOrUndefined(collector.timestamp),
    currentProcessingTime: () => context.processingTime.currentTimeMs(),
    currentWatermark: () => context.currentWatermark(),
    output: <S>(tag: OutputTag<S>, value: S) => collector.collectTo(tag, value),
  };
  return {
    read: { ...common, getBroadcastState: (descriptor) => find(views, descriptor.name) },
    write: { ...common, getBroadcastState: (descriptor) => find(states, descriptor.name) },
  };
}

/** The methods that write are there only to say why they do not. */
function readOnlyView<K, V>(name: string, state: BroadcastState<K, V>): ReadOnlyBroadcastState<K, V> {
  const refuse = (): never => {
    throw new MillraceError(
      'ILLEGAL_STATE',
      `Broadcast state '${name}' was written by a record of the stream that is not broadcast. Such records differ from subtask to subtask, and so would the state. Write it in processBroadcastElement only.`,
      { context: { state: name }, recoverable: false },
    );
  };
  const view: ReadOnlyBroadcastState<K, V> & Record<'put' | 'putAll' | 'remove' | 'clear', () => never> = {
    get: (key) => state.get(key),
    contains: (key) => state.contains(key),
    immutableEntries: () => state.immutableEntries(),
    put: refuse,
    putAll: refuse,
    remove: refuse,
    clear: refuse,
  };
  return view;
}
