/**
 * A snapshot of the `hashlog` backend that is still to be written: incremental for checkpoints, canonical for savepoints.
 *
 * Incremental: segments that a completed checkpoint holds already are referred to, the others are written as shared files; the
 * tail and the indexes are written anew each time. What was written becomes a segment's durable copy only when the checkpoint
 * is complete, since the files of one that failed go away.
 */
import type { Scheduler } from '../../common/index.ts';
import { crc32, type TypeRegistry } from '../../serialization/index.ts';
import type { CheckpointOutput, CheckpointOutputStream, CheckpointScope, StateHandle } from '../checkpoint-streams.ts';
import type { KeyGroupRange } from '../key-groups.ts';
import { writeKeyGroups } from '../key-groups-stream.ts';
import type { KeyGroupBytes } from '../keyed-state-backend.ts';
import type {
  IncrementalKeyedStateHandle,
  KeyedStateHandle,
  KeyGroupsHandle,
  PendingKeyedSnapshot,
} from '../keyed-state-handle.ts';
import { canonicalKeyGroups } from './canonical-writer.ts';
import { type FrozenPages, pagesOf } from './frozen-index.ts';
import type { FrozenState } from './frozen-state.ts';
import { ENTRY_WORDS } from './hash-index.ts';
import {
  BACKEND_NAME,
  ENTRY_BYTES,
  encodeManifest,
  INDEX_FILE,
  type ManifestSegment,
  type ManifestTable,
  type Portion,
  segmentFile,
} from './manifest.ts';
import { Pacer } from './pacer.ts';
import { RestoredTables } from './restored-tables.ts';
import { Segment, type SegmentSource } from './segment.ts';

const PORTION_BYTES = 256 * 1024;
const BYTES_BETWEEN_PAUSES = 512 * 1024;
const RECORDS_BETWEEN_PAUSES = 1000;

export interface SnapshotOptions {
  readonly canonical: boolean;
  readonly maxParallelism: number;
  readonly keyGroupRange: KeyGroupRange;
  readonly scheduler: Scheduler;
  readonly types: TypeRegistry | undefined;
  /** Called when a segment has been written for this checkpoint. */
  readonly onUploaded: (segment: Segment, handle: StateHandle) => void;
}

type File = IncrementalKeyedStateHandle['files'][number];

export class HashlogSnapshot implements PendingKeyedSnapshot {
  private readonly state: FrozenState;
  private readonly options: SnapshotOptions;

  constructor(state: FrozenState, options: SnapshotOptions) {
    this.state = state;
    this.options = options;
  }

  async write(output: CheckpointOutput): Promise<KeyedStateHandle> {
    try {
      return await (this.options.canonical ? this.writeCanonical(output) : this.writeIncremental(output));
    } finally {
      this.discard();
    }
  }

  discard(): void {
    this.state.log.release();
  }

  private writeCanonical(output: CheckpointOutput): Promise<KeyGroupsHandle> {
    const { maxParallelism, keyGroupRange } = this.options;
    const states = this.state.stores.map(({ meta }) => meta);
    return writeKeyGroups({ maxParallelism, states, keyGroups: this.pacedKeyGroups() }, keyGroupRange, output);
  }

  private async *pacedKeyGroups(): AsyncGenerator<KeyGroupBytes, void> {
    const { maxParallelism, types, scheduler } = this.options;
    const pacer = new Pacer(scheduler, RECORDS_BETWEEN_PAUSES);
    for (const progress of canonicalKeyGroups(this.state, maxParallelism, types)) {
      if (!('work' in progress)) {
        yield progress;
        continue;
      }
      const pause = pacer.work(progress.work);
      if (pause !== undefined) await pause;
    }
  }

