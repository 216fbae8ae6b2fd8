/** The content of a key from its record, in the form that all backends share (see `StateAccess`). */
import type { BinaryReader } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import type { StateKind } from '../state-descriptors.ts';
import { readList } from './list-access.ts';
import { mapCodec } from './map-access.ts';
import { LargeMap, readLargeMap } from './map-parts.ts';
import type { PartSource } from './parts.ts';

/** Reads and writes the content of the current key in the selected namespace. */
export interface StateContents {
  read(): unknown;
  write(content: unknown): void;
}

/** @param value behind the key */
export function readContent(kind: StateKind, value: BinaryReader, key: CanonicalKey, tag: number, source: PartSource): unknown {
  if (kind === 'LIST') return [...readList(value, key, tag, source)];
  if (kind !== 'MAP') return source.codec.decode(value);
  const content = mapCodec(source.codec).decode(value);
  return content instanceof LargeMap ? new Map(readLargeMap(() => content, { key, tag }, source)) : content;
}
