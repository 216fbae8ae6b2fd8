/**
 * The life of an execution attempt (one task on one slot), with Flink's names.
 *
 * CREATED → INITIALIZING → RUNNING → FINISHED; CANCELING → CANCELED from any state that is not terminal; FAILED from any
 * state that is not terminal. An illegal transition is a bug and fails loudly.
 */
import { invariant } from '../common/index.ts';

export type ExecutionState = 'CREATED' | 'INITIALIZING' | 'RUNNING' | 'FINISHED' | 'CANCELING' | 'CANCELED' | 'FAILED';

const TRANSITIONS = {
  CREATED: ['INITIALIZING', 'CANCELING', 'CANCELED', 'FAILED'],
  INITIALIZING: ['RUNNING', 'CANCELING', 'FAILED'],
  RUNNING: ['FINISHED', 'CANCELING', 'FAILED'],
  CANCELING: ['CANCELED', 'FAILED'],
  FINISHED: [],
  CANCELED: [],
  FAILED: [],
} as const satisfies Record<ExecutionState, readonly ExecutionState[]>;

export function isTerminal(state: ExecutionState): boolean {
  return TRANSITIONS[state].length === 0;
}

/** @returns `to` @throws MillraceError `INTERNAL` if the transition is not allowed */
export function transitionExecution(from: ExecutionState, to: ExecutionState): ExecutionState {
  invariant((TRANSITIONS[from] as readonly ExecutionState[]).includes(to), `an execution cannot go from ${from} to ${to}`);
  return to;
}
