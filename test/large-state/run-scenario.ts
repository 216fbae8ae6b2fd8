/**
 * Runs one large-state job under a limit of memory, kills it on the way, lets it go on from its newest checkpoint, and
 * compares its result with what the numbers of its records say.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { FileCheckpointStorage } from '../../src/checkpoint/index.ts';
import { systemPlatform } from '../../src/common/index.ts';
import { LocalFileSystem } from '../../src/filesystem/node.ts';
import { divideMemory } from '../../src/memory/index.ts';
import type { JobOptions, JobReport } from './job-report.ts';
import type { Pauses } from './pause-meter.ts';
import { type Digest, recordCount } from './records.ts';
import { expectedDigest } from './scenario.ts';
import { SCENARIOS, type ScenarioName, workloadOf } from './scenarios.ts';

export interface ScenarioOptions {
  readonly scenario: ScenarioName;
  readonly stateBytes: number;
  readonly memoryBytes: number;
  /** Of that, for state; a fraction unless given. */
  readonly managedBytes?: number;
  readonly checkpointIntervalMs: number;
  /** Made, and removed afterwards. */
  readonly folder: string;
  /** The part of the records after which the job is killed; never above 1. */
  readonly killAfter?: number;
}

export interface ScenarioOutcome {
  readonly scenario: ScenarioName;
  readonly keys: number;
  readonly records: number;
  /** Of all processes together. */
  readonly seconds: number;
  /** Of the process that was killed, and of the one that went on; as the system counts it, without its cache of files. */
  readonly peakRssBytes: readonly number[];
  readonly checkpoints: number;
  readonly crashed: boolean;
  readonly pauses: Pauses | undefined;
  readonly digest: Digest | undefined;
  readonly expected: Digest;
  /** `undefined` if all is well. */
  readonly failure: string | undefined;
}

const JOB = fileURLToPath(new URL('job.ts', import.meta.url));
const POLL_MS = 50;

interface Run {
  readonly exitCode: number | null;
  /** By this program; a job may also die of its own, of too little memory. */
  readonly killed: boolean;
  readonly log: string;
  readonly checkpoints: number;
  readonly peakRssBytes: number;
  readonly result: Extract<JobReport, { type: 'RESULT' }> | undefined;
}

export async function runScenario(options: ScenarioOptions): Promise<ScenarioOutcome> {
  const { scenario, stateBytes, memoryBytes, managedBytes, checkpointIntervalMs, folder, killAfter } = options;
  const workload = workloadOf(scenario, stateBytes);
  const expected = expectedDigest(SCENARIOS[scenario], workload);
  mkdirSync(folder, { recursive: true });
  const startMs = performance.now();
  try {
    const job = { scenario, workload, memoryBytes, managedBytes, checkpointIntervalMs, folder };
    const runs = [await run(job, killAfter)];
    const crashed = runs[0]?.killed ?? false;
    if (crashed) runs.push(await run({ ...job, restorePath: await newestCheckpoint(folder) }, undefined));
    const last = runs[runs.length - 1] as Run;
    const digest = last.result?.digest;
    return {
      scenario,
      keys: workload.keys,
      records: recordCount(workload),
      seconds: (performance.now() - startMs) / 1000,
      peakRssBytes: runs.map((r) => r.peakRssBytes),
      checkpoints: runs.reduce((sum, r) => sum + r.checkpoints, 0),
      crashed,
      pauses: last.result?.pauses,
      digest,
      expected,
      failure: failureOf(last, digest, expected, killAfter !== undefined && !crashed),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function failureOf({ exitCode, log }: Run, digest: Digest | undefined, expected: Digest, notKilled: boolean): string | undefined {
  if (exitCode !== 0 || digest === undefined) return `The job ended with exit code ${exitCode}.\n${log}`;
  if (digest.count !== expected.count || digest.sum !== expected.sum) {
    return `The result is ${JSON.stringify(digest)} instead of ${JSON.stringify(expected)}.`;
  }
  return notKilled ? 'The job ended before it could be killed: no checkpoint was complete in time.' : undefined;
}

/** @param killAfter the process is killed once so much is done and a checkpoint is complete */
function run(job: JobOptions, killAfter: number | undefined): Promise<Run> {
  const { heapLimitBytesPerSlot, semiSpaceBytesPerSlot } = divideMemory(job.memoryBytes, 1, { managedBytes: job.managedBytes });
  const limits = [
    `--max-old-space-size=${Math.floor(heapLimitBytesPerSlot / 2 ** 20)}`,
    `--max-semi-space-size=${Math.floor(semiSpaceBytesPerSlot / 2 ** 20)}`,
  ];
  const child = spawn(process.execPath, ['--conditions=millrace-source', ...limits, JOB, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MILLRACE_LOG: 'debug', NODE_OPTIONS: '' },
  });
  let log = '';
  let checkpoints = 0;
  let done = 0;
  let peakRssBytes = 0;
  let result: Run['result'];
  const killIfDue = (): void => {
    if (killAfter !== undefined && done >= killAfter && checkpoints > 0) kill();
  };
  let killed = false;
  const kill = (): void => {
    killed = child.kill('SIGKILL') || killed;
  };
  process.once('exit', kill);
  const poll = setInterval(() => {
    peakRssBytes = Math.max(peakRssBytes, peakRssOf(child.pid));
  }, POLL_MS);
  forEachLine(child.stderr, (line) => {
    log = `${log}${line}\n`.slice(-4000);
    if (!/Checkpoint \d+ is complete/.test(line)) return;
    checkpoints++;
    killIfDue();
  });
  forEachLine(child.stdout, (line) => {
    const report = JSON.parse(line) as JobReport;
    if (report.type === 'RESULT') result = report;
    else done = report.done;
    peakRssBytes = Math.max(peakRssBytes, report.type === 'RESULT' ? report.peakRssBytes : report.rssBytes);
    killIfDue();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => {
      clearInterval(poll);
      process.off('exit', kill);
      resolve({ exitCode, killed: killed && exitCode === null, log, checkpoints, peakRssBytes, result });
    });
  });
}

function forEachLine(stream: NodeJS.ReadableStream, visit: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) visit(line);
  });
}

/** 0 where the system does not tell; the job tells its own peak at its end. */
function peakRssOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function newestCheckpoint(folder: string): Promise<string> {
  const storage = new FileCheckpointStorage({}, { fileSystem: new LocalFileSystem(), random: systemPlatform.random });
  const checkpoints = join(folder, 'checkpoints');
  const jobs = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
  const found = (await Promise.all(jobs.map((job) => storage.listCheckpoints(join(checkpoints, job))))).flat();
  const complete = found.flatMap(({ checkpoint }) => checkpoint ?? []);
  const newest = complete.sort((a, b) => b.checkpointId - a.checkpointId)[0];
  if (newest === undefined) throw new Error(`There is no complete checkpoint in ${checkpoints}.`);
  return newest.externalPath;
}
