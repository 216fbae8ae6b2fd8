/**
 * Runs one operator outside of any job, under virtual time: what goes in, what comes out, in order.
 *
 * The operator is hosted and compiled exactly as in a task. Output is one list in which records and watermarks stand in the
 * order in which they were emitted, so a test can say that this result came right after that input.
 *
 * @example
 * const harness = await OperatorHarness.open(definition);
 * harness.processElement('a', 1000);
 * harness.processWatermark(5000);
 * harness.takeOutput(); // [{ value: …, timestamp: … }, { watermark: 5000 }]
 */
import { type Logger, type OperatorId, type Random, seededRandom, silentLogger, type VertexId } from '../common/index.ts';
import type { OutputTag } from '../connector/index.ts';
import type { JobVertex } from '../graph/index.ts';
import { ManagedMemory, MemorySpillStorage } from '../memory/index.ts';
import { MetricRegistry, metricValue } from '../metrics/index.ts';
import {
  type Accumulator,
  MAX_WATERMARK,
  type OperatorDefinition,
  type OperatorHost,
  type OperatorStateHandles,
} from '../operators/index.ts';
import { createKeyedStateBackend, createOperatorStateBackend, type StateBackendType } from '../state/index.ts';
import { Mailbox, OperatorChain } from '../task/index.ts';
import { memoryCheckpointInput, memoryCheckpointOutput } from './memory-checkpoint.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What an operator emitted: a record, a watermark, or a change between idle and active. */
export type HarnessOutput<T> =
  | { readonly value: T; readonly timestamp: number }
  | { readonly watermark: number }
  | { readonly idle: boolean };

export interface HarnessOptions {
  readonly clock?: VirtualClock;
  /** This operator is one of so many; 1 unless given. */
  readonly parallelism?: number;
  readonly subtaskIndex?: number;
  readonly maxParallelism?: number;
  /** `hashmap` unless given; `hashlog` gets so little memory that most of it is spilled. */
  readonly stateBackend?: StateBackendType;
  /** The snapshots of all subtasks of a checkpoint, at whatever parallelism, in their order. */
  readonly restored?: readonly OperatorStateHandles[];
  readonly logger?: Logger;
  readonly random?: Random;
  readonly autoWatermarkIntervalMs?: number;
  readonly checkpointingEnabled?: boolean;
  /** Side outputs to record. */
  readonly sideOutputs?: readonly OutputTag<any>[];
}

const HASHLOG_BYTES = 64 * 1024;
const OPERATOR_ID = '0123456789abcdef0123456789abcdef' as OperatorId;

export class OperatorHarness<IN, OUT, IN2 = never> {
  readonly clock: VirtualClock;
  private readonly chain: OperatorChain;
  private readonly mailbox: Mailbox;
  private readonly output: HarnessOutput<OUT>[];
  private readonly sides: ReadonlyMap<string, { value: unknown; timestamp: number }[]>;
  private readonly registry: MetricRegistry;
  private checkpointId = 0;

  private constructor(
    clock: VirtualClock,
    chain: OperatorChain,
    mailbox: Mailbox,
    output: HarnessOutput<OUT>[],
    sides: ReadonlyMap<string, { value: unknown; timestamp: number }[]>,
    registry: MetricRegistry,
  ) {
    this.clock = clock;
    this.chain = chain;
    this.mailbox = mailbox;
    this.output = output;
    this.sides = sides;
    this.registry = registry;
  }

