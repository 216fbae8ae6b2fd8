/**
 * DataStream: a stream of records in a program, and what can be done with it.
 *
 * A DataStream stands for the output of one operator, or of several (union); it holds no data. Each method adds an
 * operator to the environment's graph and returns the stream of its output.
 */
import { MillraceError } from '../common/index.ts';
import type { OutputTag, Sink } from '../connector/index.ts';
import { CollectSink, DiscardingSink, PrintSink } from '../connectors/basic/index.ts';
import type { ChainingStrategy, Partitioner, StreamNode } from '../graph/index.ts';
import {
  CountEvictor,
  CountTrigger,
  type Partitioner as CustomPartitioner,
  type FilterFunction,
  FilterOperator,
  type FlatMapFunction,
  FlatMapOperator,
  ForEachOperator,
  type GlobalWindow,
  GlobalWindows,
  type KeySelector,
  type MapFunction,
  MapOperator,
  type OperatorDefinition,
  type ProcessFunction,
  ProcessOperator,
  PurgingTrigger,
  type RichSinkFunction,
  sinkDefinition,
  TimestampsAndWatermarksOperator,
  type WatermarkStrategy,
  type Window,
  type WindowAssigner,
} from '../operators/index.ts';
import type { MapStateDescriptor } from '../state/index.ts';
import { AllWindowedStream } from './all-windowed-stream.ts';
import { BroadcastConnectedStream, BroadcastStream } from './broadcast-stream.ts';
import { checkFunction } from './check-function.ts';
import { checkMaxParallelism, checkParallelism, checkSlotSharingGroup } from './check-parallelism.ts';
import { CoGroupedStreams } from './co-grouped-streams.ts';
import { ConnectedStreams } from './connected-streams.ts';
import { JoinedStreams } from './joined-streams.ts';
import type { KeyedStream } from './keyed-stream.ts';
import { partitionFunction } from './partition-function.ts';
import { installedHost } from './program-host.ts';
import type { StreamExecutionEnvironment } from './stream-execution-environment.ts';
import type { OperatorSpec, StreamRef } from './stream-graph-builder.ts';

/**
 * @internal KeyedStream extends DataStream, which makes KeyedStreams. The module of the former puts its class here when it is
 * loaded, so that the modules are in no cycle, in which the one that happens to be entered first would find the other empty.
 */
export const keyedStream = {} as {
  Class: new <T, K>(
    env: StreamExecutionEnvironment,
    refs: readonly StreamRef[],
    keySelector: KeySelector<T, K>,
  ) => KeyedStream<T, K>;
};

export class DataStream<T> {
  /** @internal */
  readonly env: StreamExecutionEnvironment;
  /** @internal */
  readonly refs: readonly StreamRef[];
  declare readonly __type?: () => T;

  constructor(env: StreamExecutionEnvironment, refs: readonly StreamRef[]) {
    this.env = env;
    this.refs = refs;
  }

  getExecutionEnvironment(): StreamExecutionEnvironment {
    return this.env;
  }

  map<R>(fn: MapFunction<T, R>): SingleOutputStreamOperator<R> {
    checkFunction(this.map, fn, { methods: ['map'] });
    return this.transform('Map', { create: () => new MapOperator(fn) });
  }

  filter<S extends T>(fn: (value: T) => value is S): SingleOutputStreamOperator<S>;
  filter(fn: FilterFunction<T>): SingleOutputStreamOperator<T>;
  filter(fn: FilterFunction<T>): SingleOutputStreamOperator<T> {
    checkFunction(this.filter, fn, { methods: ['filter'] });
    return this.transform('Filter', { create: () => new FilterOperator(fn) });
  }

  /** `fn` returns what to emit, or emits through `out`. */
  flatMap<R>(fn: FlatMapFunction<T, R>): SingleOutputStreamOperator<R> {
    checkFunction(this.flatMap, fn, { methods: ['flatMap'] });
    return this.transform('Flat Map', { create: () => new FlatMapOperator(fn) });
  }

  process<R>(fn: ProcessFunction<T, R>): SingleOutputStreamOperator<R> {
    checkFunction(this.process, fn, { methods: ['processElement'], plain: false });
    return this.transform('Process', { create: () => new ProcessOperator(fn) });
  }

  /** All records with equal keys go to the same subtask, and share state. */
  keyBy<K>(keySelector: KeySelector<T, K>): KeyedStream<T, K> {
    checkFunction(this.keyBy, keySelector, { methods: [] });
    const refs = this.withPartitioner('HASH').map((ref) => ({ ...ref, keySelector }));
    return new keyedStream.Class<T, K>(this.env, refs, keySelector);
  }

  /** Cuts the whole stream into windows, on one subtask: parallelism 1, whatever that of the environment is. */
  windowAll<W extends Window>(assigner: WindowAssigner<T, W>): AllWindowedStream<T, W> {
    return new AllWindowedStream(new keyedStream.Class<T, number>(this.env, this.refs, () => 0), assigner);
  }

