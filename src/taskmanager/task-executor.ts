/**
 * Runs the tasks of jobs on one thread: makes them from their descriptors, connects them by channels, and reports their
 * states. The functions of a job come from its program, by operator id.
 */
import { invariant, type JobId, type Logger, MillraceError, type Platform, serializeError } from '../common/index.ts';
import type { CoordinatorEvent } from '../connector/index.ts';
import { consumersOf, isPointwise, producersOf } from '../graph/index.ts';
import { ManagedMemory, type SpillStorage } from '../memory/index.ts';
import { type MetricGroup, type MetricRegistry, metricValue } from '../metrics/index.ts';
import type { ChannelWriter } from '../network/index.ts';
import type { Accumulator, KeySelector, Program } from '../operators/index.ts';
import type {
  ChannelTime,
  CheckpointOptions,
  ExecutionAttemptId,
  InputTime,
  JobMasterGateway,
  MetricSample,
  TaskConnection,
  TaskDeploymentDescriptor,
  TaskExecutorGateway,
} from '../protocol/index.ts';
import {
  type CheckpointInput,
  type CheckpointOutput,
  createKeyedStateBackend,
  createOperatorStateBackend,
  encodeKey,
  keyGroupOf,
  keyGroupRange,
} from '../state/index.ts';
import {
  type ChainOutput,
  createEdgeWriter,
  type InFlightOfSubtask,
  type InputChannel,
  Mailbox,
  OperatorChain,
  type RestoredInput,
  StreamTask,
  TaskThread,
  type ThreadBell,
} from '../task/index.ts';
import type { ChannelProvider } from './channel-provider.ts';

/** The files of checkpoints, as tasks see them. */
export interface TaskCheckpointStorage {
  openOutput(directory: string): CheckpointOutput;
  readonly input: CheckpointInput;
}

/** Of the JavaScript heap of a thread. */
export interface HeapUsage {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

export interface TaskExecutorDependencies {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly channels: ChannelProvider;
  /** Of this thread, if channels lead to others. */
  readonly bell?: ThreadBell;
  programOf(jobId: JobId): Program;
  jobMasterOf(jobId: JobId): JobMasterGateway;
  checkpointStorageOf(jobId: JobId): TaskCheckpointStorage;
  /** Where state goes that does not fit in managed memory. */
  createSpillStorage(): SpillStorage;
  /** For metrics. */
  heapUsage?(): HeapUsage;
}

type Accumulators = Map<string, Accumulator<unknown, unknown>>;

interface JobTasks {
  /** By attempt; those that have ended are forgotten. */
  readonly tasks: Map<string, StreamTask>;
  /** By subtask: those of its last attempt. */
  readonly accumulators: Map<string, Accumulators>;
  /** What state off the heap may take, and where it spills to when a task first needs it. */
  memory: ManagedMemory | undefined;
  spill: SpillStorage | undefined;
}

export class TaskExecutor implements TaskExecutorGateway {
  private readonly dependencies: TaskExecutorDependencies;
  private readonly jobs = new Map<JobId, JobTasks>();

  private readonly thread: TaskThread;

  constructor(dependencies: TaskExecutorDependencies) {
    this.dependencies = dependencies;
    const { clock, scheduler } = dependencies.platform;
    this.thread = new TaskThread(clock, scheduler, dependencies.bell);
  }

  async submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    const { attempt } = descriptor;
    const job = this.jobTasks(attempt.jobId);
    const task = this.createTask(descriptor, job);
    job.tasks.set(taskKey(attempt), task);
    await task.initialize();
  }

  async startTask(attempt: ExecutionAttemptId): Promise<void> {
    this.task(attempt)?.run();
  }

  async cancelTask(attempt: ExecutionAttemptId): Promise<void> {
    await this.task(attempt)?.cancel();
  }

  async sendOperatorEvent(attempt: ExecutionAttemptId, event: unknown): Promise<void> {
    this.task(attempt)?.handleCoordinatorEvent(event as CoordinatorEvent);
  }

  async triggerCheckpoint(
    attempt: ExecutionAttemptId,
    checkpointId: number,
    timestampMs: number,
    options: CheckpointOptions,
  ): Promise<void> {
    this.task(attempt)?.triggerCheckpoint({ type: 'CHECKPOINT_BARRIER', checkpointId, timestampMs, options });
  }

  async notifyCheckpointComplete(attempt: ExecutionAttemptId, checkpointId: number): Promise<void> {
    this.task(attempt)?.notifyCheckpointComplete(checkpointId);
  }

