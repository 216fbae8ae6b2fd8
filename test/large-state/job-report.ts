/** What a large-state job is told and what it says. */
import type { Pauses } from './pause-meter.ts';
import type { Digest, Workload } from './records.ts';
import type { ScenarioName } from './scenarios.ts';

export interface JobOptions {
  readonly scenario: ScenarioName;
  readonly workload: Workload;
  /** Of the process. */
  readonly memoryBytes: number;
  /** Of that, for state; a fraction unless given. */
  readonly managedBytes?: number;
  readonly checkpointIntervalMs: number;
  readonly folder: string;
  readonly restorePath?: string;
}

export type JobReport =
  | { readonly type: 'PROGRESS'; readonly done: number; readonly rssBytes: number }
  | { readonly type: 'RESULT'; readonly digest: Digest; readonly pauses: Pauses; readonly peakRssBytes: number };
