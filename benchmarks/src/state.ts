/**
 * Read-modify-write on keyed state: both backends against a Map, and against lmdb, with one
 * transaction for each round, which is the best that it can do.
 *
 * Two sizes of keys: all of them (1 million; 10 with `--scale 10`), at random, and a thousand hot ones. `hashlog` runs twice:
 * with memory for everything, and with memory for a tenth of it, where most reads go to the disk.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/common/index.ts';
import { ManagedMemory } from '../../src/memory/index.ts';
import { NodeSpillStorage } from '../../src/memory/node.ts';
import { createKeyedStateBackend, type KeyedStateBackendOptions, ValueStateDescriptor } from '../../src/state/index.ts';
import { alternate, type Comparison, speedRatio } from './alternate.ts';
import type { Benchmark } from './benchmark.ts';

/** Adds to the number of a key, and returns what it was. */
interface Store {
  readonly name: string;
  add(key: number, by: number): number;
  /** Runs a round; for a store that is faster when it is told what belongs together. */
  inTransaction?(round: () => number): number;
  close(): void | Promise<void>;
}

/** Of the log and the index, by measurement; for the memory that is too small. */
const BYTES_PER_KEY = 50;
const MAX_MEMORY_BYTES = 4 * 2 ** 30;
const HOT_KEYS = 1000;

export const state: Benchmark = {
  name: 'state',
  description: 'read-modify-write on keyed state: 1 M keys (10 M with --scale 10), both backends, against a Map and lmdb',
  async run({ rounds, scale }) {
    const keys = Math.ceil(1_000_000 * scale);
    const folder = mkdtempSync(join(tmpdir(), 'millrace-state-'));
    const spill = new NodeSpillStorage(join(folder, 'spill'));
    const stores = [
      mapStore(),
      backendStore('hashmap', { backend: 'hashmap' }),
      backendStore('hashlog', { backend: 'hashlog', memory: new ManagedMemory(MAX_MEMORY_BYTES), spill }),
      backendStore('hashlog, a tenth in memory', {
        backend: 'hashlog',
        memory: new ManagedMemory(Math.ceil((keys * BYTES_PER_KEY) / 10)),
        spill,
      }),
      ...(await lmdbStore(folder)),
    ];
    try {
      for (const store of stores) {
        const fill = (): number => {
          for (let i = 0; i < keys; i++) store.add(i, 1);
          return keys;
        };
        if (store.inTransaction === undefined) fill();
        else store.inTransaction(fill);
      }
      const all = await compare(stores, keys, keys, rounds);
      const hot = await compare(stores, Math.min(keys, HOT_KEYS), keys, rounds);
      const ratio = (name: string, comparison: Comparison): number => speedRatio(comparison, name, 'Map');
      return {
        name: 'state',
        comparisons: { [`${keys} keys`]: all, [`${HOT_KEYS} hot keys of them`]: hot },
        figures: [
          { name: 'hashmap / Map', value: ratio('hashmap', all), target: { min: 0.7 } },
          { name: 'hashlog / Map', value: ratio('hashlog', all), target: { min: 0.4 } },
          { name: 'hashlog, a tenth in memory / Map', value: ratio('hashlog, a tenth in memory', all) },
          { name: 'hashlog / Map, hot keys', value: ratio('hashlog', hot) },
        ],
      };
    } finally {
      for (const store of stores) await store.close();
      spill.dispose();
      if (existsSync(folder)) rmSync(folder, { recursive: true });
    }
  },
};

/** Up and down again, so that every round begins with the same numbers. */
function compare(stores: readonly Store[], keys: number, times: number, rounds: number): Promise<Comparison> {
  return alternate(
    stores.map((store) => ({
      name: store.name,
      run: () => {
        const round = (): number => {
          let sum = 0;
          for (const by of [1, -1]) for (let i = 0; i < times; i++) sum += store.add((i * 7919) % keys, by);
          return sum;
        };
        return store.inTransaction === undefined ? round() : store.inTransaction(round);
      },
    })),
    { units: 2 * times, rounds },
  );
}

function mapStore(): Store {
  const map = new Map<number, number>();
  return {
    name: 'Map',
    add(key, by) {
      const before = map.get(key) ?? 0;
      map.set(key, before + by);
      return before;
    },
    close() {},
  };
}

function backendStore(name: string, options: Omit<KeyedStateBackendOptions, 'clock' | 'maxParallelism'>): Store {
  const backend = createKeyedStateBackend({ clock: systemClock, maxParallelism: 128, ...options });
  const value = backend.getPartitionedState(new ValueStateDescriptor<number>('value'));
  return {
    name,
    add(key, by) {
      backend.setCurrentKey(key);
      const before = value.value() ?? 0;
      value.update(before + by);
      return before;
    },
    close: () => backend.dispose(),
  };
}

/** An embedded key-value store in one file; left out where its binary does not load. */
async function lmdbStore(folder: string): Promise<Store[]> {
  const name = 'lmdb';
  let lmdb: any;
  try {
    lmdb = await import(name);
  } catch {
    return [];
  }
  const db = lmdb.open({ path: join(folder, 'lmdb'), noSync: true, noMemInit: true });
  return [
    {
      name,
      add(key, by) {
        const before = db.get(key) ?? 0;
        db.putSync(key, before + by);
        return before;
      },
      inTransaction: (round) => db.transactionSync(round),
      close: () => db.close(),
    },
  ];
}
