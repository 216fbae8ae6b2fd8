export { TaskExecutor, type TaskExecutorDependencies } from './task-executor.ts';
