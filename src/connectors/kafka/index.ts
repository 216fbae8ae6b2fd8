/** Apache Kafka: a source and a sink. Needs the package `@platformatic/kafka`. */
export type { CompressionType, KafkaHeader } from './batches/index.ts';
export type { IsolationLevel, KafkaSecurity, PemReference, SaslOptions, SecretReference, TlsOptions } from './client/index.ts';
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
