/**
 * Deals the state of a checkpoint out to the subtasks of a job, at whatever parallelism the job has now.
 *
 * Operators are matched by id, which a uid fixes; what they are called, and how they are chained, does not matter. Keyed state and
 * timers go to the subtasks that own their key groups now, operator state goes whole to every subtask, which takes its share, and
 * records that were in flight go to where the channels would bring them today.
 *
 * Nothing is lost in silence: state that no operator claims, and state that does not fit, is refused.
 */
import { MillraceError, type VertexId } from '../../common/index.ts';
import { type ChainedOperator, type JobVertex, producersOf } from '../../graph/index.ts';
import type {
  CompletedCheckpoint,
  OperatorCheckpoint,
  OperatorRestore,
  OperatorSubtaskState,
  TaskRestore,
} from '../../protocol/index.ts';
import { keyGroupRange, type StateHandle } from '../../state/index.ts';
import type { CheckpointedVertex } from './checkpointed-vertex.ts';
import { holdsInFlight, type InputRestore, inputRestore, isAsBefore, overlap } from './in-flight-assignment.ts';

export interface StateAssignmentOptions {
  /** Whether state that no operator of the job claims may be left behind. */
  readonly allowNonRestoredState: boolean;
}

export interface StateAssignment {
  /** By vertex, then by subtask. */
  readonly tasks: ReadonlyMap<VertexId, readonly TaskRestore[]>;
  /** What the enumerators of sources go on from, by operator id. */
  readonly coordinators: ReadonlyMap<string, StateHandle>;
  /** Operators whose state is left behind, for the log. */
  readonly unclaimed: readonly OperatorCheckpoint[];
}

/** The subtasks of a vertex that only have to end again. */
type Finished = 'ALL' | ReadonlySet<number>;

/**
 * @param vertices in topological order
 * @throws MillraceError `STATE_FAILED`, not recoverable, for state that does not fit or that nothing claims
 */
export function assignState(
  checkpoint: CompletedCheckpoint,
  vertices: readonly CheckpointedVertex[],
  { allowNonRestoredState }: StateAssignmentOptions,
): StateAssignment {
  const byId = new Map(checkpoint.operators.map((operator) => [operator.operatorId, operator]));
  const present = new Set<string>(vertices.flatMap(({ vertex }) => vertex.operators.map((o) => o.operatorId)));
  const unclaimed = checkpoint.operators.filter((o) => !present.has(o.operatorId) && holdsState(o));
  if (unclaimed.length > 0 && !allowNonRestoredState) throw unclaimedState(checkpoint, unclaimed);
  const tasks = new Map<VertexId, readonly TaskRestore[]>();
  const coordinators = new Map<string, StateHandle>();
  const finishedOf = new Map<VertexId, Finished>();
  const asBefore = new Set<VertexId>();
  for (const assignable of vertices) {
    const { vertex, parallelism } = assignable;
    for (const { operatorId } of vertex.operators) {
      const coordinator = byId.get(operatorId)?.coordinator;
      if (coordinator !== undefined) coordinators.set(operatorId, coordinator);
    }
    const finished = withFinishedProducers(
      checkpoint,
      finishedSubtasks(checkpoint, assignable, byId),
      assignable,
      vertices,
      finishedOf,
    );
    finishedOf.set(vertex.id, finished);
    if (isAsBefore(assignable, byId, asBefore)) asBefore.add(vertex.id);
    tasks.set(
      vertex.id,
      Array.from({ length: parallelism }, (_, subtask): TaskRestore => {
        const operators: Record<string, OperatorRestore> = {};
        for (const operator of vertex.operators) {
          const state = byId.get(operator.operatorId);
          if (state === undefined) continue;
          operators[operator.operatorId] = {
            ...operatorRestore(checkpoint, state, assignable, subtask, finished === 'ALL'),
            ...inputOf(checkpoint, state, assignable, subtask, asBefore.has(vertex.id)),
          };
        }
        const ends = finished === 'ALL' || finished.has(subtask);
        return { checkpointId: checkpoint.checkpointId, operators, ...(ends ? { finished: true } : {}) };
      }),
    );
  }
  return { tasks, coordinators, unclaimed };
}

