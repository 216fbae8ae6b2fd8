export { BinaryReader } from './binary-reader.ts';
export { BinaryWriter } from './binary-writer.ts';
export { ByteBuffer } from './byte-buffer.ts';
export { crc32 } from './crc32.ts';
export { RecordDecoder, type RecordDecoderOptions } from './record-decoder.ts';
export { RecordEncoder, type RecordEncoderOptions } from './record-encoder.ts';
export { type RegisteredType, TypeRegistry } from './type-registry.ts';
export { type TypeInformation, type TypeKind, type TypeOf, Types } from './types.ts';
export { decodeValue, encodeValue, MAX_VALUE_DEPTH } from './value-codec.ts';
