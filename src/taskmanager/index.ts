export { type ChannelId, type ChannelProvider, LocalChannels } from './channel-provider.ts';
export { type TaskCheckpointStorage, TaskExecutor, type TaskExecutorDependencies } from './task-executor.ts';
