/**
 * Says why a job that has processed all its input does not end: it waits for its last checkpoint, with which its sinks commit, and
 * that may be slow, or fail again and again because the disk is full. Said at the first failure or after a while, and then ever less
 * often.
 */
import type { Clock, TimerHandle } from '../../common/index.ts';

export interface FinalCheckpointWaitDependencies {
  readonly clock: Clock;
  warn(message: string): void;
  /** How it stands, as a sentence. */
  progress(): string;
}

const FIRST_AFTER_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;

export class FinalCheckpointWait {
  private readonly dependencies: FinalCheckpointWaitDependencies;
  private timer: TimerHandle | undefined;
  private sinceMs: number | undefined;
  private lastFailure: Error | undefined;
  private pauseMs = FIRST_AFTER_MS;

  constructor(dependencies: FinalCheckpointWaitDependencies) {
    this.dependencies = dependencies;
  }

  /** All tasks are at the end of their input. */
  begin(): void {
    if (this.sinceMs !== undefined) return;
    this.sinceMs = this.dependencies.clock.monotonicMs();
    this.arm();
  }

  failed(reason: Error): void {
    if (this.sinceMs === undefined) return;
    const isFirst = this.lastFailure === undefined;
    this.lastFailure = reason;
    if (isFirst) this.say(this.sinceMs);
  }

  /** The checkpoint is complete, or the job does something else. */
  end(): void {
    this.timer?.cancel();
    this.sinceMs = undefined;
    this.lastFailure = undefined;
    this.pauseMs = FIRST_AFTER_MS;
  }

  private say(sinceMs: number): void {
    const seconds = Math.round((this.dependencies.clock.monotonicMs() - sinceMs) / 1000);
    const why = this.lastFailure === undefined ? '' : ` The last attempt failed: ${this.lastFailure.message}`;
    this.dependencies.warn(
      `All input was processed ${seconds} s ago. The job ends when its last checkpoint is complete, with which its sinks commit. ${this.dependencies.progress()}${why}`,
    );
    this.arm();
  }

  private arm(): void {
    const { clock } = this.dependencies;
    this.timer?.cancel();
    this.timer = clock.setTimer(this.pauseMs, () => {
      if (this.sinceMs !== undefined) this.say(this.sinceMs);
    });
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
  }
}
