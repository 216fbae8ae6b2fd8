/** Subtasks of one operator that has timers, for the tests of timer queues. Run by itself it holds no tests. */
import { ManagedMemory, MemorySpillStorage } from '../memory/index.ts';
import {
  type CanonicalKey,
  createKeyedStateBackend,
  type InternalTimerQueue,
  type KeyedStateBackend,
  type KeyedStateHandle,
  keyGroupOf,
  keyGroupRange,
  operatorIndexForKeyGroup,
  type StateBackendType,
  type Timer,
  type TimerQueueSnapshot,
} from './index.ts';
import { ManualClock } from './keyed-state-contract.test.ts';
import { MemoryCheckpoints } from './memory-checkpoint.test.ts';

export const MAX_PARALLELISM = 8;

export interface TimerSetup {
  readonly backend: StateBackendType;
  readonly parallelism?: number;
  /** Of `hashlog`; so little that it keeps 8 timers on the heap, unless given. */
  readonly memoryBytes?: number;
  /** A program that has no timers any more; on one subtask, from one. */
  readonly asksForNone?: boolean;
}

/** What one subtask has written. */
export interface SavedTimers {
  readonly keyed: KeyedStateHandle;
  readonly timers: TimerQueueSnapshot;
}

interface Subtask {
  readonly backend: KeyedStateBackend;
  readonly queue: InternalTimerQueue | undefined;
}

export class TimerSubtasks {
  readonly checkpoints: MemoryCheckpoints;
  readonly spill = new MemorySpillStorage();
  private readonly subtasks: Subtask[] = [];
  private restored: readonly SavedTimers[] = [];
  private checkpointId = 0;

  private constructor(checkpoints: MemoryCheckpoints) {
    this.checkpoints = checkpoints;
  }

  static async start(setup: TimerSetup): Promise<TimerSubtasks> {
    const subtasks = new TimerSubtasks(new MemoryCheckpoints());
    await subtasks.open(setup, []);
    return subtasks;
  }

  /** Ends these, and goes on from what they or others had saved. */
  async restart(setup: TimerSetup, from: readonly SavedTimers[]): Promise<TimerSubtasks> {
    this.close();
    const next = new TimerSubtasks(this.checkpoints);
    await next.open(setup, from);
    return next;
  }

  close(): void {
    for (const { backend } of this.subtasks) backend.dispose();
  }

  async save(canonical: boolean): Promise<SavedTimers[]> {
    const checkpointId = ++this.checkpointId;
    const pending = this.subtasks.map(({ backend, queue }) => ({
      timers: queue?.freeze(MAX_PARALLELISM).encode(Number.POSITIVE_INFINITY),
      keyed: backend.startSnapshot({ checkpointId, canonical }),
    }));
    const saved: SavedTimers[] = [];
    for (const { timers, keyed } of pending) {
      const encoded = timers?.next().value ?? this.restored[0]?.timers;
      if (encoded === undefined) throw new Error('A portion without end has an end.');
      saved.push({ timers: encoded, keyed: await keyed.write(this.checkpoints.output()) });
    }
    for (const { backend } of this.subtasks) backend.notifyCheckpointComplete(checkpointId);
    return saved;
  }

  get backends(): readonly KeyedStateBackend[] {
    return this.subtasks.map(({ backend }) => backend);
  }

  get queues(): readonly InternalTimerQueue[] {
    return this.subtasks.flatMap(({ queue }) => queue ?? []);
  }

  get size(): number {
    return this.queues.reduce((sum, queue) => sum + queue.size, 0);
  }

  indexOf(key: CanonicalKey): number {
    return operatorIndexForKeyGroup(keyGroupOf(key, MAX_PARALLELISM), this.subtasks.length, MAX_PARALLELISM);
  }

  add(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    return this.queueOf(key).add(key, namespace, timestamp);
  }

  delete(key: CanonicalKey, namespace: string, timestamp: number): boolean {
    return this.queueOf(key).delete(key, namespace, timestamp);
  }

  popAll(until = Number.POSITIVE_INFINITY): Timer[] {
    return this.queues.flatMap((queue) => popAll(queue, until));
  }

  /** As an operator does, with its key as the current one. */
  private queueOf(key: CanonicalKey): InternalTimerQueue {
    const { backend, queue } = this.subtasks[this.indexOf(key)] as Subtask;
    backend.setCurrentCanonicalKey(key);
    return queue as InternalTimerQueue;
  }

  private async open(setup: TimerSetup, from: readonly SavedTimers[]): Promise<void> {
    const { backend: type, parallelism = 1, memoryBytes = 4096, asksForNone = false } = setup;
    this.restored = from;
    const memory = new ManagedMemory(memoryBytes);
    for (let index = 0; index < parallelism; index++) {
      const range = keyGroupRange(parallelism, MAX_PARALLELISM, index);
      const backend = createKeyedStateBackend({
        backend: type,
        clock: new ManualClock(),
        maxParallelism: MAX_PARALLELISM,
        keyGroupRange: range,
        memory,
        spill: this.spill,
        scheduler: { yieldThen: (callback) => queueMicrotask(callback) },
      });
      const overlapping = from.filter(({ keyed: { keyGroupRange: old } }) => old.start <= range.end && old.end >= range.start);
      await backend.restoreFrom(
        overlapping.map(({ keyed }) => keyed),
        range,
        this.checkpoints,
      );
      const queue = asksForNone ? undefined : backend.timerQueue('timers');
      for (const { timers } of overlapping) queue?.restore(timers, range);
      this.subtasks.push({ backend, queue });
    }
  }
}

export function popAll(queue: InternalTimerQueue, until = Number.POSITIVE_INFINITY): Timer[] {
  const popped: Timer[] = [];
  for (let timer = queue.popUntil(until); timer; timer = queue.popUntil(until)) popped.push(timer);
  return popped;
}

/** The same text for the same timers, in whatever order. */
export function textOf(timers: readonly Timer[]): string[] {
  return timers.map(({ key, namespace, timestamp }) => `${String(key)} ${namespace} ${timestamp}`).sort();
}
