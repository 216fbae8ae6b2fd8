/** The options that a program, a command line or a configuration file can set, with Flink's keys. */
import { type ConfigOption, ConfigOptions } from '../common/index.ts';
import { CheckpointingOptions } from './checkpointing-options.ts';
import { RestartStrategyOptions } from './restart-strategy-options.ts';

export const ExecutionOptions = {
  PARALLELISM: ConfigOptions.int('parallelism.default', 1, 'Parallelism of operators that set none.', 1),
  MAX_PARALLELISM: ConfigOptions.int(
    'pipeline.max-parallelism',
    -1,
    'Upper limit of parallelism, and the number of key groups; −1 derives it from the parallelism.',
    -1,
  ),
  AUTO_WATERMARK_INTERVAL: ConfigOptions.duration(
    'pipeline.auto-watermark-interval',
    200,
    'How often watermark generators are asked for a watermark; 0 means never.',
  ),
  OPERATOR_CHAINING: ConfigOptions.boolean('pipeline.operator-chaining.enabled', true, 'Whether operators are chained.'),
  BUFFER_TIMEOUT: ConfigOptions.duration(
    'execution.buffer-timeout.interval',
    100,
    'How long written records may wait for their buffer to fill before they are sent; 0 sends each at once.',
  ),
  BUFFER_TIMEOUT_ENABLED: ConfigOptions.boolean(
    'execution.buffer-timeout.enabled',
    true,
    'Whether buffers are sent after a time; otherwise only when they are full.',
  ),
  NAME: ConfigOptions.string('pipeline.name', '', 'The job name, unless execute() gives one.'),
  ...CheckpointingOptions,
  ...RestartStrategyOptions,
} as const;

export const ALL_EXECUTION_OPTIONS = Object.values(ExecutionOptions) as ConfigOption<unknown>[];
