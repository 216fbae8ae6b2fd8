/** What a program sets for all its operators, from its configuration and from what it says itself. */
import { type Configuration, MillraceError } from '../common/index.ts';
import type { ExecutionSettings, RestartStrategySettings } from '../protocol/index.ts';
import { CheckpointConfig } from './checkpoint-config.ts';
import { CheckpointingOptions, type StateBackendType } from './checkpointing-options.ts';
import { ExecutionOptions } from './execution-options.ts';
import { RestartStrategies } from './restart-strategies.ts';
import { configuredRestartStrategy } from './restart-strategy-options.ts';

/** For hosts that do not divide a memory of their own. */
const DEFAULT_MANAGED_MEMORY_BYTES = 256 * 1024 * 1024;

export class Settings {
  readonly checkpointConfig: CheckpointConfig;
  private autoWatermarkIntervalMs: number;
  private bufferTimeoutMs: number;
  private stateBackend: StateBackendType;
  private restartStrategy: RestartStrategySettings | undefined;
  private readonly savepointPath: string;
  private readonly allowNonRestoredState: boolean;

  constructor(configuration: Configuration) {
    this.checkpointConfig = new CheckpointConfig(configuration);
    this.autoWatermarkIntervalMs = configuration.get(ExecutionOptions.AUTO_WATERMARK_INTERVAL);
    this.bufferTimeoutMs = configuration.get(ExecutionOptions.BUFFER_TIMEOUT_ENABLED)
      ? configuration.get(ExecutionOptions.BUFFER_TIMEOUT)
      : -1;
    this.stateBackend = configuration.get(CheckpointingOptions.STATE_BACKEND);
    this.restartStrategy = configuredRestartStrategy(configuration);
    this.savepointPath = configuration.get(CheckpointingOptions.SAVEPOINT_PATH);
    this.allowNonRestoredState = configuration.get(CheckpointingOptions.SAVEPOINT_IGNORE_UNCLAIMED_STATE);
  }

  setAutoWatermarkInterval(intervalMs: number): void {
    if (!(Number.isFinite(intervalMs) && intervalMs >= 0)) {
      throw new MillraceError('INVALID_OPTION', `The auto-watermark interval must be 0 or more milliseconds; got ${intervalMs}.`);
    }
    this.autoWatermarkIntervalMs = intervalMs;
  }

  setBufferTimeout(timeoutMs: number): void {
    if (!(Number.isFinite(timeoutMs) && (timeoutMs >= 0 || timeoutMs === -1))) {
      const values = '0 or more milliseconds, or −1 to wait until buffers are full';
      throw new MillraceError('INVALID_OPTION', `The buffer timeout must be ${values}; got ${timeoutMs}.`);
    }
    this.bufferTimeoutMs = timeoutMs;
  }

  setStateBackend(type: StateBackendType): void {
    const option = CheckpointingOptions.STATE_BACKEND;
    const backend = option.parse(type);
    if (backend === undefined) {
      throw new MillraceError('INVALID_OPTION', `The state backend must be ${option.expects}; got ${type}.`);
    }
    this.stateBackend = backend;
  }

  setRestartStrategy(strategy: RestartStrategySettings): void {
    this.restartStrategy = strategy;
  }

  /** @throws MillraceError `INVALID_OPTION` for what does not go together */
  toExecutionSettings(): ExecutionSettings {
    const checkpointing = this.checkpointConfig.toSettings();
    const restartByItself = checkpointing.intervalMs !== undefined;
    return {
      autoWatermarkIntervalMs: this.autoWatermarkIntervalMs,
      bufferTimeoutMs: this.bufferTimeoutMs,
      stateBackend: this.stateBackend,
      managedMemoryBytes: DEFAULT_MANAGED_MEMORY_BYTES,
      checkpointing,
      restartStrategy:
        this.restartStrategy ?? (restartByItself ? RestartStrategies.exponentialDelayRestart() : RestartStrategies.noRestart()),
      ...(this.savepointPath === ''
        ? {}
        : { savepointRestore: { path: this.savepointPath, allowNonRestoredState: this.allowNonRestoredState } }),
    };
  }
}
