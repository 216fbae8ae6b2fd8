/** Kafka's record batches: reading them from fetched bytes and making them for produce. */
export { type BatchCodecs, type CompressionType, loadBatchCodecs } from './batch-codecs.ts';
export { BatchMemory } from './batch-memory.ts';
export { KafkaBatchReader, type KafkaBatchReaderOptions } from './kafka-batch-reader.ts';
export {
  type BatchIdentity,
  KafkaBatchWriter,
  type KafkaBatchWriterOptions,
  NO_PRODUCER,
  reassignBatch,
} from './kafka-batch-writer.ts';
export { type KafkaHeader, readHeaders } from './kafka-header.ts';
export { RecordBounds } from './record-bounds.ts';
