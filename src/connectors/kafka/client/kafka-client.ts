import type { Clock, Logger, Random } from '../../../common/index.ts';
import type { KafkaSecurity } from './kafka-security.ts';
import type {
  AddPartitionsToTxnRequest,
  BrokerMetadata,
  CallOptions,
  CommittedOffset,
  EndTxnRequest,
  FetchedOffset,
  FetchedPartition,
  FetchRequest,
  InitProducerIdRequest,
  IsolationLevel,
  ListedOffset,
  ListOffsetsPartition,
  ListTransactionsRequest,
  NewPartitions,
  NewTopic,
  ProducedPartition,
  ProduceRequest,
  ProducerIdentity,
  TopicMetadata,
  TopicPartition,
  TransactionDescription,
  TransactionListing,
  TransactionVersion,
} from './requests.ts';

export interface KafkaClientOptions {
  /** `host:port`, or several, as an array or separated by commas. */
  readonly bootstrapServers: string | readonly string[];
  /** Named in the broker's logs and quotas; `millrace` by default. */
  readonly clientId?: string;
  readonly security?: KafkaSecurity;
  /** For connecting, TLS and authentication included; 10,000 by default. */
  readonly connectTimeoutMs?: number;
  /** For one request, on top of what the broker may wait (`maxWaitMs`); 30,000 by default. Then the connection is made anew. */
  readonly requestTimeoutMs?: number;
  /** For a call with all its retries; 120,000 by default. */
  readonly retryTimeoutMs?: number;
  /** First and longest pause between retries; doubled each time, with jitter; 100 and 1,000 by default. */
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** Metadata older than this is asked for anew; 300,000 by default. */
  readonly metadataMaxAgeMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export declare class KafkaClient {
  constructor(options: KafkaClientOptions);

  /** Topics by name, from the cache unless stale. @throws UNKNOWN_TOPIC_OR_PARTITION if one is missing, unless `allowMissing`. */
  describeTopics(
    topics: readonly string[],
    options?: CallOptions & { readonly allowMissing?: boolean; readonly fresh?: boolean },
  ): Promise<ReadonlyMap<string, TopicMetadata>>;
  /** All topics that the principal may see, asked for anew; Kafka's own are left out. */
  listTopics(pattern?: RegExp, options?: CallOptions): Promise<readonly TopicMetadata[]>;
  brokers(options?: CallOptions): Promise<readonly BrokerMetadata[]>;
  /** Broker id of the partition's leader; waits while there is none. */
  leaderOf(topic: string, partition: number, options?: CallOptions): Promise<number>;
  /** Forgets what is known of the topic, so that the next question asks the cluster. */
  invalidateMetadata(topic: string): void;
  /** 2 if the cluster has the feature `transaction.version` 2 finalised. */
  transactionVersion(options?: CallOptions): Promise<TransactionVersion>;

  /** One long poll to one broker, not retried. Calls to the same broker come one after the other. */
  fetch(brokerId: number, request: FetchRequest, options?: CallOptions): Promise<readonly FetchedPartition[]>;
  /** One produce request to one broker, not retried. Requests to the same broker are processed in the order of the calls. */
  produce(brokerId: number, request: ProduceRequest, options?: CallOptions): Promise<readonly ProducedPartition[]>;

  listOffsets(
    partitions: readonly ListOffsetsPartition[],
    options?: CallOptions & { readonly isolationLevel?: IsolationLevel },
  ): Promise<readonly ListedOffset[]>;
  offsetCommit(groupId: string, offsets: readonly CommittedOffset[], options?: CallOptions): Promise<void>;
  offsetFetch(groupId: string, partitions: readonly TopicPartition[], options?: CallOptions): Promise<readonly FetchedOffset[]>;

  initProducerId(request: InitProducerIdRequest, options?: CallOptions): Promise<ProducerIdentity>;
  addPartitionsToTxn(request: AddPartitionsToTxnRequest, options?: CallOptions): Promise<void>;
  /** @returns the identity for the next transaction: with version 2 another epoch (or, when they run out, another id). */
  endTxn(request: EndTxnRequest, options?: CallOptions): Promise<ProducerIdentity>;
  /** Transactional ids that the broker does not know are missing in the answer. */
  describeTransactions(
    transactionalIds: readonly string[],
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, TransactionDescription>>;
  /** Asks all brokers. */
  listTransactions(request?: ListTransactionsRequest, options?: CallOptions): Promise<readonly TransactionListing[]>;

  /** Returns when all partitions have leaders. */
  createTopics(topics: readonly NewTopic[], options?: CallOptions): Promise<void>;
  deleteTopics(topics: readonly string[], options?: CallOptions): Promise<void>;
  createPartitions(partitions: readonly NewPartitions[], options?: CallOptions): Promise<void>;

  /** Runs `attempt` again while it throws retriable errors, with back-off and jitter, until the deadline. */
  retrying<T>(what: string, attempt: () => Promise<T>, options?: CallOptions): Promise<T>;
  /** Ends all connections; calls under way are rejected. */
  close(): Promise<void>;
}
