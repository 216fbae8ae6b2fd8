/** What does not fit in the record of a key: parts with records of their own, found by the key and something behind it. */
import type { BinaryReader } from '../../serialization/index.ts';
import type { ContentCodec } from './content-codec.ts';
import type { StateStore, StateTable } from './state-store.ts';

/** Where the parts of a state are read, now or in a snapshot. */
export interface PartSource {
  readonly codec: ContentCodec;
  readonly maxParallelism: number;
  /** The value of the part whose key is `body`; holds until the next call. */
  find(tag: number, body: Uint8Array): BinaryReader | undefined;
}

export function partsOf(store: StateStore, table: StateTable, codec: ContentCodec): PartSource {
  const { log, maxParallelism } = store.context;
  return {
    codec,
    maxParallelism,
    find(tag, body) {
      const { parts } = table;
      if (table.dropped || parts === undefined || !parts.find(tag, body, body.length)) return undefined;
      return log.reader(parts.units, body.length);
    },
  };
}

export function readUint32(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
