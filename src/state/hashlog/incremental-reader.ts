/**
 * Takes over the state of one subtask from an incremental checkpoint: its segments become segments of the log, and of the
 * entries of its indexes those whose key groups are wanted are entered in the new ones. No record is decoded.
 */
import { MillraceError } from '../../common/index.ts';
import { crc32 } from '../../serialization/index.ts';
import type { CheckpointInput, StateHandle } from '../checkpoint-streams.ts';
import type { KeyGroupRange } from '../key-groups.ts';
import type { StateMeta } from '../keyed-state-backend.ts';
import type { IncrementalKeyedStateHandle } from '../keyed-state-handle.ts';
import { keyGroupOfTag } from './current-key.ts';
import { ENTRY_WORDS, type HashIndex } from './hash-index.ts';
import { BACKEND_NAME, decodeManifest, INDEX_FILE, type Manifest, segmentFile } from './manifest.ts';
import type { Pacer } from './pacer.ts';
import { OFFSET_BITS, type RecordLog } from './record-log.ts';
import { RestoredTables } from './restored-tables.ts';
import { type Segment, UNIT_BYTES } from './segment.ts';
import type { StateStore } from './state-store.ts';

const OFFSET_MASK = (1 << OFFSET_BITS) - 1;

export interface IncrementalReaderOptions {
  readonly log: RecordLog;
  readonly range: KeyGroupRange;
  readonly maxParallelism: number;
  readonly input: CheckpointInput;
  readonly pacer: Pacer;
  /** The store for a restored state. @throws MillraceError `STATE_FAILED` if it does not fit to what other subtasks had */
  storeOf(meta: StateMeta): StateStore;
}

/** @throws MillraceError `STATE_FAILED`, `CORRUPT_DATA`, `FILE_SYSTEM_FAILED` */
export async function readIncremental(handle: IncrementalKeyedStateHandle, options: IncrementalReaderOptions): Promise<void> {
  if (handle.backend !== BACKEND_NAME) {
    throw new MillraceError(
      'STATE_FAILED',
      `The state was written by the backend '${handle.backend}' in its own format, which '${BACKEND_NAME}' cannot read. Set state.backend.type to '${handle.backend}', or restore from a savepoint.`,
      { recoverable: false },
    );
  }
  const { log, input, pacer } = options;
  const manifest = decodeManifest(await input.read(handle.meta));
  const own = new Map<number, HashIndex>();
  const indexes = indexesOf(handle, manifest, options, own);
  const origins = [own, ...manifest.origins.map((pairs) => translated(pairs, own))].map((each) => new RestoredTables(each));
  const segments: (Segment | undefined)[] = [];
  for (const { slot, used, origin } of manifest.segments) {
    const { handle: file, shared } = fileOf(handle, segmentFile(slot));
    const segment = await adoptSegment(file, used, origins[origin + 1] as RestoredTables, log, input);
    if (shared) segment.durable = file;
    segments[slot] = segment;
    await pacer.work(used);
  }
  await readEntries(handle, manifest, indexes, segments, options);
  for (const segment of segments) if (segment !== undefined) log.dropIfDead(segment);
}

/** An index, and how many of the entries in the file are its. */
interface IndexPart {
  readonly index: HashIndex;
  readonly count: number;
}

/** The indexes in the order of the file; puts them into `own` by their numbers in records. */
function indexesOf(
  handle: IncrementalKeyedStateHandle,
  manifest: Manifest,
  options: IncrementalReaderOptions,
  own: Map<number, HashIndex>,
): IndexPart[] {
  const stores = handle.states.map((meta) => options.storeOf(meta));
  const found: IndexPart[] = [];
  const add = (index: HashIndex, number: number, count: number): void => {
    own.set(number, index);
    found.push({ index, count });
  };
  for (const { state, namespace, table, partsTable, values, parts } of manifest.tables) {
    const store = stores[state];
    if (store === undefined) throw corrupt(`it holds a state ${state}, but names only ${stores.length}`);
    const restored = store.makeTable(namespace);
    add(restored.values, table, values);
    if (parts > 0) add(restored.makeParts(), partsTable, parts);
  }
  return found;
}

function translated(pairs: readonly number[], own: ReadonlyMap<number, HashIndex>): Map<number, HashIndex> {
  const indexes = new Map<number, HashIndex>();
  for (let i = 0; i < pairs.length; i += 2) {
    const index = own.get(pairs[i + 1] as number);
    if (index !== undefined) indexes.set(pairs[i] as number, index);
  }
  return indexes;
}

async function adoptSegment(
  handle: StateHandle,
  used: number,
  tables: RestoredTables,
  log: RecordLog,
  input: CheckpointInput,
): Promise<Segment> {
  let checksum = 0;
  const segment = await log.adopt(used, tables, async (position, into) => {
    const bytes = await input.readRange(handle, position, into.length);
    if (bytes.length !== into.length) throw corrupt('a segment is cut off', handle);
    checksum = crc32(bytes, checksum);
    into.set(bytes);
  });
  if (handle.kind === 'FILE' && checksum !== handle.crc32) throw corrupt('the checksum of a segment does not fit', handle);
  return segment;
}

async function readEntries(
  handle: IncrementalKeyedStateHandle,
  { portions }: Manifest,
  indexes: readonly IndexPart[],
  segments: readonly (Segment | undefined)[],
  { range, maxParallelism, input, pacer }: IncrementalReaderOptions,
): Promise<void> {
  const file = fileOf(handle, INDEX_FILE).handle;
  let position = 0;
  let next = 0;
  let left = 0;
  for (const { length, crc32: expected } of portions) {
    const bytes = await input.readRange(file, position, length);
    if (bytes.length !== length || crc32(bytes) !== expected) throw corrupt('the checksum of its index does not fit', file);
    position += length;
    const entries = new Int32Array(bytes.slice().buffer);
    for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
      while (left === 0) left = indexes[next++]?.count ?? Number.POSITIVE_INFINITY;
      const { index } = indexes[next - 1] ?? {};
      left--;
      const [tag, location, units] = [entries[at], entries[at + 1], entries[at + 2]] as [number, number, number];
      const group = keyGroupOfTag(tag, maxParallelism);
      if (group < range.start || group > range.end) continue;
      const segment = segments[location >>> OFFSET_BITS];
      if (segment === undefined || index === undefined) throw corrupt('an entry of its index points nowhere', file);
      index.insert(tag, (segment.slot << OFFSET_BITS) | (location & OFFSET_MASK), units);
      segment.live += units * UNIT_BYTES;
    }
    await pacer.work(length);
  }
}

function fileOf(handle: IncrementalKeyedStateHandle, name: string): IncrementalKeyedStateHandle['files'][number] {
  const file = handle.files.find((each) => each.name === name);
  if (file === undefined) throw corrupt(`its file '${name}' is missing`);
  return file;
}

function corrupt(what: string, handle?: StateHandle): MillraceError {
  const where = handle?.kind === 'FILE' ? ` ('${handle.file}')` : '';
  return new MillraceError('CORRUPT_DATA', `An incremental checkpoint is damaged: ${what}${where}. Restore from an older one.`, {
    context: handle?.kind === 'FILE' ? { path: handle.file } : {},
    recoverable: false,
  });
}
