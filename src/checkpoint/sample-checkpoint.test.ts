/** Checkpoints for tests, written through the storage as tasks and coordinator do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../common/index.ts';
import { type FileSystem, MemoryFileSystem } from '../filesystem/index.ts';
import type { CompletedCheckpoint, OperatorCheckpoint } from '../protocol/index.ts';
import { BinaryWriter, crc32, encodeValue, Types } from '../serialization/index.ts';
import {
  type CheckpointOutput,
  type CheckpointScope,
  encodeKey,
  type KeyGroupOffset,
  type StateHandle,
  type StateMeta,
  TimerQueue,
} from '../state/index.ts';
import { type CheckpointDraft, FileCheckpointStorage, type FileCheckpointStorageOptions } from './file-checkpoint-storage.ts';

export const JOB_ID = '0123456789abcdef0123456789abcdef';

export function storageOn(
  fileSystem: FileSystem,
  options: FileCheckpointStorageOptions = {
    directory: '/checkpoints',
    savepointDirectory: '/savepoints',
    inlineThresholdBytes: 16,
  },
  seed = 7,
): FileCheckpointStorage {
  return new FileCheckpointStorage(options, { fileSystem, random: seededRandom(seed) });
}

/** Bytes that differ by seed. */
export function someBytes(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random.next() * 256));
}

export async function writeAll(output: CheckpointOutput, scope: CheckpointScope, bytes: Uint8Array): Promise<StateHandle> {
  const stream = await output.createStream(scope);
  const cut = bytes.length >> 1;
  await stream.write(bytes.subarray(0, cut));
  await stream.write(bytes.subarray(cut));
  return await stream.finish();
}

export function encoded(value: unknown): Uint8Array {
  const writer = new BinaryWriter();
  encodeValue(writer, value);
  return writer.toBytes();
}

const STATES: readonly StateMeta[] = [
  { name: 'count', kind: 'VALUE', namespaced: false, ttl: true, type: { value: Types.LONG } },
  {
    name: 'clicks',
    kind: 'MAP',
    namespaced: true,
    ttl: false,
    type: {
      key: Types.STRING,
      value: Types.OBJECT({
        at: Types.TIMESTAMP,
        tags: Types.OPTIONAL(Types.LIST(Types.STRING)),
        more: Types.MAP(Types.INT, Types.ANY),
      }),
    },
  },
];

/** The bytes of a key group: one section per state. */
function keyGroupBytes(keyGroup: number): Uint8Array {
  const writer = new BinaryWriter();
  for (const [index, size] of [10 + keyGroup, 30].entries()) {
    writer.writeVarUint(index);
    writer.writeVarUint(size);
    writer.writeBytes(someBytes(size, keyGroup));
  }
  return writer.toBytes();
}

