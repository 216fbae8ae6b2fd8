/**
 * The task executors of a simulated cluster: one process per slot, or per task, each with a thread that has a speed of its own, and
 * with a connection to the job master on which messages take their time.
 *
 * A process that is lost takes its tasks with it, without a word of theirs: the master hears that the connection is gone. The
 * one that takes its place knows nothing. Every process replays the program, so none shares functions with another.
 */
import { FileCheckpointStorage } from '../../src/checkpoint/index.ts';
import { type JobId, MillraceError, type Random, seededRandom, serializeError, silentLogger } from '../../src/common/index.ts';
import type { FileSystem } from '../../src/filesystem/index.ts';
import { MemorySpillStorage } from '../../src/memory/index.ts';
import { MetricRegistry } from '../../src/metrics/index.ts';
import type { Program } from '../../src/operators/index.ts';
import type {
  CheckpointSettings,
  ExecutionAttemptId,
  JobMasterGateway,
  MetricSample,
  TaskDeploymentDescriptor,
  TaskExecutorGateway,
} from '../../src/protocol/index.ts';
import { type ChannelProvider, LocalChannels, type TaskCheckpointStorage, TaskExecutor } from '../../src/taskmanager/index.ts';
import type { Mutation } from './mutations.ts';
import { SimulatedLink } from './simulated-link.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SimulatedBell, SimulatedRings } from './simulated-rings.ts';
import { SimulatedThread } from './simulated-thread.ts';

/** Small, so that channels are full at times. */
const RING_BYTES = 4096;

export interface ExecutorsOptions {
  readonly processPer: 'SLOT' | 'TASK';
  /** RINGS: through shared memory, encoded, as between threads; LOCAL: by reference, as within one. */
  readonly channels: 'LOCAL' | 'RINGS';
  /** The longest that a message takes. */
  readonly messageMs: number;
  readonly workMs: number;
  readonly turnMs: number;
  /** How many times slower than that some threads are, until all is healed. */
  readonly slowness: number;
}

export interface ExecutorsDependencies {
  /** That the executors end with. */
  readonly process: SimulatedProcess;
  readonly random: Random;
  readonly mutation: Mutation;
  readonly checkpointing: CheckpointSettings;
  /** The program as a process of its own replays it. */
  replay(process: SimulatedProcess): Program;
  mount(process: SimulatedProcess): FileSystem;
  jobMasterOf(jobId: JobId): JobMasterGateway;
  /** Whether the message gets lost; the checkpoint that it speaks of then fails for lack of it. */
  loses(message: 'TRIGGER' | 'ACKNOWLEDGE' | 'DECLINE'): boolean;
  /** Whether nothing goes wrong any more, and nobody is slow. */
  isHealed(): boolean;
  record(event: string): void;
}

interface ExecutorProcess {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly executor: TaskExecutor;
  readonly toExecutor: SimulatedLink;
  readonly toMaster: SimulatedLink;
  /** Tasks that have not reported their end. */
  readonly attempts: Map<string, ExecutionAttemptId>;
  /** Rejects the calls that have no answer yet. */
  readonly unanswered: Set<(reason: Error) => void>;
}

export class SimulatedExecutors implements TaskExecutorGateway {
  readonly #options: ExecutorsOptions;
  readonly #dependencies: ExecutorsDependencies;
  readonly #local = new LocalChannels();
  readonly #rings = new SimulatedRings(RING_BYTES);
  readonly #processes = new Map<string, ExecutorProcess>();
  readonly #slots = new Map<string, string>();
  /** The job has ended, for better or worse. */
  released = false;

