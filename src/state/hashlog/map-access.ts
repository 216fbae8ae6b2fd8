/**
 * Maps by key: a small one is one value, decoded as a whole and cached like any other; a large one is a header, with each entry
 * a part of its own (`MapParts`). A small map becomes large when its record would be above 4 KB, or at 256 entries; a large
 * one ends when it is empty.
 */
import type { BinaryReader, BinaryWriter } from '../../serialization/index.ts';
import { decodeValue, encodeValue } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import type { ContentCodec } from './content-codec.ts';
import { LargeMap, MapParts, type MapPlace } from './map-parts.ts';
import type { StateStore } from './state-store.ts';
import { ValueCells } from './value-cells.ts';

type SmallMap = Map<CanonicalKey, unknown>;

const SMALL_ENTRIES = 256;
const SMALL = 0;
const LARGE = 1;

export class MapAccess {
  /** Where the maps are as values; the namespaces, too. */
  readonly cells: ValueCells;
  private readonly parts: MapParts;

  constructor(store: StateStore, codec: ContentCodec) {
    this.parts = new MapParts(store, codec);
    this.cells = new ValueCells(store, {
      codec: mapCodec(codec),
      keepsChangesInPlace: false,
      split: (table, key, tag, content) =>
        content instanceof Map ? this.parts.split({ table, key, tag }, content as SmallMap) : content,
    });
  }

  get isEmpty(): boolean {
    return this.cells.read() === undefined;
  }

  get(entryKey: CanonicalKey): unknown {
    const content = this.content();
    if (content instanceof LargeMap) return this.parts.get(this.place(), entryKey);
    const value = content?.get(entryKey);
    if (typeof value === 'object' && value !== null) this.cells.markHandedOut();
    return value;
  }

  put(entryKey: CanonicalKey, value: unknown): void {
    const content = this.content();
    if (content === undefined) {
      this.cells.write(new Map([[entryKey, value]]));
      return;
    }
    if (content instanceof LargeMap) {
      this.parts.put(this.place(), content, entryKey, value);
      this.keepHeader(content);
      return;
    }
    content.set(entryKey, value);
    this.cells.markChanged();
    if (content.size > SMALL_ENTRIES) this.cells.write(this.parts.split(this.place(), content));
  }

  remove(entryKey: CanonicalKey): void {
    const content = this.content();
    if (content instanceof LargeMap) {
      this.parts.remove(this.place(), content, entryKey);
      this.keepHeader(content);
    } else if (content?.delete(entryKey)) {
      if (content.size === 0) this.cells.write(undefined);
      else this.cells.markChanged();
    }
  }

  clear(): void {
    const content = this.content();
    if (content instanceof LargeMap) this.parts.clear(this.place(), content);
    this.cells.write(undefined);
  }

  /** Entries may be removed meanwhile, and the current key may be another. */
  entries(): Iterable<[CanonicalKey, unknown]> {
    const content = this.content();
    if (content === undefined) return [];
    if (!(content instanceof LargeMap)) {
      this.cells.markHandedOut();
      return content;
    }
    return this.parts.entries(this.place(), this.headerOf(this.cells.currentNamespace));
  }

  /** Whether the current key's map is kept in parts. */
  get isLarge(): boolean {
    return this.content() instanceof LargeMap;
  }

  setNamespace(namespace: string): void {
    this.cells.setNamespace(namespace);
  }

  read(): SmallMap | undefined {
    return this.isEmpty ? undefined : new Map(this.entries());
  }

  write(content: unknown): void {
    this.clear();
    for (const [key, value] of (content ?? []) as Iterable<[CanonicalKey, unknown]>) this.put(key, value);
  }

  private content(): SmallMap | LargeMap | undefined {
    return this.cells.read() as SmallMap | LargeMap | undefined;
  }

  /** After a change of a large map; an empty one is none. */
  private keepHeader(header: LargeMap): void {
    this.cells.write(header.count === 0 ? undefined : header);
  }

  private place(): MapPlace {
    const { place, key } = this.cells;
    return { table: place, key: key.require(), tag: key.tag };
  }

  /** Gives the present header of what is the current key's map now. */
  private headerOf(namespace: string): () => LargeMap | undefined {
    const { cells } = this;
    const { canonical } = cells.key;
    return () =>
      cells.key.preserving(() => {
        const before = cells.currentNamespace;
        cells.key.canonical = canonical;
        cells.setNamespace(namespace);
        const content = cells.read();
        cells.setNamespace(before);
        return content instanceof LargeMap ? content : undefined;
      });
  }
}

/** Of the record of a map. */
export function mapCodec(codec: ContentCodec): ContentCodec {
  return {
    encode(writer: BinaryWriter, content: SmallMap | LargeMap) {
      if (content instanceof LargeMap) {
        writer.writeByte(LARGE);
        writer.writeVarUint(content.count);
        writer.writeVarUint(content.first);
        writer.writeVarUint(content.last);
        writer.writeVarUint(content.next);
        return;
      }
      writer.writeByte(SMALL);
      writer.writeVarUint(content.size);
      for (const [key, value] of content) {
        encodeValue(writer, key);
        codec.encode(writer, value);
      }
    },
    decode(reader: BinaryReader): SmallMap | LargeMap {
      if (reader.readByte() === LARGE) {
        const header = new LargeMap();
        header.count = reader.readVarUint();
        header.first = reader.readVarUint();
        header.last = reader.readVarUint();
        header.next = reader.readVarUint();
        return header;
      }
      const map: SmallMap = new Map();
      for (let left = reader.readVarUint(); left > 0; left--) {
        const key = decodeValue(reader) as CanonicalKey;
        map.set(key, codec.decode(reader));
      }
      return map;
    },
  };
}
