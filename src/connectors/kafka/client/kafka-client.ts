/**
 * A Kafka client on the level of requests: it knows where to send them, sends them again when that can help, and says in plain words when
 * it cannot. It has no threads, buffers or group membership: sources and sinks are made of its calls.
 *
 * Two kinds of calls. `fetch` and `produce` go to one broker once, and errors of single partitions are in the answer, because their
 * callers must decide about order and progress; an error of the connection is thrown. All others find their broker themselves
 * and are made again after retriable errors, with back-off, until the call's deadline.
 *
 * It is over 500 lines because it is the list of all that can be asked of a cluster; what happens to each request is elsewhere.
 *
 * Thrown errors are `MillraceError`s: `SERVICE_FAILED` for what the cluster refuses or cannot do (its name in `kafkaErrorName(error)`,
 * and `isRetriable(error)`), `INVALID_OPTION` for options and secrets, `ILLEGAL_STATE` after `close`.
 */
import { type Clock, type Logger, MillraceError, type Random } from '../../../common/index.ts';
import { identityOf, throwFirst } from './answers.ts';
import type { CoordinatorType } from './apis/cluster-apis.ts';
import { FETCH_BY_TOPIC_ID, fetchApi, produceApi } from './apis/data-apis.ts';
import type { KafkaApi } from './apis/kafka-api.ts';
import { listOffsetsApi, offsetCommitApi, offsetFetchApi } from './apis/offset-apis.ts';
import { createPartitionsApi, createTopicsApi, deleteTopicsApi, type TopicResult } from './apis/topic-apis.ts';
import {
  addPartitionsToTxnApi,
  describeTransactionsApi,
  END_TXN_RAISES_EPOCH,
  endTxnApi,
  initProducerIdApi,
  listTransactionsApi,
} from './apis/transaction-apis.ts';
import { parseBootstrapServers } from './bootstrap-servers.ts';
import { BrokerConnections, type Purpose } from './broker-connections.ts';
import { type BackOffOptions, CallContext, ClientLife } from './call-context.ts';
import { Cluster } from './cluster.ts';
import {
  isRetriable,
  type KafkaErrorName,
  kafkaError,
  notRetriable,
  staleCoordinatorKafkaError,
  staleMetadataKafkaError,
} from './kafka-errors.ts';
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

const PRODUCE_BY_TRANSACTION_V2 = 12;
/** The broker's own time-out comes first, with a better answer. */
const PRODUCE_GRACE_MS = 5_000;
const FETCH_MAX_WAIT_MS = 500;

interface Versions {
  readonly lowest?: number;
  readonly highest?: number;
}

export class KafkaClient {
  readonly #requestTimeoutMs: number;
  readonly #retryTimeoutMs: number;
  readonly #backOff: BackOffOptions;
  readonly #life = new ClientLife();
  readonly #connections: BrokerConnections;
  readonly #cluster: Cluster;

