/**
 * The `hashmap` backend: keyed state as JavaScript objects on the heap, by reference.
 *
 * The path of a record: `setCurrentKey` checks and encodes the key and marks the families stale; the first access to a
 * state looks the key up; all further accesses are fields. A read-modify-write through `ValueState` on a million keys runs
 * at 0.75 (number keys) to 1.0 (strings of 36 characters) of the rate of `get` and `set` on one plain Map. What decides is
 * the number of memory accesses and instructions per record: processors overlap the cache misses of several records.
 *
 * Snapshots are synchronous: encoded before `snapshot` returns, so later changes cannot show. All changes of tables go
 * through `StateFamily` and `KeyTable`, which is where a copy-on-write version for asynchronous snapshots comes in.
 */
import { type Clock, MillraceError } from '../common/index.ts';
import type { TypeRegistry } from '../serialization/index.ts';
import type { CheckpointInput } from './checkpoint-streams.ts';
import { copiesOf } from './copies-of.ts';
import { HeapAggregatingState, HeapListState, HeapMapState, HeapReducingState, HeapValueState } from './heap-states.ts';
import { type CanonicalKey, encodeKey } from './key-encoding.ts';
import type { KeyGroupRange } from './key-groups.ts';
import { readKeyGroups, writeKeyGroups } from './key-groups-stream.ts';
import type { KeyedStateBackend, KeyedStateSnapshot, StateMeta } from './keyed-state-backend.ts';
import { KeyedStateWriter, readRecords } from './keyed-state-format.ts';
import type { KeyedStateHandle, PendingKeyedSnapshot } from './keyed-state-handle.ts';
import { checkMaxParallelism, checkSameState, conversionOf, inState, metaOf, refuseTtl } from './state-checks.ts';
import type { KeyedStateDescriptor } from './state-descriptors.ts';
import { KeyContext, type StateFamily } from './state-family.ts';
import { reducerOf } from './state-functions.ts';
import { TimerQueue } from './timer-queue.ts';
import { timerStateMeta } from './timer-state.ts';
import { TtlCleaner } from './ttl-cleaner.ts';
import {
  mapStoredValues,
  TtlAggregatingState,
  TtlListState,
  TtlMapState,
  TtlReducingState,
  TtlTime,
  type TtlValue,
  TtlValueState,
} from './ttl-states.ts';
import { UnclaimedState } from './unclaimed-state.ts';

export interface KeyedStateBackendOptions {
  /** For time to live. */
  readonly clock: Clock;
  /** The number of key groups; fixed for the life of the state. */
  readonly maxParallelism: number;
  /** The key groups of this subtask; all unless given. */
  readonly keyGroupRange?: KeyGroupRange;
  /** For values that are instances of classes. */
  readonly types?: TypeRegistry;
}

interface RegisteredState {
  readonly descriptor: KeyedStateDescriptor;
  readonly meta: StateMeta;
  readonly family: StateFamily;
  readonly slot: number;
  /** What functions get. */
  readonly state: object;
  readonly cleaner?: TtlCleaner;
}

export class HeapKeyedStateBackend implements KeyedStateBackend {
  readonly keepsStateOffHeap = false;
  private readonly context = new KeyContext();
  private readonly states = new Map<string, RegisteredState>();
  private readonly unclaimed = new UnclaimedState();
  private readonly timerQueues = new Map<string, TimerQueue>();
  private readonly clock: Clock;
  private readonly maxParallelism: number;
  private readonly keyGroupRange: KeyGroupRange;
  private readonly types: TypeRegistry | undefined;

  constructor(options: KeyedStateBackendOptions) {
    this.clock = options.clock;
    this.maxParallelism = options.maxParallelism;
    this.keyGroupRange = options.keyGroupRange ?? { start: 0, end: options.maxParallelism - 1 };
    this.types = options.types;
  }

  get currentKey(): unknown {
    return this.context.key;
  }

  get currentCanonicalKey(): CanonicalKey {
    return this.context.canonicalKey;
  }

  setCurrentKey(key: unknown): void {
    this.context.set(encodeKey(key));
  }

