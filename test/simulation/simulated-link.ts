/**
 * A connection on which messages take their time and never overtake each other. Messages on different links do.
 */
import type { Clock, Random } from '../../src/common/index.ts';

export class SimulatedLink {
  readonly #maxDelayMs: () => number;
  readonly #clock: Clock;
  readonly #random: Random;
  /** In the order in which they were sent. */
  readonly #underWay: (() => void)[] = [];
  #lastMs = 0;

  /** @param maxDelayMs the longest that a message takes now */
  constructor(maxDelayMs: () => number, clock: Clock, random: Random) {
    this.#maxDelayMs = maxDelayMs;
    this.#clock = clock;
    this.#random = random;
  }

  send(deliver: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    // The square makes most messages fast and a few of them slow.
    this.#lastMs = Math.max(this.#lastMs, nowMs + this.#random.next() ** 2 * this.#maxDelayMs());
    this.#underWay.push(deliver);
    // Whichever timer comes first delivers the first message: times are not exact enough to tell two that are due together.
    this.#clock.setTimer(this.#lastMs - nowMs, () => this.#underWay.shift()?.());
  }
}
