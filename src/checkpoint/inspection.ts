/**
 * What is in a checkpoint, for people and their tools: operators, states, sizes, how state is spread over key groups, timers,
 * in-flight data. Reads all state but that in a backend's own format, one key group at a time; decodes no keys and no values of the
 * program. A part that cannot be read becomes a problem in the result, and the rest is still shown.
 */
import { MillraceError, toError } from '../common/index.ts';
import type { CompletedCheckpoint, OperatorCheckpoint, OperatorSubtaskState } from '../protocol/index.ts';
import { BinaryReader, crc32, decodeValue } from '../serialization/index.ts';
import {
  type CheckpointInput,
  formatStateType,
  type IncrementalKeyedStateHandle,
  type KeyGroupsHandle,
  type OperatorStateEntry,
  type OperatorStateMode,
  type OperatorStateSnapshot,
  readSections,
  type StateHandle,
  type StateMeta,
  TimerQueue,
  type TimerQueueSnapshot,
} from '../state/index.ts';
import { filesOf, handlesOfCheckpoint, handlesOfKeyedState, handlesOfOperator, sizeOf, sizeOfHandle } from './state-handles.ts';

export interface CheckpointInspection {
  readonly path: string;
  readonly checkpointId: number;
  readonly kind: CompletedCheckpoint['kind'];
  readonly jobId: string;
  readonly jobName: string;
  readonly triggerTimestampMs: number;
  readonly completedTimestampMs: number;
  /** All that a restore reads; files that several checkpoints share count in each. */
  readonly stateBytes: number;
  readonly files: number;
  readonly operators: readonly OperatorInspection[];
  /** What could not be read, and why. */
  readonly problems: readonly string[];
}

export interface OperatorInspection {
  readonly operatorId: string;
  readonly uid?: string;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly finishedSubtasks: number;
  readonly stateBytes: number;
  readonly keyed?: KeyedInspection;
  readonly operatorStates: readonly OperatorStateInspection[];
  readonly timers: readonly TimersInspection[];
  readonly timersBytes: number;
  /** Of a source: what its enumerator wrote. */
  readonly coordinatorBytes: number;
  readonly inFlight: { readonly channels: number; readonly bytes: number };
  /** The lowest of its subtasks; `null` if there was none yet. */
  readonly watermark: number | null;
}

export interface KeyedInspection {
  /** KEY_GROUPS, or the backend whose own format it is. */
  readonly format: string;
  readonly stateBytes: number;
  readonly states: readonly KeyedStateInspection[];
  /** Absent for a backend's own format. */
  readonly keyGroups?: {
    readonly withState: number;
    readonly largest?: { readonly keyGroup: number; readonly bytes: number };
  };
}

export interface KeyedStateInspection {
  readonly name: string;
  readonly kind: StateMeta['kind'];
  readonly namespaced: boolean;
  readonly ttl: boolean;
  /** As in messages: `VALUE of LONG`. */
  readonly type: string;
  /** Absent for a backend's own format. */
  readonly bytes?: number;
  /** How many key groups hold some of it; absent for a backend's own format. */
  readonly keyGroups?: number;
}

export interface OperatorStateInspection {
  readonly name: string;
  readonly mode: OperatorStateMode;
  readonly type: string;
  /** Over all subtasks; of broadcast state, those of one. */
  readonly elements: number;
  readonly bytes: number;
}

export interface TimersInspection {
  /** The name of the service. */
  readonly name: string;
  readonly eventTime: number;
  readonly processingTime: number;
}

export async function inspectCheckpoint(checkpoint: CompletedCheckpoint, input: CheckpointInput): Promise<CheckpointInspection> {
  const { checkpointId, kind, jobId, jobName, triggerTimestampMs, completedTimestampMs, externalPath } = checkpoint;
  const problems: string[] = [];
  const operators: OperatorInspection[] = [];
  for (const operator of checkpoint.operators) operators.push(await new OperatorInspector(operator, input, problems).inspect());
  return {
    path: externalPath,
    checkpointId,
    kind,
    jobId,
    jobName,
    triggerTimestampMs,
    completedTimestampMs,
    stateBytes: sizeOf(handlesOfCheckpoint(checkpoint)),
    files: filesOf(checkpoint).size,
    operators,
    problems,
  };
}

interface Tally {
  bytes: number;
  readonly keyGroups: Set<number>;
}

class OperatorInspector {
  readonly #operator: OperatorCheckpoint;
  readonly #input: CheckpointInput;
  readonly #problems: string[];

  constructor(operator: OperatorCheckpoint, input: CheckpointInput, problems: string[]) {
    this.#operator = operator;
    this.#input = input;
    this.#problems = problems;
  }