  constructor(options: ExecutorsOptions, dependencies: ExecutorsDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Takes one process away. @returns whether there was one with tasks */
  loseOne(random: Random): boolean {
    const busy = [...this.#processes.values()].filter(({ attempts }) => attempts.size > 0);
    const lost = busy[Math.floor(random.next() * busy.length)];
    if (lost === undefined) return false;
    this.#dependencies.record(`lost ${lost.name}`);
    this.#processes.delete(lost.name);
    lost.process.kill();
    const reason = new MillraceError('JOB_FAILED', `The connection to ${lost.name} is gone.`);
    lost.toMaster.send(() => {
      for (const reject of lost.unanswered) reject(reason);
      for (const attempt of lost.attempts.values()) {
        this.#master(attempt).updateTaskState({ attempt, state: 'FAILED', error: serializeError(reason) });
      }
    });
    return true;
  }

  submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    const { attempt, slot } = descriptor;
    const { processPer } = this.#options;
    const subtask = `${attempt.vertexId.slice(0, 6)}/${attempt.subtaskIndex}`;
    this.#slots.set(subtaskKey(attempt), processPer === 'SLOT' ? `slot ${slot}` : `task ${subtask}`);
    const mutated = this.#dependencies.mutation.descriptor?.(descriptor) ?? descriptor;
    const target = this.#process(attempt);
    target.attempts.set(attemptKey(attempt), attempt);
    return this.#call(target, `submit ${attemptKey(attempt)}`, (executor) => executor.submitTask(mutated));
  }

  startTask(attempt: ExecutionAttemptId): Promise<void> {
    return this.#tell(attempt, 'start', (executor) => executor.startTask(attempt));
  }

  cancelTask(attempt: ExecutionAttemptId): Promise<void> {
    return this.#tell(attempt, 'cancel', (executor) => executor.cancelTask(attempt));
  }

  sendOperatorEvent(attempt: ExecutionAttemptId, event: unknown): Promise<void> {
    return this.#tell(attempt, 'event', (executor) => executor.sendOperatorEvent(attempt, event));
  }

  triggerCheckpoint(...message: Parameters<TaskExecutorGateway['triggerCheckpoint']>): Promise<void> {
    const [attempt, id] = message;
    if (this.#dependencies.loses('TRIGGER')) return new Promise(() => {});
    return this.#tell(attempt, `trigger ${id}`, (executor) => executor.triggerCheckpoint(...message));
  }

  notifyCheckpointComplete(attempt: ExecutionAttemptId, id: number): Promise<void> {
    return this.#tell(attempt, `complete ${id}`, (executor) => executor.notifyCheckpointComplete(attempt, id));
  }

  notifyCheckpointAborted(attempt: ExecutionAttemptId, id: number): Promise<void> {
    return this.#tell(attempt, `aborted ${id}`, (executor) => executor.notifyCheckpointAborted(attempt, id));
  }

  async requestAccumulators(): Promise<Readonly<Record<string, unknown>>> {
    return {};
  }

  async requestMetrics(): Promise<readonly MetricSample[]> {
    return [];
  }

  async releaseJob(jobId: JobId): Promise<void> {
    this.released = true;
    this.#local.release(jobId);
  }

  #tell(attempt: ExecutionAttemptId, what: string, deliver: (executor: TaskExecutor) => Promise<void>): Promise<void> {
    return this.#call(this.#process(attempt), `${what} ${attemptKey(attempt)}`, deliver);
  }

  #call<R>(target: ExecutorProcess, what: string, deliver: (executor: TaskExecutor) => Promise<R>): Promise<R> {
    const { process, executor, toExecutor, toMaster, unanswered } = target;
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    unanswered.add(reject);
    const answer = (settle: () => void): void =>
      toMaster.send(() => {
        unanswered.delete(reject);
        settle();
      });
    toExecutor.send(() => {
      if (!process.isAlive) return;
      this.#dependencies.record(what);
      deliver(executor).then(
        (result) => process.isAlive && answer(() => resolve(result)),
        (error: unknown) => process.isAlive && answer(() => reject(error)),
      );
    });
    return promise;
  }

