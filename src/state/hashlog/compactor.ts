/**
 * Gets space back: when more than half of the log is garbage, copies what is live in the segment with most of it to the tail, a
 * few records at a time, until nothing in that segment is live.
 *
 * Work is paid for by appends: for each byte appended, up to four are looked at. Since less than half of what is looked at is
 * live and copied, the log shrinks faster than it grows, and no step takes long. Must not run in the middle of another change.
 * When there is nothing to compact, and states have a time to live, one byte is looked at for each appended, in all segments in
 * turn: what has expired and is never touched again becomes garbage so.
 */
import { invariant } from '../../common/index.ts';
import type { RecordLog } from './record-log.ts';
import { RecordWindow } from './record-window.ts';
import { HEADER_BYTES, type Segment, TABLE_WORD, TAG_WORD, UNIT_BYTES } from './segment.ts';

/** How much is appended between two steps, at least. */
const STEP_BYTES = 8 * 1024;
/** How often, in bytes appended, it looks for a segment to begin with. */
const LOOK_EVERY_BYTES = 256 * 1024;

/** What compaction knows of time to live. */
export interface RecordExpiry {
  /** Whether any state has a time to live. */
  readonly isNeeded: boolean;
  /** Whether a record of a table holds nothing but what has expired; its body is in `bytes` from `start` to `end`. */
  isExpired(table: number, bytes: Uint8Array, start: number, end: number): boolean;
}

export class Compactor {
  private readonly log: RecordLog;
  private readonly window = new RecordWindow([]);
  private readonly expiry: RecordExpiry;
  private victim: Segment | undefined;
  private position = 0;
  private appended = 0;
  private readonly lookEveryBytes: number;
  /** The segment that is looked through for what has expired, and how far it has come. */
  private swept: Segment | undefined;
  private sweptSlot = 0;
  private sweptBytes = 0;
  /** Records that were moved or dropped: while it stays the same, all are where they were. */
  moves = 0;
  /** For metrics. */
  compactedBytes = 0;

  constructor(log: RecordLog, expiry: RecordExpiry) {
    this.log = log;
    this.expiry = expiry;
    this.lookEveryBytes = Math.min(LOOK_EVERY_BYTES, log.memory.totalBytes / 16);
  }

  /** To be called after each change of the log. */
  step(): void {
    const { log } = this;
    const { credit } = log;
    if (credit < STEP_BYTES) return;
    this.appended += credit;
    if (this.victim === undefined && this.appended >= this.lookEveryBytes) {
      this.appended = 0;
      this.victim = log.mostlyGarbage();
      this.position = 0;
    }
    if (this.victim !== undefined) this.compact(this.victim, 4 * credit);
    else if (this.expiry.isNeeded) this.sweep(credit);
    log.credit = 0;
  }

  private compact(victim: Segment, budget: number): void {
    for (let left = budget; left > 0 && !victim.dead && this.position < victim.used; ) {
      const length = this.visit(victim, this.position, true);
      this.position += length;
      this.compactedBytes += length;
      left -= length;
    }
    if (!victim.dead && this.position < victim.used) return;
    invariant(victim.dead, `compaction of segment ${victim.id} has left ${victim.live} live bytes`);
    this.victim = undefined;
    this.appended = this.lookEveryBytes;
  }

  /** Goes round all sealed segments, and makes garbage of what has expired. */
  private sweep(budget: number): void {
    for (let left = budget; left > 0; ) {
      if (this.swept === undefined || this.swept.dead || this.sweptBytes >= this.swept.used) {
        this.swept = this.log.sealedFrom(this.sweptSlot + 1);
        this.sweptSlot = this.swept?.slot ?? 0;
        this.sweptBytes = 0;
        if (this.swept === undefined) return;
      }
      const length = this.visit(this.swept, this.sweptBytes, false);
      this.sweptBytes += length;
      left -= length;
    }
  }

  /** Drops a record if it has expired, and otherwise moves it if that is wanted. Returns its size. */
  private visit(segment: Segment, offset: number, move: boolean): number {
    const { log, window } = this;
    window.openAt(segment, offset);
    const { length, bytes, start } = window;
    const location = log.locationOf(segment, offset);
    const index = segment.tables.indexOf(window.word(TABLE_WORD));
    if (index === undefined || !index.holds(window.word(TAG_WORD), location)) return length;
    if (this.expiry.isNeeded && this.expiry.isExpired(index.table, bytes, start + HEADER_BYTES, start + length)) {
      this.moves++;
      index.removeFound();
    } else if (move) {
      this.moves++;
      index.setPlace(log.appendCopy(index.table, length / UNIT_BYTES, bytes, start), length / UNIT_BYTES);
      log.forget(location, length / UNIT_BYTES);
    }
    return length;
  }
}
