/**
 * Reads topics of Apache Kafka: from any offset, to any offset or for ever, exactly once into the job's state.
 *
 * A split is a partition; its position in a checkpoint is an offset. The offsets that are committed to a group are for those who
 * watch it; a job that is restored goes on from its checkpoint, whatever the group says.
 */

import type { Clock, Logger } from '../../../common/index.ts';
import { MillraceError, systemRandom } from '../../../common/index.ts';
import {
  type Boundedness,
  type MessageDecodingFormat,
  OutputTag,
  type Source,
  type SourceReader,
  type SourceReaderContext,
  type SplitEnumeratorContext,
} from '../../../connector/index.ts';
import { type IsolationLevel, KafkaClient, type KafkaClientOptions, type KafkaSecurity } from '../client/index.ts';
import type { KafkaRecord } from './kafka-record.ts';
import { type KafkaSourceCheckpoint, KafkaSourceEnumerator } from './kafka-source-enumerator.ts';
import { KafkaSourceReader } from './kafka-source-reader.ts';
import type { KafkaSourceSplit } from './kafka-source-split.ts';
import type { KafkaMalformedPolicy } from './malformed-kafka-record.ts';
import { type OffsetResetStrategy, OffsetsInitializer } from './offsets-initializer.ts';
import type { KafkaRecordFunction } from './record-deserializer.ts';

export interface KafkaSourceOptions {
  /** `host:port`, or several, as an array or separated by commas. */
  readonly bootstrapServers: string | readonly string[];
  /** One topic, several, or all whose names match as a whole. */
  readonly topics: string | readonly string[] | RegExp;
  /** Where to begin; {@link OffsetsInitializer.earliest} by default. A job that is restored goes on from its checkpoint. */
  readonly startingOffsets?: OffsetsInitializer;
  /** Makes the source bounded: where to end. {@link OffsetsInitializer.latest} reads what is there when the job starts. */
  readonly bounded?: OffsetsInitializer;
  /** The group to which offsets are committed when a checkpoint is complete, and whose offsets `committedOffsets` means. */
  readonly groupId?: string;
  /** Whether to commit to the group; `true` by default. */
  readonly commitOffsetsOnCheckpoint?: boolean;
  /**
   * `read_committed` by default: records of transactions come when those are committed, and never if they are aborted; an open
   * transaction holds back what lies behind it in its partition. (Kafka's own default is `read_uncommitted`.)
   */
  readonly isolationLevel?: IsolationLevel;
  /** How often to look for new partitions and topics; 300,000 by default, 0 for never. Bounded sources never do. */
  readonly partitionDiscoveryIntervalMs?: number;
  /** What happens if a topic is not there at the start: 'fail' (the default) or 'wait' until it is created. */
  readonly onMissingTopic?: 'fail' | 'wait';
  /**
   * What happens if the offset to read next is gone, by retention for instance: 'none' (the default) fails, since records were
   * lost; 'earliest' and 'latest' go on there, with a warning.
   */
  readonly onOffsetOutOfRange?: OffsetResetStrategy;
  /**
   * What happens to records that do not fit the format: 'fail' (the default) ends the job with topic, partition and offset; 'skip'
   * leaves them out; a tag sends them, with their bytes, to that side output. The last two count them in `numRecordsInErrors`.
   */
  readonly onMalformed?: KafkaMalformedPolicy;
  readonly security?: KafkaSecurity;
  /** Named in the broker's logs and quotas. */
  readonly clientId?: string;
  /** What each reader fetches ahead at most; 8 MiB by default (measured: more costs a third more work, as it leaves the caches). */
  readonly bufferBytes?: number;
  /** What one answer holds of one partition at most; 2 MiB by default (a tenth less work than 1). A larger batch comes whole. */
  readonly partitionFetchBytes?: number;
  /** How much the broker waits for; 1 by default. */
  readonly fetchMinBytes?: number;
  /** How long the broker waits for it; 500 by default. */
  readonly fetchMaxWaitMs?: number;
  /** Whether checksums of batches are checked; `true` by default. */
  readonly checkCrcs?: boolean;
  /** Time-outs and pauses of the client; see there. */
  readonly client?: Pick<
    KafkaClientOptions,
    'connectTimeoutMs' | 'requestTimeoutMs' | 'retryTimeoutMs' | 'retryBackoffMs' | 'retryBackoffMaxMs' | 'metadataMaxAgeMs'
  >;
}

