/**
 * How timers look as keyed state, where a backend keeps them as such: namespaced single values, with the timer's own namespace
 * and its time as the value. Unlike other state, a key may have several values in one namespace. Names are Flink's.
 */
import { MillraceError } from '../common/index.ts';
import type { StateMeta } from './keyed-state-backend.ts';

const PREFIX = '_timer_state/';

export function timerStateMeta(name: string): StateMeta {
  return { name: `${PREFIX}${name}`, kind: 'VALUE', namespaced: true, ttl: false, type: {} };
}

export function isTimerState({ name }: Pick<StateMeta, 'name'>): boolean {
  return name.startsWith(PREFIX);
}

/** @throws MillraceError `INVALID_STATE_DESCRIPTOR` for a name that only timers may have */
export function refuseTimerStateName(name: string): void {
  if (!name.startsWith(PREFIX)) return;
  throw new MillraceError(
    'INVALID_STATE_DESCRIPTOR',
    `The state '${name}' has a name that begins with '${PREFIX}', as only timers may. Give it another name.`,
    { context: { state: name } },
  );
}
