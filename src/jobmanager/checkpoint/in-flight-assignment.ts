/**
 * Deals out what was in flight towards the subtasks of a vertex, and where event time was at their channels.
 *
 * Where nothing has changed of the vertex and of all that feeds it, a subtask goes on from its own: each of its channels is where it was.
 *
 * Otherwise no channel of now is one of before, and channels begin without a watermark, as in a fresh start. Records go to where the
 * channels would bring them today, and with them the watermarks between them, of all channels of their old subtask: by these a
 * replay knows how late each record was. They may move the time of a subtask only if they are true for all that it will be
 * sent. That is so if every producer had a channel to every old subtask: then each of these knows of no later time than that of
 * the slowest producer, and whatever comes is sent by one of them, or by who took over from it. An old subtask that was fed
 * by some of the producers only (FORWARD, RESCALE) may have been ahead of others, whose records may come here now: so where
 * there is such an edge, records are replayed without watermarks, which come again from the sources.
 */
import type { VertexId } from '../../common/index.ts';
import { isPointwise, type Partitioner } from '../../graph/index.ts';
import type {
  InputEdge,
  InputTime,
  OperatorCheckpoint,
  OperatorRestore,
  OperatorSubtaskState,
  RestoredInFlight,
} from '../../protocol/index.ts';
import { type KeyGroupRange, keyGroupRange } from '../../state/index.ts';
import type { CheckpointedVertex, VertexInput } from './checkpointed-vertex.ts';

export type InputRestore = Pick<OperatorRestore, 'inFlight' | 'inputTimes' | 'sameInputs'>;

/** @param missingEdge makes the error for records on an edge that the vertex does not have any more */
export function inputRestore(
  operator: OperatorCheckpoint,
  { vertex, parallelism, inputs }: CheckpointedVertex,
  subtask: number,
  asBefore: boolean,
  missingEdge: () => Error,
): InputRestore {
  const edgeOf = edgesNow(operator.inputs, inputs);
  const timeOf = (old: number, { emitted, idle, channels }: InputTime): InputTime & { readonly subtask: number } => ({
    subtask: old,
    emitted,
    idle,
    channels: channels.map((channel) => ({ ...channel, edge: edgeOf(channel.edge) ?? GONE })),
  });
  const isHash = ({ edge }: { readonly edge: number }): boolean => inputs[edgeOf(edge) ?? GONE]?.partitioner === 'HASH';
  const inFlight: RestoredInFlight[] = [];
  const inputTimes: (InputTime & { readonly subtask: number })[] = [];
  const countsTime = [...inputs, ...(operator.inputs ?? [])].every((e) => !isPointwise(e.partitioner as Partitioner));
  for (const [old, { inFlight: elements = [], inputTime }] of operator.subtasks.entries()) {
    const isSuccessor = old % parallelism === subtask;
    const sharesKeys = overlap(
      keyGroupRange(operator.parallelism, operator.maxParallelism, old),
      keyGroupRange(parallelism, vertex.maxParallelism, subtask),
    );
    if (!elements.some((e) => (isHash(e) ? sharesKeys : isSuccessor))) continue;
    for (const element of elements) {
      const edge = edgeOf(element.edge);
      if (edge === undefined) throw missingEdge();
      const withoutRecords = isHash(element) ? !sharesKeys : !isSuccessor;
      inFlight.push({ ...element, edge, subtask: old, ...(withoutRecords ? { withoutRecords } : {}) });
    }
    if (inputTime !== undefined && countsTime && !asBefore) inputTimes.push(timeOf(old, inputTime));
  }
  const own = operator.subtasks[subtask]?.inputTime;
  if (asBefore && own !== undefined) return { inFlight, inputTimes: [timeOf(subtask, own)], sameInputs: true };
  return inputTimes.length === 0 ? { inFlight } : { inFlight, inputTimes };
}

/**
 * Whether nothing has changed of the vertex, nor of all that feeds it.
 * @param known those of the vertices in front of it of which that is true
 */
export function isAsBefore(
  { vertex, parallelism, inputs }: CheckpointedVertex,
  byId: ReadonlyMap<string, OperatorCheckpoint>,
  known: ReadonlySet<VertexId>,
): boolean {
  const states = vertex.operators.map(({ operatorId }) => byId.get(operatorId));
  if (!states.every((state) => state?.parallelism === parallelism)) return false;
  const old = states[0]?.inputs ?? [];
  return (
    old.length === inputs.length &&
    inputs.every((input, i) => known.has(input.source) && isSameEdge(input, old[i]) && input.partitioner === old[i]?.partitioner)
  );
}

/** The state of a subtask of an operator that is not the head of a chain any more has no channels. */
export function holdsInFlight({ inFlight }: OperatorSubtaskState): boolean {
  return inFlight !== undefined && inFlight.length > 0;
}

/** The position of no edge. */
const GONE = -1;

/** By the positions of old: the same edge, or failing that the one in its place. Of checkpoints that do not say, all are in place. */
function edgesNow(old: readonly InputEdge[] | undefined, now: readonly VertexInput[]): (position: number) => number | undefined {
  if (old === undefined) return (position) => (position < now.length ? position : undefined);
  const found = new Map<number, number>();
  const taken = new Set<number>();
  const take = (position: number, edge: number): void => {
    found.set(position, edge);
    taken.add(edge);
  };
  for (const [position, edge] of old.entries()) {
    const same = now.findIndex((e, i) => !taken.has(i) && isSameEdge(e, edge));
    if (same >= 0) take(position, same);
  }
  for (const [position, { input }] of old.entries()) {
    if (!found.has(position) && !taken.has(position) && now[position]?.input === input) take(position, position);
  }
  return (position) => found.get(position);
}

function isSameEdge(a: InputEdge, b: InputEdge | undefined): boolean {
  return a.operatorId === b?.operatorId && a.sideOutput === b.sideOutput && a.input === b.input;
}

export function overlap(a: KeyGroupRange, b: KeyGroupRange): boolean {
  return a.start <= b.end && b.start <= a.end;
}