function operatorRestore(
  checkpoint: CompletedCheckpoint,
  operator: OperatorCheckpoint,
  { vertex, parallelism }: CheckpointedVertex,
  subtask: number,
  allFinished: boolean,
): Omit<OperatorRestore, keyof InputRestore> {
  const { subtasks, parallelism: oldParallelism, maxParallelism } = operator;
  const restore: Lists = { keyed: [], timers: [], operator: [] };
  const isKeyed = subtasks.some((s) => s.keyed !== undefined || s.timers !== undefined);
  if (isKeyed && maxParallelism !== vertex.maxParallelism) throw otherMaxParallelism(checkpoint, operator, vertex);
  const same = parallelism === oldParallelism;
  const own = isKeyed ? keyGroupRange(parallelism, maxParallelism, subtask) : undefined;
  let watermark = Number.POSITIVE_INFINITY;
  for (const [old, state] of subtasks.entries()) {
    if (state.operator !== undefined) restore.operator.push(state.operator);
    // After a rescale, a finished subtask's keys would finish a second time in a subtask that goes on: nothing will come for them.
    if (state.finished && !same && !allFinished) continue;
    if (!same || old === subtask) watermark = Math.min(watermark, state.watermark);
    if (own === undefined) continue;
    if (state.keyed !== undefined && overlap(state.keyed.keyGroupRange, own)) restore.keyed.push(state.keyed);
    if (state.timers !== undefined && overlap(keyGroupRange(oldParallelism, maxParallelism, old), own)) {
      restore.timers.push(state.timers);
    }
  }
  return { ...restore, watermark, oldParallelism };
}

type Lists = { -readonly [K in 'keyed' | 'timers' | 'operator']: OperatorRestore[K][number][] };

/** Of the head of a chain; the other operators have no channels, so nothing can be in flight towards them. */
function inputOf(
  checkpoint: CompletedCheckpoint,
  operator: OperatorCheckpoint,
  assignable: CheckpointedVertex,
  subtask: number,
  asBefore: boolean,
): InputRestore {
  const { vertex, inputs } = assignable;
  const { operatorId, subtasks, maxParallelism } = operator;
  const isHead = vertex.operators[0]?.operatorId === operatorId;
  if (!isHead && subtasks.some(holdsInFlight)) throw missingEdge(checkpoint, operator);
  if (!isHead) return { inFlight: [] };
  const hasKeys = subtasks.some(holdsInFlight) && inputs.some((input) => input.partitioner === 'HASH');
  if (hasKeys && maxParallelism !== vertex.maxParallelism) throw otherMaxParallelism(checkpoint, operator, vertex);
  return inputRestore(operator, assignable, subtask, asBefore, () => missingEdge(checkpoint, operator));
}

/**
 * The subtasks that only have to end again. After a rescale there is no telling whose records a new subtask stands for, unless
 * all had finished.
 */
function finishedSubtasks(
  checkpoint: CompletedCheckpoint,
  { vertex, parallelism }: CheckpointedVertex,
  byId: ReadonlyMap<string, OperatorCheckpoint>,
): Finished {
  const states = vertex.operators.map((operator) => byId.get(operator.operatorId));
  const allFinished = (state: OperatorCheckpoint | undefined): boolean => state?.subtasks.every((s) => s.finished) ?? false;
  if (states.every(allFinished)) return 'ALL';
  const done = states.findIndex(allFinished);
  if (done >= 0) {
    const operators = vertex.operators as readonly ChainedOperator[];
    const goesOn = operators[states.findIndex((state) => !allFinished(state))] as ChainedOperator;
    throw mixedChain(checkpoint, operators[done] as ChainedOperator, goesOn);
  }
  const finished = new Set<number>();
  for (let subtask = 0; subtask < parallelism; subtask++) {
    const ended = states.every((state) => state?.parallelism === parallelism && state.subtasks[subtask]?.finished);
    if (ended) finished.add(subtask);
  }
  return finished;
}

/**
 * Those of the finished subtasks for which nothing will come: a producer that has another parallelism now may go on, and what it has
 * to say is for subtasks that had heard all of the producers that they had.
 */
