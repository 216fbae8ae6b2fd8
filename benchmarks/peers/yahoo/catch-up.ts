/** How fast a contestant works off a topic that is full when it starts. */
import type { Contestant } from '../contestant.ts';
import { Results } from './results.ts';
import { runContestant, type Stage } from './run-contestant.ts';
import type { CountedWindow } from './view-counts.ts';

export interface FilledTopic {
  readonly name: string;
  readonly events: number;
  readonly views: readonly CountedWindow[];
}

export interface CatchUp {
  /** Undefined if all counts were right. */
  readonly fault: string | undefined;
  /** From the contestant's first record to its last result. */
  readonly eventsPerSecond: number;
  /** User and system time of all its processes in that time. */
  readonly cpuSecondsPerMillion: number;
  /** The same from the start of the process on. */
  readonly cpuSecondsInAll: number;
  readonly peakMegabytes: number;
  /** From the start of the process. */
  readonly firstResultMs: number;
  readonly totalMs: number;
  /** More than one for each window: it repeats itself. */
  readonly lines: number;
}

export async function measureCatchUp(contestant: Contestant, stage: Stage, input: FilledTopic): Promise<CatchUp> {
  const results = new Results();
  results.compareWith(input.views);
  const run = await runContestant(contestant, stage, results, { input: input.name, mode: 'catch-up' });
  const readingMs = run.reading?.wallMs ?? Number.NaN;
  return {
    fault: run.fault,
    eventsPerSecond: (input.events * 1000) / (results.finalMs - readingMs),
    cpuSecondsPerMillion: ((run.cpuSeconds - (run.reading?.cpuSeconds ?? Number.NaN)) * 1e6) / input.events,
    cpuSecondsInAll: run.cpuSeconds,
    peakMegabytes: run.peakBytes / 1e6,
    firstResultMs: results.firstMs - run.startedMs,
    totalMs: results.finalMs - run.startedMs,
    lines: results.lines,
  };
}
