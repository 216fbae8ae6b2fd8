/**
 * Decides after a failure whether, and after how long, the job starts again: Flink's restart strategies.
 *
 * A strategy is told of each failure first, and then asked. A failure that no other attempt can help (`recoverable: false`)
 * never restarts, whatever the strategy.
 */
import { type Clock, MillraceError, type Random, unreachable } from '../../common/index.ts';
import type { RestartStrategySettings } from '../../protocol/index.ts';

export interface RestartStrategy {
  /** The job failed. Failures of one incident, which one restart repairs, are reported once. */
  notifyFailure(error: Error): void;
  /** Whether to restart after the failure that was reported last. */
  canRestart(): boolean;
  /** How long to wait before that restart. */
  delayMs(): number;
  /** Why not, for the message with which the job fails: 'it was restarted 3 times already'. Only if it cannot. */
  reason(): string;
}

export interface RestartStrategyDependencies {
  readonly clock: Clock;
  readonly random: Random;
}

type SettingsOf<T extends RestartStrategySettings['type']> = Extract<RestartStrategySettings, { type: T }>;

/** What one kind of strategy adds: everything about failures that a restart can help. */
interface Policy {
  failed(): void;
  /** Why there is no restart; `undefined` if there is one. */
  refusal(): string | undefined;
  delayMs(): number;
}

export function createRestartStrategy(
  settings: RestartStrategySettings,
  dependencies: RestartStrategyDependencies,
): RestartStrategy {
  const policy = createPolicy(settings, dependencies);
  let last: Error | undefined;
  const refusal = (): string | undefined =>
    last instanceof MillraceError && !last.recoverable ? 'another attempt would fail in the same way' : policy.refusal();
  return {
    notifyFailure(error) {
      last = error;
      policy.failed();
    },
    canRestart: () => refusal() === undefined,
    delayMs: () => policy.delayMs(),
    reason: () => refusal() ?? '',
  };
}

function createPolicy(settings: RestartStrategySettings, { clock, random }: RestartStrategyDependencies): Policy {
  switch (settings.type) {
    case 'none':
      return { failed: () => {}, refusal: () => 'no restart strategy is set', delayMs: () => 0 };
    case 'fixed-delay':
      return fixedDelay(settings);
    case 'exponential-delay':
      return exponentialDelay(settings, clock, random);
    case 'failure-rate':
      return failureRate(settings, clock);
    default:
      return unreachable(settings);
  }
}

function fixedDelay({ attempts, delayMs }: SettingsOf<'fixed-delay'>): Policy {
  let failures = 0;
  return {
    failed: () => void failures++,
    refusal: () => (failures <= attempts ? undefined : `it was restarted ${times(attempts)} already`),
    delayMs: () => delayMs,
  };
}

/** Failures that come before the restart that an earlier one brought about belong to the same attempt. */
function exponentialDelay(settings: SettingsOf<'exponential-delay'>, clock: Clock, random: Random): Policy {
  const { initialBackoffMs, maxBackoffMs, backoffMultiplier, resetBackoffThresholdMs, jitterFactor } = settings;
  const { attemptsBeforeReset = Number.POSITIVE_INFINITY } = settings;
  let attempts = 0;
  let backoffMs = initialBackoffMs;
  let delayMs = 0;
  let restartAtMs = Number.NEGATIVE_INFINITY;
  return {
    failed() {
      const nowMs = clock.monotonicMs();
      if (nowMs < restartAtMs) {
        delayMs = restartAtMs - nowMs;
        return;
      }
      if (nowMs - restartAtMs >= resetBackoffThresholdMs) attempts = 0;
      backoffMs = attempts === 0 ? initialBackoffMs : Math.min(maxBackoffMs, backoffMs * backoffMultiplier);
      attempts++;
      delayMs = Math.min(maxBackoffMs, backoffMs * (1 + jitterFactor * (2 * random.next() - 1)));
      restartAtMs = nowMs + delayMs;
    },
    refusal: () => (attempts <= attemptsBeforeReset ? undefined : `it was restarted ${times(attemptsBeforeReset)} already`),
    delayMs: () => delayMs,
  };
}

function failureRate(settings: SettingsOf<'failure-rate'>, clock: Clock): Policy {
  const { maxFailuresPerInterval, failureRateIntervalMs, delayMs } = settings;
  let failuresMs: number[] = [];
  return {
    failed() {
      const nowMs = clock.monotonicMs();
      failuresMs = [...failuresMs.filter((atMs) => nowMs - atMs < failureRateIntervalMs), nowMs];
    },
    refusal: () =>
      failuresMs.length <= maxFailuresPerInterval
        ? undefined
        : `it failed ${times(failuresMs.length)} within ${failureRateIntervalMs} ms`,
    delayMs: () => delayMs,
  };
}

function times(n: number): string {
  return n === 1 ? 'once' : `${n} times`;
}