  /** Makes an instance of the operator, restores its state if given, and opens it. */
  static async open<IN, OUT, IN2 = never>(
    definition: OperatorDefinition,
    options: HarnessOptions = {},
  ): Promise<OperatorHarness<IN, OUT, IN2>> {
    const clock = options.clock ?? new VirtualClock();
    const registry = new MetricRegistry(clock);
    const maxParallelism = options.maxParallelism ?? 128;
    const mailbox = new Mailbox(() => {});
    const output: HarnessOutput<OUT>[] = [];
    const sides = new Map((options.sideOutputs ?? []).map((tag) => [tag.id, [] as { value: unknown; timestamp: number }[]]));
    const chain = new OperatorChain(
      vertexOf(definition),
      () => definition,
      [
        {
          node: 1,
          writer: {
            write: (value, timestamp) => void output.push({ value: value as OUT, timestamp }),
            processWatermark: (watermark) => void output.push({ watermark }),
            processIdle: (idle) => void output.push({ idle }),
          },
        },
        ...[...sides].map(([tag, records]) => ({
          node: 1,
          sideOutput: tag,
          writer: {
            write: (value: unknown, timestamp: number) => void records.push({ value, timestamp }),
            processWatermark: () => {},
            processIdle: () => {},
          },
        })),
      ],
      {
        jobName: 'harness',
        taskName: 'operator',
        subtaskIndex: options.subtaskIndex ?? 0,
        parallelism: options.parallelism ?? 1,
        maxParallelism,
        attemptNumber: 0,
        autoWatermarkIntervalMs: options.autoWatermarkIntervalMs ?? 200,
        checkpointingEnabled: options.checkpointingEnabled ?? false,
      },
      {
        clock,
        random: options.random ?? seededRandom(1),
        logger: options.logger ?? silentLogger,
        metrics: registry.group('harness'),
        mailbox: { execute: (mail) => mailbox.post(mail) },
        accumulators: new Map<string, Accumulator<unknown, unknown>>(),
        createKeyedStateBackend: (keyGroupRange) =>
          createKeyedStateBackend({
            clock,
            maxParallelism,
            keyGroupRange,
            ...(options.stateBackend === 'hashlog'
              ? { backend: 'hashlog', memory: new ManagedMemory(HASHLOG_BYTES), spill: new MemorySpillStorage() }
              : {}),
          }),
        createOperatorStateBackend: () => createOperatorStateBackend(),
        sendToCoordinator: () => {},
      },
    );
    const { restored } = options;
    if (restored) {
      await chain.head.restore(
        {
          keyed: restored.flatMap(({ keyed }) => keyed ?? []),
          timers: restored.flatMap(({ timers }) => timers ?? []),
          operator: restored.flatMap(({ operator }) => operator ?? []),
          watermark: Math.min(...restored.map(({ watermark }) => watermark)),
          oldParallelism: restored.length,
        },
        memoryCheckpointInput,
      );
    }
    await chain.open();
    return new OperatorHarness<IN, OUT, IN2>(clock, chain, mailbox, output, sides, registry);
  }

  processElement(value: IN, timestamp = Number.NEGATIVE_INFINITY): void {
    this.processBatch([{ value, timestamp }]);
  }

  processElement2(value: IN2, timestamp = Number.NEGATIVE_INFINITY): void {
    this.input(1, [{ value, timestamp }]);
  }

  /** Several records in one call of the compiled chain, as a task does it. */
  processBatch(records: readonly { readonly value: IN; readonly timestamp: number }[]): void {
    this.input(0, records);
  }

  processWatermark(timestamp: number): void {
    this.chain.processWatermark(timestamp);
    this.mailbox.runAll();
  }

  processIdle(idle: boolean): void {
    this.chain.processIdle(idle);
  }

  /** One of two inputs ends. */
  endInput(input: number): void {
    this.host.operator.endInput?.(input);
  }

  /** Moves virtual time, firing processing-time timers on the way. */
  advanceProcessingTime(toMs: number): void {
    while (this.clock.nextTimerMs !== undefined && this.clock.nextTimerMs <= toMs) {
      this.clock.advanceTo(this.clock.nextTimerMs);
      this.mailbox.runAll();
    }
    this.clock.advanceTo(toMs);
    this.mailbox.runAll();
  }

  /** For time that someone else has moved. */
  runMails(): void {
    this.mailbox.runAll();
  }

  /** Lets pending promises go on, and runs the mails that they post, until nothing moves any more. */
  async settle(): Promise<void> {
    do {
      this.mailbox.runAll();
      await this.clock.advanceByAsync(0);
    } while (!this.mailbox.isEmpty);
  }

