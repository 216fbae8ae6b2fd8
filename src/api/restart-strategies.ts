/** What happens after a failure, as programs choose it: `env.setRestartStrategy(RestartStrategies.fixedDelayRestart(3, 1000))`. */
import { MillraceError } from '../common/index.ts';
import type { RestartStrategySettings } from '../protocol/index.ts';

export interface ExponentialDelayOptions {
  /** The wait before the first restart; 1 s unless given. */
  readonly initialBackoffMs?: number;
  /** The longest wait; 1 min unless given. */
  readonly maxBackoffMs?: number;
  /** By how much the wait grows with each failure; 1.5 unless given. */
  readonly backoffMultiplier?: number;
  /** After so long without a failure, the wait is the first one again; 1 h unless given. */
  readonly resetBackoffThresholdMs?: number;
  /** The share of the wait by which chance makes it longer or shorter; 0.1 unless given. */
  readonly jitterFactor?: number;
  /** How often the job starts again before it fails for good, unless the wait was reset in between; without end unless given. */
  readonly attemptsBeforeReset?: number;
}

export const RestartStrategies = {
  /** The first failure ends the job. */
  noRestart(): RestartStrategySettings {
    return { type: 'none' };
  },

  /** @throws MillraceError `INVALID_OPTION` */
  fixedDelayRestart(attempts: number, delayMs: number): RestartStrategySettings {
    check(Number.isSafeInteger(attempts) && attempts >= 0, 'attempts', 'a whole number of at least 0', attempts);
    checkDuration('delayMs', delayMs);
    return { type: 'fixed-delay', attempts, delayMs };
  },

  /** @throws MillraceError `INVALID_OPTION` */
  exponentialDelayRestart(options: ExponentialDelayOptions = {}): RestartStrategySettings {
    const {
      initialBackoffMs = 1000,
      maxBackoffMs = 60_000,
      backoffMultiplier = 1.5,
      resetBackoffThresholdMs = 3_600_000,
      jitterFactor = 0.1,
      attemptsBeforeReset,
    } = options;
    checkDuration('initialBackoffMs', initialBackoffMs, 1);
    checkDuration('maxBackoffMs', maxBackoffMs, 1);
    check(maxBackoffMs >= initialBackoffMs, 'maxBackoffMs', `at least initialBackoffMs (${initialBackoffMs})`, maxBackoffMs);
    check(backoffMultiplier >= 1 && Number.isFinite(backoffMultiplier), 'backoffMultiplier', 'at least 1', backoffMultiplier);
    checkDuration('resetBackoffThresholdMs', resetBackoffThresholdMs, 1);
    check(jitterFactor >= 0 && jitterFactor <= 1, 'jitterFactor', 'from 0 to 1', jitterFactor);
    if (attemptsBeforeReset !== undefined) {
      const whole = Number.isSafeInteger(attemptsBeforeReset) && attemptsBeforeReset >= 1;
      check(whole, 'attemptsBeforeReset', 'a whole number of at least 1', attemptsBeforeReset);
    }
    return {
      type: 'exponential-delay',
      initialBackoffMs,
      maxBackoffMs,
      backoffMultiplier,
      resetBackoffThresholdMs,
      jitterFactor,
      ...(attemptsBeforeReset === undefined ? {} : { attemptsBeforeReset }),
    };
  },

  /** Fails for good when an interval has more than `maxFailuresPerInterval` failures. @throws MillraceError `INVALID_OPTION` */
  failureRateRestart(maxFailuresPerInterval: number, failureRateIntervalMs: number, delayMs: number): RestartStrategySettings {
    const whole = Number.isSafeInteger(maxFailuresPerInterval) && maxFailuresPerInterval >= 1;
    check(whole, 'maxFailuresPerInterval', 'a whole number of at least 1', maxFailuresPerInterval);
    checkDuration('failureRateIntervalMs', failureRateIntervalMs, 1);
    checkDuration('delayMs', delayMs);
    return { type: 'failure-rate', maxFailuresPerInterval, failureRateIntervalMs, delayMs };
  },
};

function checkDuration(name: string, valueMs: number, least = 0): void {
  check(Number.isFinite(valueMs) && valueMs >= least, name, `${least} or more milliseconds`, valueMs);
}

function check(holds: boolean, name: string, expected: string, value: unknown): void {
  if (!holds) throw new MillraceError('INVALID_OPTION', `${name} of a restart strategy must be ${expected}; got ${value}.`);
}
