/**
 * How records that were in flight when an unaligned checkpoint was taken are written: each by itself in the general
 * codec, so that they can be dealt out again when the job goes on at another parallelism.
 */
import { BinaryReader, type BinaryWriter, decodeValue, encodeValue, type TypeRegistry } from '../serialization/index.ts';

/** Appends records `[from, to)`. @throws MillraceError `NOT_SERIALIZABLE` */
export function encodeRecords(
  writer: BinaryWriter,
  values: readonly unknown[],
  timestamps: Float64Array,
  from: number,
  to: number,
  types?: TypeRegistry,
): void {
  for (let i = from; i < to; i++) {
    writer.writeFloat64(timestamps[i] as number);
    encodeValue(writer, values[i], types);
  }
}

/** @throws MillraceError `CORRUPT_DATA` */
export function decodeRecords(bytes: Uint8Array, visit: (value: unknown, timestamp: number) => void, types?: TypeRegistry): void {
  const reader = new BinaryReader(bytes);
  while (reader.remaining > 0) {
    const timestamp = reader.readFloat64();
    visit(decodeValue(reader, types), timestamp);
  }
}
