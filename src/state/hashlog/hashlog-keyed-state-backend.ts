/**
 * The `hashlog` backend: keyed state outside of the JavaScript heap, in managed memory and on the local disk, larger than both the
 * heap and memory.
 *
 * Values are records of a log (`RecordLog`: the newest in memory, older ones in spill files), found by hash indexes over the
 * bytes of keys (`HashIndex`); what is hot stays decoded (`ValueCells`). It is the design of FASTER (B. Chandramouli et al.,
 * 2018) and Bitcask: overwrite in place what is new, append what is old, compact what is mostly garbage. Segments never change
 * after a snapshot, which is what makes checkpoints incremental: each writes only the segments that no completed one has.
 *
 * What functions see is what the heap backend shows, except for references: a value that was read or handed over must not be
 * changed any more once another key is processed; before that, `ValueState` keeps changes in place as the heap backend does.
 */
import { type Clock, MillraceError, type Scheduler, systemScheduler } from '../../common/index.ts';
import type { ManagedMemory, MemoryReservation, SpillStorage } from '../../memory/index.ts';
import { BinaryReader, decodeValue, type TypeRegistry } from '../../serialization/index.ts';
import type { CheckpointInput, StateHandle } from '../checkpoint-streams.ts';
import { copiesOf } from '../copies-of.ts';
import { type CanonicalKey, encodeKey } from '../key-encoding.ts';
import type { KeyGroupRange } from '../key-groups.ts';
import { readKeyGroups } from '../key-groups-stream.ts';
import type { KeyedStateBackend, KeyedStateSnapshot, KeyGroupBytes, StateMeta } from '../keyed-state-backend.ts';
import { readRecords, readSections } from '../keyed-state-format.ts';
import type { KeyedStateHandle, PendingKeyedSnapshot, SnapshotRequest } from '../keyed-state-handle.ts';
import { checkBelongTogether, checkMaxParallelism, checkSameState, conversionOf, metaOf, refuseTtl } from '../state-checks.ts';
import type { KeyedStateDescriptor } from '../state-descriptors.ts';
import { reducerOf } from '../state-functions.ts';
import { isTimerState, timerStateMeta } from '../timer-state.ts';
import {
  mapStoredValues,
  TtlAggregatingState,
  TtlListState,
  TtlMapState,
  TtlReducingState,
  TtlTime,
  type TtlValue,
  TtlValueState,
} from '../ttl-states.ts';
import { canonicalKeyGroups } from './canonical-writer.ts';
import { Compactor } from './compactor.ts';
import { type ContentCodec, contentCodec } from './content-codec.ts';
import { readContent, type StateContents } from './contents.ts';
import { CurrentKey } from './current-key.ts';
import { ExpiryCleaner } from './expiry.ts';
import { type Freezable, freezeState } from './frozen-state.ts';
import { HashlogSnapshot } from './hashlog-snapshot.ts';
import {
  HashlogAggregatingState,
  HashlogListState,
  HashlogMapState,
  HashlogReducingState,
  HashlogValueState,
} from './hashlog-states.ts';
import { HashlogTimerQueue } from './hashlog-timer-queue.ts';
import { readIncremental } from './incremental-reader.ts';
import { ListAccess } from './list-access.ts';
import { MapAccess } from './map-access.ts';
import { Pacer } from './pacer.ts';
import { partsOf } from './parts.ts';
import { RecordLog } from './record-log.ts';
import type { Segment } from './segment.ts';
import type { StateAccess } from './state-access.ts';
import { StateStore, type StoreContext } from './state-store.ts';
import { TableRegistry } from './table-registry.ts';
import { ValueCells } from './value-cells.ts';

export interface HashlogBackendOptions {
  readonly clock: Clock;
  readonly maxParallelism: number;
  readonly keyGroupRange?: KeyGroupRange;
  readonly types?: TypeRegistry;
  /** For names of files and messages. */
  readonly operatorId?: string;
  /** Of the slot. */
  readonly memory: ManagedMemory;
  readonly spill: SpillStorage;
  readonly scheduler?: Scheduler;
  /** Chosen by the size of the memory unless given; at most 8 MB. */
  readonly segmentBytes?: number;
}

/** A state, whether a descriptor asked for it or it was only restored. */
interface HashlogStateEntry {
  readonly store: StateStore;
  readonly codec: ContentCodec;
  readonly contents: StateContents;
  /** Where its namespaces are. */
  readonly access: StateAccess;
  unexpired: (content: unknown) => unknown;
  descriptor?: KeyedStateDescriptor;
  /** What functions get. */
  state?: object;
}

const RESTORED_BYTES_BETWEEN_PAUSES = 4 * 1024 * 1024;

