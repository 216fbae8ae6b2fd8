/**
 * Time that moves only when it is told to, for tests and the simulation.
 *
 * Timers run in the order of their times, and those of one time in the order in which they were set; each sees its own time
 * as the present, and timers that it sets are run too if they fall due. What was handed to `yieldThen` runs before the next
 * timer. `advanceBy` and `advanceTo` return when all of that is done; code that goes on after an `await` has its turn when
 * the caller awaits something, or in between if `advanceByAsync` is used.
 */
import { type Clock, type Scheduler, systemScheduler, type TimerHandle } from '../common/index.ts';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock, Scheduler {
  readonly #startMs: number;
  #nowMs: number;
  /** Sorted by time, then by the order of setting. */
  readonly #timers: Timer[] = [];
  #yielded: (() => void)[] = [];

  /** @param startMs milliseconds since the epoch */
  constructor(startMs = 0) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  currentTimeMs(): number {
    return Math.floor(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  setTimer(delayMs: number, callback: () => void): TimerHandle {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    let i = this.#timers.length;
    while (i > 0 && (this.#timers[i - 1] as Timer).atMs > timer.atMs) i--;
    this.#timers.splice(i, 0, timer);
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  yieldThen(callback: () => void): void {
    this.#yielded.push(callback);
  }

  /** Timers that have not fired. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** When the next timer is due, in milliseconds since the epoch. */
  get nextTimerMs(): number | undefined {
    return this.#timers[0]?.atMs;
  }

  /** Runs what gave way by `yieldThen`, and what that hands over in turn, without moving time. */
  runYielded(): void {
    while (this.#yielded.length > 0) {
      const callbacks = this.#yielded;
      this.#yielded = [];
      for (const callback of callbacks) callback();
    }
  }

  /** Moves time to `timeMs` since the epoch and runs everything that falls due on the way. Never moves backwards. */
  advanceTo(timeMs: number): void {
    this.runYielded();
    while (this.#fireNext(timeMs)) this.runYielded();
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }

  advanceBy(durationMs: number): void {
    this.advanceTo(this.#nowMs + durationMs);
  }

  /** As `advanceTo`, but after each timer pending promises, input and output of the real event loop have a turn. */
  async advanceToAsync(timeMs: number): Promise<void> {
    await this.#settle();
    while (this.#fireNext(timeMs)) await this.#settle();
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }

  advanceByAsync(durationMs: number): Promise<void> {
    return this.advanceToAsync(this.#nowMs + durationMs);
  }

  #fireNext(untilMs: number): boolean {
    const next = this.#timers[0];
    if (next === undefined || next.atMs > untilMs) return false;
    this.#timers.shift();
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.callback();
    return true;
  }

  async #settle(): Promise<void> {
    do {
      this.runYielded();
      await new Promise<void>((resolve) => systemScheduler.yieldThen(resolve));
    } while (this.#yielded.length > 0);
  }
}
