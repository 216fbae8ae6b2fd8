/** The division of memory, its count, and spilling; `node.ts` beside it is the door to the disk. */
export {
  divideConfiguredMemory,
  divideMemory,
  type MemoryDivision,
  type MemoryFractions,
  MemoryOptions,
  parseMemorySize,
} from './divide-memory.ts';
export { ManagedMemory, type MemoryConsumer, type MemoryReservation } from './managed-memory.ts';
export { MemorySpillStorage } from './memory-spill-storage.ts';
export type { SpillFile, SpillStorage } from './spill-storage.ts';