export class HashlogKeyedStateBackend implements KeyedStateBackend {
  readonly keepsStateOffHeap = true;
  readonly log: RecordLog;
  readonly compactor: Compactor;
  private readonly entries = new Map<string, HashlogStateEntry>();
  /** By the names of their states. */
  private readonly timerQueues = new Map<string, HashlogTimerQueue>();
  private readonly current: CurrentKey;
  private readonly context: StoreContext;
  private readonly memory: MemoryReservation;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly maxParallelism: number;
  private readonly keyGroupRange: KeyGroupRange;
  private readonly types: TypeRegistry | undefined;
  /** By checkpoint: what was written for it. */
  private readonly uploads = new Map<number, [Segment, StateHandle][]>();

  constructor(options: HashlogBackendOptions) {
    this.clock = options.clock;
    this.scheduler = options.scheduler ?? systemScheduler;
    this.maxParallelism = options.maxParallelism;
    this.keyGroupRange = options.keyGroupRange ?? { start: 0, end: options.maxParallelism - 1 };
    this.types = options.types;
    this.memory = options.memory.open({ spill: (bytes) => this.log.spill(bytes) });
    const registry = new TableRegistry();
    const { operatorId: name = 'state', spill, segmentBytes } = options;
    this.log = new RecordLog({ name, memory: this.memory, spill, tables: registry, segmentBytes });
    this.compactor = new Compactor(this.log, {
      get isNeeded() {
        return registry.hasExpiry;
      },
      isExpired(table, bytes, start, end) {
        const registered = registry.get(table);
        if (registered === undefined || registered.secondary || registered.store.isExpired === undefined) return false;
        const body = new BinaryReader(bytes.subarray(start, end));
        return registered.store.isExpired(decodeValue(body) as CanonicalKey, body);
      },
    });
    this.current = new CurrentKey(this.maxParallelism);
    this.context = {
      log: this.log,
      registry,
      compactor: this.compactor,
      current: this.current,
      maxParallelism: this.maxParallelism,
    };
  }

  get currentKey(): unknown {
    return this.current.key;
  }

  get currentCanonicalKey(): CanonicalKey {
    return this.current.require();
  }

  setCurrentKey(key: unknown): void {
    this.current.canonical = encodeKey(key);
  }

  setCurrentCanonicalKey(key: CanonicalKey): void {
    this.current.canonical = key;
  }

  clearCurrentKey(): void {
    this.current.canonical = undefined;
  }

  getPartitionedState(descriptor: KeyedStateDescriptor): any {
    return this.stateOf(descriptor, false).state;
  }

  getNamespacedState(descriptor: KeyedStateDescriptor): any {
    refuseTtl(descriptor, 'state of windows');
    return this.stateOf(descriptor, true).state;
  }

  forEachKey(descriptor: KeyedStateDescriptor, visit: (key: any, state: any) => void): void {
    const { access, state } = this.stateOf(descriptor, false);
    access.forEachKey('', (key) => visit(key, state));
  }

  timerQueue(name: string): HashlogTimerQueue {
    const queue = this.timersOf(timerStateMeta(name));
    queue.open();
    return queue;
  }

  snapshot(): KeyedStateSnapshot {
    const state = freezeState(this.freezable(), this.log);
    try {
      const keyGroups: KeyGroupBytes[] = [];
      for (const progress of canonicalKeyGroups(state, this.maxParallelism, this.types)) {
        if (!('work' in progress)) keyGroups.push(progress);
      }
      return { maxParallelism: this.maxParallelism, states: state.stores.map(({ meta }) => meta), keyGroups };
    } finally {
      state.log.release();
    }
  }

  restore(snapshots: readonly KeyedStateSnapshot[], keyGroupRange?: KeyGroupRange): void {
    this.checkRestorable();
    for (const snapshot of snapshots) this.takeOver(snapshot, keyGroupRange ?? { start: 0, end: this.maxParallelism - 1 });
  }

  startSnapshot({ checkpointId, canonical }: SnapshotRequest): PendingKeyedSnapshot {
    const { maxParallelism, keyGroupRange, scheduler, types } = this;
    const uploaded: [Segment, StateHandle][] = [];
    if (!canonical) this.uploads.set(checkpointId, uploaded);
    return new HashlogSnapshot(freezeState(this.freezable(), this.log), {
      canonical,
      maxParallelism,
      keyGroupRange,
      scheduler,
      types,
      onUploaded: (segment, handle) => uploaded.push([segment, handle]),
    });
  }

