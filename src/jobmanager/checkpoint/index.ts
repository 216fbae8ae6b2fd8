export { CheckpointCoordinator } from './checkpoint-coordinator.ts';
export { CheckpointStatsTracker } from './checkpoint-stats-tracker.ts';
export { checkpointedVertices } from './checkpointed-vertex.ts';
export type { CheckpointPlan, SavepointRequest } from './coordinator-dependencies.ts';
export { assignState, type StateAssignment } from './state-assignment.ts';