  setCurrentCanonicalKey(key: CanonicalKey): void {
    this.context.set(key);
  }

  clearCurrentKey(): void {
    this.context.set(undefined);
  }

  getPartitionedState(descriptor: KeyedStateDescriptor): any {
    return this.stateOf(descriptor, false).state;
  }

  getNamespacedState(descriptor: KeyedStateDescriptor): any {
    refuseTtl(descriptor, 'state of windows');
    return this.stateOf(descriptor, true).state;
  }

  forEachKey(descriptor: KeyedStateDescriptor, visit: (key: any, state: any) => void): void {
    const { family, slot, state } = this.stateOf(descriptor, false);
    family.forEachKey('', slot, (key) => visit(key, state));
  }

  timerQueue(name: string): TimerQueue {
    let queue = this.timerQueues.get(name);
    if (queue === undefined) {
      queue = new TimerQueue();
      this.timerQueues.set(name, queue);
      this.takeRestoredTimers(name, queue);
    }
    return queue;
  }

  snapshot(): KeyedStateSnapshot {
    const writer = new KeyedStateWriter(this.maxParallelism, this.types);
    const states: StateMeta[] = [];
    for (const { meta, family, slot, cleaner } of this.states.values()) {
      cleaner?.sweep();
      try {
        family.forEachValue(slot, (namespace, key, value) => writer.add(meta.namespaced ? namespace : undefined, key, value));
      } catch (error) {
        throw inState(meta.name, error);
      }
      writer.endState(states.length);
      states.push(meta);
    }
    for (const { meta, sections } of this.unclaimed.all()) {
      for (const { keyGroup, content } of sections) writer.addSection(keyGroup, states.length, content);
      states.push(meta);
    }
    return { maxParallelism: this.maxParallelism, states, keyGroups: writer.finish() };
  }

  restore(snapshots: readonly KeyedStateSnapshot[], keyGroupRange?: KeyGroupRange): void {
    if (this.states.size > 0)
      throw new MillraceError('ILLEGAL_STATE', 'Keyed state can be restored only before the first state is requested.');
    const range = keyGroupRange ?? { start: 0, end: this.maxParallelism - 1 };
    for (const snapshot of snapshots) {
      checkMaxParallelism(snapshot.maxParallelism, this.maxParallelism);
      this.unclaimed.add(snapshot, range);
    }
  }

  startSnapshot(): PendingKeyedSnapshot {
    const snapshot = this.snapshot();
    return { write: (output) => writeKeyGroups(snapshot, this.keyGroupRange, output), discard() {} };
  }

  async restoreFrom(handles: readonly KeyedStateHandle[], keyGroupRange: KeyGroupRange, input: CheckpointInput): Promise<void> {
    const snapshots: KeyedStateSnapshot[] = [];
    for (const handle of handles) {
      if (handle.format === 'INCREMENTAL') {
        throw new MillraceError(
          'STATE_FAILED',
          `The state was written by the backend '${handle.backend}' in its own format, which 'hashmap' cannot read. Set state.backend.type to '${handle.backend}', or restore from a savepoint.`,
          { recoverable: false },
        );
      }
      snapshots.push(await readKeyGroups(handle, keyGroupRange, input));
    }
    this.restore(snapshots, keyGroupRange);
  }

  notifyCheckpointComplete(): void {}

  notifyCheckpointAborted(): void {}

  isEmpty(): boolean {
    if (!this.unclaimed.isEmpty()) return false;
    for (const { family } of this.states.values()) if (!family.isEmpty()) return false;
    return true;
  }

  entryCount(stateName: string): number {
    let count = 0;
    const known = this.states.get(stateName);
    known?.family.forEachValue(known.slot, () => count++);
    const restored = this.unclaimed.get(stateName);
    for (const { content } of restored?.sections ?? []) {
      readRecords(content, restored?.meta.namespaced ?? false, this.types, () => count++);
    }
    return count;
  }

  stateNames(): readonly string[] {
    return [...this.states.keys(), ...this.unclaimed.names()];
  }

  dispose(): void {
    for (const { family } of this.states.values()) family.dispose();
    this.unclaimed.clear();
    this.timerQueues.clear();
  }

