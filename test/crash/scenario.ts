/** A job to be killed, and where it leaves its output: `run.ts` kills it and judges. */

export interface CrashScenario {
  /** The program, started as `node JOB FOLDER EVENTS EVENTS_PER_SECOND UNALIGNED BACKEND RESTORE_PATH WORDS...`. */
  readonly job: string;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Makes room for one job, under a name that is new. */
  place(name: string, folder: string): Promise<JobPlace>;
  /** Kills the service that the job needs, and starts it again after `downMs`; resolves when it answers. */
  killService?(downMs: number): Promise<void>;
  stop?(): Promise<void>;
}

export interface JobPlace {
  /** More words for the job's command line. */
  readonly words: readonly string[];
  /** What a reader sees of each output, sorted. */
  rows(): Promise<Readonly<Record<string, readonly string[]>>>;
}
