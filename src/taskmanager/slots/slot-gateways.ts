/**
 * What the main thread and a slot say to each other: the gateways of task executor and job master, with what a slot on a
 * thread of its own needs besides.
 */
import type { JobId, LogFields, LogLevel } from '../../common/index.ts';
import type { JobMasterGateway, TaskDeploymentDescriptor, TaskExecutorGateway } from '../../protocol/index.ts';
import type { GatewayType } from '../../rpc/index.ts';
import type { AccumulatorStates } from '../accumulator-states.ts';

/** One end of a channel to or from a task in another slot. */
export interface RingEnd {
  readonly edgeIndex: number;
  readonly producerSubtask: number;
  readonly consumerSubtask: number;
  readonly ring: SharedArrayBuffer;
  /** Of the slot at the other end. */
  readonly peerDoorbell: SharedArrayBuffer;
}

/** Served by a slot. */
export interface SlotGateway
  extends Pick<
    TaskExecutorGateway,
    | 'startTask'
    | 'cancelTask'
    | 'sendOperatorEvent'
    | 'triggerCheckpoint'
    | 'notifyCheckpointComplete'
    | 'notifyCheckpointAborted'
    | 'requestMetrics'
    | 'releaseJob'
  > {
  /** @param rings the ends that the task has of channels to other slots */
  submitTask(descriptor: TaskDeploymentDescriptor, rings: readonly RingEnd[]): Promise<void>;
  /** @param before those of other slots; @returns them with those of this slot */
  mergeAccumulators(jobId: JobId, before: AccumulatorStates): Promise<AccumulatorStates>;
}

export const SLOT_GATEWAY: GatewayType<SlotGateway> = {
  name: 'Slot',
  methods: {
    submitTask: 'request',
    startTask: 'request',
    cancelTask: 'request',
    sendOperatorEvent: 'request',
    triggerCheckpoint: 'request',
    notifyCheckpointComplete: 'request',
    notifyCheckpointAborted: 'request',
    releaseJob: 'request',
    mergeAccumulators: 'request',
    requestMetrics: 'request',
  },
};

/** Served to a slot: the job masters of all jobs that it runs. */
export interface SlotMasterGateway extends JobMasterGateway {
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

export const SLOT_MASTER_GATEWAY: GatewayType<SlotMasterGateway> = {
  name: 'SlotMaster',
  methods: {
    updateTaskState: 'notice',
    operatorEventFromTask: 'notice',
    acknowledgeCheckpoint: 'notice',
    declineCheckpoint: 'notice',
    endOfDataReached: 'notice',
    log: 'notice',
  },
};
