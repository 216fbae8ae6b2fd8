/** The context of triggers and evictors: one object per operator, pointed at each key's window in turn. */
import type { MetricGroup } from '../../metrics/index.ts';
import type { MergingState, NamespacedState } from '../../state/index.ts';
import type { InternalTimerService } from '../internal-timer-service.ts';
import type { OperatorContext } from '../operator.ts';
import type { EvictorContext } from './evictor.ts';
import type { OnMergeContext } from './trigger.ts';

export class WindowTriggerContext implements OnMergeContext, EvictorContext {
  /** The name of the window. */
  namespace = '';
  /** While windows merge: the names of those that become one. */
  mergedNamespaces: readonly string[] = [];
  private readonly context: OperatorContext;
  private readonly timers: InternalTimerService;

  constructor(context: OperatorContext, timers: InternalTimerService) {
    this.context = context;
    this.timers = timers;
  }

  getCurrentWatermark(): number {
    return this.timers.currentWatermark();
  }

  getCurrentProcessingTime(): number {
    return this.timers.currentProcessingTime();
  }

  getMetricGroup(): MetricGroup {
    return this.context.metrics;
  }

  registerEventTimeTimer(timeMs: number): void {
    this.timers.registerEventTimeTimer(this.namespace, timeMs);
  }

  registerProcessingTimeTimer(timeMs: number): void {
    this.timers.registerProcessingTimeTimer(this.namespace, timeMs);
  }

  deleteEventTimeTimer(timeMs: number): void {
    this.timers.deleteEventTimeTimer(this.namespace, timeMs);
  }

  deleteProcessingTimeTimer(timeMs: number): void {
    this.timers.deleteProcessingTimeTimer(this.namespace, timeMs);
  }

  getPartitionedState(descriptor: never): any {
    const state = this.context.keyedState.getNamespacedState(descriptor) as NamespacedState;
    state.setCurrentNamespace(this.namespace);
    return state;
  }

  mergePartitionedState(descriptor: unknown): void {
    const state = this.context.keyedState.getNamespacedState(descriptor as never) as unknown as MergingState;
    state.mergeNamespaces(this.namespace, this.mergedNamespaces);
  }
}
