import { BinaryReader, BinaryWriter, decodeValue, encodeValue, type TypeRegistry } from '../serialization/index.ts';

/**
 * Gives out copies of a default value, so that no two keys share one that can be changed.
 * @throws MillraceError `NOT_SERIALIZABLE` if it is not data
 */
export function copiesOf<T>(value: T, types: TypeRegistry | undefined): () => T {
  if (typeof value !== 'object' || value === null) return () => value;
  const writer = new BinaryWriter();
  encodeValue(writer, value, types);
  const bytes = writer.toBytes();
  return () => decodeValue(new BinaryReader(bytes), types) as T;
}