  /** Connects to nothing yet. @throws MillraceError `INVALID_OPTION` */
  constructor(options: KafkaClientOptions) {
    const { clock, random, logger } = options;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 30_000;
    this.#retryTimeoutMs = options.retryTimeoutMs ?? 120_000;
    const firstMs = options.retryBackoffMs ?? 100;
    this.#backOff = { clock, random, firstMs, longestMs: options.retryBackoffMaxMs ?? 1_000 };
    const settings = {
      clientId: options.clientId ?? 'millrace',
      security: options.security ?? {},
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      clock,
    };
    this.#connections = new BrokerConnections(settings, logger);
    this.#cluster = new Cluster({
      bootstrapServers: parseBootstrapServers(options.bootstrapServers),
      connections: this.#connections,
      random,
      nowMs: () => clock.monotonicMs(),
      requestTimeoutMs: this.#requestTimeoutMs,
      metadataMaxAgeMs: options.metadataMaxAgeMs ?? 300_000,
      minRefreshMs: firstMs,
    });
  }

  /**
   * Topics by name, from what is known unless that is stale, or `fresh` is set.
   * @throws MillraceError UNKNOWN_TOPIC_OR_PARTITION if one is missing, unless `allowMissing`.
   */
  describeTopics(
    topics: readonly string[],
    options: CallOptions & { readonly allowMissing?: boolean; readonly fresh?: boolean } = {},
  ): Promise<ReadonlyMap<string, TopicMetadata>> {
    return this.#retrying('describing topics', options, (context) => this.#cluster.describeTopics(topics, context, options));
  }

  /** All topics that the principal may see, asked for anew; Kafka's own are left out. */
  async listTopics(pattern?: RegExp, options?: CallOptions): Promise<readonly TopicMetadata[]> {
    const all = await this.#retrying('listing topics', options, (context) => this.#cluster.listTopics(context));
    return all.filter(({ topic, internal }) => !internal && (pattern === undefined || topic.search(pattern) >= 0));
  }

  brokers(options?: CallOptions): Promise<readonly BrokerMetadata[]> {
    return this.#retrying('asking for the brokers', options, (context) => this.#cluster.brokers(context));
  }

  /**
   * Broker id of the partition's leader; waits while there is none.
   * @throws MillraceError UNKNOWN_TOPIC_OR_PARTITION, not retriable, if topic or partition stay unknown for some seconds.
   */
  leaderOf(topic: string, partition: number, options?: CallOptions): Promise<number> {
    const what = `leader of "${topic}", partition ${partition}`;
    return this.#retrying(what, options, (context) => this.#cluster.leaderOf(topic, partition, context));
  }

  /** Marks what is known of the topic as stale, so that the next question asks the cluster. */
  invalidateMetadata(topic: string): void {
    this.#cluster.invalidateTopic(topic);
  }

  /** How transactions work in this cluster: 2 if its feature `transaction.version` says so. */
  async transactionVersion(options?: CallOptions): Promise<TransactionVersion> {
    const level = await this.#retrying('asking for the transaction version', options, (context) =>
      this.#cluster.withAny(context, async ({ api }) => api.features.get('transaction.version') ?? 0),
    );
    return level >= 2 ? 2 : 1;
  }

  /**
   * One long poll to one broker, not made again. Calls to the same broker come one after the other: one that was aborted keeps the
   * next waiting until its answer is there.
   * @throws MillraceError retriable if the connection fails.
   */
  async fetch(brokerId: number, request: FetchRequest, options?: CallOptions): Promise<readonly FetchedPartition[]> {
    const context = this.#context(options);
    const topicIds = new Map<string, string>();
    const names = new Map<string, string>();
    for (const { topic } of request.partitions) {
      const id = this.#cluster.topicId(topic);
      if (id !== undefined) names.set(id, topic);
      topicIds.set(topic, id ?? '');
    }
    const highest = [...topicIds.values()].includes('') ? FETCH_BY_TOPIC_ID - 1 : FETCH_BY_TOPIC_ID;
    const timeoutMs = this.#requestTimeoutMs + (request.maxWaitMs ?? FETCH_MAX_WAIT_MS);
    const call = { ...request, topicIds };
    const { error, partitions } = await this.#send(brokerId, 'fetch', fetchApi, call, context, { highest }, timeoutMs);
    if (error !== undefined) throw kafkaError(`fetch from broker ${brokerId}`, error);
    return this.#noteStale(partitions.map((p) => ({ ...p, topic: names.get(p.topic) ?? p.topic })));
  }

  /**
   * One produce request to one broker, not made again. Requests to the same broker are processed in the order of the calls as long as
   * none fails.
   * @throws MillraceError retriable if the connection fails: then batches may have been written, or not.
   */
  async produce(brokerId: number, request: ProduceRequest, options?: CallOptions): Promise<readonly ProducedPartition[]> {
    const timeoutMs = request.timeoutMs ?? this.#requestTimeoutMs;
    const versions = produceVersions(request);
    const call = { ...request, timeoutMs };
    return this.#noteStale(
      await this.#send(brokerId, 'produce', produceApi, call, this.#context(options), versions, timeoutMs + PRODUCE_GRACE_MS),
    );
  }

  /** Offsets by time; each partition's leader is asked. */
  async listOffsets(
    partitions: readonly ListOffsetsPartition[],
    options: CallOptions & { readonly isolationLevel?: IsolationLevel } = {},
  ): Promise<readonly ListedOffset[]> {
    const { isolationLevel = 'read_uncommitted' } = options;
    return this.#retrying('listing offsets', options, async (context) => {
      const byLeader = new Map<number, ListOffsetsPartition[]>();
      for (const partition of partitions) {
        const leader = await this.#cluster.leaderOf(partition.topic, partition.partition, context);
        const list = byLeader.get(leader);
        if (list) list.push(partition);
        else byLeader.set(leader, [partition]);
      }
      const answers = await Promise.all(
        [...byLeader].map(async ([leader, list]) => {
          try {
            return await this.#send(leader, 'control', listOffsetsApi, { isolationLevel, partitions: list }, context);
          } catch (error) {
            for (const { topic } of list) this.#cluster.invalidateTopic(topic);
            throw error;
          }
        }),
      );
      const offsets = this.#noteStale(answers.flat());
      throwFirst('listing offsets', offsets);
      return offsets.map(({ error: _, ...offset }) => offset);
    });
  }

  /** Commits offsets for a group that has no members (Flink's way: for monitoring, and for others to start from). */
  offsetCommit(groupId: string, offsets: readonly CommittedOffset[], options?: CallOptions): Promise<void> {
    const what = `committing offsets of group "${groupId}"`;
    return this.#retrying(what, options, async (context) => {
      const answers = await this.#coordinated('group', groupId, offsetCommitApi, { groupId, offsets }, context);
      this.#noteCoordinator('group', groupId, answers);
      throwFirst(what, answers);
    });
  }

  async offsetFetch(
    groupId: string,
    partitions: readonly TopicPartition[],
    options?: CallOptions,
  ): Promise<readonly FetchedOffset[]> {
    const what = `fetching offsets of group "${groupId}"`;
    return this.#retrying(what, options, async (context) => {
      const answer = await this.#coordinated('group', groupId, offsetFetchApi, { groupId, partitions }, context);
      this.#noteCoordinator('group', groupId, [answer, ...answer.offsets]);
      if (answer.error !== undefined) throw kafkaError(what, answer.error);
      throwFirst(what, answer.offsets);
      return answer.offsets.map(({ error: _, ...offset }) => offset);
    });
  }

  /**
   * A producer id and epoch. With a transactional id: aborts its open transaction and fences who used it before; waits until that
   * is done.
   */
  initProducerId(request: InitProducerIdRequest, options?: CallOptions): Promise<ProducerIdentity> {
    const { transactionalId } = request;
    const what = transactionalId === undefined ? 'getting a producer id' : `getting a producer id for "${transactionalId}"`;
    return this.#retrying(what, options, async (context) => {
      const answer =
        transactionalId === undefined
          ? await this.#cluster.askAny(initProducerIdApi, request, context)
          : await this.#coordinated('transaction', transactionalId, initProducerIdApi, request, context);
      if (transactionalId !== undefined) this.#noteCoordinator('transaction', transactionalId, [answer]);
      return identityOf(what, answer);
    });
  }

  /** Adds partitions to a transaction, before the first batch to each is produced; only with transaction version 1. */
  addPartitionsToTxn(request: AddPartitionsToTxnRequest, options?: CallOptions): Promise<void> {
    const { transactionalId } = request;
    const what = `adding partitions to the transaction of "${transactionalId}"`;
    return this.#retrying(what, options, async (context) => {
      const answers = await this.#coordinated('transaction', transactionalId, addPartitionsToTxnApi, request, context);
      this.#noteCoordinator('transaction', transactionalId, answers);
      throwFirst(what, answers);
    });
  }

  /**
   * Commits or aborts a transaction. It need not have been begun by this client. Repeating it is harmless with version 2; with version 1 it
   * ends whatever transaction of that producer id and epoch is open then.
   * @returns the identity for the next transaction: with version 2 another epoch or, when epochs run out, another id.
   */
  endTxn(request: EndTxnRequest, options?: CallOptions): Promise<ProducerIdentity> {
    const { transactionalId, producerId, producerEpoch, committed, transactionVersion } = request;
    const what = `${committed ? 'committing' : 'aborting'} the transaction of "${transactionalId}"`;
    const versions = transactionVersion === 2 ? { lowest: END_TXN_RAISES_EPOCH } : { highest: END_TXN_RAISES_EPOCH - 1 };
    return this.#retrying(what, options, async (context) => {
      const answer = await this.#coordinated('transaction', transactionalId, endTxnApi, request, context, versions);
      this.#noteCoordinator('transaction', transactionalId, [answer]);
      const next = identityOf(what, answer);
      return next.producerId < 0 ? { producerId, producerEpoch } : next;
    });
  }

  /** Transactional ids that the cluster does not know are missing in the answer. */
  async describeTransactions(
    transactionalIds: readonly string[],
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, TransactionDescription>> {
    const found = new Map<string, TransactionDescription>();
    for (const id of transactionalIds) {
      const what = `describing the transaction of "${id}"`;
      const description = await this.#retrying(what, options, async (context) => {
        const [answer] = await this.#coordinated('transaction', id, describeTransactionsApi, [id], context);
        if (answer === undefined || answer.error === 'TRANSACTIONAL_ID_NOT_FOUND') return undefined;
        this.#noteCoordinator('transaction', id, [answer]);
        const { error, ...transaction } = answer;
        if (error !== undefined) throw kafkaError(what, error);
        return transaction;
      });
      if (description !== undefined) found.set(id, description);
    }
    return found;
  }

  /** Transactional ids and the states of their transactions, from all brokers. */
  listTransactions(request: ListTransactionsRequest = {}, options?: CallOptions): Promise<readonly TransactionListing[]> {
    const { states = [], transactionalIdPrefix = '' } = request;
    return this.#retrying('listing transactions', options, async (context) => {
      const brokers = await this.#cluster.brokers(context);
      const answers = await Promise.all(
        brokers.map(({ brokerId }) => this.#send(brokerId, 'control', listTransactionsApi, states, context)),
      );
      throwFirst('listing transactions', answers);
      return answers.flatMap(({ transactions }) =>
        transactions.filter((t) => t.transactionalId.startsWith(transactionalIdPrefix)),
      );
    });
  }

  /** Returns when all partitions can be read and written. @throws MillraceError TOPIC_ALREADY_EXISTS */
  async createTopics(topics: readonly NewTopic[], options?: CallOptions): Promise<void> {
    await this.#atController('creating topics', createTopicsApi, topics, 'TOPIC_ALREADY_EXISTS', options);
    await this.#untilLed(
      topics.map(({ topic, partitions = 1 }) => ({ topic, count: partitions })),
      options,
    );
  }

  /** Returns when the topics are gone from the metadata. @throws MillraceError UNKNOWN_TOPIC_OR_PARTITION */
  async deleteTopics(topics: readonly string[], options?: CallOptions): Promise<void> {
    await this.#atController('deleting topics', deleteTopicsApi, topics, 'UNKNOWN_TOPIC_OR_PARTITION', options);
    await this.#retrying('waiting for topics to be gone', options, async (context) => {
      const left = await this.#cluster.describeTopics(topics, context, { allowMissing: true, fresh: true });
      for (const topic of left.keys()) throw kafkaError(`topic "${topic}" is still there`, 'REQUEST_TIMED_OUT');
    });
  }

  /** Returns when all partitions can be read and written. */
  async createPartitions(partitions: readonly NewPartitions[], options?: CallOptions): Promise<void> {
    await this.#atController('creating partitions', createPartitionsApi, partitions, undefined, options);
    await this.#untilLed(
      partitions.map(({ topic, totalCount }) => ({ topic, count: totalCount })),
      options,
    );
  }

  /** Makes `attempt` again while it throws retriable errors, with back-off and jitter, until the deadline. */
  retrying<T>(what: string, attempt: () => Promise<T>, options?: CallOptions): Promise<T> {
    return this.#retrying(what, options, attempt);
  }

  /** Ends all connections; calls under way are rejected with `ILLEGAL_STATE`. */
  async close(): Promise<void> {
    this.#life.close();
    this.#connections.close();
  }

  #context(options?: CallOptions): CallContext {
    const context = new CallContext(this.#backOff, this.#life, this.#retryTimeoutMs, options);
    context.check();
    return context;
  }

  async #retrying<T>(what: string, options: CallOptions | undefined, attempt: (context: CallContext) => Promise<T>): Promise<T> {
    const context = this.#context(options);
    return context.retrying(what, () => attempt(context));
  }

  async #send<Request, Response>(
    brokerId: number,
    purpose: Purpose,
    api: KafkaApi<Request, Response>,
    request: Request,
    context: CallContext,
    { lowest, highest }: Versions = {},
    timeoutMs = this.#requestTimeoutMs,
  ): Promise<Response> {
    const connection = await this.#cluster.connectionTo(brokerId, purpose, context);
    const version = connection.versionOf(api, lowest, highest);
    return context.wait(connection.send(api, request, version, Math.min(timeoutMs, context.remainingMs())));
  }

  async #coordinated<Request, Response>(
    type: CoordinatorType,
    key: string,
    api: KafkaApi<Request, Response>,
    request: Request,
    context: CallContext,
    versions?: Versions,
  ): Promise<Response> {
    const brokerId = await this.#cluster.coordinatorOf(type, key, context);
    try {
      return await this.#send(brokerId, 'control', api, request, context, versions);
    } catch (error) {
      if (isRetriable(error)) this.#cluster.invalidateCoordinator(type, key);
      throw error;
    }
  }

  #noteCoordinator(type: CoordinatorType, key: string, answers: readonly { readonly error: KafkaErrorName | undefined }[]): void {
    if (answers.some(({ error }) => error !== undefined && staleCoordinatorKafkaError(error))) {
      this.#cluster.invalidateCoordinator(type, key);
    }
  }

  #noteStale<T extends TopicPartition & { readonly error: KafkaErrorName | undefined }>(answers: readonly T[]): readonly T[] {
    for (const { topic, error } of answers) {
      if (error !== undefined && staleMetadataKafkaError(error)) this.#cluster.invalidateTopic(topic);
    }
    return answers;
  }

  /** @param done The error that says that it has been done: fine if an earlier attempt may have got through. */
  async #atController<T>(
    what: string,
    api: KafkaApi<{ readonly items: readonly T[]; readonly timeoutMs: number }, readonly TopicResult[]>,
    items: readonly T[],
    done: KafkaErrorName | undefined,
    options: CallOptions | undefined,
  ): Promise<void> {
    let unsure = false;
    await this.#retrying(what, options, async (context) => {
      const controllerId = await this.#cluster.controllerId(context);
      const request = { items, timeoutMs: this.#requestTimeoutMs };
      let results: readonly TopicResult[];
      try {
        results = await this.#send(controllerId, 'control', api, request, context);
      } catch (error) {
        unsure = true;
        throw error;
      }
      for (const { topic, error, errorMessage } of results) {
        this.#cluster.invalidateTopic(topic);
        if (error === undefined || (unsure && error === done)) continue;
        const failure = kafkaError(`${what}: "${topic}"`, error, errorMessage, { topic });
        throw error === 'UNKNOWN_TOPIC_OR_PARTITION' ? notRetriable(failure) : failure;
      }
    });
  }

  /** Waits until each partition has a leader, and the leader knows of it. */
  async #untilLed(topics: readonly { readonly topic: string; readonly count: number }[], options?: CallOptions): Promise<void> {
    const names = topics.map(({ topic }) => topic);
    await this.#retrying('waiting for leaders', options, async (context) => {
      const found = await this.#cluster.describeTopics(names, context, { allowMissing: true, fresh: true });
      for (const { topic, count } of topics) {
        const led = found.get(topic)?.partitions.filter((p) => p.leader >= 0).length ?? 0;
        if (led < count) throw kafkaError(`"${topic}": ${led} of ${count} partitions have a leader`, 'LEADER_NOT_AVAILABLE');
      }
    });
    const all = topics.flatMap(({ topic, count }) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition, at: 'latest' as const })),
    );
    await this.listOffsets(all, options);
  }
}

function produceVersions({ transactionalId, transactionVersion }: ProduceRequest): Versions {
  if (transactionalId === undefined) return {};
  if (transactionVersion === undefined) {
    throw new MillraceError('INTERNAL', `A batch for the transaction of "${transactionalId}" was produced without its version.`);
  }
  return transactionVersion === 2 ? { lowest: PRODUCE_BY_TRANSACTION_V2 } : { highest: PRODUCE_BY_TRANSACTION_V2 - 1 };
}
