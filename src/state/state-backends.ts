import type { TypeRegistry } from '../serialization/index.ts';
import { HeapKeyedStateBackend, type KeyedStateBackendOptions } from './heap-keyed-state-backend.ts';
import { HeapOperatorStateBackend } from './heap-operator-state-backend.ts';
import type { KeyedStateBackend } from './keyed-state-backend.ts';
import type { OperatorStateBackend } from './operator-state-backend.ts';

/** The keyed state of one operator on one subtask, on the `hashmap` backend. */
export function createKeyedStateBackend(options: KeyedStateBackendOptions): KeyedStateBackend {
  return new HeapKeyedStateBackend(options);
}

/** The operator state of one subtask. */
export function createOperatorStateBackend(options: { readonly types?: TypeRegistry } = {}): OperatorStateBackend {
  return new HeapOperatorStateBackend(options);
}
