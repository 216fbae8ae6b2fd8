/** The options of restarts after a failure, with Flink's keys. */
import { type ConfigOption, ConfigOptions, type Configuration } from '../common/index.ts';
import type { RestartStrategySettings } from '../protocol/index.ts';
import { choiceOption, numberOption } from './option-kinds.ts';
import { RestartStrategies } from './restart-strategies.ts';

const TYPES = ['none', 'fixed-delay', 'exponential-delay', 'failure-rate'] as const satisfies RestartStrategySettings['type'][];

export const RestartStrategyOptions = {
  RESTART_STRATEGY: choiceOption<RestartStrategySettings['type']>(
    'restart-strategy.type',
    'none',
    TYPES,
    "Whether and when a job that failed starts again. Unless given: 'exponential-delay' with checkpoints, 'none' without.",
    {
      off: 'none',
      disable: 'none',
      fixeddelay: 'fixed-delay',
      exponentialdelay: 'exponential-delay',
      failurerate: 'failure-rate',
    },
  ),
  RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS: ConfigOptions.int(
    'restart-strategy.fixed-delay.attempts',
    1,
    'How often the job starts again before it fails for good.',
  ),
  RESTART_STRATEGY_FIXED_DELAY_DELAY: ConfigOptions.duration(
    'restart-strategy.fixed-delay.delay',
    1000,
    'The wait before each restart.',
  ),
  RESTART_STRATEGY_EXPONENTIAL_DELAY_INITIAL_BACKOFF: ConfigOptions.duration(
    'restart-strategy.exponential-delay.initial-backoff',
    1000,
    'The wait before the first restart.',
  ),
  RESTART_STRATEGY_EXPONENTIAL_DELAY_MAX_BACKOFF: ConfigOptions.duration(
    'restart-strategy.exponential-delay.max-backoff',
    60_000,
    'The longest wait before a restart.',
  ),
  RESTART_STRATEGY_EXPONENTIAL_DELAY_BACKOFF_MULTIPLIER: numberOption(
    'restart-strategy.exponential-delay.backoff-multiplier',
    1.5,
    'By how much the wait grows with each failure.',
    1,
  ),
  RESTART_STRATEGY_EXPONENTIAL_DELAY_RESET_BACKOFF_THRESHOLD: ConfigOptions.duration(
    'restart-strategy.exponential-delay.reset-backoff-threshold',
    3_600_000,
    'After so long without a failure, the wait is the first one again.',
  ),
  RESTART_STRATEGY_EXPONENTIAL_DELAY_JITTER_FACTOR: numberOption(
    'restart-strategy.exponential-delay.jitter-factor',
    0.1,
    'The share of the wait by which chance makes it longer or shorter.',
    0,
    1,
  ),
  RESTART_STRATEGY_EXPONENTIAL_DELAY_ATTEMPTS: ConfigOptions.int(
    'restart-strategy.exponential-delay.attempts-before-reset-backoff',
    Number.MAX_SAFE_INTEGER,
    'How often the job starts again before it fails for good, unless the wait was reset in between.',
    1,
  ),
  RESTART_STRATEGY_FAILURE_RATE_MAX_FAILURES_PER_INTERVAL: ConfigOptions.int(
    'restart-strategy.failure-rate.max-failures-per-interval',
    1,
    'How many failures an interval may have before the job fails for good.',
    1,
  ),
  RESTART_STRATEGY_FAILURE_RATE_FAILURE_RATE_INTERVAL: ConfigOptions.duration(
    'restart-strategy.failure-rate.failure-rate-interval',
    60_000,
    'The interval in which failures are counted.',
  ),
  RESTART_STRATEGY_FAILURE_RATE_DELAY: ConfigOptions.duration(
    'restart-strategy.failure-rate.delay',
    1000,
    'The wait before each restart.',
  ),
} as const;

/**
 * The strategy that a configuration asks for; `undefined` if it names none.
 * @throws MillraceError `INVALID_OPTION` for options that do not go together
 */
export function configuredRestartStrategy(configuration: Configuration): RestartStrategySettings | undefined {
  const o = RestartStrategyOptions;
  if (!configuration.has(o.RESTART_STRATEGY)) return undefined;
  const get = <T>(option: ConfigOption<T>): T => configuration.get(option);
  switch (get(o.RESTART_STRATEGY)) {
    case 'none':
      return RestartStrategies.noRestart();
    case 'fixed-delay':
      return RestartStrategies.fixedDelayRestart(
        get(o.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS),
        get(o.RESTART_STRATEGY_FIXED_DELAY_DELAY),
      );
    case 'exponential-delay':
      return RestartStrategies.exponentialDelayRestart({
        initialBackoffMs: get(o.RESTART_STRATEGY_EXPONENTIAL_DELAY_INITIAL_BACKOFF),
        maxBackoffMs: get(o.RESTART_STRATEGY_EXPONENTIAL_DELAY_MAX_BACKOFF),
        backoffMultiplier: get(o.RESTART_STRATEGY_EXPONENTIAL_DELAY_BACKOFF_MULTIPLIER),
        resetBackoffThresholdMs: get(o.RESTART_STRATEGY_EXPONENTIAL_DELAY_RESET_BACKOFF_THRESHOLD),
        jitterFactor: get(o.RESTART_STRATEGY_EXPONENTIAL_DELAY_JITTER_FACTOR),
        ...(configuration.has(o.RESTART_STRATEGY_EXPONENTIAL_DELAY_ATTEMPTS)
          ? { attemptsBeforeReset: get(o.RESTART_STRATEGY_EXPONENTIAL_DELAY_ATTEMPTS) }
          : {}),
      });
    case 'failure-rate':
      return RestartStrategies.failureRateRestart(
        get(o.RESTART_STRATEGY_FAILURE_RATE_MAX_FAILURES_PER_INTERVAL),
        get(o.RESTART_STRATEGY_FAILURE_RATE_FAILURE_RATE_INTERVAL),
        get(o.RESTART_STRATEGY_FAILURE_RATE_DELAY),
      );
  }
}