/** One source, one keyed operator in the canonical format, one in a backend's own; two subtasks each. */
export async function writeState(output: CheckpointOutput, sharedFiles: readonly StateHandle[]): Promise<OperatorCheckpoint[]> {
  const keyed = async (start: number, end: number) => {
    const stream = await output.createStream('EXCLUSIVE');
    const keyGroups: KeyGroupOffset[] = [];
    for (const keyGroup of [start, end]) {
      const bytes = keyGroupBytes(keyGroup);
      keyGroups.push({ keyGroup, offset: stream.position, length: bytes.length, crc32: crc32(bytes) });
      await stream.write(bytes);
    }
    const content = await stream.finish();
    return {
      format: 'KEY_GROUPS',
      maxParallelism: 128,
      keyGroupRange: { start, end },
      states: STATES,
      keyGroups,
      content,
    } as const;
  };
  const operatorState = {
    subtaskIndex: 0,
    states: [{ name: 'offsets', mode: 'SPLIT', type: { value: Types.LONG }, elements: [encoded(1), encoded(2)] }],
  };
  const timersOf = (count: number) => {
    const queue = new TimerQueue();
    for (let i = 0; i < count; i++) queue.add(encodeKey(`key ${i}`), '', i);
    return queue.snapshot(128);
  };
  const timers = { services: { 'window-timers': { event: timersOf(3), processing: timersOf(2) } }, watermarks: [] };
  return [
    {
      operatorId: 'a'.repeat(32),
      name: 'Source: clicks',
      parallelism: 2,
      maxParallelism: 128,
      coordinator: { kind: 'INLINE', bytes: encoded({ splits: ['x'] }) },
      subtasks: [
        { operator: await writeAll(output, 'EXCLUSIVE', encoded(operatorState)), watermark: Number.NEGATIVE_INFINITY },
        { watermark: 12.5, finished: true },
      ],
    },
    {
      operatorId: 'b'.repeat(32),
      uid: 'clicks-per-page',
      name: 'Wörter zählen 🎈',
      parallelism: 2,
      maxParallelism: 128,
      inputs: [{ operatorId: 'a'.repeat(32), sideOutput: 'late', input: 0, partitioner: 'HASH' }],
      subtasks: [
        {
          keyed: await keyed(0, 63),
          timers: await writeAll(output, 'EXCLUSIVE', encoded(timers)),
          inFlight: [{ edge: 0, producerSubtask: 1, records: await writeAll(output, 'EXCLUSIVE', someBytes(100, 3)) }],
          inputTime: {
            emitted: Number.NEGATIVE_INFINITY,
            idle: false,
            channels: [
              { edge: 0, producerSubtask: 0, watermark: 3.5, idle: true, ended: false },
              { edge: 0, producerSubtask: 1, watermark: Number.POSITIVE_INFINITY, idle: false, ended: true },
            ],
          },
          watermark: 1_700_000_000_000,
        },
        { keyed: await keyed(64, 127), watermark: Number.POSITIVE_INFINITY },
      ],
    },
    {
      operatorId: 'c'.repeat(32),
      name: 'Large',
      parallelism: 1,
      maxParallelism: 128,
      subtasks: [
        {
          keyed: {
            format: 'INCREMENTAL',
            backend: 'hashlog',
            maxParallelism: 128,
            keyGroupRange: { start: 0, end: 127 },
            states: STATES,
            meta: await writeAll(output, 'EXCLUSIVE', someBytes(8, 5)),
            files: sharedFiles.map((handle, i) => ({ name: `segment-${i}`, shared: true, handle })),
          },
          watermark: 0,
        },
      ],
    },
  ];
}

/** Takes a whole checkpoint or savepoint; `shared` are files of earlier ones that it refers to, beside one of its own. */
export async function takeCheckpoint(
  storage: FileCheckpointStorage,
  checkpointId: number,
  options: { readonly kind?: CompletedCheckpoint['kind']; readonly shared?: readonly StateHandle[] } = {},
): Promise<CompletedCheckpoint> {
  const { kind = 'CHECKPOINT', shared = [] } = options;
  const externalPath =
    kind === 'CHECKPOINT' ? storage.checkpointDirectory(JOB_ID, checkpointId) : storage.savepointDirectory(JOB_ID);
  return await storage.writeMetadata(await writeDraft(storage, checkpointId, kind, externalPath, shared));
}

export async function writeDraft(
  storage: FileCheckpointStorage,
  checkpointId: number,
  kind: CompletedCheckpoint['kind'],
  externalPath: string,
  shared: readonly StateHandle[],
): Promise<CheckpointDraft> {
  const output = storage.output(externalPath);
  const own = await writeAll(output, 'SHARED', someBytes(60, checkpointId));
  return {
    checkpointId,
    kind,
    jobId: JOB_ID,
    jobName: 'clicks',
    triggerTimestampMs: 1_700_000_000_000 + checkpointId,
    completedTimestampMs: 1_700_000_000_153 + checkpointId,
    operators: await writeState(output, [...shared, own]),
    externalPath,
  };
}

/** The handles of the shared files of a checkpoint made here. */
export function sharedHandles(checkpoint: CompletedCheckpoint): StateHandle[] {
  const keyed = checkpoint.operators[2]?.subtasks[0]?.keyed;
  return keyed?.format === 'INCREMENTAL' ? keyed.files.map(({ handle }) => handle) : [];
}

/** All files below a folder. */
export async function allFiles(fileSystem: FileSystem, folder: string): Promise<string[]> {
  if (!(await fileSystem.exists(folder))) return [];
  const files: string[] = [];
  for (const { path, isDirectory } of await fileSystem.list(folder)) {
    if (isDirectory) files.push(...(await allFiles(fileSystem, path)));
    else files.push(path);
  }
  return files;
}

test('the sample has state in files, inline, shared and its own', async () => {
  const fileSystem = new MemoryFileSystem();
  const checkpoint = await takeCheckpoint(storageOn(fileSystem), 1);
  assert.equal(sharedHandles(checkpoint).length, 1);
  const files = await allFiles(fileSystem, '/checkpoints');
  assert.equal(files.filter((file) => file.includes('/shared/')).length, 1);
  assert.ok(files.length >= 6, String(files));
});
