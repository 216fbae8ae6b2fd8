/**
 * The metadata file of a checkpoint: what the checkpoint consists of, and in which files it is.
 *
 * An envelope that stays the same for ever (magic, version, length of the body, body, CRC-32 of all before), so that damage can
 * be told from a version that is newer than this program; and a body in the format of its version. It is read as if a stranger
 * had written it: every number is bounded, every file name checked (`layout.ts`).
 */
import { MillraceError } from '../common/index.ts';
import type {
  ChannelTime,
  CompletedCheckpoint,
  InFlightState,
  InputEdge,
  InputTime,
  OperatorCheckpoint,
  OperatorSubtaskState,
} from '../protocol/index.ts';
import { BinaryReader, BinaryWriter, crc32, type TypeInformation } from '../serialization/index.ts';
import type {
  IncrementalKeyedStateHandle,
  KeyedStateHandle,
  KeyGroupOffset,
  KeyGroupRange,
  KeyGroupsHandle,
  StateHandle,
  StateKind,
  StateMeta,
} from '../state/index.ts';
import { absent, bool, bytes, type Codec, flag, float64, list, oneOf, optional, struct, text, uint, union } from './codecs.ts';
import { METADATA_FILE, relativeFile, resolveFile } from './layout.ts';

/** 'MILLRCHK' */
const MAGIC = Uint8Array.of(0x4d, 0x49, 0x4c, 0x4c, 0x52, 0x43, 0x48, 0x4b);
/** 2: what the inputs of a task had said of event time, and what fed it. */
const VERSION = 2;
const OLDEST_VERSION = 1;
const CHECKSUM_BYTES = 4;

/** @throws MillraceError `STATE_FAILED` if it refers to a file that it must not refer to */
export function encodeMetadata(checkpoint: CompletedCheckpoint): Uint8Array {
  const body = new BinaryWriter(4096);
  checkpointCodec(checkpoint.externalPath, VERSION).write(body, checkpoint);
  const writer = new BinaryWriter(body.position + 64);
  writer.writeBytes(MAGIC);
  writer.writeVarUint(VERSION);
  writer.writeVarUint(body.position);
  writer.writeBytes(body.toBytes());
  let checksum = crc32(writer.toBytes());
  for (let i = 0; i < CHECKSUM_BYTES; i++, checksum >>>= 8) writer.writeByte(checksum & 0xff);
  return writer.toBytes();
}

/**
 * @param folder where the metadata lies now: files are found relative to it
 * @throws MillraceError `CORRUPT_DATA`, `STATE_FAILED` for a newer version
 */
export function decodeMetadata(content: Uint8Array, folder: string): CompletedCheckpoint {
  try {
    const { version, body } = bodyOf(content);
    return { ...checkpointCodec(folder, version).read(body), externalPath: folder };
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'STATE_FAILED') throw error;
    const why = error instanceof Error ? error.message : String(error);
    const path = `${folder}/${METADATA_FILE}`;
    throw new MillraceError('CORRUPT_DATA', `The metadata of the checkpoint, '${path}', is damaged: ${why}`, {
      cause: error,
      context: { path },
      recoverable: false,
    });
  }
}

function bodyOf(content: Uint8Array): { readonly version: number; readonly body: BinaryReader } {
  const reader = new BinaryReader(content);
  if (content.length < MAGIC.length || MAGIC.some((byte) => reader.readByte() !== byte)) {
    throw new MillraceError('CORRUPT_DATA', 'It does not begin as the metadata of a checkpoint does.');
  }
  const version = reader.readVarUint();
  const body = reader.readBytes(reader.readVarUint());
  const checked = content.subarray(0, reader.position);
  let checksum = 0;
  for (const byte of reader.readBytes(CHECKSUM_BYTES).toReversed()) checksum = checksum * 256 + byte;
  if (checksum !== crc32(checked)) throw new MillraceError('CORRUPT_DATA', 'Its checksum does not fit.');
  if (reader.remaining > 0) throw reader.corrupt('something follows behind the end');
  if (version < OLDEST_VERSION) throw reader.corrupt(`there is no version ${version}`);
  if (version > VERSION) {
    throw new MillraceError(
      'STATE_FAILED',
      `The checkpoint was written by a newer version of Millrace: its metadata has the format ${version}, and this version reads those up to ${VERSION}. Start it with that version.`,
      { context: { version }, recoverable: false },
    );
  }
  return { version, body: new BinaryReader(body) };
}

type Data = CompletedCheckpoint;