  /** The end of input: the last watermark, then `finish`, while mails go on, and time if nothing else moves. */
  async finish(): Promise<void> {
    this.processWatermark(MAX_WATERMARK);
    await this.whileMailsRun(this.chain.finish());
  }

  /**
   * All state at this moment, written to bytes: what is restored from it shares nothing with this operator.
   * @param options `canonical`: as savepoints are, so that another state backend can go on from it
   */
  async snapshot(options: { readonly canonical?: boolean } = {}): Promise<OperatorStateHandles> {
    const checkpointId = ++this.checkpointId;
    if (this.host.operator.prepareSnapshotPreBarrier) await this.whileMailsRun(this.host.prepareSnapshotPreBarrier(checkpointId));
    return this.host.startSnapshot(checkpointId, { canonical: options.canonical ?? false }).write(memoryCheckpointOutput);
  }

  /** The last snapshot is part of a complete checkpoint. */
  async notifyCheckpointComplete(): Promise<void> {
    await this.host.notifyCheckpointComplete(this.checkpointId);
  }

  /** The last snapshot will not be part of a complete checkpoint. */
  async notifyCheckpointAborted(): Promise<void> {
    await this.host.notifyCheckpointAborted(this.checkpointId);
  }

  async close(): Promise<void> {
    await this.chain.close();
  }

  /** Everything that was emitted since the last call, in order. */
  takeOutput(): HarnessOutput<OUT>[] {
    return this.output.splice(0);
  }

  /** The values that were emitted since the last call, in order. */
  takeValues(): OUT[] {
    return this.takeOutput().flatMap((o) => ('value' in o ? [o.value] : []));
  }

  takeSideOutput<S>(tag: OutputTag<S>): { value: S; timestamp: number }[] {
    return (this.sides.get(tag.id) ?? []).splice(0) as { value: S; timestamp: number }[];
  }

  metric(name: string): unknown {
    for (const registered of this.registry.all()) if (registered.name === name) return metricValue(registered.metric);
    return undefined;
  }

  /** `undefined` while the operator takes records. */
  isAvailable(): Promise<void> | undefined {
    return this.chain.isAvailable();
  }

  /** Keyed state entries and timers that are left: an operator that has seen the end of time should have none. */
  stateLeft(): {
    readonly entries: Readonly<Record<string, number>>;
    readonly eventTimers: number;
    readonly processingTimers: number;
  } {
    const { keyedState, timerCounts } = this.host;
    const entries: Record<string, number> = {};
    for (const name of keyedState?.stateNames() ?? []) {
      const count = keyedState?.entryCount(name) ?? 0;
      if (count > 0) entries[name] = count;
    }
    return { entries, eventTimers: timerCounts.event, processingTimers: timerCounts.processing };
  }

  private get host(): OperatorHost {
    return this.chain.head;
  }

  private async whileMailsRun(promise: Promise<void>): Promise<void> {
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => {});
    while (!done) {
      await this.settle();
      if (!done && this.clock.nextTimerMs !== undefined) this.advanceProcessingTime(this.clock.nextTimerMs);
    }
    await settled;
  }

  private input(index: number, records: readonly { readonly value: unknown; readonly timestamp: number }[]): void {
    const timestamps = Float64Array.from(records, (r) => r.timestamp);
    this.chain.compiled.inputs[index]?.(
      records.map((r) => r.value),
      timestamps,
      0,
      records.length,
    );
    this.mailbox.runAll();
  }
}

function vertexOf(definition: OperatorDefinition): JobVertex {
  const operator = definition.create();
  return {
    id: OPERATOR_ID as string as VertexId,
    name: 'operator',
    parallelism: 1,
    maxParallelism: 128,
    slotSharingGroup: 'default',
    chainEdges: [],
    operators: [
      {
        node: 1,
        operatorId: OPERATOR_ID,
        kind: 'OPERATOR',
        operatorType: 'operator',
        name: 'operator',
        keyed: definition.keySelectors !== undefined,
        inputCount: operator.processElement2 || operator.inline2 ? 2 : 1,
      },
    ],
  };
}