const DISCOVERY_INTERVAL_MS = 300_000;

export class KafkaSource<T> implements Source<T, KafkaSourceSplit, KafkaSourceCheckpoint> {
  readonly name = 'Kafka Source';
  readonly boundedness: Boundedness;
  readonly sideOutputTags: readonly OutputTag<unknown>[];
  readonly #options: KafkaSourceOptions;
  readonly #format: MessageDecodingFormat<unknown> | undefined;
  readonly #read: KafkaRecordFunction<T> | undefined;

  private constructor(
    options: KafkaSourceOptions,
    format: MessageDecodingFormat<unknown> | undefined,
    read: KafkaRecordFunction<T> | undefined,
  ) {
    check(options);
    this.#options = options;
    this.#format = format;
    this.#read = read;
    this.boundedness = options.bounded === undefined ? 'CONTINUOUS_UNBOUNDED' : 'BOUNDED';
    this.sideOutputTags = options.onMalformed instanceof OutputTag ? [options.onMalformed as OutputTag<unknown>] : [];
  }

  /**
   * A source of the values of records. Only what the format is told to read is built. Records without a value (tombstones) are
   * passed over; use {@link forRecords} to see them.
   */
  static forValues<T>(format: MessageDecodingFormat<T>, options: KafkaSourceOptions): KafkaSource<T> {
    return new KafkaSource<T>(options, format, undefined);
  }

  /**
   * A source of what `read` makes of each record: key, headers, timestamp, partition and offset are there for the asking, and the
   * value, too, decoded by `options.valueFormat` if there is one (`undefined` for a tombstone). `undefined` leaves the record out.
   *
   * @example
   * ```ts
   * KafkaSource.forRecords((record, event: Event | undefined) => ({ user: record.keyText(), event }), {
   *   bootstrapServers: 'localhost:9092', topics: 'events', valueFormat: jsonFormat<Event>(),
   * });
   * ```
   */
  static forRecords<T, V>(
    read: (record: KafkaRecord, value: V | undefined) => T | undefined,
    options: KafkaSourceOptions & { readonly valueFormat: MessageDecodingFormat<V> },
  ): KafkaSource<T>;
  static forRecords<T>(read: (record: KafkaRecord) => T | undefined, options: KafkaSourceOptions): KafkaSource<T>;
  static forRecords<T>(
    read: KafkaRecordFunction<T>,
    options: KafkaSourceOptions & { readonly valueFormat?: MessageDecodingFormat<unknown> },
  ): KafkaSource<T> {
    return new KafkaSource<T>(options, options.valueFormat, read);
  }

  createEnumerator(context: SplitEnumeratorContext<KafkaSourceSplit>): KafkaSourceEnumerator {
    return this.#enumerator(context, undefined);
  }

  restoreEnumerator(context: SplitEnumeratorContext<KafkaSourceSplit>, checkpoint: KafkaSourceCheckpoint): KafkaSourceEnumerator {
    return this.#enumerator(context, checkpoint);
  }

