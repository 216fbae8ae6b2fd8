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

/**
 * `end` is the first timestamp after it; `name` tells it from the key's other sessions, and as text is the namespace of its
 * accumulator. Names are small, so that the keys share a few namespaces: each costs memory on the heap.
 */
export interface StoredSession {
  start: number;
  end: number;
  readonly name: number;
}

export interface SessionsOfKey {
  /** The number of the span of time in whose schedule the key stands; `Infinity` if it stands nowhere. */
  due: number;
  /** Ascending; they neither overlap nor touch. */
  readonly sessions: StoredSession[];
}

/** As it is stored: `due`, then three numbers for each session. (As objects, a record took 1.3 times as long.) */
type PackedSessions = number[];

/** The one namespace of `SessionState.sessions`. */
export const SESSIONS = 'sessions';

export interface SessionState {
  readonly sessions: NamespacedState;
  /** Of the current key. */
  read(): SessionsOfKey | undefined;
  write(held: SessionsOfKey): void;
  readonly accumulators: AccumulatorState;
  /** In the namespace of a span of time: the keys that are to be looked at in it. */
  readonly schedule: ValueState<true> & NamespacedState;
}

export function sessionState(operation: WindowOperation, aggregate: WindowAggregate, backend: KeyedStateBackend): SessionState {
  const sessions = backend.getNamespacedState(new ValueStateDescriptor<PackedSessions>('window-sessions'));
  sessions.setCurrentNamespace(SESSIONS);
  return {
    sessions,
    read: () => unpack(sessions.value()),
    write: (held) => sessions.update(pack(held)),
    accumulators: accumulatorState('window-session-contents', operation, aggregate, backend),
    schedule: backend.getNamespacedState(new ValueStateDescriptor<true>('window-session-schedule')),
  };
}

function pack({ due, sessions }: SessionsOfKey): PackedSessions {
  const packed = [due];
  for (const { start, end, name } of sessions) packed.push(start, end, name);
  return packed;
}

function unpack(packed: PackedSessions | undefined): SessionsOfKey | undefined {
  if (packed === undefined) return undefined;
  const sessions: StoredSession[] = [];
  for (let i = 1; i < packed.length; i += 3) {
    sessions.push({ start: packed[i] as number, end: packed[i + 1] as number, name: packed[i + 2] as number });
  }
  return { due: packed[0] as number, sessions };
}

/** The least that none of a key's sessions has. */
export function freeName(sessions: readonly StoredSession[]): number {
  for (let name = 0; ; name++) if (!sessions.some((session) => session.name === name)) return name;
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
