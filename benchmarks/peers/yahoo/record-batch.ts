/**
 * Kafka's record batch (format 2, no compression, no keys), written into one buffer: records are put where they will be sent from.
 * The timestamp of all records of a batch is the moment of sending; event time is in the values.
 */
import { crc32c } from '@platformatic/kafka';

const HEADER_BYTES = 61;
const CRC_FROM = 21;
/** Length, attributes, timestamp, offset, lengths of key and value, number of headers: at most. */
const RECORD_BYTES = 14;

export class RecordBatch {
  private readonly buffer: Buffer;
  private readonly maxValueBytes: number;
  private end = HEADER_BYTES;
  private records = 0;

  constructor(capacityBytes: number, maxValueBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(capacityBytes);
    this.maxValueBytes = maxValueBytes;
  }

  get isFull(): boolean {
    return this.end + RECORD_BYTES + this.maxValueBytes > this.buffer.length;
  }

  get isEmpty(): boolean {
    return this.records === 0;
  }

  /** `write` puts a value of 64 to 4000 bytes at the position and returns where it ends. */
  append(write: (target: Buffer, position: number) => number): void {
    const { buffer, records } = this;
    const offsetBytes = records < 64 ? 1 : records < 8192 ? 2 : 3;
    const start = this.end;
    const valueStart = start + 2 + 2 + offsetBytes + 1 + 2;
    const valueEnd = write(buffer, valueStart);
    let at = putVarint(buffer, start, valueEnd + 1 - (start + 2));
    buffer[at++] = 0; // attributes
    buffer[at++] = 0; // timestamp: as the batch
    at = putVarint(buffer, at, records);
    buffer[at++] = 1; // no key
    putVarint(buffer, at, valueEnd - valueStart);
    buffer[valueEnd] = 0; // no headers
    this.end = valueEnd + 1;
    this.records++;
  }

  /** The batch's bytes; nothing may be appended any more. */
  finish(nowMs: number): Buffer {
    const { buffer, end, records } = this;
    buffer.fill(0, 0, HEADER_BYTES);
    buffer.writeInt32BE(end - 12, 8);
    buffer.writeInt32BE(-1, 12); // leader epoch
    buffer[16] = 2;
    buffer.writeInt32BE(records - 1, 23);
    buffer.writeBigInt64BE(BigInt(nowMs), 27);
    buffer.writeBigInt64BE(BigInt(nowMs), 35);
    buffer.fill(0xff, 43, 57); // producer id, epoch and sequence: none
    buffer.writeInt32BE(records, 57);
    buffer.writeUInt32BE(crc32c(buffer.subarray(CRC_FROM, end)), 17);
    return buffer.subarray(0, end);
  }
}

/** A positive number below 2^20 as a zigzag varint. */
function putVarint(target: Buffer, position: number, value: number): number {
  let rest = value << 1;
  let at = position;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
