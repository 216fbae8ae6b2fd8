/**
 * What a client knows about the cluster: brokers, topics with their leaders, coordinators; and how it asks.
 *
 * All of it is a cache that can be stale at any time. Who finds out (an answer that says so, a connection that fails) invalidates the
 * piece, and the next question asks the cluster again, though not more often than once in a back-off. Questions that any
 * broker can answer go to the known brokers in random order and then to the bootstrap servers, until one answers.
 */
import type { MillraceError, Random } from '../../../common/index.ts';
import { type CoordinatorType, findCoordinatorApi, metadataApi, type TopicAnswer } from './apis/cluster-apis.ts';
import type { KafkaApi } from './apis/kafka-api.ts';
import type { BrokerConnection } from './broker-connection.ts';
import type { BrokerConnections, Endpoint, Purpose } from './broker-connections.ts';
import type { CallContext } from './call-context.ts';
import { connectionError, isRetriable, kafkaError, notRetriable } from './kafka-errors.ts';
import type { BrokerMetadata, TopicMetadata } from './requests.ts';

export interface ClusterOptions {
  readonly bootstrapServers: readonly Endpoint[];
  readonly connections: BrokerConnections;
  readonly random: Random;
  readonly nowMs: () => number;
  readonly requestTimeoutMs: number;
  readonly metadataMaxAgeMs: number;
  readonly minRefreshMs: number;
}

interface KnownTopic {
  readonly metadata: TopicMetadata;
  readonly atMs: number;
  stale: boolean;
}

