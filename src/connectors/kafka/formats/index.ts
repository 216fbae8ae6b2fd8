/** Formats of messages that are usual with Kafka: Avro, and what Confluent's serialisers write. */
export { type AvroFormatOptions, avroFormat } from './avro-format.ts';
export type { AvroSchema } from './avro-library.ts';
export { type ConfluentAvroFormatOptions, confluentAvroFormat, confluentFormat } from './confluent-format.ts';
export { SchemaRegistry, type SchemaRegistryOptions } from './schema-registry.ts';
