/**
 * How what was in flight when an unaligned checkpoint was taken is written: record by record, each by itself in the general
 * codec, so that they can be dealt out again when the job goes on at another parallelism, with the events of event time that
 * stood between them. What is late is decided by the watermarks in front of a record, so without them it would be decided anew.
 *
 * A record is its timestamp and its value. Where the timestamp is no number, a byte says what stands there instead.
 */
import { MillraceError } from '../common/index.ts';
import { BinaryReader, type BinaryWriter, decodeValue, encodeValue, type TypeRegistry } from '../serialization/index.ts';
import type { StreamEvent } from './stream-element.ts';

/** The events that are part of what is in flight; the others are told again after a restore, or belong to the checkpoint itself. */
export type InFlightEvent = Extract<StreamEvent, { type: 'WATERMARK' | 'WATERMARK_STATUS' }>;

/** Records in a row, to be processed as one batch. */
export interface InFlightRecords {
  readonly type: 'RECORDS';
  readonly values: readonly unknown[];
  readonly timestamps: Float64Array;
}

const RECORD = 0;
const WATERMARK = 1;
const IDLE = 2;
const ACTIVE = 3;

/** So many at a time: what was in flight need not be in memory twice. */
const MOST_RECORDS = 1024;

export function isInFlightEvent(event: StreamEvent): event is InFlightEvent {
  return event.type === 'WATERMARK' || event.type === 'WATERMARK_STATUS';
}

/** Appends records `[from, to)`. @throws MillraceError `NOT_SERIALIZABLE` */
export function encodeRecords(
  writer: BinaryWriter,
  values: readonly unknown[],
  timestamps: Float64Array,
  from: number,
  to: number,
  types?: TypeRegistry,
): void {
  for (let i = from; i < to; i++) {
    const timestamp = timestamps[i] as number;
    writer.writeFloat64(timestamp);
    if (Number.isNaN(timestamp)) writer.writeByte(RECORD);
    encodeValue(writer, values[i], types);
  }
}

export function encodeEvent(writer: BinaryWriter, event: InFlightEvent): void {
  writer.writeFloat64(Number.NaN);
  if (event.type === 'WATERMARK') {
    writer.writeByte(WATERMARK);
    writer.writeFloat64(event.timestamp);
  } else writer.writeByte(event.idle ? IDLE : ACTIVE);
}

/**
 * In order.
 * @param accepts which records to give; all if absent
 * @throws MillraceError `CORRUPT_DATA`
 */
export function* decodeElements(
  bytes: Uint8Array,
  accepts: (value: unknown) => boolean = () => true,
  types?: TypeRegistry,
): Generator<InFlightRecords | InFlightEvent, void> {
  const reader = new BinaryReader(bytes);
  let values: unknown[] = [];
  let timestamps: number[] = [];
  const records = (): InFlightRecords => {
    const run: InFlightRecords = { type: 'RECORDS', values, timestamps: Float64Array.from(timestamps) };
    values = [];
    timestamps = [];
    return run;
  };
  while (reader.remaining > 0) {
    const timestamp = reader.readFloat64();
    const kind = Number.isNaN(timestamp) ? reader.readByte() : RECORD;
    if (kind === RECORD) {
      const value = decodeValue(reader, types);
      if (!accepts(value)) continue;
      values.push(value);
      timestamps.push(timestamp);
      if (values.length === MOST_RECORDS) yield records();
      continue;
    }
    if (values.length > 0) yield records();
    if (kind === WATERMARK) yield { type: 'WATERMARK', timestamp: reader.readFloat64() };
    else if (kind === IDLE || kind === ACTIVE) yield { type: 'WATERMARK_STATUS', idle: kind === IDLE };
    else throw new MillraceError('CORRUPT_DATA', `What was in flight holds an event of the unknown kind ${kind}.`);
  }
  if (values.length > 0) yield records();
}
