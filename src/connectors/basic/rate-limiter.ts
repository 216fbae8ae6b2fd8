/**
 * Lets records pass at a rate: the n-th falls due n intervals after the start. What is due and was not taken piles up to a tenth
 * of a second's worth (one record at least); beyond that the schedule moves on, so a stall is not followed by a flood.
 */
import type { Clock, TimerHandle } from '../../common/index.ts';

const MAX_BURST_SECONDS = 0.1;
/** Waits are at least this long, so that a high rate does not mean a timer for each record. */
const MIN_WAIT_MS = 5;

export class RateLimiter {
  readonly #ratePerMs: number;
  readonly #maxBurst: number;
  readonly #clock: Clock;
  #startMs: number;
  #taken = 0;
  #timer: TimerHandle | undefined;
  #wake: () => void = () => {};

  constructor(ratePerSecond: number, clock: Clock) {
    this.#ratePerMs = ratePerSecond / 1000;
    this.#maxBurst = Math.max(1, Math.floor(ratePerSecond * MAX_BURST_SECONDS));
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  /** Takes at most `wanted` of the records that are due; returns how many. */
  take(wanted: number): number {
    const nowMs = this.#clock.monotonicMs();
    // The tolerance keeps a record that falls due now from slipping to the next look by a rounding error.
    let due = Math.floor((nowMs - this.#startMs) * this.#ratePerMs + 1e-6) - this.#taken;
    if (due > this.#maxBurst) {
      due = this.#maxBurst;
      this.#startMs = nowMs - due / this.#ratePerMs;
      this.#taken = 0;
    }
    const count = Math.min(wanted, due);
    this.#taken += count;
    return count;
  }

  /** Resolves when the next record is due. */
  available(): Promise<void> {
    const dueMs = this.#startMs + (this.#taken + 1) / this.#ratePerMs;
    const waitMs = Math.max(MIN_WAIT_MS, dueMs - this.#clock.monotonicMs());
    return new Promise<void>((resolve) => {
      this.#timer?.cancel();
      this.#wake();
      this.#wake = resolve;
      this.#timer = this.#clock.setTimer(waitMs, resolve);
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#wake();
  }
}