  private async writeIncremental(output: CheckpointOutput): Promise<IncrementalKeyedStateHandle> {
    const { maxParallelism, keyGroupRange, scheduler } = this.options;
    const { stores, log } = this.state;
    const pacer = new Pacer(scheduler, BYTES_BETWEEN_PAUSES);
    const tables = stores.flatMap(({ tables }, state) =>
      tables.map(
        ({ namespace, table, partsTable, values, parts }): ManifestTable => ({
          state,
          namespace,
          table,
          partsTable,
          values: values.count,
          parts: parts?.count ?? 0,
        }),
      ),
    );
    const known = new Set(tables.flatMap(({ table, partsTable }) => [table, partsTable]));
    const origins: RestoredTables[] = [];
    const segments: ManifestSegment[] = [];
    const files: File[] = [];
    for (const [slot, source] of log.sources.entries()) {
      if (source === undefined) continue;
      const shared = source instanceof Segment;
      segments.push({ slot, used: source.used, origin: originOf(source, origins) });
      files.push({ name: segmentFile(slot), shared, handle: await this.handleOf(source, output, pacer) });
    }
    const portions: Portion[] = [];
    const index = await writeStream(output, 'EXCLUSIVE', (stream) => this.writeIndexes(stream, portions, pacer));
    files.push({ name: INDEX_FILE, shared: false, handle: index });
    const manifest = encodeManifest({ segments, tables, origins: origins.map((origin) => origin.pairs(known)), portions });
    const meta = await writeStream(output, 'EXCLUSIVE', (stream) => stream.write(manifest));
    const states = stores.map((store) => store.meta);
    return { format: 'INCREMENTAL', backend: BACKEND_NAME, maxParallelism, keyGroupRange, states, meta, files };
  }

  private async handleOf(source: SegmentSource, output: CheckpointOutput, pacer: Pacer): Promise<StateHandle> {
    const segment = source instanceof Segment ? source : undefined;
    const { durable } = segment ?? {};
    if (durable !== undefined && (output.mayReferTo?.(durable) ?? true)) return durable;
    const handle = await writeStream(output, segment === undefined ? 'EXCLUSIVE' : 'SHARED', async (stream) => {
      const portion = new Uint8Array(Math.min(PORTION_BYTES, source.used));
      for (let position = 0; position < source.used; position += portion.length) {
        const part = portion.subarray(0, Math.min(portion.length, source.used - position));
        source.read(position, part);
        await stream.write(part);
        await pacer.work(part.length);
      }
    });
    if (segment !== undefined) this.options.onUploaded(segment, handle);
    return handle;
  }

  private async writeIndexes(stream: CheckpointOutputStream, portions: Portion[], pacer: Pacer): Promise<void> {
    const portion = new Int32Array(Math.floor(PORTION_BYTES / ENTRY_BYTES) * ENTRY_WORDS);
    let used = 0;
    const flush = async (): Promise<void> => {
      const bytes = new Uint8Array(portion.buffer, 0, used * Int32Array.BYTES_PER_ELEMENT);
      portions.push({ length: bytes.length, crc32: crc32(bytes) });
      used = 0;
      await stream.write(bytes);
      await pacer.work(bytes.length);
    };
    for (const index of this.indexes()) {
      for (const page of pagesOf(index)) {
        for (let at = 0; at < page.length; at += ENTRY_WORDS) {
          if (page[at + 1] === 0) continue;
          portion[used] = page[at] as number;
          portion[used + 1] = page[at + 1] as number;
          portion[used + 2] = page[at + 2] as number;
          used += ENTRY_WORDS;
          if (used === portion.length) await flush();
        }
      }
    }
    if (used > 0) await flush();
  }

  private *indexes(): Generator<FrozenPages, void> {
    for (const { tables } of this.state.stores) {
      for (const { values, parts } of tables) {
        yield values;
        if (parts !== undefined) yield parts;
      }
    }
  }
}

function originOf(source: SegmentSource, origins: RestoredTables[]): number {
  if (!(source instanceof Segment) || !(source.tables instanceof RestoredTables)) return -1;
  const known = origins.indexOf(source.tables);
  return known >= 0 ? known : origins.push(source.tables) - 1;
}

async function writeStream(
  output: CheckpointOutput,
  scope: CheckpointScope,
  fill: (stream: CheckpointOutputStream) => Promise<void>,
): Promise<StateHandle> {
  const stream = await output.createStream(scope);
  try {
    await fill(stream);
    return await stream.finish();
  } catch (error) {
    await stream.abort();
    throw error;
  }
}
