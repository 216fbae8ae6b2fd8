/**
 * Writes one subtask's records: serialises each, finds its partition, and hands it to the sender.
 *
 * Invariants: what `flush` has resolved for (unless the guarantee is NONE) is acknowledged by the brokers; with EXACTLY_ONCE, all
 * records between two `prepareCommit`s are in one transaction, which begins with the first of them. The next transaction is made
 * ready while records gather, so `write` never waits for it. `isAvailable` says to wait while too much is on its way.
 */
import { MillraceError, type TimerHandle } from '../../../common/index.ts';
import type { SinkInitContext, SinkWriter, SinkWriterContext } from '../../../connector/index.ts';
import { type BatchCodecs, BatchMemory } from '../batches/index.ts';
import type { KafkaClient } from '../client/index.ts';
import type { KafkaSinkSettings } from './kafka-sink-options.ts';
import type { QueueWriterOptions } from './partition-queue.ts';
import { RecordSender, type RecordSenderOptions } from './record-sender.ts';
import { RecordSerializer } from './record-serializer.ts';
import { TopicQueues } from './topic-queues.ts';

/** How often partitions that were added to a topic are looked for; Kafka's metadata.max.age.ms. */
const REFRESH_TOPIC_MS = 300_000;

export class KafkaSinkWriter<T> implements SinkWriter<T> {
  readonly sender: RecordSender;
  protected readonly client: KafkaClient;
  protected readonly settings: KafkaSinkSettings<T>;
  protected readonly context: SinkInitContext;
  readonly #serializer: RecordSerializer<T>;
  readonly #topicOf: ((record: T) => string) | undefined;
  readonly #timestampOf: ((record: T) => number) | undefined;
  readonly #writerOptions: QueueWriterOptions;
  readonly #topics = new Map<string, TopicQueues<T>>();
  #lastTopic: TopicQueues<T> | undefined;
  /** Looks for the partitions of new topics that are under way; none of them rejects. */
  readonly #lookups = new Set<Promise<void>>();
  /** Of records whose topics are being looked up. */
  #waitingBytes = 0;
  #refreshing: TimerHandle | undefined;

  constructor(
    client: KafkaClient,
    settings: KafkaSinkSettings<T>,
    context: SinkInitContext,
    codecs: BatchCodecs,
    renewSession?: RecordSenderOptions['renewSession'],
  ) {
    this.client = client;
    this.settings = settings;
    this.context = context;
    this.#serializer = new RecordSerializer(settings);
    this.#topicOf = typeof settings.topic === 'function' ? settings.topic : undefined;
    this.#timestampOf = settings.timestamp;
    this.#writerOptions = {
      codecs,
      compression: settings.compression,
      memory: new BatchMemory(settings.bufferBytes),
    };
    this.sender = new RecordSender(client, {
      ...settings,
      clock: context.clock,
      codecs,
      counters: {
        recordsSent: context.counter('numRecordsSend'),
        bytesSent: context.counter('numBytesSend'),
        recordErrors: context.counter('numRecordsSendErrors'),
      },
      ...(renewSession && { renewSession }),
    });
    context.gauge('currentSendTime', () => this.sender.lastSendMs);
    context.gauge('bufferedBytes', () => this.sender.bufferedBytes + this.#waitingBytes);
  }

  /** Makes sure of the topic, if there is only one, before the first record. */
  async open(): Promise<void> {
    const { topic } = this.settings;
    if (typeof topic === 'string') await this.#lookUp(this.#topic(topic));
    this.#scheduleRefresh();
  }

  write(value: T, context: SinkWriterContext): void {
    this.sender.throwIfFailed();
    const serializer = this.#serializer;
    serializer.serialize(value);
    const timestampMs = this.#timestamp(value, context.timestamp);
    const topic = this.#topic(this.#topicOf === undefined ? (this.settings.topic as string) : this.#topicOf(value));
    if (topic.isKnown) this.#append(topic, value, timestampMs, serializer);
    else this.#hold(topic, value, timestampMs);
  }

