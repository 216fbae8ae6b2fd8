/**
 * Engines that are wrong on purpose: each breaks one rule of the protocol, in what a task executor is given. The simulation must
 * find every one of them.
 */
import type { JobMasterGateway, TaskDeploymentDescriptor } from '../../src/protocol/index.ts';
import type { ChannelProvider, TaskCheckpointStorage, TaskExecutor } from '../../src/taskmanager/index.ts';

export interface Mutation {
  channels?(channels: ChannelProvider): ChannelProvider;
  jobMaster?(master: JobMasterGateway, executor: TaskExecutor): JobMasterGateway;
  storage?(storage: TaskCheckpointStorage): TaskCheckpointStorage;
  descriptor?(descriptor: TaskDeploymentDescriptor): TaskDeploymentDescriptor;
}

export const NO_MUTATION: Mutation = {};
