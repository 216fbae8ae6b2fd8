/**
 * Gets space back: when more than half of the log is garbage, copies what is live in the segment with most of it to the tail, a
 * few records at a time, until nothing in that segment is live.
 *
 * Work is paid for by appends: for each byte appended, up to four are looked at. Since less than half of what is looked at is
 * live and copied, the log shrinks faster than it grows, and no step takes long. Must not run in the middle of another change.
 */
import { invariant } from '../../common/index.ts';
import { BinaryReader } from '../../serialization/index.ts';
import type { RecordLog } from './record-log.ts';
import { RecordWindow } from './record-window.ts';
import { HEADER_BYTES, type Segment, TABLE_WORD, TAG_WORD, UNIT_BYTES } from './segment.ts';

/** How much is appended between two steps, at least. */
const STEP_BYTES = 8 * 1024;
/** How often, in bytes appended, it looks for a segment to begin with. */
const LOOK_EVERY_BYTES = 256 * 1024;

/** Whether the body of a record of a table holds nothing but what has expired. */
export type ExpiryCheck = (table: number, body: BinaryReader) => boolean;

export class Compactor {
  private readonly log: RecordLog;
  private readonly window = new RecordWindow([]);
  private readonly isExpired: ExpiryCheck;
  private victim: Segment | undefined;
  private position = 0;
  private appended = 0;
  private readonly lookEveryBytes: number;
  /** For metrics. */
  compactedBytes = 0;

  constructor(log: RecordLog, isExpired: ExpiryCheck) {
    this.log = log;
    this.isExpired = isExpired;
    this.lookEveryBytes = Math.min(LOOK_EVERY_BYTES, log.memory.totalBytes / 16);
  }

  /** To be called after each change of the log. */
  step(): void {
    const { log } = this;
    if (log.credit < STEP_BYTES) return;
    let budget = 4 * log.credit;
    this.appended += log.credit;
    if (this.victim === undefined && this.appended >= this.lookEveryBytes) {
      this.appended = 0;
      this.victim = log.mostlyGarbage();
      this.position = 0;
    }
    const { victim } = this;
    if (victim !== undefined) {
      while (budget > 0 && !victim.dead && this.position < victim.used) budget -= this.moveNext(victim);
      if (victim.dead || this.position >= victim.used) {
        invariant(victim.dead, `compaction of segment ${victim.id} has left ${victim.live} live bytes`);
        this.victim = undefined;
        this.appended = this.lookEveryBytes;
      }
    }
    log.credit = 0;
  }

  /** Moves the next record if it is live; returns its size. */
  private moveNext(victim: Segment): number {
    const { log, window } = this;
    window.openAt(victim, this.position);
    const { length, bytes, start } = window;
    const location = log.locationOf(victim, this.position);
    this.position += length;
    this.compactedBytes += length;
    const index = victim.tables.indexOf(window.word(TABLE_WORD));
    if (index === undefined || !index.holds(window.word(TAG_WORD), location)) return length;
    if (this.isExpired(index.table, new BinaryReader(bytes.subarray(start + HEADER_BYTES, start + length)))) {
      index.removeFound();
      return length;
    }
    index.setPlace(log.appendCopy(index.table, length / UNIT_BYTES, bytes, start), length / UNIT_BYTES);
    log.forget(location, length / UNIT_BYTES);
    return length;
  }
}
