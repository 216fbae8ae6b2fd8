/**
 * A task executor whose slots are threads: sends each task to the slot that the job master chose, and answers for all of them.
 *
 * Calls for one task arrive at its slot in the order in which they were made: nothing overtakes the deployment, and nothing waits
 * in between. Channels between slots are rings in shared memory that both ends get with their deployment. When a slot is lost,
 * all its tasks have failed, recoverably, and what was asked about them counts as done; a task that does not stop when it is
 * canceled takes its slot with it after a grace period, because a thread that is busy for ever can only be ended as a whole.
 */
import { type Clock, type JobId, type Logger, MillraceError, type TimerHandle } from '../../common/index.ts';
import { consumersOf, producersOf } from '../../graph/index.ts';
import { createRing } from '../../network/index.ts';
import type {
  CheckpointOptions,
  ExecutionAttemptId,
  JobMasterGateway,
  MetricSample,
  TaskDeploymentDescriptor,
  TaskExecutorGateway,
  TaskStateReport,
} from '../../protocol/index.ts';
import { type AccumulatorStates, accumulatorValues } from '../accumulator-states.ts';
import type { RingEnd, SlotGateway } from './slot-gateways.ts';
import type { Slot, SlotPool } from './slot-pool.ts';

export interface ThreadedTaskExecutorOptions {
  /** How long a task may take to stop before its slot is ended. */
  readonly cancellationTimeoutMs: number;
}

export interface ThreadedTaskExecutorDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pool: SlotPool;
  /** Lets the slot find the functions of the job; rejects if they are not those of the job. */
  prepareJob(slot: Slot, jobId: JobId): Promise<void>;
  jobMasterOf(jobId: JobId): JobMasterGateway;
}

interface DeployedTask {
  readonly attempt: ExecutionAttemptId;
  readonly name: string;
  readonly slot: Slot;
  /** Calls that wait for the deployment to be sent; `undefined` once it is. */
  waiting: (() => void)[] | undefined;
  canceling: boolean;
  grace: TimerHandle | undefined;
}

interface DeployedJob {
  /** By attempt; those that have ended are forgotten. */
  readonly tasks: Map<string, DeployedTask>;
  /** Every slot that has had a task of the job, with the preparation of the thread that runs it now. */
  readonly slots: Map<Slot, Promise<void>>;
  /** Channels of which one end is deployed. */
  readonly rings: Map<string, SharedArrayBuffer>;
}

export class ThreadedTaskExecutor implements TaskExecutorGateway {
  private readonly options: ThreadedTaskExecutorOptions;
  private readonly dependencies: ThreadedTaskExecutorDependencies;
  private readonly jobs = new Map<JobId, DeployedJob>();
  /** Of jobs that were released. */
  private readonly finalMetrics = new Map<JobId, readonly MetricSample[]>();

  constructor(options: ThreadedTaskExecutorOptions, dependencies: ThreadedTaskExecutorDependencies) {
    this.options = options;
    this.dependencies = dependencies;
  }

  async submitTask(descriptor: TaskDeploymentDescriptor): Promise<void> {
    const { attempt, taskName } = descriptor;
    const job = this.job(attempt.jobId);
    const slot = this.dependencies.pool.slot(descriptor.slot);
    const name = `${taskName} (${attempt.subtaskIndex + 1}/${descriptor.parallelism})`;
    const rings = this.ringsOf(descriptor, job);
    const task: DeployedTask = { attempt, name, slot, waiting: [], canceling: false, grace: undefined };
    job.tasks.set(attemptKey(attempt), task);
    try {
      await this.prepare(slot, attempt.jobId, job);
      const deployed = slot.gateway.submitTask(descriptor, rings);
      sendWaiting(task);
      await deployed;
    } catch (error) {
      const wasSent = task.waiting === undefined;
      sendWaiting(task);
      if (wasSent && isLoss(error)) return;
      this.forget(attempt);
      throw error;
    }
  }

  async startTask(attempt: ExecutionAttemptId): Promise<void> {
    await this.call(attempt, (slot) => slot.startTask(attempt));
  }

