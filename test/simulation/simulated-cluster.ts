/**
 * One life of a cluster: job master and task executors in simulated processes, and the one job that it runs.
 */
import { installHost, StreamExecutionEnvironment } from '../../src/api/index.ts';
import { JobClient } from '../../src/client/index.ts';
import { type Logger, type Random, seededRandom } from '../../src/common/index.ts';
import type { FileSystem } from '../../src/filesystem/index.ts';
import { MiniCluster } from '../../src/minicluster/index.ts';
import type { Program } from '../../src/operators/index.ts';
import type { JobSubmission } from '../../src/protocol/index.ts';
import { type ExecutorsDependencies, type ExecutorsOptions, SimulatedExecutors } from './simulated-executors.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** Builds the program, for the process that will run it. */
export type BuildProgram = (env: StreamExecutionEnvironment, process: SimulatedProcess) => void;

export interface ClusterDependencies extends Pick<ExecutorsDependencies, 'mutation' | 'loses' | 'isHealed' | 'record'> {
  readonly process: SimulatedProcess;
  readonly random: Random;
  mount(process: SimulatedProcess): FileSystem;
}

interface Built {
  readonly submission: JobSubmission;
  readonly program: Program;
}

export class SimulatedCluster {
  readonly process: SimulatedProcess;
  readonly client: JobClient;
  readonly executors: SimulatedExecutors;

  private constructor(process: SimulatedProcess, client: JobClient, executors: SimulatedExecutors) {
    this.process = process;
    this.client = client;
    this.executors = executors;
  }

  /** @param configuration of the job */
  static async start(
    build: BuildProgram,
    configuration: Readonly<Record<string, unknown>>,
    options: ExecutorsOptions,
    { process, random, mount, mutation, loses, isHealed, record }: ClusterDependencies,
  ): Promise<SimulatedCluster> {
    const { submission, program } = buildProgram(build, configuration, process, random);
    const scheduler = { yieldThen: (callback: () => void) => void process.setTimer(0, callback) };
    let executors: SimulatedExecutors | undefined;
    const cluster = new MiniCluster({
      platform: { clock: process, scheduler, random },
      logger: recordingLogger(record),
      fileSystem: mount(process),
      createTaskExecutor: (jobMasterOf) => {
        executors = new SimulatedExecutors(options, {
          process,
          random,
          mutation,
          checkpointing: submission.settings.checkpointing,
          replay: (own) => buildProgram(build, configuration, own, seededRandom(1)).program,
          mount,
          jobMasterOf,
          loses,
          isHealed,
          record,
        });
        return executors;
      },
    });
    const jobId = await cluster.submit(submission, program);
    return new SimulatedCluster(process, new JobClient(jobId, cluster.dispatcher), executors as SimulatedExecutors);
  }
}

function buildProgram(
  build: BuildProgram,
  configuration: Readonly<Record<string, unknown>>,
  process: SimulatedProcess,
  random: Random,
): Built {
  let built: Built | undefined;
  const nowhere = { write: () => undefined };
  const before = installHost({
    random,
    stdout: nowhere,
    stderr: nowhere,
    execute: (submission, program) => {
      built = { submission, program };
      return new Promise(() => {});
    },
  });
  try {
    const env = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
    build(env, process);
    void env.executeAsync('Simulated job');
  } finally {
    installHost(before);
  }
  return built as Built;
}

function recordingLogger(record: (event: string) => void): Logger {
  return { log: (level, message) => record(`${level}: ${message}`) };
}
