/**
 * A process that can be killed: a clock whose timers die with it.
 *
 * Everything that a process waits for is, in the end, a timer (a turn of a thread, a message, an operation of the disk), so
 * a process whose timers are silenced never runs again. Kill it from a timer of another process: then nothing of it is half done.
 */
import type { Clock, TimerHandle } from '../../src/common/index.ts';

export class SimulatedProcess implements Clock {
  readonly #parent: Clock;
  #alive = true;

  /** @param parent the world's clock, or the process that this one ends with */
  constructor(parent: Clock) {
    this.#parent = parent;
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  kill(): void {
    this.#alive = false;
  }

  currentTimeMs(): number {
    return this.#parent.currentTimeMs();
  }

  monotonicMs(): number {
    return this.#parent.monotonicMs();
  }

  setTimer(delayMs: number, callback: () => void): TimerHandle {
    return this.#parent.setTimer(delayMs, () => {
      if (this.#alive) callback();
    });
  }

  delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.setTimer(delayMs, resolve);
    });
  }
}
