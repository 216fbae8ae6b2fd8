/**
 * Timers of keyed operators, as Flink's InternalTimerService: registered once per key, namespace and time, fired in order
 * of time, deletable, part of snapshots. Where they are is the state backend's choice.
 *
 * Event-time timers fire when the watermark passes them; processing-time timers by the clock, through the task's mailbox,
 * so that a timer never interrupts a record. While a timer fires, its key is the current key.
 */
import type { TimerHandle } from '../common/index.ts';
import type { FrozenTimers, InternalTimerQueue, KeyedStateBackend, Timer, TimerQueueSnapshot } from '../state/index.ts';
import type { KeyWatermarks } from './key-watermarks.ts';

export interface ProcessingTimeService {
  currentTimeMs(): number;
  /** Calls back in the mailbox after `delayMs`. Cancelled when the operator closes. */
  schedule(delayMs: number, callback: () => void): TimerHandle;
}

export interface Triggerable {
  onEventTime(timestamp: number, namespace: string): void;
  onProcessingTime(timestamp: number, namespace: string): void;
}

/** Those timers that the state backend does not keep as state. */
export interface InternalTimerSnapshot {
  readonly event: TimerQueueSnapshot;
  readonly processing: TimerQueueSnapshot;
}

export interface FrozenTimerService {
  readonly event: FrozenTimers;
  readonly processing: FrozenTimers;
}

export interface InternalTimerServiceDependencies {
  readonly backend: KeyedStateBackend;
  readonly processingTime: ProcessingTimeService;
  readonly keyWatermarks: KeyWatermarks;
  currentKeyWatermark(): number;
}

export class InternalTimerService {
  private readonly eventTimers: InternalTimerQueue;
  private readonly processingTimers: InternalTimerQueue;
  private readonly triggerable: Triggerable;
  private readonly backend: KeyedStateBackend;
  private readonly processingTime: ProcessingTimeService;
  private readonly keyWatermarks: KeyWatermarks;
  private readonly currentKeyWatermark: () => number;
  private wakeUp: { readonly timeMs: number; readonly handle: TimerHandle } | undefined;

  /** @param name by which its timers are found in snapshots */
  constructor(name: string, triggerable: Triggerable, dependencies: InternalTimerServiceDependencies) {
    this.triggerable = triggerable;
    this.backend = dependencies.backend;
    this.processingTime = dependencies.processingTime;
    this.keyWatermarks = dependencies.keyWatermarks;
    this.currentKeyWatermark = dependencies.currentKeyWatermark;
    this.eventTimers = this.backend.timerQueue(`event_${name}`);
    this.processingTimers = this.backend.timerQueue(`processing_${name}`);
    this.scheduleWakeUp();
  }

  /** What the current key knows. */
  currentWatermark(): number {
    return this.currentKeyWatermark();
  }

  currentProcessingTime(): number {
    return this.processingTime.currentTimeMs();
  }

  /** For the current key. A time that the watermark has passed already fires at the next watermark. */
  registerEventTimeTimer(namespace: string, timeMs: number): void {
    this.eventTimers.add(this.backend.currentCanonicalKey, namespace, timeMs);
  }

  deleteEventTimeTimer(namespace: string, timeMs: number): void {
    this.eventTimers.delete(this.backend.currentCanonicalKey, namespace, timeMs);
  }

  registerProcessingTimeTimer(namespace: string, timeMs: number): void {
    this.processingTimers.add(this.backend.currentCanonicalKey, namespace, timeMs);
    this.scheduleWakeUp();
  }

  deleteProcessingTimeTimer(namespace: string, timeMs: number): void {
    this.processingTimers.delete(this.backend.currentCanonicalKey, namespace, timeMs);
  }

  get eventTimerCount(): number {
    return this.eventTimers.size;
  }

  get processingTimerCount(): number {
    return this.processingTimers.size;
  }

  advanceWatermark(timestamp: number): void {
    const { eventTimers, backend, triggerable, keyWatermarks } = this;
    const early: Timer[] = [];
    for (let next = eventTimers.popUntil(timestamp); next !== undefined; next = eventTimers.popUntil(timestamp)) {
      // For a key that knew of this time before a restore, it is not the next watermark yet.
      if (timestamp <= keyWatermarks.highest && timestamp <= keyWatermarks.of(next.key)) {
        early.push(next);
        continue;
      }
      backend.setCurrentCanonicalKey(next.key);
      triggerable.onEventTime(next.timestamp, next.namespace);
    }
    for (const { key, namespace, timestamp: timeMs } of early) eventTimers.add(key, namespace, timeMs);
  }

  /** The timers that are not state as of now, to be encoded later. */
  freeze(maxParallelism: number): FrozenTimerService {
    return { event: this.eventTimers.freeze(maxParallelism), processing: this.processingTimers.freeze(maxParallelism) };
  }

  restore(snapshot: InternalTimerSnapshot): void {
    this.eventTimers.restore(snapshot.event);
    this.processingTimers.restore(snapshot.processing);
    this.scheduleWakeUp();
  }

  close(): void {
    this.wakeUp?.handle.cancel();
    this.wakeUp = undefined;
  }

  /**
   * A processing-time timer fires when its millisecond is over, as in Flink: a record of the same millisecond still comes
   * before it, and does not open a window again that has just fired.
   */
  private scheduleWakeUp(): void {
    const timeMs = this.processingTimers.peekTimestamp();
    if (timeMs === undefined || timeMs === Number.POSITIVE_INFINITY) return;
    if (this.wakeUp !== undefined) {
      if (this.wakeUp.timeMs <= timeMs) return;
      this.wakeUp.handle.cancel();
    }
    const delayMs = Math.max(0, timeMs - this.processingTime.currentTimeMs()) + 1;
    this.wakeUp = { timeMs, handle: this.processingTime.schedule(delayMs, () => this.fireProcessingTimers()) };
  }

  private fireProcessingTimers(): void {
    this.wakeUp = undefined;
    const dueMs = this.processingTime.currentTimeMs() - 1;
    const { processingTimers, backend, triggerable } = this;
    for (let next = processingTimers.popUntil(dueMs); next !== undefined; next = processingTimers.popUntil(dueMs)) {
      backend.setCurrentCanonicalKey(next.key);
      triggerable.onProcessingTime(next.timestamp, next.namespace);
    }
    this.scheduleWakeUp();
  }
}
