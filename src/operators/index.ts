export {
  type Accumulator,
  AverageAccumulator,
  DoubleMaximum,
  DoubleMinimum,
  Histogram,
  IntCounter,
  ListAccumulator,
} from './accumulators.ts';
export type { AsyncFunction, ResultFuture, RichAsyncFunction } from './async/async-function.ts';
export {
  type AsyncRetryPredicate,
  AsyncRetryStrategies,
  type AsyncRetryStrategy,
  type RetryConditions,
} from './async/async-retry-strategies.ts';
export { type AsyncOutputMode, AsyncWaitOperator, type AsyncWaitOptions } from './async/async-wait-operator.ts';
export { BroadcastProcessOperator, KeyedBroadcastProcessOperator } from './broadcast-operators.ts';
export type {
  CheckpointedFunction,
  CheckpointListener,
  FunctionInitializationContext,
  FunctionSnapshotContext,
  OperatorStateStore,
} from './checkpointed-function.ts';
export { CoFlatMapOperator, CoMapOperator, CoProcessOperator, KeyedCoProcessOperator } from './co-operators.ts';
export {
  type BroadcastContext,
  type BroadcastProcessFunction,
  type CoFlatMapFunction,
  type CoGroupFunction,
  type Collector,
  type CoMapFunction,
  type CoProcessFunction,
  type FilterFunction,
  type FlatMapFunction,
  type JoinFunction,
  type KeyedBroadcastContext,
  type KeyedBroadcastProcessFunction,
  type KeyedCoProcessFunction,
  type KeyedProcessContext,
  type KeyedProcessFunction,
  type KeyedReadOnlyBroadcastContext,
  type KeyedStateStore,
  lifeCycleOf,
  type MapFunction,
  methodOf,
  type OnTimerContext,
  type Partitioner,
  type ProcessContext,
  type ProcessFunction,
  type ProcessJoinContext,
  type ProcessJoinFunction,
  type ReadOnlyBroadcastContext,
  type RichCoGroupFunction,
  type RichFilterFunction,
  type RichFlatMapFunction,
  type RichFunction,
  type RichJoinFunction,
  type RichMapFunction,
  type RichSinkFunction,
  type RuntimeContext,
  richOf,
  type TimeDomain,
  type TimerService,
} from './functions.ts';
export {
  InternalTimerService,
  type InternalTimerSnapshot,
  type ProcessingTimeService,
  type Triggerable,
} from './internal-timer-service.ts';
export { IntervalJoinOperator, type IntervalJoinOptions } from './interval-join-operator.ts';
export { KeyedReduceOperator } from './keyed-reduce-operator.ts';
export { FilterOperator, FlatMapOperator, ForEachOperator, MapOperator } from './map-operators.ts';
export {
  type ChainCode,
  type EmitCode,
  type KeySelector,
  MAX_WATERMARK,
  type MailboxExecutor,
  MIN_WATERMARK,
  type OperatorContext,
  type OperatorDefinition,
  type OperatorSetting,
  type Output,
  type PartitionFunction,
  type Program,
  type StreamOperator,
} from './operator.ts';
export {
  type CollectFunction,
  type EventTarget,
  OperatorHost,
  type OperatorHostDependencies,
  type OperatorHostOptions,
} from './operator-host.ts';
export type { OperatorRestoreHandles, OperatorStateHandles, PendingOperatorSnapshot } from './operator-snapshot.ts';
export { KeyedProcessOperator, ProcessOperator } from './process-operators.ts';
export { SinkOperator, sinkDefinition } from './sink-operator.ts';
export { SourceOperator } from './source-operator.ts';
export { TimestampsAndWatermarksOperator } from './timestamps-and-watermarks-operator.ts';
export {
  BoundedOutOfOrdernessWatermarks,
  type TimestampAssigner,
  type WatermarkAlignment,
  type WatermarkGenerator,
  type WatermarkOutput,
  WatermarkStrategy,
} from './watermark-strategy.ts';
export { ContinuousEventTimeTrigger } from './windows/continuous-event-time-trigger.ts';
export { ContinuousProcessingTimeTrigger } from './windows/continuous-processing-time-trigger.ts';
export { CountEvictor } from './windows/count-evictor.ts';
export { CountTrigger } from './windows/count-trigger.ts';
export { createWindowOperator } from './windows/create-window-operator.ts';
export { DeltaEvictor } from './windows/delta-evictor.ts';
export { type DeltaFunction, DeltaTrigger } from './windows/delta-trigger.ts';
export { EventTimeTrigger } from './windows/event-time-trigger.ts';
export type { Evictor, EvictorContext, TimestampedValue } from './windows/evictor.ts';
export { EndOfStreamTrigger, GlobalWindows, NeverTrigger } from './windows/global-windows.ts';
export { ProcessingTimeTrigger } from './windows/processing-time-trigger.ts';
export { type ProcessingTimeoutOptions, ProcessingTimeoutTrigger } from './windows/processing-timeout-trigger.ts';
export { PurgingTrigger } from './windows/purging-trigger.ts';
export {
  EventTimeSessionWindows,
  ProcessingTimeSessionWindows,
  type SessionWindowTimeGapExtractor,
} from './windows/session-windows.ts';
export { SlidingEventTimeWindows, SlidingProcessingTimeWindows } from './windows/sliding-windows.ts';
export { TimeEvictor } from './windows/time-evictor.ts';
export { type OnMergeContext, type Trigger, type TriggerContext, TriggerResult } from './windows/trigger.ts';
export { TumblingEventTimeWindows, TumblingProcessingTimeWindows } from './windows/tumbling-windows.ts';
export { GlobalWindow, TimeWindow, timeWindowSerializer, type Window, type WindowSerializer } from './windows/window.ts';
export {
  isMergingAssigner,
  type MergeCallback,
  type MergingWindowAssigner,
  mergeTimeWindows,
  type WindowAssigner,
  type WindowAssignerContext,
} from './windows/window-assigner.ts';
export {
  type AllWindowFunction,
  type InternalWindowFunction,
  internalApplyAllFunction,
  internalApplyFunction,
  internalProcessAllFunction,
  internalProcessFunction,
  type ProcessAllWindowFunction,
  type ProcessWindowContext,
  type ProcessWindowFunction,
  type RichAllWindowFunction,
  type RichProcessAllWindowFunction,
  type RichProcessWindowFunction,
  type RichWindowFunction,
  type WindowFunction,
} from './windows/window-functions.ts';
export type { WindowContents, WindowOperation } from './windows/window-operation.ts';
