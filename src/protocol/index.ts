export type {
  ChannelTime,
  CheckpointMetrics,
  CheckpointOptions,
  CompletedCheckpoint,
  InFlightState,
  InputEdge,
  InputTime,
  OperatorCheckpoint,
  OperatorRestore,
  OperatorSubtaskState,
  RestoredInFlight,
  TaskRestore,
  TaskStateSnapshot,
} from './checkpoint-messages.ts';
export type {
  AcknowledgementStats,
  CheckpointStats,
  CheckpointStatsSnapshot,
  CheckpointStatus,
  CheckpointSummary,
  CheckpointType,
  RestoredCheckpointStats,
  SubtaskCheckpointStats,
  TaskCheckpointStats,
} from './checkpoint-statistics.ts';
export type { DispatcherGateway, JobMasterGateway, JobSubmission, TaskExecutorGateway } from './gateways.ts';
export { isTerminalStatus, type JobStatus, transitionJob } from './job-status.ts';
export type {
  CheckpointSettings,
  ExecutionAttemptId,
  ExecutionSettings,
  JobExecutionResult,
  JobProgress,
  MetricSample,
  RestartStrategySettings,
  SavepointRestoreSettings,
  TaskConnection,
  TaskDeploymentDescriptor,
  TaskStateReport,
} from './messages.ts';