  /** Windows of `size` records; with `slide`, of the last `size` records at every `slide` records. */
  countWindowAll(size: number, slide?: number): AllWindowedStream<T, GlobalWindow> {
    const windows = this.windowAll(GlobalWindows.create());
    return slide === undefined
      ? windows.trigger(PurgingTrigger.of(CountTrigger.of(size)))
      : windows.evictor(CountEvictor.of(size)).trigger(CountTrigger.of(slide));
  }

  /** Records of all the streams, in no particular order between them. */
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    for (const other of others) this.checkSameEnvironment('union', other);
    return new DataStream(this.env, [...this.refs, ...others.flatMap((o) => o.refs)]);
  }

  /** For one operator on both streams, which keep their types. */
  connect<B>(other: BroadcastStream<B>): BroadcastConnectedStream<T, B>;
  connect<B>(other: DataStream<B>): ConnectedStreams<T, B>;
  connect<B>(other: DataStream<B> | BroadcastStream<B>): ConnectedStreams<T, B> | BroadcastConnectedStream<T, B> {
    this.checkSameEnvironment('connect', other instanceof BroadcastStream ? other.stream : other);
    return other instanceof BroadcastStream ? new BroadcastConnectedStream(this, other) : new ConnectedStreams(this, other);
  }

  /** Pairs of records with equal keys in one window: `a.join(b).where(…).equalTo(…).window(…).apply(…)`. */
  join<B>(other: DataStream<B>): JoinedStreams<T, B> {
    this.checkSameEnvironment('join', other);
    return new JoinedStreams(this, other);
  }

  /** The records of both streams by key and window: `a.coGroup(b).where(…).equalTo(…).window(…).apply(…)`. */
  coGroup<B>(other: DataStream<B>): CoGroupedStreams<T, B> {
    this.checkSameEnvironment('coGroup', other);
    return new CoGroupedStreams(this, other);
  }

  assignTimestampsAndWatermarks(strategy: WatermarkStrategy<T>): SingleOutputStreamOperator<T> {
    return this.transform('Timestamps/Watermarks', { create: () => new TimestampsAndWatermarksOperator(strategy) });
  }

  rebalance(): DataStream<T> {
    return new DataStream(this.env, this.withPartitioner('REBALANCE'));
  }

  rescale(): DataStream<T> {
    return new DataStream(this.env, this.withPartitioner('RESCALE'));
  }

  shuffle(): DataStream<T> {
    return new DataStream(this.env, this.withPartitioner('SHUFFLE'));
  }

  forward(): DataStream<T> {
    return new DataStream(this.env, this.withPartitioner('FORWARD'));
  }

  /** Every record to every subtask. */
  broadcast(): DataStream<T>;
  /** Every record to every subtask; what comes of them is kept in these states. Connect another stream to it. */
  broadcast(descriptor: MapStateDescriptor<any, any>, ...more: readonly MapStateDescriptor<any, any>[]): BroadcastStream<T>;
  broadcast(...descriptors: readonly MapStateDescriptor<any, any>[]): DataStream<T> | BroadcastStream<T> {
    const stream = new DataStream<T>(this.env, this.withPartitioner('BROADCAST'));
    return descriptors.length === 0 ? stream : new BroadcastStream(stream, descriptors);
  }

  /** `partitioner` chooses the subtask by the key of a record. The stream is not keyed by it. */
  partitionCustom<K>(partitioner: CustomPartitioner<K>, keySelector: KeySelector<T, K>): DataStream<T> {
    const partition = partitionFunction(partitioner, keySelector);
    return new DataStream(
      this.env,
      this.withPartitioner('CUSTOM').map((ref) => ({ ...ref, partition })),
    );
  }

  /** Every record to the first subtask. */
  global(): DataStream<T> {
    return new DataStream(this.env, this.withPartitioner('GLOBAL'));
  }

  sinkTo(sink: Sink<T, any>): DataStreamSink<T> {
    return this.addSinkOperator(sink.name, sinkDefinition(sink));
  }

  /** Calls a function with every record; a rich function also gets its timestamp and the watermark. */
  addSink(fn: ((value: T) => void) | RichSinkFunction<T>): DataStreamSink<T> {
    checkFunction(this.addSink, fn, { methods: ['invoke'] });
    return this.addSinkOperator('Sink', { create: () => new ForEachOperator(fn) });
  }

  /** Writes every record as a line to the standard output, behind `prefix> ` if one is given. */
  print(prefix?: string): DataStreamSink<T> {
    return this.sinkTo(new PrintSink<T>({ output: installedHost().stdout, prefix })).name('Print to Std. Out');
  }

  printToErr(prefix?: string): DataStreamSink<T> {
    return this.sinkTo(new PrintSink<T>({ output: installedHost().stderr, prefix })).name('Print to Std. Err');
  }

  discard(): DataStreamSink<T> {
    return this.sinkTo(new DiscardingSink<T>());
  }

  /**
   * Runs the job and returns the records of this stream.
   * @param options.limit cancels the job after this many records: for unbounded streams
   * @throws MillraceError what made the job fail
   */
  async executeAndCollect(options: { readonly limit?: number; readonly jobName?: string } = {}): Promise<T[]> {
    const { limit = Number.POSITIVE_INFINITY, jobName = 'DataStream Collect' } = options;
    if (!(limit >= 1))
      throw new MillraceError('INVALID_OPTION', `The limit of executeAndCollect must be at least 1; got ${limit}.`);
    const results: T[] = [];
    const full = Promise.withResolvers<void>();
    const collect = new CollectSink<T>((value) => {
      if (results.length < limit) results.push(value);
      if (results.length >= limit) full.resolve();
    });
    this.sinkTo(collect).name('Collect');
    const client = await this.env.executeAsync(jobName);
    if (installedHost().isReplay) return new Promise(() => {});
    const result = client.getJobExecutionResult();
    if (await Promise.race([result.then(() => false), full.promise.then(() => true)])) {
      result.catch(() => {});
      await client.cancel();
    }
    return results;
  }

  /** @internal Adds an operator with this stream as its one input. */
  transform<R>(
    name: string,
    definition: OperatorDefinition,
    options: { readonly operatorType?: string; readonly keyed?: boolean; readonly chainingStrategy?: ChainingStrategy } = {},
  ): SingleOutputStreamOperator<R> {
    const { operatorType = name, ...rest } = options;
    return this.addTransformation({ operatorType, name, definition, inputs: [this.refs], ...rest });
  }

  /** @internal */
  addTransformation<R>(spec: Omit<OperatorSpec, 'kind' | 'parallelism'>): SingleOutputStreamOperator<R> {
    const node = this.env.addOperator({ ...spec, kind: 'OPERATOR', parallelism: this.env.getParallelism() });
    return new SingleOutputStreamOperator<R>(this.env, node);
  }

  /** @internal @throws MillraceError `INVALID_PROGRAM` */
  checkSameEnvironment(method: string, other: DataStream<any>): void {
    if (other.env === this.env) return;
    throw new MillraceError('INVALID_PROGRAM', `${method}() needs streams of one environment: one job cannot read from two.`);
  }

  protected withPartitioner(partitioner: Partitioner): StreamRef[] {
    return this.refs.map(({ node, sideOutput }) => ({ node, ...(sideOutput === undefined ? {} : { sideOutput }), partitioner }));
  }

  private addSinkOperator(name: string, definition: OperatorDefinition): DataStreamSink<T> {
    const node = this.env.addOperator({
      kind: 'SINK',
      operatorType: `Sink(${name})`,
      name,
      definition,
      inputs: [this.refs],
      parallelism: this.env.getParallelism(),
    });
    return new DataStreamSink<T>(node);
  }
}