  async inspect(): Promise<OperatorInspection> {
    const { operatorId, uid, name, parallelism, maxParallelism, coordinator, subtasks } = this.#operator;
    const keyed = await this.#keyed();
    const inFlight = subtasks.flatMap((subtask) => subtask.inFlight ?? []);
    const watermark = Math.min(...subtasks.filter(({ finished }) => !finished).map((subtask) => subtask.watermark));
    return {
      operatorId,
      ...(uid === undefined ? {} : { uid }),
      name,
      parallelism,
      maxParallelism,
      finishedSubtasks: subtasks.filter(({ finished }) => finished).length,
      stateBytes: sizeOf(handlesOfOperator(this.#operator)),
      ...(keyed === undefined ? {} : { keyed }),
      operatorStates: await this.#operatorStates(),
      timers: await this.#timers(),
      timersBytes: sizeOf(this.#parts('timers')),
      coordinatorBytes: coordinator === undefined ? 0 : sizeOfHandle(coordinator),
      inFlight: { channels: inFlight.length, bytes: sizeOf(inFlight.map(({ records }) => records)) },
      watermark: Number.isFinite(watermark) ? watermark : null,
    };
  }

  async #keyed(): Promise<KeyedInspection | undefined> {
    const handles = this.#operator.subtasks.flatMap(({ keyed }) => (keyed === undefined ? [] : [keyed]));
    if (handles.length === 0) return undefined;
    const stateBytes = handles.reduce((bytes, handle) => bytes + sizeOf(handlesOfKeyedState(handle)), 0);
    const canonical = handles.filter((handle): handle is KeyGroupsHandle => handle.format === 'KEY_GROUPS');
    const metas = new Map(handles.flatMap(({ states }) => states).map((meta) => [meta.name, meta]));
    if (canonical.length < handles.length) {
      const own = handles.find((handle): handle is IncrementalKeyedStateHandle => handle.format === 'INCREMENTAL');
      return { format: own?.backend ?? 'INCREMENTAL', stateBytes, states: [...metas.values()].map(describeMeta) };
    }
    const tallies = new Map<string, Tally>([...metas.keys()].map((name) => [name, { bytes: 0, keyGroups: new Set() }]));
    for (const handle of canonical) await this.#tallyKeyGroups(handle, tallies);
    const sizes = canonical.flatMap(({ keyGroups }) => keyGroups).map(({ keyGroup, length }) => ({ keyGroup, bytes: length }));
    const largest = sizes.reduce<(typeof sizes)[number] | undefined>((a, b) => (a && a.bytes >= b.bytes ? a : b), undefined);
    return {
      format: 'KEY_GROUPS',
      stateBytes,
      states: [...metas.values()].map((meta) => {
        const { bytes, keyGroups } = tallies.get(meta.name) as Tally;
        return { ...describeMeta(meta), bytes, keyGroups: keyGroups.size };
      }),
      keyGroups: { withState: sizes.length, ...(largest === undefined ? {} : { largest }) },
    };
  }

  async #tallyKeyGroups({ states, keyGroups, content }: KeyGroupsHandle, tallies: Map<string, Tally>): Promise<void> {
    await this.#attempt('keyed state', async () => {
      for (const { keyGroup, offset, length, crc32: expected } of keyGroups) {
        const bytes = await this.#input.readRange(content, offset, length);
        if (crc32(bytes) !== expected) throw damaged(`The checksum of key group ${keyGroup} does not fit.`);
        for (const section of readSections(bytes)) {
          const tally = tallies.get(states[section.stateIndex]?.name ?? '');
          if (tally === undefined) throw damaged(`Key group ${keyGroup} holds a state that is not among those named.`);
          tally.bytes += section.content.length;
          tally.keyGroups.add(keyGroup);
        }
      }
    });
  }

  async #operatorStates(): Promise<OperatorStateInspection[]> {
    const byName = new Map<string, OperatorStateInspection>();
    for (const handle of this.#parts('operator')) {
      await this.#attempt('operator state', async () => {
        const { states } = await this.#decode<OperatorStateSnapshot>(handle);
        for (const { name, mode, type, elements } of states) {
          const known = byName.get(name);
          if (known !== undefined && mode === 'BROADCAST') continue;
          byName.set(name, {
            name,
            mode,
            type: formatStateType(stateKindOf(mode), type),
            elements: (known?.elements ?? 0) + elements.length,
            bytes: elements.reduce((bytes, element) => bytes + element.length, known?.bytes ?? 0),
          });
        }
      });
    }
    return [...byName.values()];
  }

  async #timers(): Promise<TimersInspection[]> {
    const byName = new Map<string, TimersInspection>();
    for (const handle of this.#parts('timers')) {
      await this.#attempt('timers', async () => {
        const { services } = await this.#decode<TimersState>(handle);
        for (const [name, { event, processing }] of Object.entries(services)) {
          const known = byName.get(name) ?? { name, eventTime: 0, processingTime: 0 };
          byName.set(name, {
            name,
            eventTime: known.eventTime + countTimers(event),
            processingTime: known.processingTime + countTimers(processing),
          });
        }
      });
    }
    return [...byName.values()];
  }

  #parts(part: keyof OperatorSubtaskState & ('timers' | 'operator')): StateHandle[] {
    return this.#operator.subtasks.flatMap((subtask) => subtask[part] ?? []);
  }

  async #decode<T>(handle: StateHandle): Promise<T> {
    return decodeValue(new BinaryReader(await this.#input.read(handle))) as T;
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#problems.push(`Cannot read ${what} of operator '${this.#operator.name}': ${toError(error).message}`);
    }
  }
}

/** What a keyed operator writes about its timers. */
interface TimersState {
  readonly services: Readonly<Record<string, { readonly event: TimerQueueSnapshot; readonly processing: TimerQueueSnapshot }>>;
}

function damaged(message: string): MillraceError {
  return new MillraceError('CORRUPT_DATA', message);
}

function countTimers(snapshot: TimerQueueSnapshot): number {
  const queue = new TimerQueue();
  queue.restore(snapshot);
  return queue.size;
}

function describeMeta({ name, kind, namespaced, ttl, type }: StateMeta): KeyedStateInspection {
  return { name, kind, namespaced, ttl, type: formatStateType(kind, type) };
}

function stateKindOf(mode: OperatorStateEntry['mode']): string {
  return mode === 'BROADCAST' ? 'MAP' : 'LIST';
}
