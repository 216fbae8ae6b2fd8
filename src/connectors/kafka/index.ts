/** Apache Kafka: a source, a sink and formats. Needs the package `@platformatic/kafka`; Avro needs `avsc`, too. */
export type { CompressionType, KafkaHeader } from './batches/index.ts';
export type { IsolationLevel, KafkaSecurity, PemReference, SaslOptions, SecretReference, TlsOptions } from './client/index.ts';
export {
  type AvroFormatOptions,
  type AvroSchema,
  avroFormat,
  type ConfluentAvroFormatOptions,
  confluentAvroFormat,
  confluentFormat,
  SchemaRegistry,
  type SchemaRegistryOptions,
} from './formats/index.ts';
export {
  type KafkaBytes,
  type KafkaCommittable,
  KafkaSink,
  type KafkaSinkOptions,
  murmur2,
  type Partitioner,
  partitionOfKey,
} from './sink/index.ts';
export {
  type KafkaMalformedPolicy,
  type KafkaRecord,
  KafkaSource,
  type KafkaSourceCheckpoint,
  type KafkaSourceOptions,
  type KafkaSourceSplit,
  type MalformedKafkaRecord,
  type OffsetResetStrategy,
  OffsetsInitializer,
} from './source/index.ts';
