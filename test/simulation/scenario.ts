/**
 * A job under test, what happens to it, and the judgement: whatever happens, the job comes to its end, and what its sinks have
 * committed then is exactly what is right.
 *
 * Everything is decided by the scenario and its seed: a run can be repeated step by step.
 */
import { createHash } from 'node:crypto';
import { FileCheckpointStorage } from '../../src/checkpoint/index.ts';
import { type MillraceError, type Random, seededRandom, toError } from '../../src/common/index.ts';
import type { Sink } from '../../src/connector/index.ts';
import { FileSink } from '../../src/connectors/files/index.ts';
import { type FileSystem, joinPath, readFile } from '../../src/filesystem/index.ts';
import { textLineFormat } from '../../src/formats/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import type { FaultPoint, Faults } from '../exactly-once/faults.ts';
import { buildTopology, type Parallelisms, type ResolvedTopology, readUpTo } from '../exactly-once/topology.ts';
import { TransactionalSink } from '../exactly-once/transactional-sink.ts';
import { type Mutation, NO_MUTATION } from './mutations.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { ExecutorsOptions } from './simulated-executors.ts';
import { SimulatedProcess } from './simulated-process.ts';

export interface CheckpointingScenario {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly alignment: 'ALIGNED' | 'UNALIGNED' | 'ALIGNED_WITH_TIMEOUT';
  readonly alignedTimeoutMs: number;
  readonly maxConcurrent: number;
  readonly inlineThresholdBytes: number;
}

/** How a run of the job ends, if it does not finish before. */
export type RunEnd =
  | { readonly how: 'FINISH' }
  /** DRAIN: with a savepoint before which event time is closed; nothing goes on from it. */
  | { readonly how: 'STOP' | 'DRAIN' | 'CANCEL' | 'CRASH'; readonly afterMs: number };

export interface RunScenario {
  readonly parallelisms: Parallelisms;
  readonly end: RunEnd;
}

/** What goes wrong, by chance, in the time before `healedAfterMs`. */
export interface Adversity {
  readonly healedAfterMs: number;
  /** How likely a call of the program's code fails. */
  readonly failureRates: Partial<Record<FaultPoint, number>>;
  readonly diskFailureRate: number;
  readonly diskDelayMs: number;
  /** When the disk is full. */
  readonly diskFull: readonly { readonly fromMs: number; readonly toMs: number }[];
  /** How likely a message of a checkpoint gets lost. */
  readonly lossRate: number;
  /** When the connection to a process of tasks breaks. */
  readonly losesProcessAtMs: readonly number[];
  /** When a savepoint is asked for. */
  readonly savepointsAtMs: readonly number[];
}

export interface Scenario {
  readonly seed: number;
  readonly topology: ResolvedTopology;
  readonly checkpointing: CheckpointingScenario;
  readonly executors: ExecutorsOptions;
  /** FILES: FileSinks on the simulated disk. */
  readonly sinks: 'TRANSACTIONS' | 'FILES';
  readonly stateBackend: 'hashmap' | 'hashlog';
  readonly bufferTimeoutMs: number;
  readonly autoWatermarkIntervalMs: number;
  readonly adversity: Adversity;
  /** The last one finishes or drains. */
  readonly runs: readonly RunScenario[];
}

export interface Outcome {
  /** Of every event, in order. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: number;
  /** What is wrong; absent if nothing is. */
  readonly violation?: string;
}

const CHECKPOINTS = '/checkpoints';
const SAVEPOINTS = '/savepoints';
const OUTPUT = '/output';
/** No topology has more. */
const MOST_ENDS = 20;
/** A job that has not ended by then never will. */
const LIMIT_MS = 10_000;
/** A job that does so much without an end never ends either. */
const LIMIT_EVENTS = 200_000;
/** When a job that could not start is started again. */
const START_AGAIN_AFTER_MS = 20;

/** @param trace gets every event */
export async function runScenario(
  scenario: Scenario,
  {
    faults,
    mutation = NO_MUTATION,
    trace,
  }: { readonly faults?: Faults; readonly mutation?: Mutation; readonly trace?: (event: string) => void } = {},
): Promise<Outcome> {
  const run = new ScenarioRun(scenario, mutation, faults, trace);
  let violation: string | undefined;
  try {
    await run.play();
    violation = await run.judge();
  } catch (error) {
    violation = toError(error).message;
  }
  return { ...run.outcome(), ...(violation === undefined ? {} : { violation }) };
}

interface RestorePoint {
  readonly checkpointId: number;
  readonly path: string;
}

