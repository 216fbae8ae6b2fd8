/**
 * The host of a program that runs in its own process: runs each job on a cluster inside the process, on the program's thread if one
 * slot is enough and otherwise with a thread for each slot, shows how it goes on a terminal, and stops it when the user asks.
 *
 * Nothing of it outlives the jobs: timers, signal handlers and wrapped streams are gone when the last one has ended, so the
 * process ends by itself.
 */
import process from 'node:process';
import type { ProgramHost } from '../api/index.ts';
import { JobClient } from '../client/index.ts';
import { type Configuration, type Logger, type LogLevel, MillraceError, systemPlatform, textLogger } from '../common/index.ts';
import { standardOutput } from '../connectors/basic/index.ts';
import { SocketSource } from '../connectors/socket/index.ts';
import { LocalFileSystem } from '../filesystem/node.ts';
import { assignSlots, describeExchanges, type JobGraph, withOneSubtask } from '../graph/index.ts';
import { divideConfiguredMemory } from '../memory/index.ts';
import { MiniCluster, type MiniClusterOptions } from '../minicluster/index.ts';
import type { JobExecutionResult } from '../protocol/index.ts';
import { ThreadedTaskExecutor } from '../taskmanager/index.ts';
import { heapUsage } from './heap-usage.ts';
import { Interrupts } from './interrupts.ts';
import { ALL_LOCAL_OPTIONS, LocalOptions } from './local-options.ts';
import { findProgramSource } from './program-source.ts';
import { ProgressDisplay } from './progress-display.ts';
import { ReplayedJobs } from './replayed-jobs.ts';
import { createSpillStorage } from './spill-storage.ts';

export interface LocalHostOptions {
  /** Configuration under what the program sets itself, by Flink's keys. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Whether jobs show their progress if stderr is a terminal; `true` unless given. */
  readonly progress?: boolean;
  /** 'warn', or what the environment variable MILLRACE_LOG says, unless given. */
  readonly logLevel?: LogLevel;
  /** Whether to log the failure of a job whose result nobody asked for; `true` unless given. */
  readonly logUnseenFailures?: boolean;
  /** Told of every job that was started. */
  onJobStarted?(job: StartedJob): void;
}

export interface StartedJob {
  readonly name: string;
  readonly client: JobClient;
  /** As the client's, but watching it does not count as the program having taken the result. */
  readonly result: Promise<JobExecutionResult>;
}

export interface LocalHost extends ProgramHost {
  /** 128 + the number of the signal that stopped the jobs; `undefined` if none did. */
  readonly interruptExitCode: number | undefined;
}

const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'] satisfies LogLevel[];

/** @throws MillraceError `INVALID_OPTION` if the level is none */
export function parseLogLevel(text: string, from: string): LogLevel {
  if (LOG_LEVELS.includes(text)) return text as LogLevel;
  throw new MillraceError('INVALID_OPTION', `${from} must be one of ${LOG_LEVELS.join(', ')}; got '${text}'.`);
}

