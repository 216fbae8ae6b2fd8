/** How much of the JavaScript heap of this thread is in use. */
import { getHeapStatistics } from 'node:v8';
import type { HeapUsage } from '../taskmanager/index.ts';

export function heapUsage(): HeapUsage {
  const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
  return { usedBytes, limitBytes };
}
