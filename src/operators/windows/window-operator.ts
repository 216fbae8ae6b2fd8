/**
 * The general window operator, with Flink's semantics to the letter: any assigner (also merging), any trigger, evictors,
 * allowed lateness, late data.
 *
 * Contents, trigger state and timers are kept per key under the name of the window. For a record: assign windows; merge if
 * the assigner merges; drop windows that are late; add to the contents; ask the trigger; make sure that a timer will
 * clean up. For a timer: ask the trigger; clean up if it is time. Invariants: a window that has contents or trigger state
 * has a clean-up timer, unless it never ends; whatever fires carries the window's last timestamp; a record that no window
 * took goes to the side output of late data, or is counted in `numLateRecordsDropped`.
 *
 * Aligned windows with the default trigger, and sessions, have faster operators: see `create-window-operator.ts`.
 */
import { invariant, MillraceError } from '../../common/index.ts';
import type { Counter } from '../../metrics/index.ts';
import { type ValueState, ValueStateDescriptor } from '../../state/index.ts';
import type { InternalTimerService, Triggerable } from '../internal-timer-service.ts';
import type { OperatorContext, StreamOperator } from '../operator.ts';
import { TimestampedCollector } from '../process-operators.ts';
import { copyData } from './copy-data.ts';
import { MergingWindowSet, type MergingWindowSetState, type WindowNames } from './merging-window-set.ts';
import { isFire, isPurge, type TriggerResult } from './trigger.ts';
import type { Window, WindowSerializer } from './window.ts';
import { isMergingAssigner, type WindowAssignerContext } from './window-assigner.ts';
import { WindowFunctionContext } from './window-function-context.ts';
import { cleanupTime, type WindowOperation } from './window-operation.ts';
import { combine, type EvictingStore, evictingStore, type WindowStore, windowStore } from './window-store.ts';
import { WindowTriggerContext } from './window-trigger-context.ts';

export class WindowOperator<W extends Window> implements StreamOperator, Triggerable {
  readonly userFunction: unknown;
  private readonly operation: WindowOperation;
  private readonly isEventTime: boolean;
  private readonly names: WindowNames<W>;
  private context!: OperatorContext;
  private timers!: InternalTimerService;
  private assignerContext!: WindowAssignerContext;
  private triggerContext!: WindowTriggerContext;
  private functionContext!: WindowFunctionContext<W>;
  private collector!: TimestampedCollector<unknown>;
  private store!: WindowStore;
  private evicting: EvictingStore | undefined;
  private mergingWindows: MergingWindowSet<W> | undefined;
  private numLateRecordsDropped!: Counter;

  constructor(operation: WindowOperation) {
    this.operation = operation;
    this.userFunction = operation.windowFunction;
    this.isEventTime = operation.assigner.isEventTime();
    this.names = windowNames(operation.assigner.getWindowSerializer());
  }

  open(context: OperatorContext): void | Promise<void> {
    const { operation, names } = this;
    this.context = context;
    this.timers = context.timerService('window-timers', this);
    this.assignerContext = { getCurrentProcessingTime: () => context.processingTime.currentTimeMs() };
    this.triggerContext = new WindowTriggerContext(context, this.timers);
    this.collector = new TimestampedCollector(context.output);
    this.numLateRecordsDropped = context.metrics.counter('numLateRecordsDropped');
    const { keyedState } = context;
    this.evicting = operation.evictor && evictingStore(keyedState);
    this.store = this.evicting ?? windowStore(operation.contents, keyedState);
    if (isMergingAssigner(operation.assigner)) {
      const state: ValueState<MergingWindowSetState> = keyedState.getPartitionedState(
        new ValueStateDescriptor<MergingWindowSetState>('merging-window-set'),
      );
      this.mergingWindows = new MergingWindowSet<W>(operation.assigner, names, state);
    }
    const nameOf = this.mergingWindows ? undefined : (window: W): string => names.nameOf(window);
    this.functionContext = new WindowFunctionContext(context, nameOf);
    return operation.windowFunction?.open?.(context.runtimeContext);
  }

