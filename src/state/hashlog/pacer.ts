/** Lets the thread go on with records while something long is done in portions. */
import type { Scheduler } from '../../common/index.ts';

export class Pacer {
  private readonly scheduler: Scheduler;
  private readonly every: number;
  private done = 0;

  /** @param every how much work is done between two pauses, in the unit in which it is reported */
  constructor(scheduler: Scheduler, every: number) {
    this.scheduler = scheduler;
    this.every = every;
  }

  /** Reports work that was done; to be awaited if it returns something. */
  work(amount: number): Promise<void> | undefined {
    this.done += amount;
    if (this.done < this.every) return undefined;
    this.done = 0;
    return new Promise((resolve) => this.scheduler.yieldThen(resolve));
  }
}
