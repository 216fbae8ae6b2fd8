/**
 * What a windowed stream asks of its operator, whichever operator it is: data and functions, no behaviour.
 */
import type { OutputTag } from '../../connector/index.ts';
import type { AggregateFunction, ReduceFunction } from '../../state/index.ts';
import type { Evictor } from './evictor.ts';
import type { Trigger } from './trigger.ts';
import type { Window } from './window.ts';
import type { WindowAssigner } from './window-assigner.ts';
import type { InternalWindowFunction } from './window-functions.ts';

/** What a window keeps of its records: all of them, or what they were combined to. */
export type WindowContents =
  | { readonly kind: 'ELEMENTS' }
  | { readonly kind: 'REDUCE'; readonly reduceFunction: ReduceFunction<any> }
  | { readonly kind: 'AGGREGATE'; readonly aggregateFunction: AggregateFunction<any, any, any> };

export interface WindowOperation {
  readonly assigner: WindowAssigner<any, any>;
  readonly trigger: Trigger<any, any>;
  readonly evictor?: Evictor<any, any> | undefined;
  /** How long after its end a window still takes records, in milliseconds of event time. */
  readonly allowedLatenessMs: number;
  /** Where late records go; without it they are dropped and counted. */
  readonly lateDataOutputTag?: OutputTag<any> | undefined;
  readonly contents: WindowContents;
  /** Sees the window when it fires; without it, the combined value itself is emitted. */
  readonly windowFunction?: InternalWindowFunction | undefined;
}

/** When the state of a window is dropped. */
export function cleanupTime(window: Window, isEventTime: boolean, allowedLatenessMs: number): number {
  return isEventTime ? window.maxTimestamp() + allowedLatenessMs : window.maxTimestamp();
}