  async cancelTask(attempt: ExecutionAttemptId): Promise<void> {
    const task = this.task(attempt);
    if (task === undefined) return;
    if (!task.canceling) {
      task.canceling = true;
      const { cancellationTimeoutMs } = this.options;
      const tooLong = (): void =>
        task.slot.terminate(`task ${task.name} did not stop within ${cancellationTimeoutMs / 1000} s of its cancellation`);
      task.grace = this.dependencies.clock.setTimer(cancellationTimeoutMs, tooLong, { unref: true });
    }
    await this.call(attempt, (slot) => slot.cancelTask(attempt));
  }

  async sendOperatorEvent(attempt: ExecutionAttemptId, event: unknown): Promise<void> {
    await this.call(attempt, (slot) => slot.sendOperatorEvent(attempt, event));
  }

  async triggerCheckpoint(
    attempt: ExecutionAttemptId,
    checkpointId: number,
    timestampMs: number,
    options: CheckpointOptions,
  ): Promise<void> {
    await this.call(attempt, (slot) => slot.triggerCheckpoint(attempt, checkpointId, timestampMs, options));
  }

  async notifyCheckpointComplete(attempt: ExecutionAttemptId, checkpointId: number): Promise<void> {
    await this.call(attempt, (slot) => slot.notifyCheckpointComplete(attempt, checkpointId));
  }

  async notifyCheckpointAborted(attempt: ExecutionAttemptId, checkpointId: number): Promise<void> {
    await this.call(attempt, (slot) => slot.notifyCheckpointAborted(attempt, checkpointId));
  }

  async requestAccumulators(jobId: JobId): Promise<Readonly<Record<string, unknown>>> {
    let states: AccumulatorStates = {};
    for (const slot of this.jobs.get(jobId)?.slots.keys() ?? []) {
      states = await slot.gateway.mergeAccumulators(jobId, states).catch(unlessLost(states));
    }
    return accumulatorValues(states);
  }

  async requestMetrics(jobId: JobId): Promise<readonly MetricSample[]> {
    const job = this.jobs.get(jobId);
    if (job === undefined) return this.finalMetrics.get(jobId) ?? [];
    const samples = [...job.slots.keys()].map((slot) => slot.gateway.requestMetrics(jobId).catch(unlessLost([])));
    return (await Promise.all(samples)).flat();
  }

  async releaseJob(jobId: JobId): Promise<void> {
    const job = this.jobs.get(jobId);
    if (job === undefined) return;
    this.finalMetrics.set(jobId, await this.requestMetrics(jobId));
    await Promise.all([...job.slots.keys()].map((slot) => slot.gateway.releaseJob(jobId).catch(unlessLost(undefined))));
    this.jobs.delete(jobId);
    this.dependencies.pool.removeJob(jobId);
  }

  private job(jobId: JobId): DeployedJob {
    let job = this.jobs.get(jobId);
    if (job !== undefined) return job;
    job = { tasks: new Map(), slots: new Map(), rings: new Map() };
    this.jobs.set(jobId, job);
    const master = this.dependencies.jobMasterOf(jobId);
    this.dependencies.pool.addJob(jobId, {
      jobMaster: {
        updateTaskState: (report) => this.updateTaskState(master, report),
        operatorEventFromTask: (...args) => master.operatorEventFromTask(...args),
        acknowledgeCheckpoint: (...args) => master.acknowledgeCheckpoint(...args),
        declineCheckpoint: (...args) => master.declineCheckpoint(...args),
        endOfDataReached: (...args) => master.endOfDataReached(...args),
      },
      slotLost: (slot, error) => this.slotLost(jobId, slot, error),
    });
    return job;
  }

  private prepare(slot: Slot, jobId: JobId, job: DeployedJob): Promise<void> {
    let prepared = job.slots.get(slot);
    if (prepared === undefined) job.slots.set(slot, (prepared = this.dependencies.prepareJob(slot, jobId)));
    return prepared;
  }

  private task(attempt: ExecutionAttemptId): DeployedTask | undefined {
    return this.jobs.get(attempt.jobId)?.tasks.get(attemptKey(attempt));
  }

