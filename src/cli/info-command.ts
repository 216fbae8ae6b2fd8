/**
 * `millrace info`: lets a program build its jobs and prints their plans.
 *
 * The host that the program finds takes the graphs and runs nothing; to the program it looks as if every job had finished at once,
 * without a result. What a program prints itself goes to stderr, so that stdout is the plan and nothing else.
 */

import { Console } from 'node:console';
import process from 'node:process';
import { installHost } from '../api/index.ts';
import { JobClient } from '../client/index.ts';
import { MillraceError } from '../common/index.ts';
import { planTree } from '../graph/index.ts';
import { createLocalHost } from '../local/index.ts';
import type { DispatcherGateway, JobSubmission } from '../protocol/index.ts';
import { bundleProgram } from './bundle-program.ts';
import { describeError } from './describe-error.ts';
import { loadDoor, loadProgram } from './load-program.ts';
import { ProgramError } from './program-error.ts';
import { configurationOf, logLevelOf, type ProgramOptions, wantsStacktrace } from './program-options.ts';
import { shownPath } from './source-position.ts';

export interface InfoOptions extends ProgramOptions {
  readonly json?: boolean;
  readonly tree?: boolean;
}

export async function infoCommand(program: string, args: readonly string[], options: InfoOptions): Promise<void> {
  const submissions: JobSubmission[] = [];
  const fail = (error: unknown): never => {
    process.stderr.write(`${describeError(error, { stacktrace: wantsStacktrace(options) })}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  try {
    const configuration = configurationOf(options);
    await loadDoor();
    installHost({
      ...createLocalHost({ configuration, progress: false, logLevel: logLevelOf(options) }),
      async execute(submission) {
        submissions.push(submission);
        return new JobClient(submission.jobGraph.jobId, new FinishedJobs(submissions));
      },
    });
    const bundle = await bundleProgram(program);
    globalThis.console = new Console(process.stderr, process.stderr);
    await loadProgram(bundle, args);
  } catch (error) {
    print(submissions, options);
    fail(error);
  }
  if (submissions.length === 0) {
    const end = `'${shownPath(program)}' came to its end without executing a job, so there is no plan.`;
    fail(new ProgramError(`${end} Call execute() on its environment: await env.execute();`));
  }
  print(submissions, options);
}

function print(submissions: readonly JobSubmission[], { json, tree }: InfoOptions): void {
  const trees = submissions.map(({ jobGraph }) => `${planTree(jobGraph)}\n`).join('\n');
  const plans = submissions.map(({ plan }) => `${JSON.stringify(plan, undefined, 2)}\n`).join('');
  if (tree || !json) process.stdout.write(trees);
  if (json) process.stdout.write(plans);
}

/** What a program can ask about its jobs when they are not run. */
class FinishedJobs implements DispatcherGateway {
  private readonly submissions: readonly JobSubmission[];

  constructor(submissions: readonly JobSubmission[]) {
    this.submissions = submissions;
  }

  async submitJob(submission: JobSubmission) {
    return submission.jobGraph.jobId;
  }

  async requestJobStatus() {
    return 'FINISHED' as const;
  }

  async requestJobResult(jobId: JobSubmission['jobGraph']['jobId']) {
    const jobName = this.submissions.find(({ jobGraph }) => jobGraph.jobId === jobId)?.jobGraph.name ?? '';
    return { jobId, jobName, netRuntimeMs: 0, accumulators: {} };
  }

  async cancelJob() {}

  async requestJobProgress() {
    return { recordsIn: 0, bytesIn: 0, recordsOut: 0, watermark: Number.NEGATIVE_INFINITY, runtimeMs: 0 };
  }

  async requestJobMetrics() {
    return {};
  }

  async requestAccumulators() {
    return {};
  }

  async triggerSavepoint(): Promise<never> {
    throw notRun();
  }

  async stopWithSavepoint(): Promise<never> {
    throw notRun();
  }

  async triggerCheckpoint(): Promise<never> {
    throw notRun();
  }

  async requestCheckpointStats(): Promise<never> {
    throw notRun();
  }
}

function notRun(): MillraceError {
  return new MillraceError('ILLEGAL_STATE', 'The program is only explained, not run: there is nothing to take a checkpoint of.');
}