  async notifyCheckpointAborted(attempt: ExecutionAttemptId, checkpointId: number): Promise<void> {
    this.task(attempt)?.notifyCheckpointAborted(checkpointId);
  }

  async requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>> {
    const merged = this.mergedAccumulators(jobId);
    return Object.fromEntries([...merged].map(([name, accumulator]) => [name, accumulator.getLocalValue()]));
  }

  /** Those of all subtasks here, by name: copies. */
  mergedAccumulators(jobId: JobId): Map<string, Accumulator<unknown, unknown>> {
    const merged: Accumulators = new Map();
    for (const own of this.jobs.get(jobId)?.accumulators.values() ?? []) {
      for (const [name, accumulator] of own) {
        const known = merged.get(name);
        if (known) known.merge(accumulator);
        else merged.set(name, accumulator.clone());
      }
    }
    return merged;
  }

  async requestMetrics(jobId: JobId): Promise<readonly MetricSample[]> {
    const { metrics } = this.dependencies;
    metrics.sampleMeters();
    const samples: MetricSample[] = [];
    for (const { scope, name, metric } of metrics.all()) {
      if (scope[0] === jobId) samples.push({ scope: scope.slice(1), name, value: metricValue(metric) });
    }
    return samples;
  }

  async releaseJob(jobId: JobId): Promise<void> {
    this.jobs.get(jobId)?.spill?.dispose();
    this.jobs.delete(jobId);
    this.dependencies.channels.release(jobId);
  }

  private jobTasks(jobId: JobId): JobTasks {
    let job = this.jobs.get(jobId);
    if (job === undefined) {
      job = { tasks: new Map(), accumulators: new Map(), memory: undefined, spill: undefined };
      this.jobs.set(jobId, job);
    }
    return job;
  }

  private stateMemory(job: JobTasks, managedMemoryBytes: number) {
    job.spill ??= this.dependencies.createSpillStorage();
    return { memory: this.managedMemory(job, managedMemoryBytes), spill: job.spill };
  }

  private managedMemory(job: JobTasks, managedMemoryBytes: number): ManagedMemory {
    job.memory ??= new ManagedMemory(managedMemoryBytes);
    return job.memory;
  }

  /** The parts of the slot's memory: managed, network, heap. */
  private registerMemoryMetrics({ attempt, slot, settings }: TaskDeploymentDescriptor, job: JobTasks): void {
    if (job.memory !== undefined) return;
    const { metrics, channels, heapUsage } = this.dependencies;
    const group = metrics.group(attempt.jobId, `slot-${slot}`, 'Status', 'Memory');
    this.managedMemory(job, settings.managedMemoryBytes).registerMetrics(group);
    group.addGroup('Network').gauge('Used', () => channels.networkBytes);
    if (heapUsage === undefined) return;
    const heap = group.addGroup('Heap');
    heap.gauge('Used', () => heapUsage().usedBytes);
    heap.gauge('Max', () => heapUsage().limitBytes);
  }

  private task(attempt: ExecutionAttemptId): StreamTask | undefined {
    return this.jobs.get(attempt.jobId)?.tasks.get(taskKey(attempt));
  }

