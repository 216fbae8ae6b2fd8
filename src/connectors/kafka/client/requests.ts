/**
 * What callers hand to a `KafkaClient` and get back from it, as plain data.
 *
 * Offsets, timestamps and producer ids are numbers: they are 64 bits wide on the wire and exact up to 2^53 here (a larger
 * one is refused where it is read). Where partitions of one answer can differ in their fate (`fetch`, `produce`), the error
 * is a field of the result; everywhere else it is thrown.
 */
import type { KafkaErrorName } from './kafka-errors.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export type IsolationLevel = 'read_uncommitted' | 'read_committed';

export interface BrokerMetadata {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | undefined;
}

export interface PartitionMetadata {
  readonly partition: number;
  /** Broker id of the leader; -1 while there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

export interface TopicMetadata {
  readonly topic: string;
  /** The topic's UUID, in hexadecimal; a topic that was deleted and created again has another. */
  readonly topicId: string;
  /** Whether it is one of Kafka's own (`__consumer_offsets`). */
  readonly internal: boolean;
  /** Sorted by partition, without gaps. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface FetchPartition extends TopicPartition {
  /** The first offset wanted; the answer can begin with records before it (batches are stored whole). */
  readonly fetchOffset: number;
  /** Upper bound for this partition; the first batch comes whole even if it is larger. 1 MiB by default. */
  readonly maxBytes?: number;
}

export interface FetchRequest {
  readonly partitions: readonly FetchPartition[];
  /** `read_uncommitted` by default. With `read_committed` the answer stops at the last stable offset and names aborted transactions. */
  readonly isolationLevel?: IsolationLevel;
  /** How long the broker may wait for `minBytes`; 500 by default. */
  readonly maxWaitMs?: number;
  /** 1 by default. */
  readonly minBytes?: number;
  /** Upper bound for the whole answer; 50 MiB by default. */
  readonly maxBytes?: number;
}

/** A transaction whose records from `firstOffset` up to its ABORT marker are not to be read. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface FetchedPartition extends TopicPartition {
  /** Set if the broker refused this partition; the client has then marked its metadata as stale if that can help. */
  readonly error: KafkaErrorName | undefined;
  /** Record batches as stored; the last one may be cut off. A view into the answer's memory, which is not written until `release`. */
  readonly records: Uint8Array;
  /** -1 if unknown, as the next two. */
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** In ascending order of `firstOffset`; empty with `read_uncommitted`. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  /**
   * Says that nothing refers to `records` any more: their memory is then used for answers to come, which saves garbage collection (most of
   * the cost of reading, on a large heap). Need not be called: then the memory is collected when nothing refers to it. Absent if
   * there are no records.
   */
  readonly release?: () => void;
}

/** Which offset is wanted: of the first record at or after a time, for instance. */
export type OffsetSpec = 'earliest' | 'latest' | { readonly timestampMs: number };

export interface ListOffsetsPartition extends TopicPartition {
  readonly at: OffsetSpec;
}

export interface ListedOffset extends TopicPartition {
  /** `undefined` if no record is that young (timestamps only). With `read_committed`, `latest` is the last stable offset. */
  readonly offset: number | undefined;
  /** Of the record found; -1 for `earliest` and `latest`. */
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

/**
 * How transactions work on the broker (its feature `transaction.version`): 1 = partitions are added by request and the epoch
 * stays; 2 = produce adds them and each end of a transaction raises the epoch (Kafka 4.0 and newer).
 */
export type TransactionVersion = 1 | 2;

export interface ProducePartition extends TopicPartition {
  /** One record batch, as `KafkaBatchWriter` makes it. */
  readonly batch: Uint8Array;
}

export interface ProduceRequest {
  readonly partitions: readonly ProducePartition[];
  /** `all` by default: all in-sync replicas have it. */
  readonly acks?: 'all' | 'leader';
  /** Of the transaction that the batches belong to. */
  readonly transactionalId?: string;
  /** Needed with `transactionalId`. With 1 the partitions must have been added by `addPartitionsToTxn`. */
  readonly transactionVersion?: TransactionVersion;
  /** How long the broker may wait for replicas; the client's `requestTimeoutMs` by default. */
  readonly timeoutMs?: number;
}

export interface ProducedPartition extends TopicPartition {
  /** Set if the broker refused the batch; the client has then marked the partition's metadata as stale if that can help. */
  readonly error: KafkaErrorName | undefined;
  /** The broker's own words about `error`, with the record that it is about, if it has any. */
  readonly errorMessage: string | undefined;
  /** Offset of the first record; -1 if unknown. */
  readonly baseOffset: number;
  /** -1 unless the topic stamps records itself. */
  readonly logAppendTimeMs: number;
}

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface InitProducerIdRequest {
  /** Absent for a producer that is idempotent only. */
  readonly transactionalId?: string;
  /** The broker aborts a transaction that is open for longer; 60,000 by default. */
  readonly transactionTimeoutMs?: number;
  /** Raises the epoch of this identity instead of fetching a new one; aborts its open transaction. */
  readonly current?: ProducerIdentity;
}

export interface TransactionRequest extends ProducerIdentity {
  readonly transactionalId: string;
}

export interface AddPartitionsToTxnRequest extends TransactionRequest {
  readonly partitions: readonly TopicPartition[];
}

export interface EndTxnRequest extends TransactionRequest {
  /** `true` commits, `false` aborts. */
  readonly committed: boolean;
  readonly transactionVersion: TransactionVersion;
}

/** Kafka's states of a transaction. */
export type TransactionState =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'
  | 'Dead'
  | 'PrepareEpochFence';

export interface TransactionDescription extends ProducerIdentity {
  readonly transactionalId: string;
  readonly state: TransactionState;
  readonly timeoutMs: number;
  /** -1 if none is open. */
  readonly startTimeMs: number;
  readonly partitions: readonly TopicPartition[];
}

export interface ListTransactionsRequest {
  /** All states by default. */
  readonly states?: readonly TransactionState[];
  /** Only transactional ids that start with it. */
  readonly transactionalIdPrefix?: string;
}

export interface TransactionListing {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: TransactionState;
}

export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  readonly metadata?: string;
}

export interface FetchedOffset extends TopicPartition {
  /** `undefined` if the group has committed none. */
  readonly offset: number | undefined;
  readonly metadata: string | undefined;
}

export interface NewTopic {
  readonly topic: string;
  /** The broker's default if absent. */
  readonly partitions?: number;
  readonly replicationFactor?: number;
  /** Topic configuration, such as `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string>>;
}

export interface NewPartitions {
  readonly topic: string;
  /** The number of partitions that the topic shall have in all. */
  readonly totalCount: number;
}

export interface CallOptions {
  /** Rejects the call with the signal's reason. An answer under way is thrown away when it comes. */
  readonly signal?: AbortSignal;
  /** Time for the call with all its retries; the client's `retryTimeoutMs` by default. */
  readonly timeoutMs?: number;
}