export function createLocalHost(options: LocalHostOptions = {}): LocalHost {
  const { clock, random } = systemPlatform;
  const stderr = (text: string): void => void process.stderr.write(`${text}\n`);
  let logger: Logger | undefined;
  let jobs: ReplayedJobs | undefined;
  const logLevel = (): LogLevel => {
    const fromEnvironment = process.env.MILLRACE_LOG;
    if (options.logLevel !== undefined) return options.logLevel;
    return fromEnvironment ? parseLogLevel(fromEnvironment, 'The environment variable MILLRACE_LOG') : 'warn';
  };
  const interrupts = new Interrupts(stderr);
  let display: ProgressDisplay | undefined;
  const displayOf = (): ProgressDisplay | undefined => {
    if (options.progress === false || !process.stderr.isTTY) return undefined;
    display ??= new ProgressDisplay(process.stderr, process.stdout, clock);
    return display;
  };

  return {
    random,
    get stdout() {
      return standardOutput('stdout');
    },
    get stderr() {
      return standardOutput('stderr');
    },
    socketTextSource: (host, port, socket) => new SocketSource(host, port, socket),
    ...(options.configuration ? { configuration: options.configuration } : {}),
    get interruptExitCode() {
      return interrupts.exitCode;
    },
    options: ALL_LOCAL_OPTIONS,
    async execute(submission, program, configuration) {
      const log = (logger ??= textLogger(stderr, logLevel()));
      jobs ??= new ReplayedJobs({ logLevel: logLevel(), configuration: options.configuration ?? {} }, { clock, logger: log });
      const createTaskExecutor = slotsOn(jobs, submission.jobGraph, configuration, log);
      const cluster = new MiniCluster({
        logger: log,
        fileSystem: new LocalFileSystem(),
        createSpillStorage,
        heapUsage,
        ...(createTaskExecutor && { createTaskExecutor }),
      });
      const { dispatcher } = cluster;
      const { jobId, name } = submission.jobGraph;
      const job = { name, cancel: () => dispatcher.cancelJob(jobId) };
      jobs.add(submission.jobGraph, dispatcher);
      interrupts.add(job);
      try {
        const { managedBytesPerSlot } = divideConfiguredMemory(configuration, assignSlots(submission.jobGraph).slotCount);
        const settings = { ...submission.settings, managedMemoryBytes: managedBytesPerSlot };
        // Subtasks on one thread would share the objects that the program gave as functions: there is one of each.
        const jobGraph = createTaskExecutor ? submission.jobGraph : withOneSubtask(submission.jobGraph);
        await cluster.submit({ ...submission, jobGraph, settings }, program);
      } catch (error) {
        interrupts.remove(job);
        throw error;
      }
      const client = new JobClient(jobId, dispatcher);
      const result = dispatcher.requestJobResult(jobId);
      const shown = displayOf()?.add(name, () => dispatcher.requestJobProgress(jobId));
      const over = (outcome: 'finished' | 'was canceled' | 'failed') => async (): Promise<void> => {
        interrupts.remove(job);
        await shown?.end(outcome);
      };
      result.then(over('finished'), (error: MillraceError) => {
        void over(error.code === 'JOB_CANCELED' ? 'was canceled' : 'failed')();
        // A failure that the program will never see must not pass in silence.
        const seen = client.resultRequested || error.code === 'JOB_CANCELED';
        if (!seen && options.logUnseenFailures !== false) log.log('error', error.message);
      });
      options.onJobStarted?.({ name, client, result });
      return client;
    },
  };
}

type CreateTaskExecutor = NonNullable<MiniClusterOptions['createTaskExecutor']>;

/** @returns `undefined` if the job runs on this thread @throws MillraceError `INVALID_OPTION` if there are too few slots */
function slotsOn(
  jobs: ReplayedJobs,
  jobGraph: JobGraph,
  configuration: Configuration,
  logger: Logger,
): CreateTaskExecutor | undefined {
  const { slotCount } = assignSlots(jobGraph);
  const available = configuration.get(LocalOptions.NUMBER_OF_TASK_SLOTS);
  if (available > 0 && slotCount > available) {
    throw new MillraceError(
      'INVALID_OPTION',
      `Job '${jobGraph.name}' needs ${slotCount} slots, and ${LocalOptions.NUMBER_OF_TASK_SLOTS.key} is ${available}. Raise it or lower the parallelism.`,
    );
  }
  if (slotCount === 1) return undefined;
  const source = configuration.get(LocalOptions.THREADS) ? findProgramSource() : `${LocalOptions.THREADS.key} is false`;
  if (typeof source === 'string') {
    logger.log('info', `Job '${jobGraph.name}' runs with one subtask of each operator on one thread, because ${source}.`);
    return undefined;
  }
  for (const line of describeExchanges(jobGraph)) logger.log('info', line);
  const heapMegabytes = configuration.has(LocalOptions.PROCESS_SIZE)
    ? Math.floor(divideConfiguredMemory(configuration, slotCount).heapLimitBytesPerSlot / 2 ** 20)
    : undefined;
  const pool = jobs.pool(source, heapMegabytes);
  return (jobMasterOf) =>
    new ThreadedTaskExecutor(
      { cancellationTimeoutMs: configuration.get(LocalOptions.CANCELLATION_TIMEOUT) },
      { clock: systemPlatform.clock, logger, pool, prepareJob: (slot, jobId) => jobs.prepareJob(slot, jobId), jobMasterOf },
    );
}