  private async call(attempt: ExecutionAttemptId, method: (slot: SlotGateway) => Promise<void>): Promise<void> {
    const task = this.task(attempt);
    if (task === undefined) return;
    const send = (): Promise<void> => method(task.slot.gateway).catch(unlessLost(undefined));
    if (task.waiting !== undefined) await new Promise<void>((resolve) => task.waiting?.push(() => resolve(send())));
    else await send();
  }

  private updateTaskState(master: JobMasterGateway, report: TaskStateReport): void {
    const { attempt, state } = report;
    if (state === 'FINISHED' || state === 'CANCELED' || state === 'FAILED') this.forget(attempt);
    master.updateTaskState(report);
  }

  private forget(attempt: ExecutionAttemptId): void {
    this.task(attempt)?.grace?.cancel();
    this.jobs.get(attempt.jobId)?.tasks.delete(attemptKey(attempt));
  }

  private slotLost(jobId: JobId, slot: Slot, error: MillraceError): void {
    const job = this.jobs.get(jobId);
    if (job === undefined) return;
    job.slots.delete(slot);
    // Those whose deployment was not sent yet learn it from the preparation, which fails.
    const lost = [...job.tasks.values()].filter((task) => task.slot === slot && task.waiting === undefined);
    const master = this.dependencies.jobMasterOf(jobId);
    for (const task of lost) this.forget(task.attempt);
    for (const { attempt, name, canceling } of lost) {
      if (canceling) master.updateTaskState({ attempt, state: 'CANCELED' });
      else {
        const failure = new MillraceError('CONNECTION_LOST', `Task ${name} failed: ${error.message}`, {
          context: { ...error.context, task: name },
        });
        master.updateTaskState({ attempt, state: 'FAILED', error: failure.toJSON() });
      }
    }
    const stuck = lost.filter((task) => task.canceling).map((task) => task.name);
    if (stuck.length > 0) this.dependencies.logger.log('warn', error.message, { canceled: stuck.join(', ') });
  }

  /** The ends of channels to other slots; the one that is deployed first makes the ring, the other takes it. */
  private ringsOf({ attempt, slot, consumes, produces }: TaskDeploymentDescriptor, job: DeployedJob): RingEnd[] {
    const { pool } = this.dependencies;
    const { subtaskIndex, attemptNumber } = attempt;
    const ends: RingEnd[] = [];
    const add = (edgeIndex: number, producerSubtask: number, consumerSubtask: number, peerSlot: number): void => {
      if (peerSlot === slot) return;
      const key = `${edgeIndex}/${producerSubtask}/${consumerSubtask}/${attemptNumber}`;
      let ring = job.rings.get(key);
      if (ring !== undefined) job.rings.delete(key);
      else job.rings.set(key, (ring = createRing()));
      ends.push({ edgeIndex, producerSubtask, consumerSubtask, ring, peerDoorbell: pool.doorbell(peerSlot) });
    };
    for (const { edge, edgeIndex, producerParallelism, consumerParallelism, peerSlots } of consumes) {
      for (const producer of producersOf(edge.partitioner, subtaskIndex, producerParallelism, consumerParallelism)) {
        add(edgeIndex, producer, subtaskIndex, peerSlots[producer] as number);
      }
    }
    for (const { edge, edgeIndex, producerParallelism, consumerParallelism, peerSlots } of produces) {
      for (const consumer of consumersOf(edge.partitioner, subtaskIndex, producerParallelism, consumerParallelism)) {
        add(edgeIndex, subtaskIndex, consumer, peerSlots[consumer] as number);
      }
    }
    return ends;
  }
}

function sendWaiting(task: DeployedTask): void {
  const calls = task.waiting ?? [];
  task.waiting = undefined;
  for (const call of calls) call();
}

function isLoss(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'CONNECTION_LOST';
}

/** What is asked of a slot that is lost is answered by what its loss means. */
function unlessLost<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isLoss(error)) return value;
    throw error;
  };
}

function attemptKey({ vertexId, subtaskIndex, attemptNumber }: ExecutionAttemptId): string {
  return `${vertexId}/${subtaskIndex}/${attemptNumber}`;
}