/** A topic that was just created or moved may be unknown to a broker for a moment. */
const MISSING_TOPIC_GRACE_MS = 2_000;

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #brokers = new Map<number, BrokerMetadata>();
  readonly #topics = new Map<string, KnownTopic>();
  readonly #coordinators = new Map<string, number>();
  #controllerId = -1;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  async brokers(context: CallContext): Promise<readonly BrokerMetadata[]> {
    await this.#refresh([], context);
    return [...this.#brokers.values()];
  }

  async describeTopics(
    names: readonly string[],
    context: CallContext,
    { allowMissing = false, fresh = false } = {},
  ): Promise<Map<string, TopicMetadata>> {
    const ask = fresh ? names : names.filter((name) => this.#fresh(name) === undefined);
    if (ask.length > 0) await this.#refresh(ask, context);
    const found = new Map<string, TopicMetadata>();
    for (const name of names) {
      const metadata = this.#topics.get(name)?.metadata;
      if (metadata !== undefined) found.set(name, metadata);
      else if (!allowMissing) throw missingTopic(name);
    }
    return found;
  }

  async listTopics(context: CallContext): Promise<readonly TopicMetadata[]> {
    const answer = await this.#refresh(null, context);
    return answer.flatMap(({ topic }) => this.#topics.get(topic ?? '')?.metadata ?? []);
  }

  topicId(topic: string): string | undefined {
    return this.#topics.get(topic)?.metadata.topicId;
  }

  invalidateTopic(topic: string): void {
    const known = this.#topics.get(topic);
    if (known) known.stale = true;
  }

  /** @throws MillraceError retriable while there is no leader; UNKNOWN_TOPIC_OR_PARTITION, not retriable, if the topic stays unknown. */
  async leaderOf(topic: string, partition: number, context: CallContext): Promise<number> {
    let known = this.#fresh(topic);
    if (known === undefined || partition >= known.partitions.length) {
      this.invalidateTopic(topic);
      known = await this.#askAgain(topic, context);
    }
    const found = known.partitions[partition];
    const at = { topic, partition };
    if (found === undefined) {
      throw notRetriable(
        kafkaError(`"${topic}", partition ${partition} of ${known.partitions.length}`, 'UNKNOWN_TOPIC_OR_PARTITION', null, at),
      );
    }
    if (found.leader >= 0) return found.leader;
    this.invalidateTopic(topic);
    throw kafkaError(`"${topic}", partition ${partition}`, 'LEADER_NOT_AVAILABLE', undefined, at);
  }

  async coordinatorOf(type: CoordinatorType, key: string, context: CallContext): Promise<number> {
    const known = this.#coordinators.get(`${type} ${key}`);
    if (known !== undefined) return known;
    const answers = await this.askAny(findCoordinatorApi, { type, key }, context);
    const answer = answers[0];
    if (answer === undefined || answer.error !== undefined) {
      throw kafkaError(`coordinator of ${type} "${key}"`, answer?.error ?? 'COORDINATOR_NOT_AVAILABLE', answer?.errorMessage);
    }
    this.#coordinators.set(`${type} ${key}`, answer.brokerId);
    return answer.brokerId;
  }

  invalidateCoordinator(type: CoordinatorType, key: string): void {
    this.#coordinators.delete(`${type} ${key}`);
  }

  /** The broker that topics are created at; any one if the cluster hides it. */
  async controllerId(context: CallContext): Promise<number> {
    await this.#refresh([], context);
    return this.#controllerId;
  }

  /** A connection to a broker by its id. @throws MillraceError retriable if there is no such broker. */
  async connectionTo(brokerId: number, purpose: Purpose, context: CallContext): Promise<BrokerConnection> {
    if (!this.#brokers.has(brokerId)) await this.#refresh([], context);
    const broker = this.#brokers.get(brokerId);
    if (broker === undefined) throw kafkaError(`broker ${brokerId}`, 'BROKER_NOT_AVAILABLE');
    try {
      return await context.wait(this.#options.connections.get(broker, purpose));
    } catch (error) {
      // It may have come back under another address.
      if (isRetriable(error)) this.#brokers.delete(brokerId);
      throw error;
    }
  }

  /** Asks a question that any broker can answer. */
  askAny<Request, Response>(api: KafkaApi<Request, Response>, request: Request, context: CallContext): Promise<Response> {
    return this.withAny(context, (connection) => {
      const timeoutMs = Math.min(this.#options.requestTimeoutMs, context.remainingMs());
      return connection.send(api, request, connection.versionOf(api), timeoutMs);
    });
  }

  /** Uses a connection to one broker after the other until one works. */
  async withAny<T>(context: CallContext, use: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const failures: string[] = [];
    let cause: unknown;
    for (const endpoint of this.#candidates()) {
      context.check();
      try {
        const connection = await context.wait(this.#options.connections.get(endpoint, 'control'));
        return await context.wait(use(connection));
      } catch (error) {
        if (!isRetriable(error)) throw error;
        cause = error;
        failures.push((error as MillraceError).message.replace(/^Kafka: /, ''));
      }
    }
    if (failures.length === 1) throw cause;
    throw connectionError(`no broker answers: ${failures.join('; ')}`, cause);
  }

  /** Known brokers, then bootstrap servers, each in random order and each once. */
  #candidates(): Endpoint[] {
    const all = new Map<string, Endpoint>();
    for (const list of [[...this.#brokers.values()], this.#options.bootstrapServers]) {
      for (const endpoint of shuffled<Endpoint>(list, this.#options.random)) {
        const { host, port } = endpoint;
        if (!all.has(`${host}:${port}`)) all.set(`${host}:${port}`, { host, port });
      }
    }
    return [...all.values()];
  }

  #fresh(topic: string): TopicMetadata | undefined {
    const known = this.#topics.get(topic);
    if (known === undefined || known.stale) return undefined;
    return this.#options.nowMs() - known.atMs > this.#options.metadataMaxAgeMs ? undefined : known.metadata;
  }

  /** Asks for a topic that is thought stale, or unknown; not at once if it was asked for just now. */
  async #askAgain(topic: string, context: CallContext): Promise<TopicMetadata> {
    const sinceMs = this.#options.nowMs() - (this.#topics.get(topic)?.atMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < this.#options.minRefreshMs) await context.sleep(this.#options.minRefreshMs - sinceMs);
    const endMs = this.#options.nowMs() + MISSING_TOPIC_GRACE_MS;
    for (;;) {
      const known = this.#fresh(topic);
      if (known !== undefined) return known;
      await this.#refresh([topic], context);
      if (this.#topics.has(topic)) continue;
      if (this.#options.nowMs() >= endMs || context.remainingMs() < this.#options.minRefreshMs) {
        throw missingTopic(topic);
      }
      await context.sleep(this.#options.minRefreshMs);
    }
  }

  /** Asks for topics (`null`: for all) and takes over what comes; topics that are not there are forgotten. */
  async #refresh(topics: readonly string[] | null, context: CallContext): Promise<readonly TopicAnswer[]> {
    const answer = await this.askAny(metadataApi, topics, context);
    if (answer.brokers.length > 0) {
      this.#brokers.clear();
      for (const broker of answer.brokers) this.#brokers.set(broker.brokerId, broker);
    }
    this.#controllerId = answer.controllerId;
    const atMs = this.#options.nowMs();
    for (const { error, topic, ...metadata } of answer.topics) {
      if (topic === null) continue;
      if (error === undefined) this.#topics.set(topic, { metadata: { topic, ...metadata }, atMs, stale: false });
      else if (error === 'UNKNOWN_TOPIC_OR_PARTITION') this.#topics.delete(topic);
      else throw kafkaError(`metadata of topic "${topic}"`, error, undefined, { topic });
    }
    return answer.topics;
  }
}

function missingTopic(topic: string): MillraceError {
  return notRetriable(kafkaError(`topic "${topic}"`, 'UNKNOWN_TOPIC_OR_PARTITION', undefined, { topic }));
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const list = [...values];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}
