/** Records into Kafka topics, at least once or exactly once. */
export { KafkaSink } from './kafka-sink.ts';
export type { KafkaBytes, KafkaSinkOptions } from './kafka-sink-options.ts';
export { murmur2, partitionOfKey } from './murmur2.ts';
export type { Partitioner } from './partitioner.ts';
export type { KafkaCommittable } from './transaction-pool.ts';
