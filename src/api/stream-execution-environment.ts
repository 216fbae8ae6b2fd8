/**
 * The place where a program begins: sources, settings, and execute().
 *
 * Building is lazy: nothing runs before `execute()`. Executing takes what was built and leaves the environment empty, so
 * that one program can run several jobs one after the other.
 */
import type { JobClient } from '../client/index.ts';
import { Configuration, MillraceError, randomJobId } from '../common/index.ts';
import type { Source } from '../connector/index.ts';
import { CollectionSource, SequenceSource } from '../connectors/basic/index.ts';
import { executionPlan, type StreamGraph, type StreamNode } from '../graph/index.ts';
import { SourceOperator, WatermarkStrategy } from '../operators/index.ts';
import type { JobExecutionResult, JobSubmission, RestartStrategySettings } from '../protocol/index.ts';
import { atCaller } from './at-caller.ts';
import { checkMaxParallelism, checkParallelism } from './check-parallelism.ts';
import type { CheckpointConfig } from './checkpoint-config.ts';
import type { StateBackendType } from './checkpointing-options.ts';
import { DataStreamSource } from './data-stream.ts';
import { ALL_EXECUTION_OPTIONS, ExecutionOptions } from './execution-options.ts';
import { installedHost, type SocketTextOptions } from './program-host.ts';
import { Settings } from './settings.ts';
import { type OperatorSpec, StreamGraphBuilder } from './stream-graph-builder.ts';

export class StreamExecutionEnvironment {
  private readonly configuration: Configuration;
  private parallelism: number;
  private maxParallelism: number;
  private readonly settings: Settings;
  private chainingEnabled: boolean;
  private builder: StreamGraphBuilder;

  private constructor(configuration: Configuration) {
    this.configuration = configuration;
    this.parallelism = configuration.get(ExecutionOptions.PARALLELISM);
    this.maxParallelism = configuration.get(ExecutionOptions.MAX_PARALLELISM);
    this.settings = new Settings(configuration);
    this.chainingEnabled = configuration.get(ExecutionOptions.OPERATOR_CHAINING);
    this.builder = new StreamGraphBuilder();
  }

  /**
   * @param configuration values by Flink's keys, as in `{ 'parallelism.default': 2 }`
   * @throws MillraceError `INVALID_OPTION` for a key that is unknown or a value that does not fit
   */
  static getExecutionEnvironment(configuration: Readonly<Record<string, unknown>> = {}): StreamExecutionEnvironment {
    const { configuration: ofHost, options = [] } = installedHost();
    const merged = { ...ofHost, ...configuration };
    return atCaller(
      StreamExecutionEnvironment.getExecutionEnvironment,
      () => new StreamExecutionEnvironment(Configuration.from(merged, [...ALL_EXECUTION_OPTIONS, ...options])),
    );
  }

  /**
   * For operators that set none of their own.
   *
   * Above 1, records that change their slot are encoded, and arrive as copies. That is when a value that is not data (a function, an
   * object of a class that is not known) is refused, with the path of its field. A record that stays in its slot is handed over as it is,
   * whatever it holds, and all that receive it share it: change no record that you were given or have emitted.
   */
  setParallelism(parallelism: number): this {
    this.parallelism = checkParallelism(parallelism);
    return this;
  }

  getParallelism(): number {
    return this.parallelism;
  }

  /** The number of key groups of operators that set none of their own. */
  setMaxParallelism(maxParallelism: number): this {
    this.maxParallelism = checkMaxParallelism(maxParallelism);
    return this;
  }

  /** How often watermark generators are asked for a watermark; 0 means never. */
  setAutoWatermarkInterval(intervalMs: number): this {
    this.settings.setAutoWatermarkInterval(intervalMs);
    return this;
  }

  /**
   * Takes a checkpoint every `intervalMs`, from which the job goes on after a failure: with it, a job restarts by itself.
   * @throws MillraceError `INVALID_OPTION` below 10 ms
   */
  enableCheckpointing(intervalMs: number): this {
    this.settings.checkpointConfig.setCheckpointInterval(intervalMs);
    return this;
  }

  /** All other settings of checkpoints. */
  getCheckpointConfig(): CheckpointConfig {
    return this.settings.checkpointConfig;
  }

  /**
   * What happens after a failure, as made by `RestartStrategies`. Unless set: restarts with growing delays if there are
   * checkpoints, none otherwise.
   */
  setRestartStrategy(strategy: RestartStrategySettings): this {
    this.settings.setRestartStrategy(strategy);
    return this;
  }