  isAvailable(): Promise<void> | undefined {
    const available = this.sender.isAvailable();
    if (available !== undefined || this.#waitingBytes <= this.settings.bufferBytes) return available;
    return this.#lookedUp();
  }

  async flush(endOfInput: boolean): Promise<void> {
    if (this.settings.deliveryGuarantee === 'NONE' && !endOfInput) {
      this.sender.throwIfFailed();
      return;
    }
    await this.#lookedUp();
    await this.sender.flush();
  }

  async close(): Promise<void> {
    this.#refreshing?.cancel();
    this.sender.close();
    await this.client.close();
  }

  #timestamp(value: T, recordTimestamp: number): number {
    if (this.#timestampOf !== undefined) return Math.trunc(this.#timestampOf(value));
    // Kafka knows no time before 1970; a stream without timestamps has the smallest number of all.
    return recordTimestamp >= 0 ? recordTimestamp : this.context.clock.currentTimeMs();
  }

  #topic(name: string): TopicQueues<T> {
    if (name === this.#lastTopic?.topic) return this.#lastTopic;
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      if (typeof name !== 'string' || name === '') {
        throw new MillraceError(
          'USER_FUNCTION_FAILED',
          `The topic function of the Kafka sink returned ${JSON.stringify(name)} instead of the name of a topic.`,
        );
      }
      const { partitioner, batchBytes } = this.settings;
      topic = new TopicQueues(name, { partitioner, batchBytes, writerOptions: this.#writerOptions, random: this.context.random });
      this.#topics.set(name, topic);
    }
    this.#lastTopic = topic;
    return topic;
  }

  #append(topic: TopicQueues<T>, value: T, timestampMs: number, bytes: RecordBytes): void {
    const queue = topic.queueFor(value, bytes.key, bytes.value);
    this.sender.append(queue, timestampMs, bytes.key, bytes.value, bytes.headers);
  }

  /** Keeps a copy of the record until the partitions of its topic are known. */
  #hold(topic: TopicQueues<T>, record: T, timestampMs: number): void {
    const { key, value, headers } = this.#serializer;
    this.#waitingBytes += sizeOf(this.#serializer);
    topic.waiting.push({ record, timestampMs, key: key?.slice() ?? null, value: value?.slice() ?? null, headers });
    if (topic.waiting.length > 1) return;
    const lookup = this.#lookUp(topic).then(() => {
      for (const waiting of topic.waiting.splice(0)) {
        this.#waitingBytes -= sizeOf(waiting);
        this.#append(topic, waiting.record, waiting.timestampMs, waiting);
      }
    });
    const settled = lookup.catch((error) => this.sender.fail(error)).finally(() => this.#lookups.delete(settled));
    this.#lookups.add(settled);
  }

  /** Resolves when no record waits for the partitions of its topic. */
  async #lookedUp(): Promise<void> {
    while (this.#lookups.size > 0) await Promise.all(this.#lookups);
    this.sender.throwIfFailed();
  }

  async #lookUp(topic: TopicQueues<T>, fresh = false): Promise<void> {
    const name = topic.topic;
    const found = (await this.client.describeTopics([name], { timeoutMs: this.settings.deliveryTimeoutMs, fresh })).get(name);
    if (found !== undefined) topic.update(found);
  }

  #scheduleRefresh(): void {
    const refresh = async (): Promise<void> => {
      // A topic that cannot be described fails when it is written to.
      for (const topic of this.#topics.values()) if (topic.isKnown) await this.#lookUp(topic, true).catch(() => {});
      this.#scheduleRefresh();
    };
    this.#refreshing = this.context.clock.setTimer(REFRESH_TOPIC_MS, () => void refresh(), { unref: true });
  }
}

type RecordBytes = Pick<RecordSerializer<unknown>, 'key' | 'value' | 'headers'>;

function sizeOf({ key, value }: RecordBytes): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