  async restoreFrom(handles: readonly KeyedStateHandle[], keyGroupRange: KeyGroupRange, input: CheckpointInput): Promise<void> {
    this.checkRestorable();
    const { log, maxParallelism } = this;
    const pacer = new Pacer(this.scheduler, RESTORED_BYTES_BETWEEN_PAUSES);
    let incremental = 0;
    for (const handle of handles) {
      checkMaxParallelism(handle.maxParallelism, maxParallelism);
      if (handle.format === 'INCREMENTAL') {
        incremental++;
        const storeOf = (meta: StateMeta): StateStore =>
          (isTimerState(meta) ? this.timersOf(meta) : this.restoredEntry(meta)).store;
        await readIncremental(handle, { log, range: keyGroupRange, maxParallelism, input, pacer, storeOf });
        continue;
      }
      // One key group at a time, so that memory holds no more of it.
      for (const keyGroup of handle.keyGroups) {
        this.takeOver(await readKeyGroups({ ...handle, keyGroups: [keyGroup] }, keyGroupRange, input), keyGroupRange);
        await pacer.work(keyGroup.length);
      }
      for (const meta of handle.states) this.restorerOf(meta);
    }
    for (const queue of this.timerQueues.values()) {
      if (incremental <= 1) queue.adoptTables();
      else for (const bytes of queue.dealOutTables()) await pacer.work(bytes);
    }
  }

  notifyCheckpointComplete(checkpointId: number): void {
    for (const [segment, handle] of this.uploads.get(checkpointId) ?? []) segment.durable = handle;
    for (const id of this.uploads.keys()) if (id <= checkpointId) this.uploads.delete(id);
  }

  notifyCheckpointAborted(checkpointId: number): void {
    this.uploads.delete(checkpointId);
  }

  isEmpty(): boolean {
    for (const { store } of this.entries.values()) if (store.count > 0) return false;
    return true;
  }

  entryCount(stateName: string): number {
    return this.entries.get(stateName)?.store.count ?? 0;
  }

  stateNames(): readonly string[] {
    return [...this.entries.keys()];
  }

  dispose(): void {
    this.log.dispose();
    this.entries.clear();
    this.timerQueues.clear();
    this.memory.close();
  }

  private checkRestorable(): void {
    for (const { descriptor } of this.entries.values()) {
      if (descriptor === undefined) continue;
      throw new MillraceError('ILLEGAL_STATE', 'Keyed state can be restored only before the first state is requested.');
    }
  }

  private takeOver(snapshot: KeyedStateSnapshot, range: KeyGroupRange): void {
    checkMaxParallelism(snapshot.maxParallelism, this.maxParallelism);
    const restorers = snapshot.states.map((meta) => this.restorerOf(meta));
    for (const { keyGroup, bytes } of snapshot.keyGroups) {
      if (keyGroup < range.start || keyGroup > range.end) continue;
      for (const { stateIndex, content } of readSections(bytes)) {
        const restore = restorers[stateIndex];
        if (restore === undefined) {
          throw new MillraceError(
            'CORRUPT_DATA',
            `Key group ${keyGroup} of a snapshot holds a state ${stateIndex}, but the snapshot names only ${restorers.length}.`,
          );
        }
        readRecords(content, snapshot.states[stateIndex]?.namespaced ?? false, this.types, restore);
      }
    }
  }

  private *freezable(): Generator<Freezable, void> {
    yield* this.entries.values();
    for (const { store } of this.timerQueues.values()) {
      if (store.count > 0) yield { store, codec: contentCodec(false, this.types), unexpired: (content) => content };
    }
  }

  private restorerOf(meta: StateMeta): (namespace: string, key: CanonicalKey, value: unknown) => void {
    if (isTimerState(meta)) {
      const queue = this.timersOf(meta);
      return (namespace, key, timestamp) => queue.add(key, namespace, timestamp as number);
    }
    const entry = this.restoredEntry(meta);
    return (namespace, key, value) => this.put(entry, namespace, key, value);
  }

  private timersOf(meta: StateMeta): HashlogTimerQueue {
    let queue = this.timerQueues.get(meta.name);
    if (queue === undefined) {
      queue = new HashlogTimerQueue(new StateStore(meta, this.context));
      this.timerQueues.set(meta.name, queue);
    }
    return queue;
  }

  private put({ access, contents }: HashlogStateEntry, namespace: string, key: CanonicalKey, content: unknown): void {
    const before = access.currentNamespace;
    this.current.preserving(() => {
      this.current.canonical = key;
      access.setNamespace(namespace);
      contents.write(content);
    });
    access.setNamespace(before);
  }

  private restoredEntry(meta: StateMeta): HashlogStateEntry {
    const known = this.entries.get(meta.name);
    if (known !== undefined) {
      checkBelongTogether(known.store.meta, meta);
      return known;
    }
    const entry = this.createEntry(meta);
    this.entries.set(meta.name, entry);
    return entry;
  }