  #process(attempt: ExecutionAttemptId): ExecutorProcess {
    const name = this.#slots.get(subtaskKey(attempt)) as string;
    const known = this.#processes.get(name);
    if (known) return known;
    const started = this.#start(name);
    this.#processes.set(name, started);
    return started;
  }

  #start(name: string): ExecutorProcess {
    const { random, mutation, ...dependencies } = this.#dependencies;
    const { channels, messageMs, workMs, turnMs, slowness } = this.#options;
    const process = new SimulatedProcess(dependencies.process);
    const fork = (): Random => seededRandom(Math.floor(random.next() * 2 ** 32));
    const { isHealed } = dependencies;
    const isSlow = random.next() < 0.3;
    const slownessNow = (): number => (isSlow && !isHealed() ? slowness : 1);
    const thread = new SimulatedThread({ workMs, turnMs, slowness: slownessNow }, process, fork());
    const bell = new SimulatedBell(thread);
    const delayMs = (): number => (isHealed() ? Math.min(1, messageMs) : messageMs);
    const link = (): SimulatedLink => new SimulatedLink(delayMs, dependencies.process, fork());
    const toMaster = link();
    const attempts = new Map<string, ExecutionAttemptId>();
    const master = (jobId: JobId): JobMasterGateway => this.#masterOf(jobId, toMaster, attempts, process);
    let program: Program | undefined;
    const executor: TaskExecutor = new TaskExecutor({
      platform: { clock: thread, scheduler: thread, random: fork() },
      logger: silentLogger,
      metrics: new MetricRegistry(thread),
      channels: mutatedChannels(channels === 'RINGS' ? this.#rings.channelsOf(bell) : this.#local, mutation),
      ...(channels === 'RINGS' ? { bell } : {}),
      createSpillStorage: () => new MemorySpillStorage(),
      programOf: () => (program ??= dependencies.replay(process)),
      jobMasterOf: (jobId) => mutation.jobMaster?.(master(jobId), executor) ?? master(jobId),
      checkpointStorageOf: () => this.#storage(process, fork()),
    });
    return { name, process, executor, toExecutor: link(), toMaster, attempts, unanswered: new Set() };
  }

  #storage(process: SimulatedProcess, random: Random): TaskCheckpointStorage {
    const { mount, checkpointing, mutation } = this.#dependencies;
    const { directory, savepointDirectory, inlineThresholdBytes } = checkpointing;
    const mounted = mount(process);
    const fileSystem = mutation.fileSystem?.(mounted) ?? mounted;
    const storage = new FileCheckpointStorage({ directory, savepointDirectory, inlineThresholdBytes } as never, {
      fileSystem,
      random,
    });
    return { openOutput: (folder) => storage.output(folder), input: storage.input() };
  }

  /** The master as one process reaches it. */
  #masterOf(
    jobId: JobId,
    link: SimulatedLink,
    attempts: Map<string, ExecutionAttemptId>,
    process: SimulatedProcess,
  ): JobMasterGateway {
    const { loses, record } = this.#dependencies;
    const send = (what: string, deliver: (master: JobMasterGateway) => void): void => {
      if (!process.isAlive) return;
      link.send(() => {
        record(what);
        deliver(this.#dependencies.jobMasterOf(jobId));
      });
    };
    return {
      updateTaskState: (report) => {
        const { attempt, state } = report;
        send(`${attemptKey(attempt)} is ${state}`, (master) => {
          if (state === 'FINISHED' || state === 'CANCELED' || state === 'FAILED') attempts.delete(attemptKey(attempt));
          master.updateTaskState(report);
        });
      },
      operatorEventFromTask: (...message) => send('event', (master) => master.operatorEventFromTask(...message)),
      acknowledgeCheckpoint: (...message) => {
        const [attempt, id] = message;
        if (loses('ACKNOWLEDGE')) return;
        send(`${attemptKey(attempt)} acknowledges ${id}`, (master) => master.acknowledgeCheckpoint(...message));
      },
      declineCheckpoint: (...message) => {
        const [attempt, id] = message;
        if (loses('DECLINE')) return;
        send(`${attemptKey(attempt)} declines ${id}`, (master) => master.declineCheckpoint(...message));
      },
      endOfDataReached: (attempt) => send(`${attemptKey(attempt)} is at its end`, (master) => master.endOfDataReached(attempt)),
    };
  }

  #master(attempt: ExecutionAttemptId): JobMasterGateway {
    return this.#dependencies.jobMasterOf(attempt.jobId);
  }
}

function mutatedChannels(channels: ChannelProvider, { reader }: Mutation): ChannelProvider {
  if (reader === undefined) return channels;
  return {
    writer: (channel, slot) => channels.writer(channel, slot),
    reader: (channel, slot) => reader(channels.reader(channel, slot)),
    networkBytes: channels.networkBytes,
    release: (jobId) => channels.release(jobId),
  };
}

function subtaskKey({ vertexId, subtaskIndex }: ExecutionAttemptId): string {
  return `${vertexId}/${subtaskIndex}`;
}

function attemptKey({ vertexId, subtaskIndex, attemptNumber }: ExecutionAttemptId): string {
  return `${vertexId.slice(0, 6)}/${subtaskIndex}#${attemptNumber}`;
}
