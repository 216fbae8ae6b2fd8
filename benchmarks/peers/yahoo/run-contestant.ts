/**
 * One run of one contestant: it is started, its results are followed until they are complete or nothing more comes, and it is stopped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contestant, type Reading, RunningContestant, type RunSettings } from '../contestant.ts';
import { Broker, type Topics } from './broker.ts';
import type { Results } from './results.ts';

/** Where and how all contestants run. */
export interface Stage {
  readonly broker: string;
  readonly redis: string;
  readonly topics: Topics;
  readonly parallelism: number;
  readonly checkpointMs: number;
  readonly heapMb: number;
}

export interface Run {
  readonly startedMs: number;
  /** Undefined if it never read anything. */
  readonly reading: Reading | undefined;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** What went wrong; undefined if all results are right. */
  readonly fault: string | undefined;
}

export interface RunOptions {
  readonly input: string;
  readonly mode: RunSettings['mode'];
  readonly probe?: string;
  /** Called when the contestant has been started; what it returns is awaited before the run can end. */
  readonly meanwhile?: () => Promise<void>;
}

/** How long to wait for the first result. */
const START_PATIENCE_MS = 180_000;
/** How long to wait for more when the results are not complete. */
const PATIENCE_MS = 60_000;

let runs = 0;

/** @param results get what comes out */
export async function runContestant(contestant: Contestant, stage: Stage, results: Results, options: RunOptions): Promise<Run> {
  const { input, mode, probe = '', meanwhile = () => Promise.resolve() } = options;
  const output = `results-${process.pid}-${String(++runs).padStart(4, '0')}`;
  const folder = mkdtempSync(join(tmpdir(), `millrace-peer-${contestant.name}-`));
  await stage.topics.create(output, { partitions: 1, appendTime: true });
  const broker = await Broker.connect(stage.broker);
  await broker.waitForTopic(output, 1);
  const { parallelism, checkpointMs, heapMb, redis } = stage;
  const settings = { broker: stage.broker, redis, input, output, probe, mode, parallelism, checkpointMs, heapMb, folder };
  const running = new RunningContestant(contestant, settings);
  try {
    let reading: Reading | undefined;
    running.reading.then((value) => (reading = value)).catch(() => {});
    let others = false;
    const aside = meanwhile().finally(() => (others = true));
    aside.catch(() => {});
    let next = 0n;
    let newsMs = Date.now();
    const patienceMs = (): number => (results.lines === 0 ? START_PATIENCE_MS : PATIENCE_MS);
    while (!(others && results.isComplete) && Date.now() - newsMs < patienceMs()) {
      const hadEnded = running.hasEnded;
      const fetched = await broker.fetch(output, 0, next, 200);
      if (hadEnded && fetched.values.length === 0) break;
      for (const value of fetched.values) results.add(value);
      if (fetched.values.length > 0 || !others) newsMs = Date.now();
      next = fetched.next;
    }
    const cpuSeconds = running.meter.cpuSeconds();
    const problem = results.fault() ?? (others ? undefined : 'it ended before the generator');
    const fault = problem && `${problem}. The end of its log: ${running.logTail()}`;
    if (others) await aside;
    return { startedMs: running.startedMs, reading, cpuSeconds, peakBytes: running.meter.peakBytes, fault };
  } finally {
    await running.stop();
    await broker.close();
    await stage.topics.deleteAll(output);
    rmSync(folder, { recursive: true, force: true });
  }
}
