/**
 * `millrace run`: bundles a program, runs it in this process, and reports how its jobs ended.
 *
 * A program may run several jobs, one after the other or at once, and need not wait for them; the command does. If the program
 * itself fails, the jobs that still run are canceled.
 */
import process from 'node:process';
import { installHost } from '../api/index.ts';
import { MillraceError, serializeError } from '../common/index.ts';
import { createLocalHost, type LocalHost, type StartedJob } from '../local/index.ts';
import { bundleProgram } from './bundle-program.ts';
import { describeError, isBrokenPipe } from './describe-error.ts';
import { loadDoor, loadProgram } from './load-program.ts';
import { ProgramError } from './program-error.ts';
import { configurationOf, logLevelOf, type ProgramOptions, wantsStacktrace } from './program-options.ts';
import { shownPath } from './source-position.ts';

export interface RunOptions extends ProgramOptions {
  readonly progress: boolean;
  readonly json?: boolean;
}

const EXIT_FAILED = 1;
const EXIT_BROKEN_PIPE = 141;

export async function runCommand(program: string, args: readonly string[], options: RunOptions): Promise<void> {
  let host: LocalHost | undefined;
  const jobs: StartedJob[] = [];
  const reported = new Set<unknown>();
  const report = (error: unknown): void => {
    if (reported.has(error) || isBrokenPipe(error)) return;
    reported.add(error);
    // After Ctrl-C the command has said already that the jobs are canceled.
    if (host?.interruptExitCode !== undefined && isCancellation(error)) return;
    process.stderr.write(`${describeError(error, { stacktrace: wantsStacktrace(options) })}\n`);
  };
  const fail = (error: unknown): never => {
    report(error);
    process.exit(host?.interruptExitCode ?? (isBrokenPipe(error) ? EXIT_BROKEN_PIPE : EXIT_FAILED));
  };
  process.on('uncaughtException', fail);

  try {
    const configuration = configurationOf(options);
    await loadDoor();
    host = createLocalHost({
      configuration,
      progress: options.progress,
      logLevel: logLevelOf(options),
      logUnseenFailures: false,
      onJobStarted: (job) => jobs.push(job),
    });
    installHost(host);
    await loadProgram(await bundleProgram(program), args);
  } catch (error) {
    // A job that failed is why the program failed: its end is in order already.
    await Promise.allSettled(jobs.map((job) => job.client.cancel()));
    if (options.json) await printResults(jobs);
    fail(error);
  }

  if (jobs.length === 0) {
    const end = `'${shownPath(program)}' came to its end without running a job.`;
    fail(new ProgramError(`${end} Call execute() on its environment: await env.execute();`));
  }
  for (const job of jobs) {
    await job.result.catch((error: unknown) => {
      // A program that asked for the result has dealt with it.
      if (job.client.resultRequested || isCancellation(error)) return;
      report(error);
      process.exitCode = EXIT_FAILED;
    });
  }
  if (options.json) await printResults(jobs);
}

async function printResults(jobs: readonly StartedJob[]): Promise<void> {
  for (const job of jobs) process.stdout.write(`${JSON.stringify(await resultOf(job), plainJson)}\n`);
}

async function resultOf({ name, client, result }: StartedJob): Promise<object> {
  const [outcome] = await Promise.allSettled([result]);
  const { recordsIn, recordsOut, bytesIn, runtimeMs } = await client.getProgress();
  return {
    jobId: client.jobId,
    jobName: name,
    status: await client.getJobStatus(),
    runtimeMs: Math.round(runtimeMs),
    recordsIn,
    recordsOut,
    bytesIn,
    accumulators: await client.getAccumulators(),
    ...(outcome?.status === 'rejected' ? { failure: failureOf(outcome.reason) } : {}),
  };
}

function failureOf(thrown: unknown): object {
  const { code, message, context } = serializeError(thrown);
  return { code, message, ...context };
}

/** What JSON has no form for, as something that it has. */
function plainJson(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

function isCancellation(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'JOB_CANCELED';
}
