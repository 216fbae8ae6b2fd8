/** Kafka's record batches: reading them from fetched bytes and making them for produce. */
export { type CompressionCodecs, type CompressionType, loadCompressionCodecs } from './compression-codecs.ts';
export { KafkaBatchReader, type KafkaBatchReaderOptions, RecordBounds } from './kafka-batch-reader.ts';
export { type BatchIdentity, KafkaBatchWriter, type KafkaBatchWriterOptions, reassignBatch } from './kafka-batch-writer.ts';
export type { KafkaHeader } from './kafka-header.ts';