  #enumerator(
    context: SplitEnumeratorContext<KafkaSourceSplit>,
    checkpoint: KafkaSourceCheckpoint | undefined,
  ): KafkaSourceEnumerator {
    const options = this.#options;
    const { topics, bounded, partitionDiscoveryIntervalMs = DISCOVERY_INTERVAL_MS } = options;
    return new KafkaSourceEnumerator(
      context,
      {
        createClient: () => this.#createClient(context),
        topics: topics instanceof RegExp ? wholeName(topics) : [topics].flat(),
        startingOffsets: options.startingOffsets ?? OffsetsInitializer.earliest(),
        stoppingOffsets: bounded,
        groupId: options.groupId,
        isolationLevel: options.isolationLevel ?? 'read_committed',
        discoveryIntervalMs: bounded === undefined && partitionDiscoveryIntervalMs > 0 ? partitionDiscoveryIntervalMs : undefined,
        onMissingTopic: options.onMissingTopic ?? 'fail',
      },
      checkpoint,
    );
  }

  createReader(context: SourceReaderContext): SourceReader<T, KafkaSourceSplit> {
    const options = this.#options;
    return new KafkaSourceReader<T>(context, {
      createClient: () => this.#createClient(context),
      format: this.#format,
      read: this.#read,
      onMalformed: options.onMalformed ?? 'fail',
      isolationLevel: options.isolationLevel ?? 'read_committed',
      onOffsetOutOfRange: options.onOffsetOutOfRange ?? 'none',
      commitToGroup: options.commitOffsetsOnCheckpoint === false ? undefined : options.groupId,
      checkCrcs: options.checkCrcs ?? true,
      isBounded: this.boundedness === 'BOUNDED',
      bufferBytes: options.bufferBytes ?? 8 * 1024 * 1024,
      partitionFetchBytes: options.partitionFetchBytes ?? 2 * 1024 * 1024,
      fetchMinBytes: options.fetchMinBytes ?? 1,
      fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    });
  }

  #createClient({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }): KafkaClient {
    const { bootstrapServers, clientId, security, client } = this.#options;
    return new KafkaClient({
      ...client,
      bootstrapServers,
      ...(clientId !== undefined && { clientId }),
      ...(security !== undefined && { security }),
      clock,
      logger,
      random: systemRandom,
    });
  }
}

/** The pattern for whole names, without the flags that make a pattern remember where it stopped. */
const wholeName = ({ source, flags }: RegExp): RegExp => new RegExp(`^(?:${source})$`, flags.replace(/[gy]/g, ''));

function check(options: KafkaSourceOptions): void {
  const { topics, bootstrapServers, startingOffsets, bounded, groupId, onMalformed } = options;
  const invalid = (message: string): MillraceError => new MillraceError('INVALID_OPTION', `Kafka source: ${message}`);
  if (bootstrapServers === undefined || bootstrapServers.length === 0) {
    throw invalid("the option bootstrapServers is missing, such as 'localhost:9092'.");
  }
  if (!(topics instanceof RegExp)) {
    const names = [topics].flat();
    if (names.length === 0 || names.some((name) => typeof name !== 'string' || name === '')) {
      throw invalid('the option topics needs at least one topic, and none may be empty.');
    }
    if (new Set(names).size < names.length) throw invalid('a topic is named twice in the option topics.');
  }
  for (const offsets of [startingOffsets, bounded]) {
    if (offsets?.kind === 'committed' && groupId === undefined) throw invalid('committedOffsets() needs the option groupId.');
  }
  if (bounded?.kind === 'earliest') throw invalid('a source that ends at the earliest offset would read nothing.');
  if (onMalformed !== undefined && onMalformed !== 'fail' && onMalformed !== 'skip' && !(onMalformed instanceof OutputTag)) {
    throw invalid("onMalformed takes 'fail', 'skip' or an OutputTag.");
  }
  for (const name of ['bufferBytes', 'partitionFetchBytes', 'fetchMinBytes'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw invalid(`the option ${name} must be a positive integer, but is ${value}.`);
    }
  }
  for (const name of ['fetchMaxWaitMs', 'partitionDiscoveryIntervalMs'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 0)) {
      throw invalid(`the option ${name} must be a natural number of milliseconds, but is ${value}.`);
    }
  }
}
