/** A header of a Kafka record. Keys can occur more than once, in order. */
export interface KafkaHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}
