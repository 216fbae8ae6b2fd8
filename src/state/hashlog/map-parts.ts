/**
 * Large maps: an entry is a part of its own, so that one is read and written without the others, however many there are.
 *
 * Maps keep the order in which their keys came. Each entry has a number, counted up; the keys are listed, 16 by number, in parts
 * that are linked in both directions. An entry is in its place in the order if its number says so; a part of the order whose
 * entries are all gone is unlinked. So every operation touches a bounded number of records.
 *
 * Keys of parts: the key, 0, the entry's key, with its number and value behind; or the key, 1, the number of the part of the order.
 */
import { type BinaryReader, BinaryWriter, decodeValue, encodeValue } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import { hashKey } from '../key-groups.ts';
import { inState } from '../state-checks.ts';
import type { ContentCodec } from './content-codec.ts';
import { subTagOf } from './current-key.ts';
import { type PartSource, partsOf } from './parts.ts';
import type { StateStore, StateTable } from './state-store.ts';

const ENTRY = 0;
const ORDER = 1;
/** Entries in a part of the order. */
const ORDER_KEYS = 16;
const ROOM = 1.5;

/** What the record of a large map says. */
export class LargeMap {
  count = 0;
  /** The first and the last part of the order; −1 without any. */
  first = -1;
  last = -1;
  /** The number of the next entry. */
  next = 0;
}

/** A part of the order. */
interface Order {
  /** −1: none. */
  previous: number;
  following: number;
  /** How many of the entries are still there. */
  live: number;
  readonly keys: CanonicalKey[];
}

/** The map of one key in one table. */
export interface MapPlace {
  readonly table: StateTable;
  readonly key: CanonicalKey;
  readonly tag: number;
}

export class MapParts {
  private readonly store: StateStore;
  private readonly codec: ContentCodec;
  private readonly writer = new BinaryWriter();

  constructor(store: StateStore, codec: ContentCodec) {
    this.store = store;
    this.codec = codec;
  }

  /** Makes a large map of a small one. @throws MillraceError `NOT_SERIALIZABLE` */
  split(place: MapPlace, map: ReadonlyMap<CanonicalKey, unknown>): LargeMap {
    const header = new LargeMap();
    for (const [entryKey, value] of map) this.put(place, header, entryKey, value);
    return header;
  }

  get(place: MapPlace, entryKey: CanonicalKey): unknown {
    return findEntry(this.source(place), place, entryKey, this.writer)?.value;
  }

  /** Changes `header` if the key is new. @throws MillraceError `NOT_SERIALIZABLE` */
  put(place: MapPlace, header: LargeMap, entryKey: CanonicalKey, value: unknown): void {
    const known = this.numberOf(place, entryKey);
    const number = known ?? header.next;
    const { writer } = this;
    const tag = entryTag(place, entryKey, this.store.context.maxParallelism);
    const keyLength = writeEntryKey(writer, place.key, entryKey);
    writer.writeVarUint(number);
    try {
      this.codec.encode(writer, value);
    } catch (error) {
      throw inState(this.store.meta.name, error);
    }
    place.table.makeParts().put(tag, writer.toBytes(), keyLength);
    if (known === undefined) {
      header.next++;
      header.count++;
      this.appendToOrder(place, header, number, entryKey);
    }
    this.store.context.compactor.step();
  }

  remove(place: MapPlace, header: LargeMap, entryKey: CanonicalKey): void {
    const number = this.numberOf(place, entryKey);
    if (number === undefined) return;
    const keyLength = writeEntryKey(this.writer, place.key, entryKey);
    const tag = entryTag(place, entryKey, this.store.context.maxParallelism);
    place.table.parts?.remove(tag, this.writer.toBytes(), keyLength);
    header.count--;
    const part = Math.floor(number / ORDER_KEYS);
    const order = this.readOrder(place, part) as Order;
    order.live--;
    if (order.live > 0) this.writeOrder(place, part, order);
    else this.unlink(place, header, part, order);
    this.store.context.compactor.step();
  }

  clear(place: MapPlace, header: LargeMap): void {
    const { writer } = this;
    const { maxParallelism } = this.store.context;
    for (let part = header.first; part >= 0; ) {
      const order = this.readOrder(place, part) as Order;
      for (const entryKey of order.keys) {
        const keyLength = writeEntryKey(writer, place.key, entryKey);
        place.table.parts?.remove(entryTag(place, entryKey, maxParallelism), writer.toBytes(), keyLength);
      }
      this.removeOrder(place, part);
      part = order.following;
    }
  }

  /** In the order of the keys. Entries may be added and removed meanwhile; `header` gives the present one. */
  entries(place: MapPlace, header: () => LargeMap | undefined): Generator<[CanonicalKey, unknown], void> {
    return readLargeMap(header, place, this.source(place));
  }

  private source({ table }: MapPlace): PartSource {
    return partsOf(this.store, table, this.codec);
  }

  private numberOf(place: MapPlace, entryKey: CanonicalKey): number | undefined {
    const keyLength = writeEntryKey(this.writer, place.key, entryKey);
    const { parts } = place.table;
    const tag = entryTag(place, entryKey, this.store.context.maxParallelism);
    if (parts === undefined || !parts.find(tag, this.writer.toBytes(), keyLength)) return undefined;
    return this.store.context.log.reader(parts.units, keyLength).readVarUint();
  }

