/**
 * The program, on the thread of a slot: it runs a second time so that its functions are here, closures included, and its jobs are
 * handed over instead of started.
 *
 * It runs only as far as it is needed. `execute()` does not return, and nothing that is asked about a job is answered, until the
 * main thread has come to a later job; then the answers are those that the program got there. So what a program does behind its
 * last job is done once, and a program that goes by the outcome of a job goes the same way here.
 *
 * Whatever the program starts itself (and not a function of a job) can be told by the asynchronous context in which it runs: that
 * is how its output and its failures are kept apart from those of tasks on the same thread.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ProgramHost } from '../api/index.ts';
import { JobClient } from '../client/index.ts';
import { type JobId, MillraceError, toError, userFrameOf } from '../common/index.ts';
import type { JobGraph } from '../graph/index.ts';
import type { Program } from '../operators/index.ts';
import type { DispatcherGateway, JobSubmission } from '../protocol/index.ts';
import { graphDifference } from './graph-difference.ts';
import type { ProgramGateway, ReplayGateway } from './replay-gateways.ts';

export interface ProgramReplayOptions {
  readonly slot: number;
  /** Loads the program; resolves when its top level has ended. */
  load(): Promise<void>;
  /** Whether the thread stays alive though nothing happens on it. */
  keepAlive(alive: boolean): void;
}

interface ReplayedJob {
  readonly graph: JobGraph;
  readonly program: Program;
}

const ONCE_MORE =
  'Each slot runs the program once more to find its functions, so it must build the same jobs every time: nothing in their structure may depend on the time, on chance, or on what differs from thread to thread. Compute such values inside of functions or pass them as arguments of the program, or set execution.local.threads to false.';

export class ProgramReplay implements ReplayGateway {
  private readonly options: ProgramReplayOptions;
  private readonly gateway: ProgramGateway;
  private readonly context = new AsyncLocalStorage<true>();
  private readonly built: ReplayedJob[] = [];
  private readonly programs = new Map<JobId, Program>();
  /** Of the jobs that the main thread has come to. */
  private jobIds: readonly JobId[] = [];
  private loading: Promise<void> | undefined;
  private waiting: (() => void)[] = [];
  /** Those who wait for a job. */
  private readonly wanted = new Map<number, PromiseWithResolvers<void>>();
  private failure: Error | undefined;
  private stray: Error | undefined;
  private questions = 0;

  constructor(options: ProgramReplayOptions, gateway: ProgramGateway) {
    this.options = options;
    this.gateway = gateway;
  }

  /** Whether the code that runs now was started by the program and not by a task. */
  get isReplaying(): boolean {
    return this.context.getStore() === true;
  }

  programOf(jobId: JobId): Program {
    return this.programs.get(jobId) ?? new Map();
  }

  release(jobId: JobId): void {
    this.programs.delete(jobId);
    this.updateKeepAlive();
  }

  async prepareJob(jobIds: readonly JobId[], jobGraph: JobGraph): Promise<void> {
    const index = jobIds.length - 1;
    if (jobIds.length > this.jobIds.length) this.jobIds = jobIds;
    if (this.built[index] === undefined) await this.goOn(index, jobGraph.name);
    const { graph, program } = this.built[index] as ReplayedJob;
    const difference = graphDifference(jobGraph, graph);
    if (difference !== undefined) throw this.differs(jobGraph.name, difference);
    this.programs.set(jobGraph.jobId, program);
    this.updateKeepAlive();
  }

  /** What the program finds in place of the host that runs jobs. */
  readonly execute: ProgramHost['execute'] = async ({ jobGraph }: JobSubmission, program: Program) => {
    const index = this.built.push({ graph: jobGraph, program }) - 1;
    this.wanted.get(index)?.resolve();
    await this.turn();
    const client = new JobClient(this.jobIds[index] as JobId, this.dispatcher());
    return client;
  };

  /**
   * The program failed beside its top level, in what it had started. A promise that nobody waits for is a `main()` that the
   * program comes from; anything else, such as a port that is taken, need not keep it from its job.
   */
  strayFailure(error: unknown, isRejection: boolean): void {
    if (isRejection) this.fail(toError(error));
    else this.stray ??= toError(error);
  }

