export { memoryCheckpointInput, memoryCheckpointOutput } from './memory-checkpoint.ts';
export { type HarnessOptions, type HarnessOutput, OperatorHarness } from './operator-harness.ts';
export { ParallelHarness, type ParallelHarnessOptions } from './parallel-harness.ts';
export { type VerifyInput, type VerifyOptions, type VerifyResult, verifyOperator } from './verify-operator.ts';
export { VirtualClock } from './virtual-clock.ts';
