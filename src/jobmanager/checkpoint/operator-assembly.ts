/**
 * Puts a checkpoint together by operator, out of what the tasks acknowledged: a restore looks for operators, however they are
 * chained by then.
 */
import type { InputEdge, OperatorCheckpoint, OperatorSubtaskState, TaskStateSnapshot } from '../../protocol/index.ts';
import type { CheckpointedVertex, VertexInput } from './checkpointed-vertex.ts';
import { type Acknowledgements, taskKey } from './pending-checkpoint.ts';

const WITHOUT_STATE: OperatorSubtaskState = { watermark: Number.NEGATIVE_INFINITY };
/** Of a subtask that had ended: what it had to say is committed. */
const ENDED: OperatorSubtaskState = { watermark: Number.POSITIVE_INFINITY, finished: true };

/**
 * @param acknowledged tasks that are missing had ended before the checkpoint
 * @param coordinators what the enumerators wrote, by operator id
 * @param drained the tasks ended their input for this savepoint only: who starts from it goes on
 */
export function assembleOperators(
  vertices: readonly CheckpointedVertex[],
  acknowledged: Acknowledgements,
  coordinators: ReadonlyMap<string, Uint8Array>,
  drained: boolean,
): OperatorCheckpoint[] {
  return vertices.flatMap(({ vertex, parallelism, inputs }) => {
    const tasks = Array.from({ length: parallelism }, (_, subtaskIndex) =>
      acknowledged.get(taskKey({ vertexId: vertex.id, subtaskIndex })),
    );
    return vertex.operators.map(({ operatorId, uid, name }, position): OperatorCheckpoint => {
      const coordinator = coordinators.get(operatorId);
      return {
        operatorId,
        ...(uid === undefined ? {} : { uid }),
        name,
        parallelism,
        maxParallelism: vertex.maxParallelism,
        ...(coordinator === undefined ? {} : { coordinator: { kind: 'INLINE', bytes: coordinator } }),
        ...(position === 0 && inputs.length > 0 ? { inputs: inputs.map(inputEdge) } : {}),
        subtasks: tasks.map((task) => subtaskState(task, operatorId, drained)),
      };
    });
  });
}

function inputEdge({ operatorId, sideOutput, input, partitioner }: VertexInput): InputEdge {
  return { operatorId, ...(sideOutput === undefined ? {} : { sideOutput }), input, partitioner };
}

function subtaskState(task: TaskStateSnapshot | undefined, operatorId: string, drained: boolean): OperatorSubtaskState {
  if (task === undefined) return ENDED;
  const state = task.operators[operatorId] ?? WITHOUT_STATE;
  return task.finished && !drained ? { ...state, finished: true } : state;
}