  /** Nothing happens on the thread any more. */
  standstill(): void {
    if (this.wanted.size === 0) return;
    this.options.keepAlive(true);
    this.fail(
      this.stray ??
        new MillraceError(
          'INVALID_PROGRAM',
          'it came to its end, or waits for something that does not happen here, as the records of executeAndCollect() do not come here',
        ),
    );
  }

  private async goOn(index: number, jobName: string): Promise<void> {
    if (this.failure !== undefined) throw this.notReached(index, jobName, this.failure);
    const wanted = Promise.withResolvers<void>();
    this.wanted.set(index, wanted);
    for (const wake of this.waiting.splice(0)) wake();
    this.loading ??= this.context.run(true, () => this.options.load()).catch((error: unknown) => this.fail(toError(error)));
    this.updateKeepAlive();
    try {
      await wanted.promise;
    } catch (error) {
      throw this.notReached(index, jobName, toError(error));
    } finally {
      this.wanted.delete(index);
      this.updateKeepAlive();
    }
  }

  private fail(error: Error): void {
    this.failure = error;
    for (const wanted of this.wanted.values()) wanted.reject(error);
  }

  /** Resolves when the program has to go on. */
  private async turn(): Promise<void> {
    while (this.jobIds.length <= this.built.length) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private dispatcher(): DispatcherGateway {
    const ask = async <T>(question: () => Promise<T>): Promise<T> => {
      await this.turn();
      this.questions++;
      this.updateKeepAlive();
      try {
        return await question();
      } finally {
        this.questions--;
        this.updateKeepAlive();
      }
    };
    const { gateway } = this;
    const answers: Partial<DispatcherGateway> = {
      requestJobStatus: (jobId) => ask(() => gateway.requestJobStatus(jobId)),
      requestJobResult: (jobId) => ask(() => gateway.requestJobResult(jobId)),
      requestJobProgress: (jobId) => ask(() => gateway.requestJobProgress(jobId)),
      requestJobMetrics: (jobId) => ask(() => gateway.requestJobMetrics(jobId)),
      requestAccumulators: (jobId) => ask(() => gateway.requestAccumulators(jobId)),
      // The program has asked for it already, on the main thread; what is left to do is to wait.
      cancelJob: (jobId) =>
        ask(() =>
          gateway.requestJobResult(jobId).then(
            () => {},
            () => {},
          ),
        ),
    };
    const never = (): Promise<never> => new Promise(() => {});
    return new Proxy(answers, {
      get: (target, name) => (typeof name === 'string' && name !== 'then' ? (Reflect.get(target, name) ?? never) : undefined),
    }) as DispatcherGateway;
  }

  /** An end that nobody will see otherwise: while the program is on its way, only what it does itself keeps the thread alive. */
  private updateKeepAlive(): void {
    this.options.keepAlive(this.wanted.size === 0 || this.programs.size > 0 || this.questions > 0);
  }

  private notReached(index: number, jobName: string, why: Error): MillraceError {
    const frame = userFrameOf(why);
    const at = frame === undefined || why.message.includes(frame) ? '' : ` (at ${frame})`;
    const before = index === 0 ? '' : `, its ${ordinal(index + 1)} job`;
    return new MillraceError(
      'INVALID_PROGRAM',
      `In slot ${this.options.slot}, the program did not get to job '${jobName}'${before}: ${why.message}${at}. ${ONCE_MORE}`,
      { cause: why, context: { slot: this.options.slot } },
    );
  }

  private differs(jobName: string, difference: string): MillraceError {
    return new MillraceError(
      'INVALID_PROGRAM',
      `In slot ${this.options.slot}, the program built another job '${jobName}': ${difference}. ${ONCE_MORE}`,
      { context: { slot: this.options.slot } },
    );
  }
}

function ordinal(n: number): string {
  return `${n}${n === 2 ? 'nd' : n === 3 ? 'rd' : 'th'}`;
}