function withFinishedProducers(
  checkpoint: CompletedCheckpoint,
  finished: Finished,
  { vertex, parallelism, inputs }: CheckpointedVertex,
  vertices: readonly CheckpointedVertex[],
  finishedOf: ReadonlyMap<VertexId, Finished>,
): Finished {
  const hasFinished = (subtask: number): boolean =>
    inputs.every(({ source, partitioner }) => {
      const producers = finishedOf.get(source);
      const producer = vertices.find((v) => v.vertex.id === source);
      if (producers === undefined || producers === 'ALL' || producer === undefined) return true;
      return producersOf(partitioner, subtask, producer.parallelism, parallelism).every((p) => producers.has(p));
    });
  if (finished !== 'ALL') return new Set([...finished].filter(hasFinished));
  for (let subtask = 0; subtask < parallelism; subtask++) if (!hasFinished(subtask)) throw inputAfterTheEnd(checkpoint, vertex);
  return 'ALL';
}

function holdsState({ coordinator, subtasks }: OperatorCheckpoint): boolean {
  return coordinator !== undefined || subtasks.some(holdsSubtaskState);
}

function holdsSubtaskState({ keyed, timers, operator, inFlight }: OperatorSubtaskState): boolean {
  const keys = keyed !== undefined && (keyed.format === 'INCREMENTAL' || keyed.keyGroups.length > 0);
  return keys || timers !== undefined || operator !== undefined || (inFlight?.length ?? 0) > 0;
}

function called({ uid, name }: Pick<OperatorCheckpoint, 'uid' | 'name'>): string {
  return uid === undefined ? `'${name}' (which had no uid)` : `'${name}' (uid '${uid}')`;
}

function shown({ kind, checkpointId, externalPath }: CompletedCheckpoint): string {
  return `${kind === 'SAVEPOINT' ? 'savepoint' : 'checkpoint'} ${checkpointId} ('${externalPath}')`;
}

function refused(checkpoint: CompletedCheckpoint, message: string): MillraceError {
  const { checkpointId, externalPath } = checkpoint;
  return new MillraceError('STATE_FAILED', message, { context: { checkpointId, path: externalPath }, recoverable: false });
}

function unclaimedState(checkpoint: CompletedCheckpoint, operators: readonly OperatorCheckpoint[]): MillraceError {
  const names = operators.map(called).join(', ');
  return refused(
    checkpoint,
    `The ${shown(checkpoint)} holds state of operators that the program does not have: ${names}. Give the operators that it ` +
      "belongs to the same uid as before; or, to leave it behind, set 'execution.state-recovery.ignore-unclaimed-state' to true.",
  );
}

function otherMaxParallelism(
  checkpoint: CompletedCheckpoint,
  operator: OperatorCheckpoint,
  now: { readonly maxParallelism: number },
): MillraceError {
  const { maxParallelism } = operator;
  return refused(
    checkpoint,
    `The state of operator ${called(operator)} in the ${shown(checkpoint)} has ${maxParallelism} key groups, but the operator has ` +
      `a max parallelism of ${now.maxParallelism} now. Call setMaxParallelism(${maxParallelism}) on it.`,
  );
}

function missingEdge(checkpoint: CompletedCheckpoint, operator: OperatorCheckpoint): MillraceError {
  return refused(
    checkpoint,
    `The ${shown(checkpoint)} holds records on their way to operator ${called(operator)} through an input that it does not have ` +
      'any more, or not of its own. Stop the unchanged program with a savepoint, which holds no such records, and start the new one from it.',
  );
}

function inputAfterTheEnd(checkpoint: CompletedCheckpoint, { name }: JobVertex): MillraceError {
  return refused(
    checkpoint,
    `In the ${shown(checkpoint)}, '${name}' had processed all its input and finished, but what feeds it now has not. Give the ` +
      'operators in it another uid to start them afresh, or remove the input that was added.',
  );
}

function mixedChain(checkpoint: CompletedCheckpoint, done: ChainedOperator, goesOn: ChainedOperator): MillraceError {
  return refused(
    checkpoint,
    `In the ${shown(checkpoint)}, operator '${done.name}' has finished, but '${goesOn.name}', which is now chained to it, has ` +
      `not. Call startNewChain() on '${goesOn.name}'.`,
  );
}
