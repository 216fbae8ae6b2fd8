/** When a part file is complete and the next one begins. */
import { MillraceError } from '../../common/index.ts';

export interface RollingPolicy {
  /** A part is closed once it holds this many bytes, before compression. */
  readonly maxPartBytes: number;
  /** A part is closed once it is this old. */
  readonly rolloverIntervalMs: number;
  /** A part is closed once nothing was written to it for this long. */
  readonly inactivityIntervalMs: number;
  /** A part is closed once it holds this many records. */
  readonly maxRecords: number;
}

/** Flink's: 128 MiB, one minute, one minute of silence; any number of records. */
export const ROLLING_DEFAULTS: RollingPolicy = {
  maxPartBytes: 128 * 1024 * 1024,
  rolloverIntervalMs: 60_000,
  inactivityIntervalMs: 60_000,
  maxRecords: Number.POSITIVE_INFINITY,
};

/** Checks a policy; what it leaves open is as in {@link ROLLING_DEFAULTS}. `Infinity` switches a limit off. */
export function rollingPolicy(limits: Partial<RollingPolicy>): RollingPolicy {
  const policy = { ...ROLLING_DEFAULTS, ...limits };
  for (const [name, value] of Object.entries(policy)) {
    if (!(typeof value === 'number' && value > 0)) {
      throw new MillraceError('INVALID_OPTION', `${name} must be a positive number, but is ${value}.`);
    }
  }
  return policy;
}

/** How often parts are looked at for their age: a limit in time is kept to a quarter of it. `Infinity` if there is none. */
export function checkIntervalMs(policy: RollingPolicy): number {
  return Math.min(policy.rolloverIntervalMs, policy.inactivityIntervalMs) / 4;
}
