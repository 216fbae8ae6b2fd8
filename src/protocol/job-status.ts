/**
 * The life of a job, with Flink's names.
 *
 * CREATED → RUNNING → FINISHED. A failing task leads to RESTARTING, and back to RUNNING when its region runs again; if there is no
 * restart, it leads to FAILING, and when all tasks have ended to FAILED; a cancellation
 * to CANCELLING, and then to CANCELED. An illegal transition is a bug and fails loudly.
 */
import { invariant } from '../common/index.ts';

export type JobStatus = 'CREATED' | 'RUNNING' | 'RESTARTING' | 'FAILING' | 'FAILED' | 'CANCELLING' | 'CANCELED' | 'FINISHED';

const TRANSITIONS = {
  CREATED: ['RUNNING', 'RESTARTING', 'FAILING', 'CANCELLING'],
  RUNNING: ['FINISHED', 'RESTARTING', 'FAILING', 'CANCELLING'],
  RESTARTING: ['RUNNING', 'FAILING', 'CANCELLING'],
  FAILING: ['FAILED', 'CANCELLING'],
  CANCELLING: ['CANCELED', 'FAILED'],
  FAILED: [],
  CANCELED: [],
  FINISHED: [],
} as const satisfies Record<JobStatus, readonly JobStatus[]>;

export function isTerminalStatus(status: JobStatus): boolean {
  return TRANSITIONS[status].length === 0;
}

/** @returns `to` @throws MillraceError `INTERNAL` if the transition is not allowed */
export function transitionJob(from: JobStatus, to: JobStatus): JobStatus {
  invariant((TRANSITIONS[from] as readonly JobStatus[]).includes(to), `a job cannot go from ${from} to ${to}`);
  return to;
}
