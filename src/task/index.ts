export { type BatchFunction, type CompiledChain, compileChain, type RecordWriter } from './chain-compiler.ts';
export { type ExecutionState, isTerminal } from './execution-state.ts';
export type { InputChannel, RestoredInput } from './gate-input.ts';
export type { InFlightOfSubtask } from './in-flight-replay.ts';
export { Mailbox } from './mailbox.ts';
export { type ChainOutput, OperatorChain } from './operator-chain.ts';
export { createEdgeWriter } from './record-writers.ts';
export { StreamTask, type StreamTaskDependencies, type StreamTaskOptions } from './stream-task.ts';
export { type StepResult, TaskThread, type ThreadBell, type ThreadTask } from './task-thread.ts';
