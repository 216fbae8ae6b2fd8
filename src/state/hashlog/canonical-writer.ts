/**
 * Brings a frozen state into the canonical format, key group by key group. The entries of a batch of key groups are gathered
 * from the indexes and sorted, so that records are read in the order of the log; memory holds one batch.
 */
import { BinaryReader, decodeValue, type TypeRegistry } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import type { KeyGroupBytes } from '../keyed-state-backend.ts';
import { KeyedStateWriter } from '../keyed-state-format.ts';
import { inState } from '../state-checks.ts';
import { isTimerState } from '../timer-state.ts';
import { readContent } from './contents.ts';
import { keyGroupOfTag } from './current-key.ts';
import { findFrozen, pagesOf } from './frozen-index.ts';
import type { FrozenState, FrozenStore, FrozenTable } from './frozen-state.ts';
import { ENTRY_WORDS } from './hash-index.ts';
import type { PartSource } from './parts.ts';
import { RecordWindow } from './record-window.ts';
import { HEADER_BYTES, TAG_WORD } from './segment.ts';
import { readTimer } from './timer-record.ts';

/** Entries that are gathered at a time, unless a single key group has more. */
const BATCH_ENTRIES = 250_000;

/** A portion of work that was done, in records (one more page looked at counts a few), or a key group that is ready. */
export type CanonicalProgress = { readonly work: number } | KeyGroupBytes;

/** @throws MillraceError `NOT_SERIALIZABLE`, `FILE_SYSTEM_FAILED` */
export function* canonicalKeyGroups(
  { stores, log }: FrozenState,
  maxParallelism: number,
  types: TypeRegistry | undefined,
): Generator<CanonicalProgress, void> {
  const counts = new Uint32Array(maxParallelism);
  for (const page of allPages(stores)) {
    for (let at = 0; at < page.length; at += ENTRY_WORDS) {
      if (page[at + 1] !== 0) (counts[keyGroupOfTag(page[at] as number, maxParallelism)] as number)++;
    }
    yield { work: 100 };
  }
  for (let first = 0; first < maxParallelism; ) {
    let end = first;
    let entries = 0;
    while (end < maxParallelism && (end === first || entries + (counts[end] as number) <= BATCH_ENTRIES))
      entries += counts[end++] as number;
    const writer = new KeyedStateWriter(maxParallelism, types);
    for (const [stateIndex, store] of stores.entries()) {
      for (const table of store.tables) yield* writeTable(writer, store, table, log.sources, maxParallelism, first, end);
      writer.endState(stateIndex);
    }
    yield* writer.finish();
    first = end;
  }
}

function* allPages(stores: readonly FrozenStore[]): Generator<Int32Array, void> {
  for (const { tables } of stores) for (const { values } of tables) yield* pagesOf(values);
}

function* writeTable(
  writer: KeyedStateWriter,
  { meta, codec, unexpired }: FrozenStore,
  table: FrozenTable,
  sources: FrozenState['log']['sources'],
  maxParallelism: number,
  firstGroup: number,
  endGroup: number,
): Generator<CanonicalProgress, void> {
  const locations: number[] = [];
  for (const page of pagesOf(table.values)) {
    for (let at = 0; at < page.length; at += ENTRY_WORDS) {
      if (page[at + 1] === 0) continue;
      const group = keyGroupOfTag(page[at] as number, maxParallelism);
      if (group >= firstGroup && group < endGroup) locations.push((page[at + 1] as number) >>> 0);
    }
    yield { work: 100 };
  }
  const window = new RecordWindow(sources);
  const isTimers = isTimerState(meta);
  const source = frozenParts(table, codec, sources, maxParallelism);
  for (const location of Uint32Array.from(locations).sort()) {
    window.open(location);
    const { bytes, start, length } = window;
    const value = new BinaryReader(bytes.subarray(start + HEADER_BYTES, start + length));
    if (isTimers) {
      const { key, namespace, timestamp } = readTimer(value);
      writer.add(namespace, key, timestamp);
      yield { work: 1 };
      continue;
    }
    const key = decodeValue(value) as CanonicalKey;
    const content = unexpired(readContent(meta.kind, value, key, window.word(TAG_WORD), source));
    try {
      if (content !== undefined) writer.add(meta.namespaced ? table.namespace : undefined, key, content);
    } catch (error) {
      throw inState(meta.name, error);
    }
    yield { work: 1 };
  }
}

function frozenParts(
  { parts }: FrozenTable,
  codec: PartSource['codec'],
  sources: FrozenState['log']['sources'],
  maxParallelism: number,
): PartSource {
  const window = new RecordWindow(sources);
  return {
    codec,
    maxParallelism,
    find(tag, body) {
      const found =
        parts !== undefined &&
        findFrozen(parts, tag, (location) => {
          window.open(location);
          const at = window.start + HEADER_BYTES;
          for (let i = 0; i < body.length; i++) if (window.bytes[at + i] !== body[i]) return false;
          return true;
        });
      if (!found) return undefined;
      const { bytes, start, length } = window;
      return new BinaryReader(bytes.subarray(start + HEADER_BYTES + body.length, start + length));
    },
  };
}
