/** What a KafkaSink is told: options as the user writes them, and their checked form. */
import { MillraceError } from '../../../common/index.ts';
import type { DeliveryGuarantee, EncodingFormat } from '../../../connector/index.ts';
import type { CompressionType } from '../batches/index.ts';
import type { KafkaClientOptions, KafkaSecurity } from '../client/index.ts';
import type { Partitioner } from './partitioner.ts';

/** Bytes, or text that is written as UTF-8. */
export type KafkaBytes = Uint8Array | string;

export interface KafkaSinkOptions<T> {
  /** `host:port`, or several, as an array or separated by commas. */
  readonly bootstrapServers: string | readonly string[];
  readonly security?: KafkaSecurity;
  /** Named in the broker's logs and quotas; `millrace` by default. */
  readonly clientId?: string;
  /** Where records go: one topic, or the topic of each record. Topics are not created. */
  readonly topic: string | ((record: T) => string);
  /**
   * The value of a record: by a format (a line end that it puts behind a record is left out, and so is a header), or by a
   * function. A function may return `null`, a tombstone.
   */
  readonly value: EncodingFormat<T> | ((record: T) => KafkaBytes | null);
  /** The key of a record; records have none by default. */
  readonly key?: (record: T) => KafkaBytes | null | undefined;
  /** The headers of a record, in order. */
  readonly headers?: (record: T) => Iterable<readonly [key: string, value: KafkaBytes | null]>;
  /**
   * Timestamp in milliseconds; by default the record's own in the stream, or the current time if it has none. Topics delete
   * records by their timestamps (`retention.ms`): a job that reads the past writes what is deleted soon, unless it gives another.
   */
  readonly timestamp?: (record: T) => number;
  /** By default as Kafka's Java client: by the hash of the key; without key, many records in a row to one partition. */
  readonly partitioner?: Partitioner<T>;
  /**
   * What happens when the job is restarted after a failure.
   * - `AT_LEAST_ONCE`, the default: nothing is lost; what was written since the last checkpoint is written again.
   * - `EXACTLY_ONCE`: readers with `isolation.level=read_committed` see each record once, when the checkpoint that
   *   follows it is complete. Needs `transactionalIdPrefix`.
   * - `NONE`: as `AT_LEAST_ONCE`, but checkpoints do not wait for the brokers, so records can be lost.
   */
  readonly deliveryGuarantee?: DeliveryGuarantee;
  /**
   * Begins the names of this sink's transactions; needed for `EXACTLY_ONCE`. It must be the same when the job is started
   * again, and no other running job may use it: who starts with it aborts what it finds open under it.
   */
  readonly transactionalIdPrefix?: string;
  /**
   * The broker aborts a transaction that is open for longer, and then its records are lost: so it must be longer than the
   * interval of checkpoints and the longest time that the job may be down. 900,000 (15 minutes) by default, which is
   * also what brokers allow unless their `transaction.max.timeout.ms` is raised.
   */
  readonly transactionTimeoutMs?: number;
  /**
   * What happens if records that a restored checkpoint holds cannot be committed because the broker has no open
   * transaction of theirs any more: `fail` (the default) ends the job, `continue` goes on without them, with a warning.
   */
  readonly onLostTransaction?: 'fail' | 'continue';
  /** `none` by default. */
  readonly compression?: CompressionType;
  /**
   * A batch for one partition is sent when it has this size before compression; 524,288 by default. It must not be larger than the topic's
   * `max.message.bytes`.
   */
  readonly batchBytes?: number;
  /** A batch that is not full is sent after this time; 5 by default. */
  readonly lingerMs?: number;
  /** When more bytes than this wait to be acknowledged, the sink takes no more records; 33,554,432 by default. */
  readonly bufferBytes?: number;
  /** A batch that is not acknowledged after this time, with all retries, fails the task; 120,000 by default. */
  readonly deliveryTimeoutMs?: number;
  /** Time-outs and pauses of the client; see there. */
  readonly client?: Pick<
    KafkaClientOptions,
    'connectTimeoutMs' | 'requestTimeoutMs' | 'retryTimeoutMs' | 'retryBackoffMs' | 'retryBackoffMaxMs' | 'metadataMaxAgeMs'
  >;
}

