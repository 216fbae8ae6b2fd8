export { KafkaRecord } from './kafka-record.ts';
export { KafkaSource, type KafkaSourceOptions } from './kafka-source.ts';
export type { KafkaSourceCheckpoint } from './kafka-source-enumerator.ts';
export type { KafkaSourceSplit } from './kafka-source-split.ts';
export type { KafkaMalformedPolicy, MalformedKafkaRecord } from './malformed-kafka-record.ts';
export { type OffsetResetStrategy, OffsetsInitializer } from './offsets-initializer.ts';
