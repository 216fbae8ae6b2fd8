/**
 * How a single value (a value, a combined value, an accumulator, an element of a list, a value in a map) is written in a record:
 * in the general codec, and with a time to live behind the 8 bytes of its last access, so that compaction reads nothing else.
 */
import { type BinaryReader, type BinaryWriter, decodeValue, encodeValue, type TypeRegistry } from '../../serialization/index.ts';
import type { TtlValue } from '../ttl-states.ts';

export interface ContentCodec {
  encode(writer: BinaryWriter, content: any): void;
  decode(reader: BinaryReader): any;
}

export function contentCodec(ttl: boolean, types: TypeRegistry | undefined): ContentCodec {
  if (!ttl) {
    return {
      encode: (writer, value) => encodeValue(writer, value, types),
      decode: (reader) => decodeValue(reader, types),
    };
  }
  return {
    encode(writer, stored: TtlValue<unknown>) {
      writer.writeFloat64(stored.accessMs);
      encodeValue(writer, stored.value, types);
    },
    decode(reader): TtlValue<unknown> {
      const accessMs = reader.readFloat64();
      return { value: decodeValue(reader, types), accessMs };
    },
  };
}
