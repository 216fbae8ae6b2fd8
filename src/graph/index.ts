export { consumersOf, isPointwise, producersOf } from './channel-topology.ts';
export { describeExchanges, type ExchangeChannels, exchangeChannels } from './exchange-channels.ts';
export { hash128 } from './hash.ts';
export {
  type ChainEdge,
  type ChainedOperator,
  type JobEdge,
  type JobGraph,
  type JobVertex,
  withOneSubtask,
} from './job-graph.ts';
export { computeMaxParallelism, generateJobGraph } from './job-graph-generator.ts';
export { operatorScope, taskScope } from './metric-scope.ts';
export { type ExecutionPlan, executionPlan, type JobPlan, jobPlan, planTree } from './plan.ts';
export { assignSlots, type SlotAssignment } from './slot-assignment.ts';
export {
  type ChainingStrategy,
  type NodeKind,
  type Partitioner,
  resolvePartitioners,
  type StreamEdge,
  type StreamGraph,
  type StreamNode,
} from './stream-graph.ts';
