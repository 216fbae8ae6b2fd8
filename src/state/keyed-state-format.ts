/**
 * How keyed state is written by key group, and read again.
 *
 * The bytes of a key group are sections, one for each state that has values in it: the index of the state in the
 * snapshot's list, the section's length, its content. So a section can be carried over without decoding it. Content is one
 * record after the other until the end: for namespaced state a byte (1: a namespace follows, 0: that of the record
 * before), then the canonical key and the value, both in the general codec. Contents of one state can be joined.
 */
import { BinaryReader, BinaryWriter, decodeValue, encodeValue, type TypeRegistry } from '../serialization/index.ts';
import type { CanonicalKey } from './key-encoding.ts';
import { keyGroupOf } from './key-groups.ts';
import type { KeyGroupBytes } from './keyed-state-backend.ts';

const SAME_NAMESPACE = 0;
const NEW_NAMESPACE = 1;

/** Writes one state at a time, records in any order, and cuts them by key group. */
export class KeyedStateWriter {
  private readonly maxParallelism: number;
  private readonly types: TypeRegistry | undefined;
  private readonly groups = new Map<number, BinaryWriter>();
  private sections = new Map<number, Section>();

  constructor(maxParallelism: number, types: TypeRegistry | undefined) {
    this.maxParallelism = maxParallelism;
    this.types = types;
  }

  /** @throws MillraceError `NOT_SERIALIZABLE` */
  add(namespace: string | undefined, key: CanonicalKey, value: unknown): void {
    const section = this.sectionOf(keyGroupOf(key, this.maxParallelism));
    const { content } = section;
    if (namespace !== undefined) {
      const known = section.namespace === namespace;
      content.writeByte(known ? SAME_NAMESPACE : NEW_NAMESPACE);
      if (!known) content.writeString(namespace);
      section.namespace = namespace;
    }
    encodeValue(content, key);
    encodeValue(content, value, this.types);
  }

  /** Ends the state that is being written. */
  endState(stateIndex: number): void {
    for (const [keyGroup, section] of this.sections) this.addSection(keyGroup, stateIndex, section.content.toBytes());
    this.sections = new Map();
  }

  /** A section as it was read. */
  addSection(keyGroup: number, stateIndex: number, content: Uint8Array): void {
    let group = this.groups.get(keyGroup);
    if (group === undefined) {
      group = new BinaryWriter();
      this.groups.set(keyGroup, group);
    }
    group.writeVarUint(stateIndex);
    group.writeVarUint(content.length);
    group.writeBytes(content);
  }

  finish(): KeyGroupBytes[] {
    const groups = [...this.groups].map(([keyGroup, writer]) => ({ keyGroup, bytes: writer.toBytes() }));
    return groups.sort((a, b) => a.keyGroup - b.keyGroup);
  }

  private sectionOf(keyGroup: number): Section {
    let section = this.sections.get(keyGroup);
    if (section === undefined) {
      section = { content: new BinaryWriter(), namespace: undefined };
      this.sections.set(keyGroup, section);
    }
    return section;
  }
}

interface Section {
  readonly content: BinaryWriter;
  namespace: string | undefined;
}

/** The sections of a key group. @throws MillraceError `CORRUPT_DATA` */
export function* readSections(bytes: Uint8Array): Generator<{ stateIndex: number; content: Uint8Array }, void> {
  const reader = new BinaryReader(bytes);
  while (reader.remaining > 0) {
    const stateIndex = reader.readVarUint();
    yield { stateIndex, content: reader.readBytes(reader.readVarUint()) };
  }
}

/** Calls `visit` with each record of a section; without namespaces, the namespace is empty. @throws MillraceError `CORRUPT_DATA` */
export function readRecords(
  content: Uint8Array,
  namespaced: boolean,
  types: TypeRegistry | undefined,
  visit: (namespace: string, key: CanonicalKey, value: unknown) => void,
): void {
  const reader = new BinaryReader(content);
  let namespace = '';
  while (reader.remaining > 0) {
    if (namespaced && reader.readByte() === NEW_NAMESPACE) namespace = reader.readString();
    const key = decodeValue(reader) as CanonicalKey;
    visit(namespace, key, decodeValue(reader, types));
  }
}
