/** Waiting for something to change, without losing a change that happens between looking and waiting. */
import type { Clock } from '../../../common/index.ts';

export class FetchSignal {
  #raised = false;
  #wake: (() => void) | undefined;

  /** Wakes who waits, or the next to wait. */
  raise(): void {
    this.#raised = true;
    this.#wake?.();
  }

  /** Resolves at the next {@link raise}, at once if one came since the last wait ended. One waits at a time. */
  async wait(): Promise<void> {
    if (!this.#raised) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#raised = false;
  }
}

/** Resolves after `delayMs`, or when the signal is aborted. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimer(delayMs, done, { unref: true });
    signal.addEventListener('abort', done);
  });
}
