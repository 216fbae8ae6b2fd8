/** A record whose value could not be decoded, and the error for it. */
import { MillraceError } from '../../../common/index.ts';
import type { OutputTag } from '../../../connector/index.ts';
import { splitIdOf } from './kafka-source-split.ts';

export interface MalformedKafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  /** 1-based, in bytes of the value; 1 if the value as a whole is at fault. */
  readonly column: number;
  readonly message: string;
  readonly key: Uint8Array | null;
  /** The value. */
  readonly bytes: Uint8Array | null;
}

/** What to do with records that cannot be decoded: fail, skip and count them, or send them to a side output (and count them). */
export type KafkaMalformedPolicy = 'fail' | 'skip' | OutputTag<MalformedKafkaRecord>;

const MAX_SHOWN_BYTES = 200;

/** The error that ends a job whose policy is 'fail'. */
export function malformedKafkaRecordError(record: MalformedKafkaRecord, cause?: unknown): MillraceError {
  const { topic, partition, offset, column } = record;
  const bytes = record.bytes ?? new Uint8Array(0);
  const shown = JSON.stringify(new TextDecoder().decode(bytes.subarray(0, MAX_SHOWN_BYTES)));
  const cut = bytes.length > MAX_SHOWN_BYTES ? '…' : '';
  return new MillraceError(
    'MALFORMED_RECORD',
    `The record at offset ${offset} of ${splitIdOf(topic, partition)}, column ${column}: ${record.message} Value: ${shown}${cut}. ` +
      "Mend the producer, or choose what happens to such records: onMalformed 'skip' or a side output.",
    { context: { topic, partition, offset, column }, cause, recoverable: false },
  );
}
