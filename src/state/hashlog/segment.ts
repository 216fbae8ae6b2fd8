/**
 * A segment of the record log: a few megabytes of records, in memory or in a spill file.
 *
 * Invariants: bytes below `used` never change once the segment's epoch is over (that is, once a snapshot has been taken);
 * a spilled segment never comes back to memory; `live` is the sum of the sizes of the records that an index points to.
 *
 * A record is a header of three 32-bit words (the table it belongs to, its size in units of 8 bytes, the tag of its key),
 * then its key and its value in the general codec. Both tell their own end, so their lengths are not stored, and the record may
 * have room behind them. Words are little endian, as on every machine that Node runs on but one.
 */
import { invariant } from '../../common/index.ts';
import type { SpillFile } from '../../memory/index.ts';
import type { StateHandle } from '../checkpoint-streams.ts';
import type { RecordTables } from './record-log.ts';

/** Locations and sizes are counted in units of this many bytes. */
export const UNIT_BYTES = 8;
export const HEADER_BYTES = 12;
export const TABLE_WORD = 0;
export const UNITS_WORD = 1;
export const TAG_WORD = 2;

/** What can be read at any time, wherever it is: a segment, or what a snapshot copied of one. */
export interface SegmentSource {
  readonly id: number;
  readonly used: number;
  /** Fills `into` from `position` on. */
  read(position: number, into: Uint8Array): void;
}

export class Segment implements SegmentSource {
  /** Which of the addresses of the log it has, while it lives. */
  readonly slot: number;
  /** Never used again. */
  readonly id: number;
  /** Which tables the numbers in its records mean. */
  readonly tables: RecordTables;
  /** The epoch of the log in which it was begun. */
  readonly epoch: number;
  buffer: Uint8Array | undefined;
  /** Of `buffer`. */
  words: Int32Array | undefined;
  file: SpillFile | undefined;
  used = 0;
  live = 0;
  /** Snapshots that need it. */
  pins = 0;
  /** No index points to it any more; it goes as soon as nobody needs it. */
  dead = false;
  /** Where a completed checkpoint has it. */
  durable: StateHandle | undefined;

  constructor(slot: number, id: number, epoch: number, tables: RecordTables, buffer: Uint8Array) {
    this.slot = slot;
    this.id = id;
    this.epoch = epoch;
    this.tables = tables;
    this.buffer = buffer;
    this.words = new Int32Array(buffer.buffer, buffer.byteOffset, buffer.byteLength >>> 2);
  }

  read(position: number, into: Uint8Array): void {
    invariant(position + into.length <= this.used, `segment ${this.id} of ${this.used} bytes is read at ${position}`);
    if (this.buffer !== undefined) into.set(this.buffer.subarray(position, position + into.length));
    else (this.file as SpillFile).read(position, into);
  }
}
