/** What a Kafka source hands to its readers: one partition of a topic each, and where to begin in it. */
import type { SourceSplit } from '../../../connector/index.ts';

/** A partition that is read from `offset` on. Its id is `topic-partition`. */
export interface KafkaSourceSplit extends SourceSplit {
  readonly topic: string;
  readonly partition: number;
  /** The topic's own id: a topic that was deleted and created again has another, and other records at the same offsets. */
  readonly topicId: string;
  /** Of the next record to read. */
  readonly offset: number;
  /** The first offset that is not read any more; absent if the partition is read for ever. */
  readonly stopOffset?: number;
  /** Nothing was read yet and the beginning was wanted: what retention removes in the meantime is not missed. */
  readonly fromEarliest?: true;
}

export const splitIdOf = (topic: string, partition: number): string => `${topic}-${partition}`;
