/**
 * The jobs of this process's program, and the slots on threads that run them.
 *
 * The threads replay the program (see `program-replay.ts`), so what they are told is which job comes when: jobs are numbered in the
 * order in which the program executed them, those that need no thread included. A thread learns what the program learned
 * of its jobs from this thread; what its tasks print is printed here.
 */
import process from 'node:process';
import { type Clock, type JobId, type Logger, type LogLevel, MillraceError } from '../common/index.ts';
import { standardOutput } from '../connectors/basic/index.ts';
import type { JobGraph } from '../graph/index.ts';
import type { DispatcherGateway } from '../protocol/index.ts';
import { type Slot, SlotPool } from '../taskmanager/index.ts';
import { type ProgramSource, programName } from './program-source.ts';
import { REPLAY_GATEWAY } from './replay-gateways.ts';
import { type ProgramAnswers, startSlotThread } from './slot-thread.ts';

export interface ReplayedJobsOptions {
  readonly logLevel: LogLevel;
  /** What the host brings. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

export interface ReplayedJobsDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
}

interface ExecutedJob {
  readonly jobGraph: JobGraph;
  readonly dispatcher: DispatcherGateway;
}

/** A thread may take this much longer for what the program did here until it executed the job. */
const PATIENCE = 10;
const LEAST_PATIENCE_MS = 30_000;

export class ReplayedJobs {
  private readonly options: ReplayedJobsOptions;
  private readonly dependencies: ReplayedJobsDependencies;
  private readonly jobs: ExecutedJob[] = [];
  private source: ProgramSource | undefined;
  private heapMegabytes: number | undefined;
  private running: SlotPool | undefined;

  constructor(options: ReplayedJobsOptions, dependencies: ReplayedJobsDependencies) {
    this.options = options;
    this.dependencies = dependencies;
  }

  /** Every job of the program, in order. */
  add(jobGraph: JobGraph, dispatcher: DispatcherGateway): void {
    this.jobs.push({ jobGraph, dispatcher });
  }

  /** @param heapMegabytes of each thread that is started from now on; the limit of the process if absent */
  pool(source: ProgramSource, heapMegabytes: number | undefined): SlotPool {
    const { clock, logger } = this.dependencies;
    this.source = source;
    this.heapMegabytes = heapMegabytes;
    this.running ??= new SlotPool({
      clock,
      log: (level, message, fields) => logger.log(level, message, fields),
      startThread: (slot, doorbell) => startSlotThread(this.threadOptions(slot, doorbell), this.answers()),
    });
    return this.running;
  }

  /** @throws MillraceError `INVALID_PROGRAM` if the thread does not come to the same job */
  async prepareJob(slot: Slot, jobId: JobId): Promise<void> {
    const index = this.jobs.findIndex(({ jobGraph }) => jobGraph.jobId === jobId);
    const { jobGraph } = this.jobs[index] as ExecutedJob;
    const jobIds = this.jobs.slice(0, index + 1).map((job) => job.jobGraph.jobId);
    const { clock } = this.dependencies;
    const patienceMs = Math.max(LEAST_PATIENCE_MS, PATIENCE * clock.monotonicMs());
    const timer = clock.setTimer(
      patienceMs,
      () => slot.terminate(`its program did not come to job '${jobGraph.name}' within ${Math.round(patienceMs / 1000)} s`),
      { unref: true },
    );
    try {
      await slot.connection.gateway(REPLAY_GATEWAY).prepareJob(jobIds, jobGraph);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'CONNECTION_LOST') throw error;
      throw new MillraceError(
        'INVALID_PROGRAM',
        `Slot ${slot.index} could not run '${programName(this.source as ProgramSource)}' once more as far as job '${jobGraph.name}'. ${error.message}`,
        { cause: error, context: { slot: slot.index } },
      );
    } finally {
      timer.cancel();
    }
  }

  private threadOptions(slot: number, doorbell: SharedArrayBuffer) {
    const { logLevel, configuration } = this.options;
    const { heapMegabytes } = this;
    const source = this.source as ProgramSource;
    return { slot, doorbell, logLevel, configuration, source, ...(heapMegabytes === undefined ? {} : { heapMegabytes }) };
  }

  private answers(): ProgramAnswers {
    const of = (jobId: JobId): DispatcherGateway => {
      const job = this.jobs.find(({ jobGraph }) => jobGraph.jobId === jobId);
      if (job !== undefined) return job.dispatcher;
      throw new MillraceError('INTERNAL', `A slot asked about job ${jobId}, which the program has not executed.`);
    };
    return {
      requestJobStatus: async (jobId) => of(jobId).requestJobStatus(jobId),
      requestJobResult: async (jobId) => of(jobId).requestJobResult(jobId),
      requestJobProgress: async (jobId) => of(jobId).requestJobProgress(jobId),
      requestJobMetrics: async (jobId) => of(jobId).requestJobMetrics(jobId),
      requestAccumulators: async (jobId) => of(jobId).requestAccumulators(jobId),
      writeOutput: (name, chunk) => {
        // So that there is a listener for what happens when the reader of the output goes away.
        standardOutput(name);
        const stream = process[name];
        return new Promise((resolve, reject) => stream.write(chunk, (error) => (error ? reject(error) : resolve())));
      },
    };
  }
}