class ScenarioRun {
  readonly #scenario: Scenario;
  readonly #mutation: Mutation;
  readonly #clock = new VirtualClock();
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #sink: TransactionalSink<string>;
  readonly #faults: Faults;
  readonly #hash = createHash('sha256');
  readonly #trace: ((event: string) => void) | undefined;
  /** By source and split: how far it was read at the last snapshot. */
  readonly #positions = new Map<string, number>();
  #drained = false;
  #events = 0;
  #starts = 0;

  constructor(scenario: Scenario, mutation: Mutation, faults: Faults | undefined, trace: ((event: string) => void) | undefined) {
    this.#scenario = scenario;
    this.#mutation = mutation;
    this.#trace = trace;
    this.#random = seededRandom(scenario.seed);
    const { adversity } = scenario;
    this.#faults = faults ?? this.#randomFaults(this.#fork());
    this.#sink = new TransactionalSink<string>(this.#faults);
    this.#disk = new SimulatedDisk({
      random: this.#fork(),
      faults: () => ({
        maxDelayMs: this.#isHealed ? Math.min(0.5, adversity.diskDelayMs) : adversity.diskDelayMs,
        failureRate: this.#isHealed ? 0 : adversity.diskFailureRate,
      }),
      isFull: () => !this.#isHealed && adversity.diskFull.some(({ fromMs, toMs }) => this.#nowMs >= fromMs && this.#nowMs < toMs),
      onOperation: (verb, path) => this.#record(`disk ${verb} ${path}`),
    });
  }

  async play(): Promise<void> {
    await this.#makeOutputFolders();
    let from: RestorePoint | undefined;
    for (const run of this.#scenario.runs) {
      const ended = await this.#playRun(run, from);
      if (ended === 'FINISHED' || ended === 'DRAIN') return;
      from = ended;
    }
    throw new Error('the last run did not finish');
  }

  async judge(): Promise<string | undefined> {
    // What is committed stays, whatever comes after the job.
    this.#disk.crash();
    const committed = [...this.#sink.values, ...(await this.#linesOf(this.#quietMount(), OUTPUT))].sort();
    const { topology } = this.#scenario;
    const { expected } = this.#drained ? readUpTo(topology, (...split) => this.#positions.get(split.join('/')) ?? 0) : topology;
    if (committed.length === expected.length && committed.every((line, i) => line === expected[i])) return undefined;
    return `the committed output is wrong: ${difference(expected, committed)}`;
  }

  outcome(): Omit<Outcome, 'violation'> {
    return { hash: this.#hash.copy().digest('hex'), events: this.#events, virtualMs: this.#nowMs };
  }

  /** Runs the job, again after crashes that nobody planned, until it ends as it should. @returns what to go on from */
  async #playRun(run: RunScenario, start: RestorePoint | undefined): Promise<'FINISHED' | 'DRAIN' | RestorePoint | undefined> {
    let from = start;
    for (;;) {
      const cluster = await this.#drive(this.#startCluster(run, from));
      const ended = await this.#drive(Promise.race([this.#watch(cluster, run.end), this.#crashLater(cluster, run.end)]));
      this.#record(`the run ended: ${ended}`);
      cluster.process.kill();
      this.#drained = ended === 'DRAIN';
      if (ended === 'FINISHED' || ended === 'DRAIN') return ended;
      if (ended === 'CRASH') this.#disk.crash();
      if (ended === 'FAILED') await this.#drive(new SimulatedProcess(this.#clock).delay(START_AGAIN_AFTER_MS));
      from = await this.#drive(this.#newest(from));
      if (ended === run.end.how) return from;
      if (ended !== 'FAILED') throw new Error(`a run that was to ${run.end.how} came to ${ended}`);
    }
  }

  #startCluster({ parallelisms }: RunScenario, from: RestorePoint | undefined): Promise<SimulatedCluster> {
    const { topology, executors } = this.#scenario;
    this.#record(`start ${++this.#starts} from ${from?.path ?? 'nothing'}, parallelism ${parallelisms}`);
    const { source } = this.#mutation;
    return SimulatedCluster.start(
      (env, process) =>
        buildTopology(env, topology, parallelisms, this.#sinks(process), {
          faults: this.#faults,
          clock: process,
          random: this.#fork(),
          onPosition: (from, split, position) => void this.#positions.set(`${from}/${split}`, position),
          ...(source ? { wrapSource: source } : {}),
        }),
      this.#configuration(from),
      executors,
      {
        process: new SimulatedProcess(this.#clock),
        random: this.#fork(),
        mount: (process) => this.#disk.mount(process),
        mutation: this.#mutation,
        loses: (message) => {
          const lost = !this.#isHealed && this.#random.next() < this.#scenario.adversity.lossRate;
          if (lost) this.#record(`${message} is lost`);
          return lost;
        },
        isHealed: () => this.#isHealed,
        record: (event) => this.#record(event),
      },
    );
  }

  #configuration(from: RestorePoint | undefined): Record<string, unknown> {
    const { checkpointing, stateBackend, bufferTimeoutMs, autoWatermarkIntervalMs } = this.#scenario;
    const { intervalMs, timeoutMs, alignment, alignedTimeoutMs, maxConcurrent, inlineThresholdBytes } = checkpointing;
    const checkpoints = 'execution.checkpointing';
    return {
      'pipeline.auto-watermark-interval': autoWatermarkIntervalMs,
      'execution.buffer-timeout.interval': bufferTimeoutMs,
      'state.backend.type': stateBackend,
      [`${checkpoints}.interval`]: intervalMs,
      [`${checkpoints}.timeout`]: timeoutMs,
      [`${checkpoints}.unaligned.enabled`]: alignment !== 'ALIGNED',
      [`${checkpoints}.aligned-checkpoint-timeout`]: alignment === 'ALIGNED_WITH_TIMEOUT' ? alignedTimeoutMs : 0,
      [`${checkpoints}.max-concurrent-checkpoints`]: alignment === 'ALIGNED' ? maxConcurrent : 1,
      [`${checkpoints}.tolerable-failed-checkpoints`]: 1_000_000,
      [`${checkpoints}.dir`]: CHECKPOINTS,
      [`${checkpoints}.savepoint-dir`]: SAVEPOINTS,
      [`${checkpoints}.externalized-checkpoint-retention`]: 'RETAIN_ON_CANCELLATION',
      [`${checkpoints}.data-inline-threshold`]: inlineThresholdBytes,
      'restart-strategy.type': 'fixed-delay',
      'restart-strategy.fixed-delay.attempts': 1_000_000,
      'restart-strategy.fixed-delay.delay': 5,
      ...(from === undefined ? {} : { 'execution.state-recovery.path': from.path }),
    };
  }

  /** How the job ends, by itself or because it was told to. Until then, what goes wrong with it goes wrong. */
  async #watch(
    { client, process, executors }: SimulatedCluster,
    end: RunEnd,
  ): Promise<'FINISHED' | 'STOP' | 'DRAIN' | 'CANCEL' | 'FAILED'> {
    const { losesProcessAtMs, savepointsAtMs } = this.#scenario.adversity;
    const at = (timeMs: number, act: () => void): void => {
      if (timeMs >= this.#nowMs) process.setTimer(timeMs - this.#nowMs, () => executors.released || act());
    };
    const healedAtStart = this.#isHealed;
    const refused = (error: unknown): void => this.#record(toError(error).message);
    const random = this.#fork();
    for (const timeMs of losesProcessAtMs) at(timeMs, () => executors.loseOne(random));
    for (const timeMs of savepointsAtMs) at(timeMs, () => void client.triggerSavepoint().catch(refused));
    let stopped: Promise<unknown> = Promise.reject(new Error('nobody stops it'));
    stopped.catch(() => {});
    const stop = (): void => {
      this.#record(end.how);
      if (end.how === 'CANCEL') void client.cancel();
      if (end.how !== 'STOP' && end.how !== 'DRAIN') return;
      stopped = client.stopWithSavepoint(end.how === 'DRAIN');
      // Tried again until it succeeds.
      stopped.catch((error: unknown) => {
        refused(error);
        at(this.#nowMs + 20, stop);
      });
    };
    if (end.how !== 'FINISH') at(this.#nowMs + end.afterMs, stop);
    try {
      await client.getJobExecutionResult();
      return await stopped.then(
        () => (end.how === 'DRAIN' ? 'DRAIN' : 'STOP'),
        () => 'FINISHED' as const,
      );
    } catch (error) {
      const { code, message, context, cause } = error as MillraceError;
      this.#record(`the job failed: ${message}`);
      if (code === 'JOB_CANCELED') return 'CANCEL';
      // The savepoint with which it stopped is complete, and what failed behind it is done again by the next run.
      if (end.how === 'STOP' && String(context.path).startsWith(SAVEPOINTS)) return 'STOP';
      // A disk that cannot be read when the job starts: somebody has to start it again.
      const ofTheDisk = [code, (cause as MillraceError | undefined)?.code].includes('FILE_SYSTEM_FAILED');
      if (ofTheDisk && !healedAtStart) return 'FAILED';
      throw error;
    }
  }

  #crashLater({ process, executors }: SimulatedCluster, end: RunEnd): Promise<'CRASH'> {
    return new Promise((resolve) => {
      if (end.how === 'CRASH') process.setTimer(end.afterMs, () => executors.released || resolve('CRASH'));
    });
  }

  /** What to go on from: the newest complete checkpoint or savepoint on the disk. */
  async #newest(known: RestorePoint | undefined): Promise<RestorePoint | undefined> {
    const fileSystem = this.#quietMount();
    const storage = new FileCheckpointStorage({ directory: CHECKPOINTS }, { fileSystem, random: this.#fork() });
    let newest = known;
    const folders = (await fileSystem.exists(CHECKPOINTS)) ? await fileSystem.list(CHECKPOINTS) : [];
    for (const { path } of folders) {
      for (const { checkpointId, error } of await storage.listCheckpoints(path)) {
        if (error) throw new Error(`a checkpoint is damaged: ${error.message}`);
        if (checkpointId > (newest?.checkpointId ?? 0)) newest = { checkpointId, path: joinPath(path, `chk-${checkpointId}`) };
      }
    }
    const savepoints = (await fileSystem.exists(SAVEPOINTS)) ? await fileSystem.list(SAVEPOINTS) : [];
    for (const { path } of savepoints) {
      if (!(await fileSystem.exists(joinPath(path, '_metadata')))) continue;
      const { checkpointId } = await storage.readMetadata(path);
      if (checkpointId > (newest?.checkpointId ?? 0)) newest = { checkpointId, path };
    }
    return newest;
  }

  async #makeOutputFolders(): Promise<void> {
    const fileSystem = this.#quietMount();
    for (let end = 0; end < MOST_ENDS; end++) await fileSystem.mkdirs(joinPath(OUTPUT, String(end)));
    for (const folder of [OUTPUT, '/']) await fileSystem.syncDirectory(folder);
  }

  #sinks(process: SimulatedProcess): (end: number) => Sink<string, any> {
    if (this.#scenario.sinks === 'TRANSACTIONS') return () => this.#sink;
    const fileSystem = this.#disk.mount(process);
    return (end) =>
      FileSink.forFormat(joinPath(OUTPUT, String(end)), textLineFormat())
        .withFileSystem(fileSystem)
        .withRollingPolicy({ maxRecords: 10 });
  }

  /** Of the files in a folder that readers would see. */
  async #linesOf(fileSystem: FileSystem, folder: string): Promise<string[]> {
    const lines: string[] = [];
    const entries = (await fileSystem.exists(folder)) ? await fileSystem.list(folder) : [];
    for (const { path, name, isDirectory } of entries) {
      if (isDirectory) lines.push(...(await this.#linesOf(fileSystem, path)));
      else if (!name.startsWith('.')) lines.push(...new TextDecoder().decode(await readFile(fileSystem, path)).split('\n'));
    }
    return lines.filter((line) => line !== '');
  }

  #quietMount(): FileSystem {
    return this.#disk.mount(new SimulatedProcess(this.#clock), 'QUIET');
  }

  /** Lets virtual time pass until the promise is settled. */
  async #drive<R>(promise: Promise<R>): Promise<R> {
    let settled = false;
    const done = (): void => void (settled = true);
    promise.then(done, done);
    await this.#clock.advanceByAsync(0);
    while (!settled) {
      const nextMs = this.#clock.nextTimerMs;
      if (nextMs === undefined) throw new Error('the job is stuck: nobody waits for anything');
      if (nextMs > LIMIT_MS || this.#events > LIMIT_EVENTS) {
        throw new Error(`the job does not end: it still runs after ${nextMs.toFixed(0)} ms and ${this.#events} events`);
      }
      await this.#clock.advanceToAsync(nextMs);
    }
    return promise;
  }

  #randomFaults(random: Random): Faults {
    const { failureRates } = this.#scenario.adversity;
    return {
      at: (point) => {
        const rate = failureRates[point];
        if (rate === undefined || this.#isHealed || random.next() >= rate) return;
        this.#record(`fault in ${point}`);
        throw new Error(`a fault in ${point}`);
      },
    };
  }

  #record(event: string): void {
    const line = `${this.#nowMs.toFixed(3)} ${event}`;
    this.#events++;
    this.#hash.update(line).update('\n');
    this.#trace?.(line);
  }

  #fork(): Random {
    return seededRandom(Math.floor(this.#random.next() * 2 ** 32));
  }

  get #nowMs(): number {
    return this.#clock.monotonicMs();
  }

  get #isHealed(): boolean {
    return this.#nowMs >= this.#scenario.adversity.healedAfterMs;
  }
}

function difference(expected: readonly string[], committed: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const line of committed) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of expected) counts.set(line, (counts.get(line) ?? 0) - 1);
  const shown = (wanted: (n: number) => boolean): string => {
    const lines = [...counts]
      .filter(([, n]) => wanted(n))
      .map(([line, n]) => (Math.abs(n) === 1 ? line : `${line} (${Math.abs(n)} times)`));
    return lines.length === 0
      ? 'nothing'
      : `${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ` and ${lines.length - 5} more` : ''}`;
  };
  return `too much is ${shown((n) => n > 0)}; missing is ${shown((n) => n < 0)} (${expected.length} records expected)`;
}