  processElement(value: unknown, timestamp: number): void {
    const windows = this.operation.assigner.assignWindows(value, timestamp, this.assignerContext) as readonly W[];
    let isSkipped = true;
    this.mergingWindows?.load();
    for (const window of windows) {
      // A reduction may change its first value: windows that overlap must not begin with the same object.
      const own = isSkipped || this.operation.contents.kind !== 'REDUCE' ? value : copyData(value);
      const taken = this.mergingWindows
        ? this.addToMerging(this.mergingWindows, window, own, timestamp)
        : this.addTo(window, own, timestamp);
      if (taken) isSkipped = false;
    }
    this.mergingWindows?.persist();
    if (isSkipped && this.isEventTime && timestamp + this.operation.allowedLatenessMs <= this.context.currentKeyWatermark()) {
      const { lateDataOutputTag } = this.operation;
      if (lateDataOutputTag) this.context.output.collectTo(lateDataOutputTag, value, timestamp);
      else this.numLateRecordsDropped.inc();
    }
  }

  onEventTime(timeMs: number, namespace: string): void {
    this.onTimer(timeMs, namespace, true);
  }

  onProcessingTime(timeMs: number, namespace: string): void {
    this.onTimer(timeMs, namespace, false);
  }

  close(): void | Promise<void> {
    return this.operation.windowFunction?.close?.();
  }

  /** @returns whether the window took the record */
  private addTo(window: W, value: unknown, timestamp: number): boolean {
    if (this.isLate(window)) return false;
    const name = this.names.nameOf(window);
    this.addElement(window, name, name, value, timestamp);
    return true;
  }

  private addToMerging(set: MergingWindowSet<W>, window: W, value: unknown, timestamp: number): boolean {
    const actual = set.add(window, (result, merged, stateName, stateNames) =>
      this.onMerge(result, merged, stateName, stateNames),
    );
    const name = this.names.nameOf(actual);
    if (this.isLate(actual)) {
      set.retire(name);
      return false;
    }
    const stateName = set.stateNameOf(name);
    invariant(stateName !== undefined, `the window ${name} has no state`);
    this.addElement(actual, name, stateName, value, timestamp);
    return true;
  }

  private addElement(window: W, name: string, stateName: string, value: unknown, timestamp: number): void {
    const { store, triggerContext } = this;
    store.select(stateName);
    store.add(value, timestamp);
    triggerContext.namespace = name;
    this.act(this.operation.trigger.onElement(value, timestamp, window, triggerContext), window, false);
    this.registerCleanupTimer(window, name);
  }

  private onMerge(result: W, merged: readonly W[], stateName: string, stateNames: readonly string[]): void {
    const { triggerContext, names, operation } = this;
    this.refuseMergeIntoThePast(result);
    triggerContext.namespace = names.nameOf(result);
    triggerContext.mergedNamespaces = merged.map((window) => names.nameOf(window));
    operation.trigger.onMerge?.(result, triggerContext);
    for (const window of merged) {
      const name = names.nameOf(window);
      triggerContext.namespace = name;
      operation.trigger.clear(window, triggerContext);
      this.deleteCleanupTimer(window, name);
    }
    this.store.merge(stateName, stateNames);
  }

  private onTimer(timeMs: number, namespace: string, eventTime: boolean): void {
    const { triggerContext, operation } = this;
    const window = this.names.windowOf(namespace);
    triggerContext.namespace = namespace;
    this.mergingWindows?.load();
    const stateName = this.mergingWindows ? this.mergingWindows.stateNameOf(namespace) : namespace;
    // A timer that a trigger left behind: the window was merged or cleared, with all its state.
    if (stateName === undefined) return;
    this.store.select(stateName);
    const { trigger } = operation;
    const isCleanup = eventTime === this.isEventTime && timeMs === this.cleanupTimeOf(window);
    const result = eventTime
      ? trigger.onEventTime(timeMs, window, triggerContext)
      : trigger.onProcessingTime(timeMs, window, triggerContext);
    this.act(result, window, isCleanup);
    if (isCleanup) this.clearAll(window, namespace);
    this.mergingWindows?.persist();
  }

