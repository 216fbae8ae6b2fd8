/**
 * Headers of a Kafka record. They are not looked at while records are walked: only where they begin is noted.
 */
import { MillraceError } from '../../../common/index.ts';

/** Keys can occur more than once; order is kept. */
export interface KafkaHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

const NO_HEADERS: readonly KafkaHeader[] = [];
const decoder = new TextDecoder();

/**
 * Copies out the headers of one record.
 * @param data `RecordBounds.data` or `KafkaBatchReader.data`.
 * @param headerStart The record's.
 * @throws MillraceError `CORRUPT_DATA` if they are damaged.
 */
export function readHeaders(data: Uint8Array, headerStart: number): readonly KafkaHeader[] {
  if (data[headerStart] === 0) return NO_HEADERS;
  let position = headerStart;
  const readLength = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = data[position++];
      if (byte === undefined) throw damaged(headerStart);
      value |= (byte & 127) << shift;
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
    throw damaged(headerStart);
  };
  const readBytes = (length: number): Uint8Array => {
    if (length < 0 || position + length > data.length) throw damaged(headerStart);
    const bytes = data.subarray(position, position + length);
    position += length;
    return bytes;
  };
  const count = readLength();
  if (count < 0) throw damaged(headerStart);
  const headers: KafkaHeader[] = [];
  for (let i = 0; i < count; i++) {
    const key = decoder.decode(readBytes(readLength()));
    const valueLength = readLength();
    headers.push({ key, value: valueLength === -1 ? null : new Uint8Array(readBytes(valueLength)) });
  }
  return headers;
}

function damaged(headerStart: number): MillraceError {
  return new MillraceError('CORRUPT_DATA', `The headers of a Kafka record at byte ${headerStart} of its batch are damaged.`, {
    context: { headerStart },
  });
}
