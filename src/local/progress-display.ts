/**
 * Shows on the terminal how the running jobs stand: one line, for the job that has run longest, from half a second on. A job that
 * was shown leaves a summary behind; a shorter one leaves no trace.
 */
import type { Clock, TimerHandle } from '../common/index.ts';
import type { JobProgress } from '../protocol/index.ts';
import { ProgressText, summaryText } from './progress-text.ts';
import { StatusLine, type TerminalStream } from './status-line.ts';

const SHOW_AFTER_MS = 500;
const REFRESH_MS = 200;

interface WatchedJob {
  readonly name: string;
  readonly text: ProgressText;
  readonly progress: () => Promise<JobProgress>;
  shown: boolean;
}

export interface ShownJob {
  /** Takes the job off the display; resolves when its summary is written. */
  end(outcome: 'finished' | 'was canceled' | 'failed'): Promise<void>;
}

export class ProgressDisplay {
  private readonly stream: TerminalStream;
  private readonly line: StatusLine;
  private readonly clock: Clock;
  private readonly jobs = new Set<WatchedJob>();
  private timer: TimerHandle | undefined;

  /** @param stream where the line is shown @param other may go to the same terminal */
  constructor(stream: TerminalStream, other: TerminalStream, clock: Clock) {
    this.stream = stream;
    this.line = new StatusLine(stream, [other]);
    this.clock = clock;
  }

  add(name: string, progress: () => Promise<JobProgress>): ShownJob {
    const job: WatchedJob = { name, text: new ProgressText(name), progress, shown: false };
    this.jobs.add(job);
    if (this.timer === undefined) this.schedule(SHOW_AFTER_MS);
    return { end: (outcome) => this.end(job, outcome) };
  }

  private async end(job: WatchedJob, outcome: 'finished' | 'was canceled' | 'failed'): Promise<void> {
    this.jobs.delete(job);
    if (this.jobs.size === 0) {
      this.timer?.cancel();
      this.timer = undefined;
    }
    if (!job.shown) return;
    this.line.hide();
    this.stream.write(`${summaryText(job.name, outcome, await job.progress())}\n`);
  }

  private schedule(delayMs: number): void {
    this.timer = this.clock.setTimer(delayMs, () => void this.refresh(), { unref: true });
  }

  private async refresh(): Promise<void> {
    const [job] = this.jobs;
    if (job === undefined) return;
    const progress = await job.progress();
    if (!this.jobs.has(job)) return;
    job.shown = true;
    const more = this.jobs.size > 1 ? ` (and ${this.jobs.size - 1} more)` : '';
    this.line.show(job.text.line(progress, this.clock.currentTimeMs()) + more);
    this.schedule(REFRESH_MS);
  }
}
