import { MillraceError, type Scheduler } from '../common/index.ts';
import type { ManagedMemory, SpillStorage } from '../memory/index.ts';
import type { TypeRegistry } from '../serialization/index.ts';
import { HashlogKeyedStateBackend } from './hashlog/hashlog-keyed-state-backend.ts';
import { type KeyedStateBackendOptions as HeapBackendOptions, HeapKeyedStateBackend } from './heap-keyed-state-backend.ts';
import { HeapOperatorStateBackend } from './heap-operator-state-backend.ts';
import type { KeyedStateBackend } from './keyed-state-backend.ts';
import type { OperatorStateBackend } from './operator-state-backend.ts';

/**
 * Where keyed state is kept: `hashmap`, objects on the heap; or `hashlog`, bytes in managed memory and on disk. The value of
 * `state.backend.type`.
 */
export const STATE_BACKENDS = ['hashmap', 'hashlog'] as const;
export type StateBackendType = (typeof STATE_BACKENDS)[number];

export interface KeyedStateBackendOptions extends HeapBackendOptions {
  /** `hashmap` unless given. */
  readonly backend?: StateBackendType;
  /** For names of files and messages. */
  readonly operatorId?: string;
  /** The managed memory of the slot, which all its operators share; `hashlog` needs it. */
  readonly memory?: ManagedMemory;
  /** Where `hashlog` puts what does not fit in memory; it needs it. */
  readonly spill?: SpillStorage;
  /** Lets the thread go on while a snapshot is written; the system's unless given. */
  readonly scheduler?: Scheduler;
}

/**
 * The keyed state of one operator on one subtask.
 * @throws MillraceError `INVALID_OPTION` if the backend lacks what it needs
 */
export function createKeyedStateBackend(options: KeyedStateBackendOptions): KeyedStateBackend {
  if (options.backend !== 'hashlog') return new HeapKeyedStateBackend(options);
  const { memory, spill } = options;
  if (memory === undefined || spill === undefined) {
    throw new MillraceError(
      'INVALID_OPTION',
      "The state backend 'hashlog' needs managed memory and a folder to spill to, but this host gives it none. Use 'hashmap' here, or a host with taskmanager.memory.managed.size above 0.",
    );
  }
  return new HashlogKeyedStateBackend({ ...options, memory, spill });
}

/** The operator state of one subtask. */
export function createOperatorStateBackend(options: { readonly types?: TypeRegistry } = {}): OperatorStateBackend {
  return new HeapOperatorStateBackend(options);
}