  private appendToOrder(place: MapPlace, header: LargeMap, number: number, entryKey: CanonicalKey): void {
    const part = Math.floor(number / ORDER_KEYS);
    if (part === header.last) {
      const order = this.readOrder(place, part) as Order;
      order.keys.push(entryKey);
      order.live++;
      this.writeOrder(place, part, order);
      return;
    }
    if (header.last >= 0) {
      const last = this.readOrder(place, header.last) as Order;
      last.following = part;
      this.writeOrder(place, header.last, last);
    } else {
      header.first = part;
    }
    this.writeOrder(place, part, { previous: header.last, following: -1, live: 1, keys: [entryKey] });
    header.last = part;
  }

  private unlink(place: MapPlace, header: LargeMap, part: number, { previous, following }: Order): void {
    this.removeOrder(place, part);
    if (previous >= 0) {
      const order = this.readOrder(place, previous) as Order;
      order.following = following;
      this.writeOrder(place, previous, order);
    } else {
      header.first = following;
    }
    if (following >= 0) {
      const order = this.readOrder(place, following) as Order;
      order.previous = previous;
      this.writeOrder(place, following, order);
      return;
    }
    header.last = previous;
    // The numbers of a part that is gone are not used again.
    header.next = Math.max(header.next, (part + 1) * ORDER_KEYS);
  }

  private readOrder(place: MapPlace, part: number): Order | undefined {
    return readOrder(place, part, this.source(place), this.writer);
  }

  private writeOrder(place: MapPlace, part: number, order: Order): void {
    const { writer } = this;
    const keyLength = writeOrderKey(writer, place.key, part);
    writer.writeVarUint(order.previous + 1);
    writer.writeVarUint(order.following + 1);
    writer.writeVarUint(order.live);
    writer.writeVarUint(order.keys.length);
    for (const key of order.keys) encodeValue(writer, key);
    const tag = orderTag(place, part, this.store.context.maxParallelism);
    place.table.makeParts().put(tag, writer.toBytes(), keyLength, ROOM);
  }

  private removeOrder(place: MapPlace, part: number): void {
    const keyLength = writeOrderKey(this.writer, place.key, part);
    place.table.parts?.remove(orderTag(place, part, this.store.context.maxParallelism), this.writer.toBytes(), keyLength);
  }
}

/** The entries of a large map, also while it changes. */
export function* readLargeMap(
  header: () => LargeMap | undefined,
  place: Pick<MapPlace, 'key' | 'tag'>,
  source: PartSource,
): Generator<[CanonicalKey, unknown], void> {
  const writer = new BinaryWriter();
  const following = (part: number): number => {
    const order = readOrder(place, part, source, writer);
    if (order !== undefined) return order.following;
    // It was emptied meanwhile. Numbers ascend, so the way from the front leads past its place.
    let next = header()?.first ?? -1;
    while (next >= 0 && next <= part) next = readOrder(place, next, source, writer)?.following ?? -1;
    return next;
  };
  for (let part = header()?.first ?? -1; part >= 0; part = following(part)) {
    let listed = readOrder(place, part, source, writer)?.keys ?? [];
    for (let i = 0; i < listed.length; i++) {
      const key = listed[i] as CanonicalKey;
      const entry = findEntry(source, place, key, writer);
      if (entry?.number === part * ORDER_KEYS + i) yield [key, entry.value];
      if (i === listed.length - 1) listed = readOrder(place, part, source, writer)?.keys ?? listed;
    }
  }
}

function findEntry(
  source: PartSource,
  place: Pick<MapPlace, 'key' | 'tag'>,
  entryKey: CanonicalKey,
  writer: BinaryWriter,
): { readonly number: number; readonly value: unknown } | undefined {
  writeEntryKey(writer, place.key, entryKey);
  const found = source.find(entryTag(place, entryKey, source.maxParallelism), writer.toBytes());
  if (found === undefined) return undefined;
  const number = found.readVarUint();
  return { number, value: source.codec.decode(found) };
}

function readOrder(
  place: Pick<MapPlace, 'key' | 'tag'>,
  part: number,
  source: PartSource,
  writer: BinaryWriter,
): Order | undefined {
  writeOrderKey(writer, place.key, part);
  const found = source.find(orderTag(place, part, source.maxParallelism), writer.toBytes());
  return found && decodeOrder(found);
}

function decodeOrder(reader: BinaryReader): Order {
  const previous = reader.readVarUint() - 1;
  const following = reader.readVarUint() - 1;
  const live = reader.readVarUint();
  const keys: CanonicalKey[] = [];
  for (let left = reader.readVarUint(); left > 0; left--) keys.push(decodeValue(reader));
  return { previous, following, live, keys };
}

function writeEntryKey(writer: BinaryWriter, key: CanonicalKey, entryKey: CanonicalKey): number {
  writer.truncate(0);
  encodeValue(writer, key);
  writer.writeByte(ENTRY);
  encodeValue(writer, entryKey);
  return writer.position;
}

function writeOrderKey(writer: BinaryWriter, key: CanonicalKey, part: number): number {
  writer.truncate(0);
  encodeValue(writer, key);
  writer.writeByte(ORDER);
  writer.writeVarUint(part);
  return writer.position;
}

function entryTag({ tag }: Pick<MapPlace, 'tag'>, entryKey: CanonicalKey, maxParallelism: number): number {
  return subTagOf(tag, hashKey(entryKey), maxParallelism);
}

function orderTag({ tag }: Pick<MapPlace, 'tag'>, part: number, maxParallelism: number): number {
  return subTagOf(tag, ~hashKey(part), maxParallelism);
}
