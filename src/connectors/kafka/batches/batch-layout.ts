/**
 * Where the fields of a record batch (magic 2) are, in bytes from its start, and the two integers that JavaScript lacks:
 * 64 bits, big-endian, as numbers.
 */

export const BASE_OFFSET = 0;
/** Counts the bytes behind itself. */
export const BATCH_LENGTH = 8;
export const LEADER_EPOCH = 12;
export const MAGIC = 16;
/** CRC-32C of everything from `ATTRIBUTES` on. */
export const CRC = 17;
export const ATTRIBUTES = 21;
export const LAST_OFFSET_DELTA = 23;
export const BASE_TIMESTAMP = 27;
export const MAX_TIMESTAMP = 35;
export const PRODUCER_ID = 43;
export const PRODUCER_EPOCH = 51;
export const BASE_SEQUENCE = 53;
export const RECORD_COUNT = 57;
export const RECORDS = 61;

/** Bits of the attributes. */
export const COMPRESSION_MASK = 0b111;
export const LOG_APPEND_TIME = 0b1000;
export const TRANSACTIONAL = 0b1_0000;
export const CONTROL = 0b10_0000;

const TWO_TO_32 = 4_294_967_296;

/** Signed, exact up to 2^53 in magnitude. */
export function readInt64(view: DataView, position: number): number {
  return view.getInt32(position) * TWO_TO_32 + view.getUint32(position + 4);
}

/** Signed; `value` is an integer below 2^53 in magnitude. */
export function writeInt64(view: DataView, position: number, value: number): void {
  view.setInt32(position, Math.floor(value / TWO_TO_32));
  view.setUint32(position + 4, value >>> 0);
}
