/**
 * Lists by key. A record holds the elements one after the other; an element is appended in place while there is room, which is
 * made for half as many again. When a record is full, its elements become a part of their own, numbered, and the record goes on
 * with none: so an addition writes a few bytes however long the list is.
 *
 * The value of a record: the number of bytes of its elements and the number of parts before (32 bits each), the elements. A part is
 * keyed by the key and its number.
 */
import { BinaryReader, BinaryWriter, encodeValue } from '../../serialization/index.ts';
import type { CanonicalKey } from '../key-encoding.ts';
import { hashKey } from '../key-groups.ts';
import { inState } from '../state-checks.ts';
import type { ContentCodec } from './content-codec.ts';
import { subTagOf } from './current-key.ts';
import { type PartSource, partsOf, readUint32, writeUint32 } from './parts.ts';
import { copyBytes } from './record-log.ts';
import { HEADER_BYTES, UNIT_BYTES } from './segment.ts';
import { StateAccess } from './state-access.ts';
import type { StateStore, StateTable } from './state-store.ts';

/** Elements of a record, unless there is a single one that is larger. */
const PART_BYTES = 4096;
/** The two numbers in front of the elements. */
const COUNTS_BYTES = 8;
const ROOM = 1.5;

export class ListAccess extends StateAccess {
  private readonly codec: ContentCodec;
  private readonly writer = new BinaryWriter();
  /** Of what `encodeKey` wrote last. */
  private keyLength = 0;

  constructor(store: StateStore, codec: ContentCodec) {
    super(store);
    this.codec = codec;
  }

  read(): unknown[] | undefined {
    const elements = this.elements();
    return elements === undefined ? undefined : [...elements];
  }

  /** The elements, those of long lists read part by part; `undefined` without any. */
  elements(): Iterable<unknown> | undefined {
    const { table } = this;
    if (table === undefined) return undefined;
    const { tag, canonical } = this.current;
    const body = this.encodeKey();
    if (!table.values.find(tag, body, body.length)) return undefined;
    const value = this.store.context.log.reader(table.values.units, body.length);
    return readList(value, canonical as CanonicalKey, tag, partsOf(this.store, table, this.codec));
  }

  write(content: unknown): void {
    this.remove();
    for (const element of (content ?? []) as Iterable<unknown>) this.add(element);
  }

  add(element: unknown): void {
    const { values } = this.makeTable();
    const { tag } = this.current;
    const body = this.encodeElement(element);
    const { keyLength } = this;
    const length = body.length - keyLength - COUNTS_BYTES;
    if (!values.find(tag, body, keyLength)) {
      values.store(false, tag, body, keyLength);
    } else {
      const { log } = this.store.context;
      const { location, units } = values;
      // What `find` compared is located; equal tags at other places are not.
      log.locate(location, units);
      const { bytes, start } = log;
      const counts = start + HEADER_BYTES + keyLength;
      const used = readUint32(bytes, counts);
      const size = HEADER_BYTES + keyLength + COUNTS_BYTES + used + length;
      if (used + length > PART_BYTES) {
        const parts = readUint32(bytes, counts + 4);
        this.addPart(tag, parts, bytes.slice(counts + COUNTS_BYTES, counts + COUNTS_BYTES + used));
        writeUint32(body, keyLength + 4, parts + 1);
        values.find(tag, body, keyLength, location);
        values.store(true, tag, body, keyLength);
      } else if (size <= units * UNIT_BYTES && log.canOverwrite(location)) {
        copyBytes(body, keyLength + COUNTS_BYTES, bytes, counts + COUNTS_BYTES + used, length);
        writeUint32(bytes, counts, used + length);
      } else {
        const longer = new Uint8Array(size - HEADER_BYTES);
        copyBytes(bytes, start + HEADER_BYTES, longer, 0, keyLength + COUNTS_BYTES + used);
        copyBytes(body, keyLength + COUNTS_BYTES, longer, keyLength + COUNTS_BYTES + used, length);
        writeUint32(longer, keyLength, used + length);
        values.store(true, tag, longer, keyLength, ROOM);
      }
    }
    this.store.context.compactor.step();
  }