  private act(result: TriggerResult, window: W, isCleanup: boolean): void {
    if (result === 'CONTINUE') return;
    if (isFire(result)) this.fire(window, isCleanup || isPurge(result));
    if (isPurge(result)) this.store.clear();
  }

  /** @param last whether the contents are dropped right afterwards */
  private fire(window: W, last: boolean): void {
    const { evicting, operation } = this;
    if (evicting === undefined) {
      const contents = this.store.contents(last);
      if (contents !== undefined) this.emit(window, contents);
      return;
    }
    const { evictor } = operation;
    const elements = evicting.elements();
    if (elements.length === 0 || evictor === undefined) return;
    evictor.evictBefore(elements, elements.length, window, this.triggerContext);
    const contents = combine(
      operation.contents,
      elements.map((element) => element.value),
    );
    if (contents !== undefined) this.emit(window, contents);
    evictor.evictAfter(elements, elements.length, window, this.triggerContext);
    evicting.replace(elements);
  }

  private emit(window: W, contents: readonly unknown[]): void {
    const { functionContext, collector } = this;
    const { windowFunction } = this.operation;
    collector.timestamp = window.maxTimestamp();
    if (windowFunction === undefined) {
      for (const value of contents) collector.collect(value);
      return;
    }
    functionContext.window = window;
    windowFunction.process(this.context.keyedState.currentKey, functionContext, contents, collector);
  }

  private clearAll(window: W, name: string): void {
    this.store.clear();
    this.operation.trigger.clear(window, this.triggerContext);
    const { windowFunction } = this.operation;
    if (windowFunction?.clear) {
      this.functionContext.window = window;
      windowFunction.clear(this.functionContext);
    }
    this.mergingWindows?.retire(name);
  }

  private isLate(window: W): boolean {
    return this.isEventTime && this.cleanupTimeOf(window) <= this.context.currentKeyWatermark();
  }

  private cleanupTimeOf(window: W): number {
    return cleanupTime(window, this.isEventTime, this.operation.allowedLatenessMs);
  }

  private registerCleanupTimer(window: W, name: string): void {
    const timeMs = this.cleanupTimeOf(window);
    if (timeMs === Number.POSITIVE_INFINITY) return;
    if (this.isEventTime) this.timers.registerEventTimeTimer(name, timeMs);
    else this.timers.registerProcessingTimeTimer(name, timeMs);
  }

  private deleteCleanupTimer(window: W, name: string): void {
    const timeMs = this.cleanupTimeOf(window);
    if (timeMs === Number.POSITIVE_INFINITY) return;
    if (this.isEventTime) this.timers.deleteEventTimeTimer(name, timeMs);
    else this.timers.deleteProcessingTimeTimer(name, timeMs);
  }

  private refuseMergeIntoThePast(result: W): void {
    const nowMs = this.isEventTime ? this.context.currentKeyWatermark() : this.timers.currentProcessingTime();
    if (this.cleanupTimeOf(result) > nowMs) return;
    throw new MillraceError(
      'ILLEGAL_STATE',
      `Merging windows resulted in ${result}, which has ended before the current ${this.isEventTime ? 'watermark' : 'processing time'} ${nowMs}. A window assigner must not merge windows into one that ends earlier.`,
    );
  }
}

/** Names of windows, with a memory for the windows of names: timers of one window come one after the other. */
function windowNames<W extends Window>(serializer: WindowSerializer<W>): WindowNames<W> {
  const known = new Map<string, W>();
  return {
    nameOf: (window) => serializer.serialize(window),
    windowOf(name) {
      let window = known.get(name);
      if (window === undefined) {
        if (known.size >= 1024) known.clear();
        known.set(name, (window = serializer.deserialize(name)));
      }
      return window;
    },
  };
}