  private createTask(descriptor: TaskDeploymentDescriptor, job: JobTasks): StreamTask {
    const { attempt, vertex, jobName, taskName, parallelism, settings, restore } = descriptor;
    const { platform, logger } = this.dependencies;
    const { clock, random } = platform;
    this.registerMemoryMetrics(descriptor, job);
    const master = this.dependencies.jobMasterOf(attempt.jobId);
    const program = this.dependencies.programOf(attempt.jobId);
    const storage = this.dependencies.checkpointStorageOf(attempt.jobId);
    const metricScope = [attempt.jobId, taskName, String(attempt.subtaskIndex)];
    this.dependencies.metrics.remove(...metricScope);
    const metrics = this.dependencies.metrics.group(...metricScope);
    const accumulators: Accumulators = new Map();
    job.accumulators.set(`${attempt.vertexId}/${attempt.subtaskIndex}`, accumulators);

    const checkpointingEnabled = settings.checkpointing.intervalMs !== undefined;
    let wake: () => void = () => {};
    const mailbox = new Mailbox(() => wake());
    const outputs = descriptor.produces.map((connection) => this.createOutput(attempt, connection, program));
    const inputs = descriptor.consumes.flatMap((connection, edge) => this.createInputs(attempt, connection, edge));
    const chain = new OperatorChain(
      vertex,
      (operatorId) => {
        const definition = program.get(operatorId);
        if (definition) return definition;
        throw new MillraceError('INTERNAL', `The program of job '${jobName}' has no operator ${operatorId}.`);
      },
      outputs,
      {
        jobName,
        taskName,
        subtaskIndex: attempt.subtaskIndex,
        parallelism,
        maxParallelism: vertex.maxParallelism,
        attemptNumber: attempt.attemptNumber,
        autoWatermarkIntervalMs: settings.autoWatermarkIntervalMs,
        checkpointingEnabled,
      },
      {
        clock,
        random,
        logger,
        metrics,
        mailbox: { execute: (mail) => mailbox.post(mail) },
        accumulators,
        createKeyedStateBackend: (range) =>
          createKeyedStateBackend({
            clock,
            maxParallelism: vertex.maxParallelism,
            keyGroupRange: range,
            backend: settings.stateBackend,
            operatorId: `${taskName}-${attempt.subtaskIndex}`,
            scheduler: platform.scheduler,
            ...(settings.stateBackend === 'hashlog' ? this.stateMemory(job, settings.managedMemoryBytes) : {}),
          }),
        createOperatorStateBackend: () => createOperatorStateBackend(),
        sendToCoordinator: (operatorId, event) => master.operatorEventFromTask(attempt, operatorId, event),
      },
    );
    const channels = outputs.flatMap((o) => o.channels);
    const key = taskKey(attempt);
    const task = new StreamTask(
      {
        name: taskName,
        checkpointingEnabled,
        bufferTimeoutMs: settings.bufferTimeoutMs,
        finishedBefore: restore?.finished === true,
      },
      {
        clock,
        logger,
        chain,
        mailbox,
        inputs,
        outputs: channels,
        wake: () => wake(),
        ...(restore && {
          restore: async () => {
            await chain.restore(restore.operators, storage.input);
            return this.restoredInput(descriptor, inputs, program, storage.input);
          },
        }),
        openOutput: (directory) => storage.openOutput(directory),
        acknowledge: (checkpointId, state, checkpointMetrics) =>
          master.acknowledgeCheckpoint(attempt, checkpointId, state, checkpointMetrics),
        decline: (checkpointId, reason) => master.declineCheckpoint(attempt, checkpointId, serializeError(reason)),
        endOfData: () => master.endOfDataReached(attempt),
        onStateChange: (state, error) => {
          if (state === 'CREATED') return;
          if (state === 'FINISHED' || state === 'CANCELED' || state === 'FAILED') job.tasks.delete(key);
          master.updateTaskState({ attempt, state, ...(error ? { error: serializeError(error) } : {}) });
        },
      },
    );
    registerTaskMetrics(metrics, task, inputs, channels);
    wake = this.thread.add(task);
    return task;
  }

  private createOutput(
    attempt: ExecutionAttemptId,
    connection: TaskConnection,
    program: Program,
  ): ChainOutput & { readonly channels: readonly ChannelWriter[] } {
    const { edge, edgeIndex, producerParallelism, consumerParallelism, peerSlots } = connection;
    const consumers = consumersOf(edge.partitioner, attempt.subtaskIndex, producerParallelism, consumerParallelism);
    const channels = consumers.map((consumerSubtask) =>
      this.dependencies.channels.writer(
        {
          jobId: attempt.jobId,
          edgeIndex,
          producerSubtask: attempt.subtaskIndex,
          consumerSubtask,
          attemptNumber: attempt.attemptNumber,
        },
        peerSlots[consumerSubtask] as number,
      ),
    );
    const target = program.get(connection.targetOperatorId);
    const keySelector = target?.hashSelectors?.[edge.input]?.[connection.positionOfInput];
    const partition = target?.customPartitioners?.[edge.input]?.[connection.positionOfInput];
    const writer = createEdgeWriter(
      {
        partitioner: edge.partitioner,
        maxParallelism: connection.consumerMaxParallelism,
        edgeName: `${edge.sourceNode} → ${edge.targetNode}`,
        ...(keySelector ? { keySelector } : {}),
        ...(partition ? { partition } : {}),
      },
      channels,
      this.dependencies.platform.random,
    );
    return {
      node: edge.sourceNode,
      ...(edge.sideOutput === undefined ? {} : { sideOutput: edge.sideOutput }),
      writer,
      channels,
    };
  }

