export type CompressionType = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface CompressionCodecs {
  compress(type: CompressionType, bytes: Uint8Array): Uint8Array;
  decompress(type: CompressionType, bytes: Uint8Array): Uint8Array;
}

/** Loads the codecs; needs the package `@platformatic/kafka` (for snappy and lz4). */
export declare function loadCompressionCodecs(): Promise<CompressionCodecs>;
