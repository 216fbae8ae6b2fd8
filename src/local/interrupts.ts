/**
 * Ctrl-C and SIGTERM while jobs run: the first one cancels them in order, the second one ends the process at once.
 *
 * The handlers are there only while a job runs. A program that listens to the signal itself keeps it: nothing is done then.
 * After the jobs have ended, the program goes on (it may have something to put away) and the exit code is 128 + the signal's
 * number; if it lets the cancellation go uncaught, it ends there, quietly: the user asked for it.
 */
import process from 'node:process';
import { MillraceError } from '../common/index.ts';

export interface InterruptibleJob {
  readonly name: string;
  cancel(): Promise<void>;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT_CODES;
const SIGNALS = Object.keys(EXIT_CODES) as Signal[];

export class Interrupts {
  private readonly jobs = new Set<InterruptibleJob>();
  private readonly say: (text: string) => void;
  private readonly onSignal = (signal: Signal): void => this.interrupt(signal);
  private listening = false;
  private code: number | undefined;

  /** @param say prints a line for people */
  constructor(say: (text: string) => void) {
    this.say = say;
  }

  /** The exit code that a signal asked for. */
  get exitCode(): number | undefined {
    return this.code;
  }

  add(job: InterruptibleJob): void {
    this.jobs.add(job);
    if (this.listening) return;
    this.listening = true;
    for (const signal of SIGNALS) if (process.listenerCount(signal) === 0) process.on(signal, this.onSignal);
  }

  remove(job: InterruptibleJob): void {
    this.jobs.delete(job);
    if (this.jobs.size > 0) return;
    this.listening = false;
    for (const signal of SIGNALS) process.off(signal, this.onSignal);
  }

  private interrupt(signal: Signal): void {
    const code = EXIT_CODES[signal];
    if (process.listeners(signal).some((listener) => listener !== this.onSignal)) return;
    if (this.code !== undefined) process.exit(code);
    this.code = code;
    process.exitCode = code;
    process.on('uncaughtExceptionMonitor', (error) => {
      if (error instanceof MillraceError && error.code === 'JOB_CANCELED') process.exit(code);
    });
    const how = signal === 'SIGINT' ? 'Press Ctrl-C again' : 'Send SIGTERM again';
    this.say(`Canceling ${[...this.jobs].map((job) => `'${job.name}'`).join(', ')}. ${how} to exit at once.`);
    // A cancellation that fails shows in the result of the job.
    for (const job of this.jobs) job.cancel().catch(() => {});
  }
}