  private stateOf(descriptor: KeyedStateDescriptor, namespaced: boolean): RegisteredState {
    const meta = metaOf(descriptor, namespaced);
    const known = this.states.get(descriptor.name);
    if (known !== undefined) {
      if (known.descriptor !== descriptor || known.meta.namespaced !== namespaced) {
        checkSameState(known.descriptor, known.meta, descriptor, meta);
      }
      return known;
    }
    const restored = this.unclaimed.get(descriptor.name);
    const convert = restored && conversionOf(restored.meta, meta, descriptor, this.clock.currentTimeMs());
    const registered = this.createState(descriptor, meta);
    this.states.set(descriptor.name, registered);
    this.takeRestored(registered, convert);
    return registered;
  }

  /** Those that another backend kept as state. */
  private takeRestoredTimers(name: string, queue: TimerQueue): void {
    for (const { content } of this.unclaimed.claim(timerStateMeta(name).name)?.sections ?? []) {
      readRecords(content, true, this.types, (namespace, key, timestamp) => queue.add(key, namespace, timestamp as number));
    }
  }

  private createState(descriptor: KeyedStateDescriptor, meta: StateMeta): RegisteredState {
    const family = meta.namespaced ? this.context.addNamespacedFamily() : this.context.partitioned;
    const slot = family.addSlot();
    const { ttlConfig } = descriptor;
    if (ttlConfig === undefined) {
      return { descriptor, meta, family, slot, state: plainState(descriptor, family, slot, this.types) };
    }
    const time = new TtlTime(ttlConfig, this.clock, () => cleaner.step());
    const cleaner = new TtlCleaner(family, slot, ttlConfig.incrementalCleanupSize, (content) =>
      time.unexpired(meta.kind, content),
    );
    return { descriptor, meta, family, slot, state: ttlState(descriptor, family, slot, time, this.types), cleaner };
  }

  private takeRestored({ meta, family, slot }: RegisteredState, convert: ((stored: any) => unknown) | undefined): void {
    const restored = this.unclaimed.claim(meta.name);
    if (restored === undefined) return;
    for (const { content } of restored.sections) {
      readRecords(content, meta.namespaced, this.types, (namespace, key, value) =>
        family.put(namespace, key, slot, convert ? mapStoredValues(meta.kind, value, convert) : value),
      );
    }
  }
}

function plainState(
  descriptor: KeyedStateDescriptor,
  family: StateFamily,
  slot: number,
  types: TypeRegistry | undefined,
): object {
  switch (descriptor.kind) {
    case 'VALUE':
      return new HeapValueState(family, slot, copiesOf(descriptor.defaultValue, types));
    case 'LIST':
      return new HeapListState(family, slot);
    case 'MAP':
      return new HeapMapState(family, slot);
    case 'REDUCING':
      return new HeapReducingState(family, slot, reducerOf(descriptor.reduceFunction));
    case 'AGGREGATING':
      return new HeapAggregatingState(family, slot, descriptor.aggregateFunction);
  }
}

function ttlState(
  descriptor: KeyedStateDescriptor,
  family: StateFamily,
  slot: number,
  time: TtlTime,
  types: TypeRegistry | undefined,
): object {
  switch (descriptor.kind) {
    case 'VALUE':
      return new TtlValueState(
        new HeapValueState<TtlValue<unknown>>(family, slot),
        time,
        copiesOf(descriptor.defaultValue, types),
      );
    case 'LIST':
      return new TtlListState(new HeapListState<TtlValue<unknown>>(family, slot), time);
    case 'MAP':
      return new TtlMapState(new HeapMapState<unknown, TtlValue<unknown>>(family, slot), time);
    case 'REDUCING':
      return new TtlReducingState(
        new HeapValueState<TtlValue<unknown>>(family, slot),
        time,
        reducerOf(descriptor.reduceFunction),
      );
    case 'AGGREGATING':
      return new TtlAggregatingState(new HeapValueState<TtlValue<any>>(family, slot), time, descriptor.aggregateFunction);
  }
}
