/**
 * The sessions of a key in keyed state. Operators that keep them on the heap write them here for snapshots, those that do not
 * work on them here: so each goes on from the snapshots of the other.
 *
 * What a session holds stands apart, under a name that stays the same while the session grows.
 */
import { type KeyedStateBackend, type NamespacedState, type ValueState, ValueStateDescriptor } from '../../state/index.ts';
import { type AccumulatorState, accumulatorState } from './accumulator-state.ts';
import type { WindowAggregate } from './window-aggregate.ts';
import type { WindowOperation } from './window-operation.ts';

/** `end` is the first timestamp after it; `name` the namespace of its accumulator, a time within it. */
export interface StoredSession {
  start: number;
  end: number;
  readonly name: string;
}

export interface SessionsOfKey {
  /** The number of the span of time in whose schedule the key stands; `Infinity` if it stands nowhere. */
  due: number;
  /** Ascending; they neither overlap nor touch. */
  readonly sessions: StoredSession[];
}

/** The one namespace of `SessionState.sessions`. */
export const SESSIONS = 'sessions';

export interface SessionState {
  readonly sessions: ValueState<SessionsOfKey> & NamespacedState;
  readonly accumulators: AccumulatorState;
  /** In the namespace of a span of time: the keys that are to be looked at in it. */
  readonly schedule: ValueState<true> & NamespacedState;
}

export function sessionState(operation: WindowOperation, aggregate: WindowAggregate, backend: KeyedStateBackend): SessionState {
  const sessions = backend.getNamespacedState(new ValueStateDescriptor<SessionsOfKey>('window-sessions'));
  sessions.setCurrentNamespace(SESSIONS);
  return {
    sessions,
    accumulators: accumulatorState('window-session-contents', operation, aggregate, backend),
    schedule: backend.getNamespacedState(new ValueStateDescriptor<true>('window-session-schedule')),
  };
}

/** Which of a key's sessions a span of time overlaps or touches: from the first of them to before the last number. */
export function sessionsTouching(
  sessions: readonly Readonly<{ start: number; end: number }>[],
  start: number,
  end: number,
): [from: number, to: number] {
  let to = sessions.length;
  while (to > 0 && (sessions[to - 1] as { start: number }).start > end) to--;
  let from = to;
  while (from > 0 && (sessions[from - 1] as { end: number }).end >= start) from--;
  return [from, to];
}