function checkpointCodec(folder: string, version: number): Codec<Omit<Data, 'externalPath'>> {
  const since2 = <T>(codec: Codec<T>): Codec<T | undefined> => (version >= 2 ? optional(codec) : absent);
  const file: Codec<string> = {
    write: (writer, path) => text.write(writer, relativeFile(folder, path)),
    read(reader) {
      const name = text.read(reader);
      const path = resolveFile(folder, name);
      if (path === undefined) throw reader.corrupt(`it names the file '${name}', which does not belong to the checkpoint`);
      return path;
    },
  };
  const handle = union<'kind', StateHandle>('kind', {
    INLINE: struct({ bytes }),
    FILE: struct({ file, offset: uint, length: uint, crc32: uint }),
  });
  const incrementalFile = struct<IncrementalKeyedStateHandle['files'][number]>({ name: text, shared: bool, handle });
  const keyed = union<'format', KeyedStateHandle>('format', {
    KEY_GROUPS: struct<Omit<KeyGroupsHandle, 'format'>>({
      maxParallelism: uint,
      keyGroupRange,
      states: list(stateMeta),
      keyGroups: list(keyGroupOffset),
      content: handle,
    }),
    INCREMENTAL: struct<Omit<IncrementalKeyedStateHandle, 'format'>>({
      backend: text,
      maxParallelism: uint,
      keyGroupRange,
      states: list(stateMeta),
      meta: handle,
      files: list(incrementalFile),
    }),
  });
  const subtask = struct<OperatorSubtaskState>({
    keyed: optional(keyed),
    timers: optional(handle),
    operator: optional(handle),
    inFlight: optional(list(struct<InFlightState>({ edge: uint, producerSubtask: uint, records: handle }))),
    inputTime: since2(inputTime),
    watermark: float64,
    finished: flag,
  });
  const operator = struct<OperatorCheckpoint>({
    operatorId: text,
    uid: optional(text),
    name: text,
    parallelism: uint,
    maxParallelism: uint,
    coordinator: optional(handle),
    inputs: since2(list(inputEdge)),
    subtasks: list(subtask),
  });
  return struct<Omit<Data, 'externalPath'>>({
    checkpointId: uint,
    kind: oneOf('CHECKPOINT', 'SAVEPOINT'),
    jobId: text,
    jobName: text,
    triggerTimestampMs: float64,
    completedTimestampMs: float64,
    operators: list(operator),
    stateBytes: uint,
  });
}

type AnyType = TypeInformation<unknown>;

/** Types contain types; one that is too deep ends the stack, which is found damaged like everything else that does not decode. */
const typeInformation: Codec<AnyType> = {
  write: (writer, type) => typeVariants.write(writer, type),
  read: (reader) => typeVariants.read(reader),
};
const leaf = struct<object>({});
const typeVariants = union<'kind', AnyType>('kind', {
  STRING: leaf,
  BOOLEAN: leaf,
  INT: leaf,
  LONG: leaf,
  DOUBLE: leaf,
  BIGINT: leaf,
  TIMESTAMP: leaf,
  DATE: leaf,
  BYTES: leaf,
  ANY: leaf,
  OPTIONAL: struct({ type: typeInformation }),
  LIST: struct({ element: typeInformation }),
  MAP: struct({ key: typeInformation, value: typeInformation }),
  OBJECT: {
    write(writer, { fields }) {
      typeFields.write(
        writer,
        Object.entries(fields).map(([name, type]) => ({ name, type })),
      );
    },
    read: (reader) => ({ fields: Object.fromEntries(typeFields.read(reader).map(({ name, type }) => [name, type])) }),
  },
});
const typeFields = list(struct<{ name: string; type: AnyType }>({ name: text, type: typeInformation }));

const inputTime = struct<InputTime>({
  emitted: float64,
  idle: bool,
  channels: list(struct<ChannelTime>({ edge: uint, producerSubtask: uint, watermark: float64, idle: bool, ended: bool })),
});
const inputEdge = struct<InputEdge>({ operatorId: text, sideOutput: optional(text), input: uint, partitioner: text });
const keyGroupRange = struct<KeyGroupRange>({ start: uint, end: uint });
const keyGroupOffset = struct<KeyGroupOffset>({ keyGroup: uint, offset: uint, length: uint, crc32: uint });
const stateMeta = struct<StateMeta>({
  name: text,
  kind: oneOf<StateKind>('VALUE', 'LIST', 'MAP', 'REDUCING', 'AGGREGATING'),
  namespaced: bool,
  ttl: bool,
  type: struct<StateMeta['type']>({ key: optional(typeInformation), value: optional(typeInformation) }),
});
