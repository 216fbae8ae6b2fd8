export { type ChannelId, type ChannelProvider, LocalChannels } from './channel-provider.ts';
export { type Slot, SlotPool, type SlotPoolDependencies, type SlotThread } from './slots/slot-pool.ts';
export { type SlotServerDependencies, type SlotServerOptions, serveSlot } from './slots/slot-server.ts';
export {
  ThreadedTaskExecutor,
  type ThreadedTaskExecutorDependencies,
  type ThreadedTaskExecutorOptions,
} from './slots/threaded-task-executor.ts';
export { type HeapUsage, type TaskCheckpointStorage, TaskExecutor, type TaskExecutorDependencies } from './task-executor.ts';
