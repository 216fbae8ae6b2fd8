/**
 * A slot, on the thread that is its own: a task executor behind the gateway that the main thread calls, with metrics and channels
 * of the thread.
 */
import type { JobId, Logger, LogLevel, Platform } from '../../common/index.ts';
import type { SpillStorage } from '../../memory/index.ts';
import { MetricRegistry } from '../../metrics/index.ts';
import { ThreadDoorbell } from '../../network/index.ts';
import type { Program } from '../../operators/index.ts';
import type { CheckpointSettings } from '../../protocol/index.ts';
import type { RpcConnection } from '../../rpc/index.ts';
import { mergeAccumulatorStates } from '../accumulator-states.ts';
import { type HeapUsage, type TaskCheckpointStorage, TaskExecutor } from '../task-executor.ts';
import { RingChannels } from './ring-channels.ts';
import { SLOT_GATEWAY, SLOT_MASTER_GATEWAY } from './slot-gateways.ts';

export interface SlotServerOptions {
  readonly slot: number;
  /** Wakes this thread. */
  readonly doorbell: SharedArrayBuffer;
  /** What is below it stays on this thread. */
  readonly logLevel: LogLevel;
}

export interface SlotServerDependencies {
  readonly platform: Platform;
  readonly connection: RpcConnection;
  /** The functions of a job; asked only after the main thread has seen to it that they are there. */
  programOf(jobId: JobId): Program;
  jobReleased(jobId: JobId): void;
  openCheckpointStorage(settings: CheckpointSettings): TaskCheckpointStorage;
  createSpillStorage(): SpillStorage;
  heapUsage(): HeapUsage;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Serves the slot from now on. */
export function serveSlot({ slot, doorbell, logLevel }: SlotServerOptions, dependencies: SlotServerDependencies): void {
  const { platform, connection, programOf, jobReleased, openCheckpointStorage, createSpillStorage, heapUsage } = dependencies;
  const master = connection.gateway(SLOT_MASTER_GATEWAY);
  const logger: Logger = {
    log(level, message, fields) {
      if (RANK[level] < RANK[logLevel]) return;
      try {
        master.log(level, message, fields);
      } catch {
        // Fields that cannot be sent are not worth a task.
        master.log(level, message);
      }
    },
  };
  const bell = new ThreadDoorbell(doorbell);
  const channels = new RingChannels(slot, bell, logger);
  const storages = new Map<JobId, TaskCheckpointStorage>();
  const executor = new TaskExecutor({
    platform,
    logger,
    metrics: new MetricRegistry(platform.clock),
    channels,
    bell,
    createSpillStorage,
    heapUsage,
    programOf,
    jobMasterOf: () => master,
    checkpointStorageOf: (jobId) => storages.get(jobId) as TaskCheckpointStorage,
  });
  connection.serve(SLOT_GATEWAY, {
    submitTask(descriptor, rings) {
      const { attempt, settings } = descriptor;
      channels.add(attempt, rings);
      if (!storages.has(attempt.jobId)) storages.set(attempt.jobId, openCheckpointStorage(settings.checkpointing));
      return executor.submitTask(descriptor);
    },
    startTask: (attempt) => executor.startTask(attempt),
    cancelTask: (attempt) => executor.cancelTask(attempt),
    sendOperatorEvent: (attempt, event) => executor.sendOperatorEvent(attempt, event),
    triggerCheckpoint: (...args) => executor.triggerCheckpoint(...args),
    notifyCheckpointComplete: (...args) => executor.notifyCheckpointComplete(...args),
    notifyCheckpointAborted: (...args) => executor.notifyCheckpointAborted(...args),
    mergeAccumulators: async (jobId, before) => mergeAccumulatorStates(executor.mergedAccumulators(jobId), before),
    requestMetrics: (jobId) => executor.requestMetrics(jobId),
    async releaseJob(jobId) {
      await executor.releaseJob(jobId);
      storages.delete(jobId);
      jobReleased(jobId);
    },
  });
}
