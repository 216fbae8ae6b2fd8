/**
 * What the threads of a benchmark's process have in common: a clock, and memory in which tasks in slots leave what they
 * have measured. The main thread makes the memory; the threads of slots, which run the program once more, find it.
 */
import process from 'node:process';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const [seconds, nanoseconds] = process.hrtime();
const offsetMs = seconds * 1e3 + nanoseconds / 1e6 - performance.now();

/** The same in all threads of the machine, in milliseconds with fractions. */
export function machineMs(): number {
  return performance.now() + offsetMs;
}

/** The memory of this name: made on the main thread, found on others. */
export function sharedMemory(name: string, bytes: number): SharedArrayBuffer {
  if (!isMainThread) return getEnvironmentData(name) as unknown as SharedArrayBuffer;
  const memory = new SharedArrayBuffer(bytes);
  setEnvironmentData(name, memory as never);
  return memory;
}