  private createInputs(attempt: ExecutionAttemptId, connection: TaskConnection, position: number): InputChannel[] {
    const { edge, edgeIndex, producerParallelism, consumerParallelism, peerSlots } = connection;
    const producers = producersOf(edge.partitioner, attempt.subtaskIndex, producerParallelism, consumerParallelism);
    const { partitioner } = edge;
    const canBeUnaligned = !isPointwise(partitioner) && partitioner !== 'BROADCAST' && partitioner !== 'CUSTOM';
    return producers.map((producerSubtask) => ({
      channel: this.dependencies.channels.reader(
        {
          jobId: attempt.jobId,
          edgeIndex,
          producerSubtask,
          consumerSubtask: attempt.subtaskIndex,
          attemptNumber: attempt.attemptNumber,
        },
        peerSlots[producerSubtask] as number,
      ),
      input: edge.input,
      edge: position,
      producerSubtask,
      canBeUnaligned,
    }));
  }

  /** Where the channels were, and what was in flight towards the old subtasks, as far as it may belong to this one. */
  private async restoredInput(
    descriptor: TaskDeploymentDescriptor,
    channels: readonly InputChannel[],
    program: Program,
    input: CheckpointInput,
  ): Promise<RestoredInput> {
    const { vertex, attempt, parallelism, consumes, restore } = descriptor;
    const { inFlight = [], inputTimes = [], sameInputs } = restore?.operators[vertex.operators[0]?.operatorId ?? ''] ?? {};
    const range = keyGroupRange(parallelism, vertex.maxParallelism, attempt.subtaskIndex);
    const bySubtask = new Map<number, InFlightOfSubtask & { readonly channels: InFlightOfSubtask['channels'][number][] }>();
    for (const { edge: position, producerSubtask, records, subtask, withoutRecords } of inFlight) {
      const connection = consumes[position];
      if (connection === undefined) {
        throw new MillraceError(
          'STATE_FAILED',
          `The checkpoint holds records that were in flight towards '${vertex.name}' on an input that it no longer has. Start from a savepoint, which holds none.`,
          { recoverable: false },
        );
      }
      const { edge, targetOperatorId } = connection;
      const keySelector: KeySelector<unknown> | undefined =
        program.get(targetOperatorId)?.hashSelectors?.[edge.input]?.[connection.positionOfInput];
      const time = inputTimes.find((t) => t.subtask === subtask);
      const ofSubtask = bySubtask.get(subtask) ?? { time, channels: [] };
      bySubtask.set(subtask, ofSubtask);
      ofSubtask.channels.push({
        position: time?.channels.findIndex((c) => c.edge === position && c.producerSubtask === producerSubtask) ?? 0,
        input: edge.input,
        elements: await input.read(records),
        accepts: (value) => {
          if (edge.partitioner !== 'HASH' || keySelector === undefined) return withoutRecords !== true;
          const keyGroup = keyGroupOf(encodeKey(keySelector(value)), vertex.maxParallelism);
          return keyGroup >= range.start && keyGroup <= range.end;
        },
      });
    }
    const own = sameInputs ? inputTimes.find((t) => t.subtask === attempt.subtaskIndex) : undefined;
    return { time: own && { ...own, channels: timesOf(channels, own) }, inFlight: [...bySubtask.values()] };
  }
}

/** In the order of the channels. */
function timesOf(channels: readonly InputChannel[], { channels: times }: InputTime): readonly ChannelTime[] {
  return channels.map(({ edge, producerSubtask }) => {
    const time = times.find((t) => t.edge === edge && t.producerSubtask === producerSubtask);
    invariant(time, `the checkpoint has nothing of the channel from subtask ${producerSubtask} of edge ${edge}`);
    return time;
  });
}

function registerTaskMetrics(
  group: MetricGroup,
  task: StreamTask,
  inputs: readonly InputChannel[],
  outputs: readonly ChannelWriter[],
): void {
  task.times.register(group);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const highest = (values: readonly number[]): number => Math.max(0, ...values);
  group.counterOf('numBytesIn', () => sum(inputs.map((i) => i.channel.bytesRead)));
  group.counterOf('numBuffersIn', () => sum(inputs.map((i) => i.channel.buffersRead)));
  group.counterOf('numBytesOut', () => sum(outputs.map((o) => o.bytesWritten)));
  group.counterOf('numBuffersOut', () => sum(outputs.map((o) => o.buffersWritten)));
  group.gauge('inPoolUsage', () => highest(inputs.map((i) => i.channel.usage)));
  group.gauge('outPoolUsage', () => highest(outputs.map((o) => o.usage)));
  group.gauge('checkpointAlignmentTime', () => Math.round(task.checkpoints.lastAlignmentMs * 1e6));
  group.gauge('checkpointStartDelayNanos', () => Math.round(task.checkpoints.lastStartDelayMs * 1e6));
}

function taskKey(attempt: ExecutionAttemptId): string {
  return `${attempt.vertexId}/${attempt.subtaskIndex}/${attempt.attemptNumber}`;
}
