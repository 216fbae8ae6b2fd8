/** The options of checkpoints, of the state that they hold and of restoring it, with Flink's keys. */
import { ConfigOptions } from '../common/index.ts';
import type { CheckpointSettings, ExecutionSettings } from '../protocol/index.ts';
import { choiceOption, memorySizeOption } from './option-kinds.ts';

export type ExternalizedCheckpointRetention = CheckpointSettings['retention'];
export type StateBackendType = ExecutionSettings['stateBackend'];

/** The shortest interval and timeout of checkpoints. */
export const LEAST_CHECKPOINT_TIME_MS = 10;

export const CheckpointingOptions = {
  CHECKPOINTING_INTERVAL: ConfigOptions.duration(
    'execution.checkpointing.interval',
    0,
    'How often a checkpoint is started; 0 means that there are no periodic checkpoints.',
  ),
  MIN_PAUSE_BETWEEN_CHECKPOINTS: ConfigOptions.duration(
    'execution.checkpointing.min-pause',
    0,
    'The least time from the end of one checkpoint to the start of the next.',
  ),
  CHECKPOINTING_TIMEOUT: ConfigOptions.duration(
    'execution.checkpointing.timeout',
    600_000,
    'A checkpoint that takes longer than this is given up.',
  ),
  MAX_CONCURRENT_CHECKPOINTS: ConfigOptions.int(
    'execution.checkpointing.max-concurrent-checkpoints',
    1,
    'How many checkpoints may be under way at once.',
    1,
  ),
  TOLERABLE_FAILURE_NUMBER: ConfigOptions.int(
    'execution.checkpointing.tolerable-failed-checkpoints',
    0,
    'How many checkpoints in a row may fail before the job does.',
  ),
  MAX_RETAINED_CHECKPOINTS: ConfigOptions.int(
    'execution.checkpointing.num-retained',
    1,
    'How many completed checkpoints are kept; older ones are deleted.',
    1,
  ),
  EXTERNALIZED_CHECKPOINT_RETENTION: choiceOption<ExternalizedCheckpointRetention>(
    'execution.checkpointing.externalized-checkpoint-retention',
    'NO_EXTERNALIZED_CHECKPOINTS',
    ['RETAIN_ON_CANCELLATION', 'DELETE_ON_CANCELLATION', 'NO_EXTERNALIZED_CHECKPOINTS'],
    'Which checkpoints outlive their job: when it is canceled and when it fails, only when it fails, or none.',
  ),
  ENABLE_UNALIGNED: ConfigOptions.boolean(
    'execution.checkpointing.unaligned.enabled',
    false,
    'Whether barriers overtake the data in front of them, which then becomes part of the checkpoint.',
  ),
  ALIGNED_CHECKPOINT_TIMEOUT: ConfigOptions.duration(
    'execution.checkpointing.aligned-checkpoint-timeout',
    0,
    'With unaligned checkpoints: how long a checkpoint tries to be an aligned one first.',
  ),
  CHECKPOINTS_DIRECTORY: ConfigOptions.string(
    'execution.checkpointing.dir',
    '',
    'The folder for checkpoints. Without one they are kept in memory, and end with the process.',
  ),
  SAVEPOINT_DIRECTORY: ConfigOptions.string(
    'execution.checkpointing.savepoint-dir',
    '',
    'The folder for savepoints that are triggered without one.',
  ),
  FS_SMALL_FILE_THRESHOLD: memorySizeOption(
    'execution.checkpointing.data-inline-threshold',
    20 * 1024,
    'State of up to this size is kept in the metadata of a checkpoint instead of a file of its own.',
  ),
  STATE_BACKEND: choiceOption<StateBackendType>(
    'state.backend.type',
    'hashmap',
    ['hashmap', 'hashlog'],
    "Where keyed state is: 'hashmap' keeps objects on the heap; 'hashlog' keeps bytes, in memory and on disk.",
  ),
  SAVEPOINT_PATH: ConfigOptions.string(
    'execution.state-recovery.path',
    '',
    'The savepoint or retained checkpoint to start from.',
  ),
  SAVEPOINT_IGNORE_UNCLAIMED_STATE: ConfigOptions.boolean(
    'execution.state-recovery.ignore-unclaimed-state',
    false,
    'Whether state that no operator of the program claims may be left behind.',
  ),
} as const;