  private createEntry(meta: StateMeta): HashlogStateEntry {
    const store = new StateStore(meta, this.context);
    const codec = contentCodec(meta.ttl, this.types);
    const unexpired = (content: unknown): unknown => content;
    if (meta.kind === 'LIST') {
      const access = new ListAccess(store, codec);
      return { store, codec, contents: access, access, unexpired };
    }
    if (meta.kind === 'MAP') {
      const map = new MapAccess(store, codec);
      return { store, codec, contents: map, access: map.cells, unexpired };
    }
    const cells = new ValueCells(store, { codec, keepsChangesInPlace: true });
    return { store, codec, contents: cells, access: cells, unexpired };
  }

  private stateOf(descriptor: KeyedStateDescriptor, namespaced: boolean): HashlogStateEntry {
    const meta = metaOf(descriptor, namespaced);
    let entry = this.entries.get(descriptor.name);
    if (entry?.descriptor !== undefined) {
      if (entry.descriptor !== descriptor || entry.store.meta.namespaced !== namespaced) {
        checkSameState(entry.descriptor, entry.store.meta, descriptor, meta);
      }
      return entry;
    }
    if (entry === undefined) {
      entry = this.createEntry(meta);
    } else {
      const convert = conversionOf(entry.store.meta, meta, descriptor, this.clock.currentTimeMs());
      if (convert) entry = this.converted(entry, meta, convert);
      entry.store.meta = meta;
    }
    this.entries.set(descriptor.name, entry);
    this.claim(entry, descriptor);
    return entry;
  }

  private claim(entry: HashlogStateEntry, descriptor: KeyedStateDescriptor): void {
    const { ttlConfig, kind } = descriptor;
    const { store, codec, contents } = entry;
    entry.descriptor = descriptor;
    if (ttlConfig === undefined) {
      entry.state = plainState(descriptor, contents, this.types);
      return;
    }
    const time = new TtlTime(ttlConfig, this.clock, () => cleaner.step());
    const cleaner = new ExpiryCleaner(store, contents, codec, time);
    if (ttlConfig.incrementalCleanupSize > 0) {
      store.isExpired = (key, value) => cleaner.isExpired(key, value);
      this.context.registry.hasExpiry = true;
    }
    entry.unexpired = (content) => time.unexpired(kind, content);
    entry.state = ttlState(descriptor, contents, time, this.types);
  }

  /** The same state with every stored value converted. */
  private converted(entry: HashlogStateEntry, meta: StateMeta, convert: (stored: any) => unknown): HashlogStateEntry {
    const { store, codec } = entry;
    const next = this.createEntry(meta);
    for (const table of store.allTables()) {
      const source = partsOf(store, table, codec);
      store.forEachKey(table, (key, tag, _location, value) => {
        const content = readContent(meta.kind, value, key, tag, source);
        this.put(next, table.namespace, key, mapStoredValues(meta.kind, content, convert));
      });
    }
    store.dispose();
    return next;
  }
}

function plainState(descriptor: KeyedStateDescriptor, contents: StateContents, types: TypeRegistry | undefined): object {
  switch (descriptor.kind) {
    case 'VALUE':
      return new HashlogValueState(contents as ValueCells, copiesOf(descriptor.defaultValue, types));
    case 'LIST':
      return new HashlogListState(contents as ListAccess);
    case 'MAP':
      return new HashlogMapState(contents as MapAccess);
    case 'REDUCING':
      return new HashlogReducingState(contents as ValueCells, reducerOf(descriptor.reduceFunction));
    case 'AGGREGATING':
      return new HashlogAggregatingState(contents as ValueCells, descriptor.aggregateFunction);
  }
}

function ttlState(
  descriptor: KeyedStateDescriptor,
  contents: StateContents,
  time: TtlTime,
  types: TypeRegistry | undefined,
): object {
  switch (descriptor.kind) {
    case 'VALUE': {
      const inner = new HashlogValueState<TtlValue<unknown>>(contents as ValueCells);
      return new TtlValueState(inner, time, copiesOf(descriptor.defaultValue, types));
    }
    case 'LIST':
      return new TtlListState(new HashlogListState<TtlValue<unknown>>(contents as ListAccess), time);
    case 'MAP':
      return new TtlMapState(new HashlogMapState<unknown, TtlValue<unknown>>(contents as MapAccess), time);
    case 'REDUCING': {
      const inner = new HashlogValueState<TtlValue<unknown>>(contents as ValueCells);
      return new TtlReducingState(inner, time, reducerOf(descriptor.reduceFunction));
    }
    case 'AGGREGATING': {
      const inner = new HashlogValueState<TtlValue<any>>(contents as ValueCells);
      return new TtlAggregatingState(inner, time, descriptor.aggregateFunction);
    }
  }
}
