/** The options of the host that runs jobs in the program's own process: slots and their threads. With Flink's keys where the thing is the same. */
import { type ConfigOption, ConfigOptions } from '../common/index.ts';
import { MemoryOptions } from '../memory/index.ts';

export const LocalOptions = {
  NUMBER_OF_TASK_SLOTS: ConfigOptions.int(
    'taskmanager.numberOfTaskSlots',
    0,
    'How many slots there are, each on a thread of its own; 0: as many as the job needs.',
  ),
  THREADS: ConfigOptions.boolean(
    'execution.local.threads',
    true,
    'Whether a job that needs several slots gets a thread for each; otherwise it runs with one subtask of each operator on the thread of the program.',
  ),
  CANCELLATION_TIMEOUT: ConfigOptions.duration(
    'task.cancellation.timeout',
    30_000,
    'How long a task may take to stop when it is canceled, before the thread of its slot is ended by force.',
  ),
  ...MemoryOptions,
} as const;

export const ALL_LOCAL_OPTIONS = Object.values(LocalOptions) as ConfigOption<unknown>[];
