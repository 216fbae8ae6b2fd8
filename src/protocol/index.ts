export type { DispatcherGateway, JobMasterGateway, JobSubmission, TaskExecutorGateway } from './gateways.ts';
export { isTerminalStatus, type JobStatus, transitionJob } from './job-status.ts';
export type {
  ExecutionAttemptId,
  ExecutionSettings,
  JobExecutionResult,
  JobProgress,
  TaskDeploymentDescriptor,
  TaskStateReport,
} from './messages.ts';