  protected override isPresent(table: StateTable): boolean {
    const body = this.encodeKey();
    return table.values.find(this.current.tag, body, body.length);
  }

  protected override offer(): void {}

  private remove(): void {
    const { table } = this;
    if (table === undefined) return;
    const { tag } = this.current;
    const body = this.encodeKey();
    const { values } = table;
    if (!values.find(tag, body, body.length)) return;
    const { log, maxParallelism } = this.store.context;
    log.locate(values.location, values.units);
    const parts = readUint32(log.bytes, log.start + HEADER_BYTES + body.length + 4);
    values.removeFound();
    for (let part = 0; part < parts; part++) {
      const partBody = this.encodePartKey(part);
      table.parts?.remove(subTagOf(tag, hashKey(part), maxParallelism), partBody, partBody.length);
    }
  }

  private addPart(tag: number, part: number, elements: Uint8Array): void {
    const { writer } = this;
    const keyLength = this.encodePartKey(part).length;
    writer.writeVarUint(elements.length);
    writer.writeBytes(elements);
    const partTag = subTagOf(tag, hashKey(part), this.store.context.maxParallelism);
    this.makeTable().makeParts().put(partTag, writer.toBytes(), keyLength);
  }

  private encodeKey(): Uint8Array {
    this.writer.truncate(0);
    encodeValue(this.writer, this.current.canonical);
    return this.writer.toBytes();
  }

  private encodePartKey(part: number): Uint8Array {
    this.writer.truncate(0);
    encodeValue(this.writer, this.current.canonical);
    this.writer.writeVarUint(part);
    return this.writer.toBytes();
  }

  /** The body of a list of this element alone. @throws MillraceError `NOT_SERIALIZABLE` */
  private encodeElement(element: unknown): Uint8Array {
    const { writer } = this;
    writer.truncate(0);
    encodeValue(writer, this.current.canonical);
    const keyLength = writer.position;
    writer.writeFloat64(0);
    try {
      this.codec.encode(writer, element);
    } catch (error) {
      throw inState(this.store.meta.name, error);
    }
    const body = writer.toBytes();
    writeUint32(body, keyLength, body.length - keyLength - COUNTS_BYTES);
    this.keyLength = keyLength;
    return body;
  }
}

/** The elements of a list from the value of its record. */
export function readList(value: BinaryReader, key: CanonicalKey, tag: number, source: PartSource): Iterable<unknown> {
  const counts = value.readBytes(COUNTS_BYTES);
  const elements = value.readBytes(readUint32(counts, 0));
  const parts = readUint32(counts, 4);
  return parts === 0 ? decodeElements(elements, source.codec) : readParts(parts, elements.slice(), key, tag, source);
}

/** The elements that are in the record itself: the last ones. */
export function lastElements(value: BinaryReader, codec: ContentCodec): { elements: unknown[]; hasParts: boolean } {
  const counts = value.readBytes(COUNTS_BYTES);
  const elements = decodeElements(value.readBytes(readUint32(counts, 0)), codec);
  return { elements, hasParts: readUint32(counts, 4) > 0 };
}

function* readParts(
  parts: number,
  last: Uint8Array,
  key: CanonicalKey,
  tag: number,
  source: PartSource,
): Generator<unknown, void> {
  const writer = new BinaryWriter();
  for (let part = 0; part < parts; part++) {
    writer.truncate(0);
    encodeValue(writer, key);
    writer.writeVarUint(part);
    const value = source.find(subTagOf(tag, hashKey(part), source.maxParallelism), writer.toBytes());
    if (value !== undefined) yield* decodeElements(value.readBytes(value.readVarUint()), source.codec);
  }
  yield* decodeElements(last, source.codec);
}

function decodeElements(bytes: Uint8Array, codec: ContentCodec): unknown[] {
  const reader = new BinaryReader(bytes);
  const elements: unknown[] = [];
  while (reader.remaining > 0) elements.push(codec.decode(reader));
  return elements;
}
