import { ManagedMemory, MemorySpillStorage } from '../../memory/index.ts';
import { createKeyedStateBackend } from '../index.ts';
import { keyedStateContract } from '../keyed-state-contract.test.ts';

keyedStateContract('hashlog', (options) =>
  createKeyedStateBackend({
    ...options,
    backend: 'hashlog',
    memory: new ManagedMemory(16 * 1024),
    spill: new MemorySpillStorage(),
  }),
);
