/**
 * What the host of an operator writes into a checkpoint, and how it deals out again what other subtasks wrote.
 *
 * Three parts: keyed state, which its backend writes; what a keyed operator has besides (timers and the watermark of its
 * keys); operator state. The latter two are small and written as one value each.
 */
import type { Scheduler } from '../common/index.ts';
import { BinaryReader, BinaryWriter, decodeValue, encodeValue } from '../serialization/index.ts';
import {
  type CheckpointInput,
  type CheckpointOutput,
  type FrozenTimers,
  type KeyedStateHandle,
  type KeyGroupRange,
  type OperatorStateEntry,
  type OperatorStateSnapshot,
  redistributeOperatorState,
  type StateHandle,
  type TimerQueueSnapshot,
} from '../state/index.ts';
import type { FrozenTimerService, InternalTimerSnapshot } from './internal-timer-service.ts';
import type { KeyGroupWatermark } from './key-watermarks.ts';

/** Where the state of one subtask of one operator is. Plain data. */
export interface OperatorStateHandles {
  readonly keyed?: KeyedStateHandle;
  /** Of keyed operators: a `TimersSnapshot`. */
  readonly timers?: StateHandle;
  /** A `SubtaskOperatorState`. */
  readonly operator?: StateHandle;
  readonly watermark: number;
}

/** What one subtask goes on from: the handles of the old subtasks whose state it shares in. */
export interface OperatorRestoreHandles {
  readonly keyed: readonly KeyedStateHandle[];
  readonly timers: readonly StateHandle[];
  /** Of all old subtasks. */
  readonly operator: readonly StateHandle[];
  /** The smallest of the old subtasks' watermarks. */
  readonly watermark: number;
  readonly oldParallelism: number;
}

/** A snapshot whose content is fixed, and still to be written. Either `write` or `discard` is called, once. */
export interface PendingOperatorSnapshot {
  /**
   * Resolves when all of it is durable.
   * @throws MillraceError `FILE_SYSTEM_FAILED`, `NOT_SERIALIZABLE`; what was written by then goes with its checkpoint
   */
  write(output: CheckpointOutput): Promise<OperatorStateHandles>;
  discard(): void;
}

export interface TimersSnapshot {
  /** By name. */
  readonly services: Readonly<Record<string, InternalTimerSnapshot>>;
  readonly watermarks: readonly KeyGroupWatermark[];
}

/** The content of a `TimersSnapshot`, still to be encoded. */
export interface FrozenTimersSnapshot {
  readonly services: ReadonlyMap<string, FrozenTimerService>;
  /** Restored, and not asked for since. */
  readonly unclaimed: ReadonlyMap<string, InternalTimerSnapshot>;
  readonly watermarks: readonly KeyGroupWatermark[];
}

export interface SubtaskOperatorState extends OperatorStateSnapshot {
  readonly subtaskIndex: number;
}

/** @throws MillraceError `FILE_SYSTEM_FAILED` */
export async function writeBytes(bytes: Uint8Array, output: CheckpointOutput): Promise<StateHandle> {
  const stream = await output.createStream('EXCLUSIVE');
  try {
    await stream.write(bytes);
    return await stream.finish();
  } catch (error) {
    await stream.abort();
    throw error;
  }
}

/** So many timers are encoded before others have their turn: in about 5 ms. */
const TIMERS_AT_ONCE = 10_000;

export async function encodeTimers(frozen: FrozenTimersSnapshot, scheduler: Scheduler): Promise<Uint8Array> {
  const encode = async (timers: FrozenTimers): Promise<TimerQueueSnapshot> => {
    const encoding = timers.encode(TIMERS_AT_ONCE);
    let step = encoding.next();
    while (!step.done) {
      await new Promise<void>((resolve) => scheduler.yieldThen(resolve));
      step = encoding.next();
    }
    return step.value;
  };
  const services: Record<string, InternalTimerSnapshot> = Object.fromEntries(frozen.unclaimed);
  for (const [name, { event, processing }] of frozen.services) {
    services[name] = { event: await encode(event), processing: await encode(processing) };
  }
  return encodeSnapshot({ services, watermarks: frozen.watermarks });
}

/** Both are made of bytes and plain values: state has been encoded before. */
export function encodeSnapshot(value: TimersSnapshot | SubtaskOperatorState): Uint8Array {
  const writer = new BinaryWriter();
  encodeValue(writer, value);
  return writer.toBytes();
}

/** @throws MillraceError `CORRUPT_DATA`, `FILE_SYSTEM_FAILED` */
export async function readSnapshots<S extends TimersSnapshot | SubtaskOperatorState>(
  handles: readonly StateHandle[],
  input: CheckpointInput,
): Promise<S[]> {
  const snapshots: S[] = [];
  for (const handle of handles) snapshots.push(decodeValue(new BinaryReader(await input.read(handle))) as S);
  return snapshots;
}

/** The timers of one subtask, out of those of all old ones whose key groups overlap with its own. */
export function timersIn(range: KeyGroupRange, snapshots: readonly TimersSnapshot[]): Map<string, InternalTimerSnapshot> {
  const inRange = ({ maxParallelism, keyGroups }: TimerQueueSnapshot): TimerQueueSnapshot => ({
    maxParallelism,
    keyGroups: keyGroups.filter(({ keyGroup }) => keyGroup >= range.start && keyGroup <= range.end),
  });
  const both = (one: TimerQueueSnapshot | undefined, other: TimerQueueSnapshot): TimerQueueSnapshot => ({
    ...other,
    keyGroups: [...(one?.keyGroups ?? []), ...inRange(other).keyGroups],
  });
  const timers = new Map<string, InternalTimerSnapshot>();
  for (const { services } of snapshots) {
    for (const [name, { event, processing }] of Object.entries(services)) {
      const known = timers.get(name);
      timers.set(name, { event: both(known?.event, event), processing: both(known?.processing, processing) });
    }
  }
  return timers;
}

/**
 * One subtask's share of operator state. At the parallelism of old, split state stays where it was, as in Flink: what belongs
 * together in one subtask (in order, or by a convention of the program) stays together.
 */
export function shareOf(
  all: readonly SubtaskOperatorState[],
  subtaskIndex: number,
  parallelism: number,
  oldParallelism: number,
): OperatorStateSnapshot {
  const inOrder = [...all].sort((a, b) => a.subtaskIndex - b.subtaskIndex);
  const dealt = redistributeOperatorState(inOrder, parallelism)[subtaskIndex] as OperatorStateSnapshot;
  if (parallelism !== oldParallelism) return dealt;
  const own = inOrder.find((snapshot) => snapshot.subtaskIndex === subtaskIndex);
  const elementsOf = (name: string): OperatorStateEntry['elements'] =>
    own?.states.find((entry) => entry.name === name)?.elements ?? [];
  return {
    states: dealt.states.map((entry) => (entry.mode === 'SPLIT' ? { ...entry, elements: elementsOf(entry.name) } : entry)),
  };
}