  /**
   * How long a written record may wait for others to be sent with it; 0: not at all, −1: until the buffer is full. Less means
   * less latency, more means more throughput.
   */
  setBufferTimeout(timeoutMs: number): this {
    this.settings.setBufferTimeout(timeoutMs);
    return this;
  }

  /** Where keyed state is: 'hashmap' keeps objects on the heap; 'hashlog' keeps bytes, in memory and on disk. */
  setStateBackend(type: StateBackendType): this {
    this.settings.setStateBackend(type);
    return this;
  }

  disableOperatorChaining(): this {
    this.chainingEnabled = false;
    return this;
  }

  /** A bounded stream of the values of an array or another iterable: read by one subtask, whatever the parallelism. */
  fromCollection<T>(values: Iterable<T>): DataStreamSource<T> {
    return this.fromSource(new CollectionSource(values), WatermarkStrategy.noWatermarks<T>(), 'Collection Source').setParallelism(
      1,
    );
  }

  fromElements<T>(...values: T[]): DataStreamSource<T> {
    return this.fromCollection(values);
  }

  /** The whole numbers from `from` to `to`, both included. */
  fromSequence(from: number, to: number): DataStreamSource<number> {
    return this.fromSource(new SequenceSource(from, to), WatermarkStrategy.noWatermarks<number>(), 'Sequence Source');
  }

  fromSource<T>(source: Source<T, any, any>, watermarkStrategy: WatermarkStrategy<T>, name?: string): DataStreamSource<T> {
    const node = this.addOperator({
      kind: 'SOURCE',
      operatorType: `Source(${source.name})`,
      name: name ?? source.name,
      definition: { create: () => new SourceOperator(source, watermarkStrategy), source },
      inputs: [],
      parallelism: this.parallelism,
      boundedness: source.boundedness,
    });
    return new DataStreamSource<T>(this, node);
  }

  /** Lines of text from a TCP server; unbounded, ends when the server closes the connection. */
  socketTextStream(host: string, port: number, options: SocketTextOptions = {}): DataStreamSource<string> {
    const { socketTextSource } = installedHost();
    if (socketTextSource === undefined) throw new MillraceError('ILLEGAL_STATE', 'There are no sockets where this program runs.');
    return this.fromSource(
      socketTextSource(host, port, options),
      WatermarkStrategy.noWatermarks<string>(),
      'Socket Stream',
    ).setParallelism(1);
  }

  /** Runs the job to its end. @throws MillraceError what made it fail, or `JOB_CANCELED` */
  async execute(jobName?: string): Promise<JobExecutionResult> {
    const client = await this.start(jobName, this.execute);
    return client.getJobExecutionResult();
  }

  /** Starts the job; the handle tells how it goes on. */
  async executeAsync(jobName?: string): Promise<JobClient> {
    return this.start(jobName, this.executeAsync);
  }

  /** Flink's execution plan of what was built so far, as JSON. */
  getExecutionPlan(): string {
    return JSON.stringify(executionPlan(this.getStreamGraph()), undefined, 2);
  }

  getStreamGraph(jobName?: string): StreamGraph {
    return this.builder.build(
      jobName ?? (this.configuration.get(ExecutionOptions.NAME) || 'Millrace Streaming Job'),
      this.chainingEnabled,
    );
  }

  /** @internal for the streams of this environment */
  addOperator(spec: Omit<OperatorSpec, 'maxParallelism'>): StreamNode {
    return this.builder.add({ ...spec, ...(this.maxParallelism > 0 ? { maxParallelism: this.maxParallelism } : {}) });
  }

  /** @internal */
  nodeOf(id: number): StreamNode {
    return this.builder.node(id);
  }

  /** @param entry the method that the program called */
  private start(jobName: string | undefined, entry: (jobName?: string) => unknown): Promise<JobClient> {
    const { submission, program } = atCaller(entry, () => this.prepareJob(jobName));
    this.builder = new StreamGraphBuilder(this.builder.nextId);
    return installedHost().execute(submission, program, this.configuration);
  }

  private prepareJob(jobName: string | undefined): {
    submission: JobSubmission;
    program: ReturnType<StreamGraphBuilder['generate']>['program'];
  } {
    const graph = this.getStreamGraph(jobName);
    const { jobGraph, program } = this.builder.generate(graph, randomJobId(installedHost().random));
    const settings = this.settings.toExecutionSettings();
    return { submission: { jobGraph, plan: executionPlan(graph), settings }, program };
  }
}
