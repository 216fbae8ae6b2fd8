export { CheckpointCoordinator } from './checkpoint-coordinator.ts';
export {
  type AcknowledgementStats,
  type CheckpointStats,
  type CheckpointStatsSnapshot,
  CheckpointStatsTracker,
  type CheckpointStatus,
  type CheckpointType,
  type RestoredCheckpointStats,
  type SubtaskCheckpointStats,
  type TaskCheckpointStats,
} from './checkpoint-stats-tracker.ts';
export type {
  CheckpointCoordinatorDependencies,
  CheckpointCoordinatorOptions,
  CheckpointPlan,
  CheckpointStorage,
  CompletedCheckpoints,
  SavepointRequest,
} from './coordinator-dependencies.ts';
export type { CheckpointedVertex } from './operator-assembly.ts';
export { taskKey } from './pending-checkpoint.ts';
export { type AssignableVertex, assignState, type StateAssignment, type StateAssignmentOptions } from './state-assignment.ts';
