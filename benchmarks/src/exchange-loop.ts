/** The loop of a thread at one end of a ring: works while it can, yields every millisecond, sleeps until it is rung. */
import { performance } from 'node:perf_hooks';
import { ThreadDoorbell } from '../../src/network/index.ts';

const BUDGET_MS = 1;

export class ExchangeLoop {
  readonly doorbell: ThreadDoorbell;
  private scheduled = false;
  /** Does a portion of work. */
  step: () => 'MORE' | 'WAIT' | 'DONE' = () => 'DONE';

  constructor(buffer: SharedArrayBuffer) {
    this.doorbell = new ThreadDoorbell(buffer);
  }

  wake(): void {
    this.doorbell.awake();
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.run());
  }

  private run(): void {
    this.scheduled = false;
    const endMs = performance.now() + BUDGET_MS;
    do {
      const result = this.step();
      if (result === 'DONE') return;
      if (result === 'WAIT') {
        this.doorbell.sleep();
        return;
      }
    } while (performance.now() < endMs);
    this.wake();
  }
}
