/**
 * A thread on virtual time: its work takes time, and its turns come when chance wants.
 *
 * Whoever reads its clock has worked a little since the last time: so loops with a time budget end, and some threads are slower
 * than others. A thread that gives way goes on when its own time has come, and a moment later.
 */
import type { Clock, Random, Scheduler, TimerHandle } from '../../src/common/index.ts';

export interface SimulatedThreadOptions {
  /** The most that the work between two looks at the clock takes. */
  readonly workMs: number;
  /** The longest that a thread waits for its turn. */
  readonly turnMs: number;
  /** How many times slower than that it is now. */
  slowness(): number;
}

export class SimulatedThread implements Clock, Scheduler {
  readonly #options: SimulatedThreadOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  #nowMs = 0;

  constructor(options: SimulatedThreadOptions, clock: Clock, random: Random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
  }

  currentTimeMs(): number {
    return this.#clock.currentTimeMs();
  }

  monotonicMs(): number {
    const { workMs, slowness } = this.#options;
    this.#nowMs = Math.max(this.#clock.monotonicMs(), this.#nowMs + this.#random.next() * workMs * slowness());
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): TimerHandle {
    return this.#clock.setTimer(this.#aheadMs + delayMs, callback);
  }

  yieldThen(callback: () => void): void {
    const { turnMs, slowness } = this.#options;
    this.#clock.setTimer(this.#aheadMs + this.#random.next() * turnMs * slowness(), callback);
  }

  get #aheadMs(): number {
    return Math.max(0, this.#nowMs - this.#clock.monotonicMs());
  }
}