/** The stream that one operator puts out; the operator can be named and tuned through it. */
export class SingleOutputStreamOperator<T> extends DataStream<T> {
  private readonly node: StreamNode;

  constructor(env: StreamExecutionEnvironment, node: StreamNode) {
    super(env, [{ node: node.id }]);
    this.node = node;
  }

  name(name: string): this {
    this.node.name = name;
    return this;
  }

  setDescription(description: string): this {
    this.node.description = description;
    return this;
  }

  /** Names the operator's state: with it, state survives changes of the program around the operator. */
  uid(uid: string): this {
    this.node.uid = uid;
    return this;
  }

  setParallelism(parallelism: number): this {
    this.node.parallelism = checkParallelism(parallelism);
    return this;
  }

  setMaxParallelism(maxParallelism: number): this {
    this.node.maxParallelism = checkMaxParallelism(maxParallelism);
    return this;
  }

  /**
   * Operators of one group share slots, those of others run elsewhere. Unless set, it is the group of the inputs if they have one in
   * common, and otherwise 'default'.
   */
  slotSharingGroup(group: string): this {
    this.node.slotSharingGroup = checkSlotSharingGroup(group);
    return this;
  }

  startNewChain(): this {
    this.node.chainingStrategy = 'HEAD';
    return this;
  }

  disableChaining(): this {
    this.node.chainingStrategy = 'NEVER';
    return this;
  }

  getSideOutput<S>(tag: OutputTag<S>): DataStream<S> {
    return new DataStream<S>(this.env, [{ node: this.node.id, sideOutput: tag.id }]);
  }
}

export class DataStreamSource<T> extends SingleOutputStreamOperator<T> {}

/** The end of a stream: what it ends in can be named and tuned. */
export class DataStreamSink<T> {
  private readonly node: StreamNode;
  declare readonly __type?: () => T;

  constructor(node: StreamNode) {
    this.node = node;
  }

  name(name: string): this {
    this.node.name = name;
    return this;
  }

  setDescription(description: string): this {
    this.node.description = description;
    return this;
  }

  uid(uid: string): this {
    this.node.uid = uid;
    return this;
  }

  setParallelism(parallelism: number): this {
    this.node.parallelism = checkParallelism(parallelism);
    return this;
  }

  setMaxParallelism(maxParallelism: number): this {
    this.node.maxParallelism = checkMaxParallelism(maxParallelism);
    return this;
  }

  /** As that of other operators. */
  slotSharingGroup(group: string): this {
    this.node.slotSharingGroup = checkSlotSharingGroup(group);
    return this;
  }

  disableChaining(): this {
    this.node.chainingStrategy = 'NEVER';
    return this;
  }
}
