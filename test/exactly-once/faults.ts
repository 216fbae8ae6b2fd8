/**
 * Where the programs under test can be made to fail: every call that the engine makes of a program's code passes one of
 * these points.
 */
export const FAULT_POINTS = [
  'open',
  'restore',
  'poll',
  'process',
  'timer',
  'write',
  'flush',
  'prepare',
  'snapshot',
  'complete',
  'commit',
  'close',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

export interface Faults {
  /** Throws if the program is to fail here. */
  at(point: FaultPoint): void;
}

export const NO_FAULTS: Faults = { at: () => {} };

export interface PlannedFault {
  readonly point: FaultPoint;
  /** At which call, from 1, over all subtasks and attempts. */
  readonly call: number;
}

/** Fails at these calls. */
export function plannedFaults(planned: readonly PlannedFault[]): Faults {
  const calls = new Map<FaultPoint, number>();
  return {
    at(point) {
      const call = (calls.get(point) ?? 0) + 1;
      calls.set(point, call);
      if (planned.some((f) => f.point === point && f.call === call)) throw new Error(`planned fault in ${point}, call ${call}`);
    },
  };
}