/** Options with their defaults. */
export type KafkaSinkSettings<T> = KafkaSinkOptions<T> &
  Required<
    Pick<
      KafkaSinkOptions<T>,
      | 'deliveryGuarantee'
      | 'transactionTimeoutMs'
      | 'onLostTransaction'
      | 'compression'
      | 'batchBytes'
      | 'lingerMs'
      | 'bufferBytes'
      | 'deliveryTimeoutMs'
    >
  > & { readonly transactionalIdPrefix: string };

const GUARANTEES: readonly DeliveryGuarantee[] = ['NONE', 'AT_LEAST_ONCE', 'EXACTLY_ONCE'];
const COMPRESSIONS: readonly CompressionType[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
/** The broker adds a transactional id to its own topics and logs; this leaves room for what the sink appends. */
const MAX_PREFIX_CHARS = 200;

/** Checks the options and fills in what they leave open. @throws MillraceError `INVALID_OPTION` */
export function kafkaSinkSettings<T>(options: KafkaSinkOptions<T>): KafkaSinkSettings<T> {
  const settings = {
    ...options,
    deliveryGuarantee: options.deliveryGuarantee ?? 'AT_LEAST_ONCE',
    transactionalIdPrefix: options.transactionalIdPrefix ?? '',
    transactionTimeoutMs: options.transactionTimeoutMs ?? 900_000,
    onLostTransaction: options.onLostTransaction ?? 'fail',
    compression: options.compression ?? 'none',
    batchBytes: options.batchBytes ?? 512 * 1024,
    lingerMs: options.lingerMs ?? 5,
    bufferBytes: options.bufferBytes ?? 32 * 1024 * 1024,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
  };
  const { topic, value, deliveryGuarantee, transactionalIdPrefix, onLostTransaction, compression } = settings;
  check(options.bootstrapServers.length > 0, 'bootstrapServers must name a broker at least, as host:port.');
  check(typeof topic === 'function' || (typeof topic === 'string' && topic !== ''), 'topic must be a name or a function.');
  check(
    typeof value === 'function' || typeof value?.createEncoder === 'function',
    'value must be a format that can encode, such as jsonFormat(), or a function that returns bytes, text or null.',
  );
  oneOf('deliveryGuarantee', deliveryGuarantee, GUARANTEES);
  oneOf('compression', compression, COMPRESSIONS);
  oneOf('onLostTransaction', onLostTransaction, ['fail', 'continue']);
  for (const name of ['transactionTimeoutMs', 'batchBytes', 'bufferBytes', 'deliveryTimeoutMs'] as const) {
    check(settings[name] > 0 && Number.isSafeInteger(settings[name]), `${name} must be a positive whole number.`);
  }
  check(settings.lingerMs >= 0 && Number.isFinite(settings.lingerMs), 'lingerMs must be a number that is not negative.');
  if (deliveryGuarantee === 'EXACTLY_ONCE') {
    check(
      transactionalIdPrefix !== '' && transactionalIdPrefix.length <= MAX_PREFIX_CHARS,
      `EXACTLY_ONCE needs a transactionalIdPrefix of at most ${MAX_PREFIX_CHARS} characters. Choose one that no other job uses on these brokers, and keep it when the job is started again: by it, a start finds the transactions of earlier runs.`,
    );
  }
  return settings;
}

function oneOf(name: string, value: string, allowed: readonly string[]): void {
  check(allowed.includes(value), `${name} must be one of ${allowed.join(', ')}, but is ${JSON.stringify(value)}.`);
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new MillraceError('INVALID_OPTION', `KafkaSink: ${message}`);
}
