/**
 * Checkpoints of keyed state on the `hashlog` backend: how long records stop when one starts, how long it takes beside them, and
 * what it writes; the first one whole, the later ones what has changed. 100 MB of state; 1 GB with `--scale 10`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { FileCheckpointStorage } from '../../src/checkpoint/index.ts';
import { seededRandom, systemClock } from '../../src/common/index.ts';
import { LocalFileSystem } from '../../src/filesystem/node.ts';
import { ManagedMemory } from '../../src/memory/index.ts';
import { NodeSpillStorage } from '../../src/memory/node.ts';
import {
  createKeyedStateBackend,
  type KeyedStateBackend,
  type KeyedStateHandle,
  type StateHandle,
  type ValueState,
  ValueStateDescriptor,
} from '../../src/state/index.ts';
import type { Benchmark, Figure } from './benchmark.ts';

const STATE_BYTES = 100_000_000;
/** A value and its key, in the log. */
const RECORD_BYTES = 128;
const VALUE = 'v'.repeat(RECORD_BYTES - 28);
const MEMORY_SHARE = 0.4;
const RECORDS_PER_TURN = 500;

interface Measured {
  readonly pauseMs: number;
  readonly pauseCpuMs: number;
  readonly durationMs: number;
  readonly writtenBytes: number;
  /** The longest turn of records beside it; the turns' own work is taken off. */
  readonly longestTurnMs: number;
}

export const checkpoint: Benchmark = {
  name: 'checkpoint',
  description: 'pause, duration and bytes of checkpoints of 100 MB of keyed state (1 GB with --scale 10), whole and incremental',
  async run({ scale, rounds }) {
    const keys = Math.max(100, Math.ceil((STATE_BYTES * scale) / RECORD_BYTES));
    const folder = mkdtempSync(join(tmpdir(), 'millrace-checkpoint-'));
    const spill = new NodeSpillStorage(join(folder, 'spill'));
    const memory = new ManagedMemory(Math.ceil(STATE_BYTES * scale * MEMORY_SHARE) + 1_000_000);
    const backend = createKeyedStateBackend({ clock: systemClock, maxParallelism: 128, backend: 'hashlog', memory, spill });
    const storage = new FileCheckpointStorage(
      { directory: join(folder, 'checkpoints') },
      { fileSystem: new LocalFileSystem(), random: seededRandom(1) },
    );
    try {
      const state = backend.getPartitionedState(new ValueStateDescriptor<string>('value'));
      for (let i = 0; i < keys; i++) change(backend, state, i);
      const whole = await measure(backend, state, storage, keys, 1);
      const later: Measured[] = [];
      for (let id = 2; id < 2 + rounds; id++) {
        // One record in a hundred, at random, and what the last checkpoint let through.
        for (let i = 0; i < keys / 100; i++) change(backend, state, (i * 7919 + id) % keys);
        later.push(await measure(backend, state, storage, keys, id));
      }
      return {
        name: 'checkpoint',
        comparisons: {},
        figures: [...figuresOf('whole', [whole]), ...figuresOf('incremental', later)],
      };
    } finally {
      backend.dispose();
      spill.dispose();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function change(backend: KeyedStateBackend, state: ValueState<string>, key: number): void {
  backend.setCurrentKey(key);
  const before = state.value();
  state.update(before === undefined ? VALUE : before.slice(1) + before[0]);
}

async function measure(
  backend: KeyedStateBackend,
  state: ValueState<string>,
  storage: FileCheckpointStorage,
  keys: number,
  checkpointId: number,
): Promise<Measured> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const pending = backend.startSnapshot({ checkpointId, canonical: false });
  const pauseMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  let handle: KeyedStateHandle | undefined;
  const written = pending.write(storage.output(storage.checkpointDirectory('job', checkpointId))).then((each) => {
    handle = each;
  });
  let longestTurnMs = 0;
  for (let next = 0, before = performance.now(); handle === undefined; ) {
    const turn = performance.now();
    // As many changes as before a checkpoint, and then none: how much there is to write must not depend on how long it takes.
    for (let i = 0; i < RECORDS_PER_TURN && next < keys / 100; i++) change(backend, state, (next++ * 104_729) % keys);
    const now = performance.now();
    longestTurnMs = Math.max(longestTurnMs, turn - before);
    before = now;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await written;
  const durationMs = performance.now() - start;
  backend.notifyCheckpointComplete(checkpointId);
  const writtenBytes = handlesOf(handle as KeyedStateHandle)
    .filter((each) => each.kind === 'INLINE' || isOf(each.file, checkpointId))
    .reduce((sum, each) => sum + (each.kind === 'INLINE' ? each.bytes.length : each.length), 0);
  return { pauseMs, pauseCpuMs: (user + system) / 1000, durationMs, writtenBytes, longestTurnMs };
}

function handlesOf(handle: KeyedStateHandle): StateHandle[] {
  return handle.format === 'KEY_GROUPS' ? [handle.content] : [handle.meta, ...handle.files.map((file) => file.handle)];
}

const written = new Map<string, number>();

/** Whether a file appeared with this checkpoint first. */
function isOf(file: string, checkpointId: number): boolean {
  const first = written.get(file) ?? checkpointId;
  written.set(file, first);
  return first === checkpointId;
}

function figuresOf(kind: string, all: readonly Measured[]): Figure[] {
  const worst = (pick: (each: Measured) => number): number => Math.max(...all.map(pick), 0.001);
  return [
    { name: `${kind}: records stop for`, value: worst((each) => each.pauseMs), unit: 'ms', target: { max: 50 } },
    { name: `${kind}: of this, processor time`, value: worst((each) => each.pauseCpuMs), unit: 'ms' },
    { name: `${kind}: longest turn beside it`, value: worst((each) => each.longestTurnMs), unit: 'ms' },
    { name: `${kind}: takes`, value: worst((each) => each.durationMs), unit: 'ms' },
    { name: `${kind}: writes`, value: worst((each) => each.writtenBytes) / 1e6, unit: 'MB' },
  ];
}
