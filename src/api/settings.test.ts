import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Configuration } from '../common/index.ts';
import type { ExecutionSettings } from '../protocol/index.ts';
import type { CheckpointConfig } from './checkpoint-config.ts';
import { ALL_EXECUTION_OPTIONS } from './execution-options.ts';
import { RestartStrategies } from './restart-strategies.ts';
import { Settings } from './settings.ts';

function settingsOf(configuration: Record<string, unknown> = {}): Settings {
  return new Settings(Configuration.from(configuration, ALL_EXECUTION_OPTIONS));
}

function executionSettings(configuration: Record<string, unknown>): ExecutionSettings {
  return settingsOf(configuration).toExecutionSettings();
}

const EXPONENTIAL = {
  type: 'exponential-delay',
  initialBackoffMs: 1000,
  maxBackoffMs: 60_000,
  backoffMultiplier: 1.5,
  resetBackoffThresholdMs: 3_600_000,
  jitterFactor: 0.1,
};

describe('settings', () => {
  it('have Flink’s defaults', () => {
    assert.deepEqual(executionSettings({}), {
      autoWatermarkIntervalMs: 200,
      bufferTimeoutMs: 100,
      stateBackend: 'hashmap',
      managedMemoryBytes: 268_435_456,
      checkpointing: {
        minPauseMs: 0,
        timeoutMs: 600_000,
        maxConcurrent: 1,
        tolerableFailed: 0,
        numRetained: 1,
        retention: 'NO_EXTERNALIZED_CHECKPOINTS',
        unaligned: false,
        alignedTimeoutMs: 0,
        inlineThresholdBytes: 20_480,
      },
      restartStrategy: { type: 'none' },
    });
  });

  it('come from the configuration, by Flink’s keys', () => {
    const settings = executionSettings({
      'execution.buffer-timeout.interval': '5 ms',
      'execution.checkpointing.interval': '1 s',
      'execution.checkpointing.min-pause': '100 ms',
      'execution.checkpointing.timeout': '1 min',
      'execution.checkpointing.tolerable-failed-checkpoints': 3,
      'execution.checkpointing.num-retained': 2,
      'execution.checkpointing.externalized-checkpoint-retention': 'retain_on_cancellation',
      'execution.checkpointing.unaligned.enabled': 'true',
      'execution.checkpointing.aligned-checkpoint-timeout': '30 s',
      'execution.checkpointing.dir': '/checkpoints',
      'execution.checkpointing.savepoint-dir': '/savepoints',
      'execution.checkpointing.data-inline-threshold': '1 mb',
      'execution.state-recovery.path': '/savepoints/x',
      'execution.state-recovery.ignore-unclaimed-state': true,
      'state.backend.type': 'HASHLOG',
    });
    assert.deepEqual(settings, {
      autoWatermarkIntervalMs: 200,
      bufferTimeoutMs: 5,
      stateBackend: 'hashlog',
      managedMemoryBytes: 268_435_456,
      checkpointing: {
        intervalMs: 1000,
        minPauseMs: 100,
        timeoutMs: 60_000,
        maxConcurrent: 1,
        tolerableFailed: 3,
        numRetained: 2,
        retention: 'RETAIN_ON_CANCELLATION',
        unaligned: true,
        alignedTimeoutMs: 30_000,
        directory: '/checkpoints',
        savepointDirectory: '/savepoints',
        inlineThresholdBytes: 1_048_576,
      },
      restartStrategy: EXPONENTIAL,
      savepointRestore: { path: '/savepoints/x', allowNonRestoredState: true },
    });
  });

  it('a disabled buffer timeout waits for full buffers', () => {
    assert.equal(executionSettings({ 'execution.buffer-timeout.enabled': false }).bufferTimeoutMs, -1);
  });

  it('what the program says counts more than the configuration', () => {
    const settings = settingsOf({
      'execution.checkpointing.interval': '1 s',
      'restart-strategy.type': 'none',
      'state.backend.type': 'hashlog',
    });
    settings.checkpointConfig.setCheckpointInterval(50);
    settings.setRestartStrategy(RestartStrategies.fixedDelayRestart(3, 10));
    settings.setStateBackend('hashmap');
    settings.setBufferTimeout(0);
    const { checkpointing, restartStrategy, stateBackend, bufferTimeoutMs } = settings.toExecutionSettings();
    assert.deepEqual(
      [checkpointing.intervalMs, restartStrategy, stateBackend, bufferTimeoutMs],
      [50, { type: 'fixed-delay', attempts: 3, delayMs: 10 }, 'hashmap', 0],
    );
    settings.checkpointConfig.disableCheckpointing();
    assert.equal(settings.toExecutionSettings().checkpointing.intervalMs, undefined);
  });

  it('with checkpoints a job restarts by itself, unless it is told not to', () => {
    assert.deepEqual(executionSettings({ 'execution.checkpointing.interval': 100 }).restartStrategy, EXPONENTIAL);
    const off = { 'execution.checkpointing.interval': 100, 'restart-strategy.type': 'off' };
    assert.deepEqual(executionSettings(off).restartStrategy, { type: 'none' });
  });

  it('restart strategies come from the configuration, by Flink’s names and keys', () => {
    const strategy = (configuration: Record<string, unknown>): object => executionSettings(configuration).restartStrategy;
    assert.deepEqual(
      strategy({ 'restart-strategy.type': 'fixeddelay', 'restart-strategy.fixed-delay.attempts': 5 }),
      RestartStrategies.fixedDelayRestart(5, 1000),
    );
    assert.deepEqual(
      strategy({ 'restart-strategy.type': 'failure-rate', 'restart-strategy.failure-rate.delay': '2 s' }),
      RestartStrategies.failureRateRestart(1, 60_000, 2000),
    );
    assert.deepEqual(
      strategy({
        'restart-strategy.type': 'exponential-delay',
        'restart-strategy.exponential-delay.backoff-multiplier': '2.5',
        'restart-strategy.exponential-delay.attempts-before-reset-backoff': 4,
      }),
      { ...EXPONENTIAL, backoffMultiplier: 2.5, attemptsBeforeReset: 4 },
    );
  });

  it('contradictions are refused, with what to do', () => {
    const contradictions: [(config: CheckpointConfig) => unknown, RegExp][] = [
      [(c) => c.setMaxConcurrentCheckpoints(2).setMinPauseBetweenCheckpoints(10), /exclude each other\. Leave one of/],
      [
        (c) => c.setMaxConcurrentCheckpoints(2).enableUnalignedCheckpoints(),
        /cannot overlap.*Leave setMaxConcurrentCheckpoints out/,
      ],
      [(c) => c.setAlignedCheckpointTimeout(10), /no effect.*Call enableUnalignedCheckpoints/],
      [(c) => c.setExternalizedCheckpointRetention('RETAIN_ON_CANCELLATION'), /need a folder.*setCheckpointStorage/],
    ];
    for (const [contradict, message] of contradictions) {
      const settings = settingsOf();
      contradict(settings.checkpointConfig);
      assert.throws(() => settings.toExecutionSettings(), { code: 'INVALID_OPTION', message });
    }
    assert.throws(() => executionSettings({ 'execution.checkpointing.interval': 5 }), {
      message: /interval must be at least 10 ms/,
    });
    const backoffs = {
      'restart-strategy.type': 'exponential-delay',
      'restart-strategy.exponential-delay.initial-backoff': '2 min',
    };
    assert.throws(() => executionSettings(backoffs), { message: /maxBackoffMs .* at least initialBackoffMs \(120000\)/ });
  });

  it('values that make no sense are refused where they are set', () => {
    const refused: [(settings: Settings) => unknown, RegExp][] = [
      [(s) => s.checkpointConfig.setCheckpointInterval(9), /checkpoint interval must be at least 10 ms; got 9/],
      [(s) => s.checkpointConfig.setCheckpointTimeout(Number.NaN), /checkpoint timeout must be at least 10 ms; got NaN/],
      [(s) => s.checkpointConfig.setMinPauseBetweenCheckpoints(-1), /minimum pause/],
      [(s) => s.checkpointConfig.setMaxConcurrentCheckpoints(0), /concurrent checkpoints must be a whole number of at least 1/],
      [(s) => s.checkpointConfig.setTolerableCheckpointFailureNumber(1.5), /tolerable checkpoint failures/],
      [(s) => s.checkpointConfig.setMaxRetainedCheckpoints(0), /retained checkpoints/],
      [(s) => s.checkpointConfig.setCheckpointStorage(''), /folder for checkpoints must be a path; got ""/],
      [(s) => s.checkpointConfig.setExternalizedCheckpointRetention('x' as never), /one of RETAIN_ON_CANCELLATION/],
      [(s) => s.setBufferTimeout(-2), /buffer timeout must be 0 or more milliseconds, or −1/],
      [(s) => s.setStateBackend('rocksdb' as never), /one of hashmap, hashlog; got rocksdb/],
      [() => RestartStrategies.fixedDelayRestart(-1, 0), /attempts of a restart strategy/],
      [() => RestartStrategies.failureRateRestart(0, 1, 1), /maxFailuresPerInterval/],
      [() => RestartStrategies.exponentialDelayRestart({ jitterFactor: 2 }), /jitterFactor .* from 0 to 1/],
      [() => RestartStrategies.exponentialDelayRestart({ backoffMultiplier: 0.5 }), /backoffMultiplier .* at least 1/],
    ];
    for (const [set, message] of refused) assert.throws(() => set(settingsOf()), { code: 'INVALID_OPTION', message });
    assert.throws(() => settingsOf({ 'restart-strategy.type': 'sometimes' }), { message: /expects one of none, fixed-delay/ });
    assert.throws(() => settingsOf({ 'execution.checkpointing.data-inline-threshold': '2 pb' }), {
      message: /a size like '20 kb'/,
    });
  });
});
