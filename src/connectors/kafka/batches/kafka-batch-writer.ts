import type { CompressionCodecs, CompressionType } from './compression-codecs.ts';
import type { KafkaHeader } from './kafka-header.ts';

/** Who writes a batch: -1 everywhere and not transactional without a producer id. */
export interface BatchIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
}

export interface KafkaBatchWriterOptions {
  readonly compression?: CompressionType;
  readonly codecs?: CompressionCodecs;
  readonly initialBytes?: number;
}

/** Builds one record batch after the other. */
export declare class KafkaBatchWriter {
  constructor(options?: KafkaBatchWriterOptions);
  readonly recordCount: number;
  /** Size of the batch so far, header included, before compression. */
  readonly bytes: number;
  /** Appends a record; the bytes are copied. */
  append(timestampMs: number, key: Uint8Array | null, value: Uint8Array | null, headers?: readonly KafkaHeader[]): void;
  /** As `append`, from parts of larger arrays; a start of -1 means null. */
  appendRange(
    timestampMs: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    headers?: readonly KafkaHeader[],
  ): void;
  /** Upper bound of what a record would add to `bytes`. */
  sizeOf(keyLength: number, valueLength: number, headers?: readonly KafkaHeader[]): number;
  /** Closes the batch and returns its bytes, which are the caller's; the writer is empty again. */
  finish(identity?: BatchIdentity): Uint8Array;
}

/** Gives a finished batch another identity (after the producer's epoch was raised) and a new checksum, in place. */
export declare function reassignBatch(batch: Uint8Array, identity: BatchIdentity): void;
