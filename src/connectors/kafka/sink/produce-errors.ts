/** Says why records could not be written, and what to do. */
import { MillraceError } from '../../../common/index.ts';
import { type KafkaErrorName, kafkaError } from '../client/index.ts';
import type { BatchInFlight, PartitionQueue } from './partition-queue.ts';

export interface ProduceFailure {
  readonly queue: Pick<PartitionQueue, 'topic' | 'partition'>;
  /** Absent if none was sent yet. */
  readonly batch?: BatchInFlight;
  readonly error: KafkaErrorName | undefined;
  readonly brokerMessage?: string | undefined;
  readonly cause?: unknown;
  /** How long was tried. */
  readonly timeoutMs: number;
}

export function produceError({ queue, batch, error, brokerMessage, cause, timeoutMs }: ProduceFailure): MillraceError {
  const { topic, partition } = queue;
  const reason = cause ?? kafkaError(`writing to '${topic}-${partition}'`, error as KafkaErrorName, brokerMessage);
  const of = `The Kafka sink cannot write to partition ${partition} of topic '${topic}'`;
  return new MillraceError('SINK_FAILED', `${of}: ${explanation(error, batch, timeoutMs, reason)}`, {
    cause: reason,
    context: { topic, partition, kafkaError: error },
    ...(isPermanent(error, reason) && { recoverable: false }),
  });
}

function explanation(
  error: KafkaErrorName | undefined,
  batch: BatchInFlight | undefined,
  timeoutMs: number,
  reason: unknown,
): string {
  const words = reason instanceof Error ? reason.message : String(reason);
  switch (error) {
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE': {
      const { bytes, recordCount = 0 } = batch ?? {};
      const size = `a batch of ${bytes?.length ?? 0} bytes with ${recordCount} record${recordCount === 1 ? '' : 's'} is larger than the topic's max.message.bytes (1,048,588 unless it was changed)`;
      return recordCount > 1
        ? `${size}. Set the sink's option batchBytes to what the topic allows, or raise the topic's max.message.bytes. ${words}`
        : `${size}. Raise the topic's max.message.bytes (on brokers of its own replicas too: replica.fetch.max.bytes), write smaller records, or set the sink's option compression. ${words}`;
    }
    case 'INVALID_PRODUCER_EPOCH':
    case 'PRODUCER_FENCED':
      return `another process has taken over its transaction, or it was open for longer than transactionTimeoutMs. If this job runs twice, each needs a transactionalIdPrefix of its own. ${words}`;
    default:
      return batch !== undefined && batch.attempts > 1
        ? `tried ${batch.attempts} times, for at most deliveryTimeoutMs (${timeoutMs} ms). ${words}`
        : words;
  }
}

/** Whether a restart would meet the same records and the same answer. */
function isPermanent(error: KafkaErrorName | undefined, reason: unknown): boolean {
  if (error === 'MESSAGE_TOO_LARGE' || error === 'RECORD_LIST_TOO_LARGE' || error === 'INVALID_RECORD') return true;
  return reason instanceof MillraceError && !reason.recoverable;
}
