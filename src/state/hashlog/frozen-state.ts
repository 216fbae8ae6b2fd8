/** All state of a backend at one moment: what snapshots are written from, while the backend goes on. */
import type { StateMeta } from '../keyed-state-backend.ts';
import type { ContentCodec } from './content-codec.ts';
import type { FrozenPages } from './frozen-index.ts';
import type { FrozenLog, RecordLog } from './record-log.ts';
import type { StateStore } from './state-store.ts';

export interface FrozenTable {
  readonly namespace: string;
  /** The numbers in the records. */
  readonly table: number;
  readonly partsTable: number;
  readonly values: FrozenPages;
  readonly parts: FrozenPages | undefined;
}

export interface FrozenStore {
  readonly meta: StateMeta;
  readonly codec: ContentCodec;
  /** What is left of a content without what has expired; `undefined` if nothing is. */
  readonly unexpired: (content: unknown) => unknown;
  readonly tables: readonly FrozenTable[];
}

export interface FrozenState {
  readonly stores: readonly FrozenStore[];
  readonly log: FrozenLog;
}

/** What is needed of a registered state. */
export interface Freezable {
  readonly store: StateStore;
  readonly codec: ContentCodec;
  readonly unexpired: (content: unknown) => unknown;
}

/** To be written and released. @throws MillraceError `NOT_SERIALIZABLE` */
export function freezeState(states: Iterable<Freezable>, log: RecordLog): FrozenState {
  const all = [...states];
  for (const { store } of all) store.settle();
  const stores = all.map(({ store, codec, unexpired }): FrozenStore => {
    const tables: FrozenTable[] = [];
    for (const { namespace, values, parts } of store.allTables()) {
      if (values.count === 0) continue;
      const filled = parts !== undefined && parts.count > 0 ? parts : undefined;
      tables.push({
        namespace,
        table: values.table,
        partsTable: filled?.table ?? 0,
        values: values.freeze(),
        parts: filled?.freeze(),
      });
    }
    return { meta: store.meta, codec, unexpired, tables };
  });
  return { stores, log: log.freeze() };
}
