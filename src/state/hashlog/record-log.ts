/**
 * The log that holds the records of one backend, in segments: the newest in memory, older ones in spill files.
 *
 * Records are appended to the tail. One that changes is overwritten where it is as long as it fits and its segment is in
 * memory and of this epoch; otherwise a new version is appended, and the old one is garbage. A snapshot begins a new epoch, and
 * so fixes all segments without copying any but the tail. What a location means never changes while anybody can hold it: a
 * segment's address is free again when no record in it is live and no snapshot or iteration needs it.
 *
 * A location is a 32-bit number: 12 bits of segment, 20 bits of offset in units of 8 bytes. So a log holds 4,095 segments of
 * at most 8 MB: 32 GB. A record that is larger gets a segment of its own. Location 0 is none.
 */
import { invariant, MillraceError } from '../../common/index.ts';
import type { MemoryReservation, SpillStorage } from '../../memory/index.ts';
import { BinaryReader } from '../../serialization/index.ts';
import type { HashIndex } from './hash-index.ts';
import { HEADER_BYTES, Segment, type SegmentSource, TABLE_WORD, TAG_WORD, UNIT_BYTES, UNITS_WORD } from './segment.ts';

export const OFFSET_BITS = 20;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
const MAX_SEGMENTS = 1 << (32 - OFFSET_BITS);
export const MAX_SEGMENT_BYTES = UNIT_BYTES << OFFSET_BITS;
const MIN_SEGMENT_BYTES = 4096;
/** Of the managed memory, a segment is at most this part. */
const SEGMENTS_IN_MEMORY = 32;
const SCRATCH_BYTES = 64 * 1024;
/** The epoch of segments from a checkpoint: it still has them, so nothing in them may be overwritten. */
const ADOPTED = -1;
/** Buffers that are kept for the next segment. */
const SPARE_BUFFERS = 2;

/** Finds the index that a table number in a record means; `undefined` once the table is gone. */
export interface RecordTables {
  indexOf(table: number): HashIndex | undefined;
}

export interface RecordLogOptions {
  /** For names of files and messages. */
  readonly name: string;
  readonly memory: MemoryReservation;
  readonly spill: SpillStorage;
  readonly tables: RecordTables;
  /** Chosen by the size of the memory unless given. */
  readonly segmentBytes?: number;
}

export class RecordLog {
  /** Counts snapshots. */
  epoch = 0;
  /** Snapshots that are not written yet: pages of indexes that they hold must be copied before they change. */
  pendingSnapshots = 0;
  /** Where `locate` found a record. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  /** By slot. Slot 0 is never used, so that no location is 0. */
  readonly segments: (Segment | undefined)[] = [undefined];
  /** Bytes appended since the compactor last looked. */
  credit = 0;
  readonly memory: MemoryReservation;
  private readonly name: string;
  private readonly spillStorage: SpillStorage;
  private readonly tables: RecordTables;
  private readonly segmentBytes: number;
  private tail: Segment | undefined;
  /** Segments in memory, the oldest first; the tail is not among them. */
  private inMemory: Segment[] = [];
  private readonly freeSlots: number[] = [];
  private readonly spareBuffers: Uint8Array[] = [];
  private readonly scratch = new Uint8Array(SCRATCH_BYTES);
  private nextId = 1;
  private iterations = 0;
  private readonly deadWhileIterating: Segment[] = [];
  /** For metrics. */
  spilledBytes = 0;
  coldReads = 0;

  constructor(options: RecordLogOptions) {
    this.name = options.name;
    this.memory = options.memory;
    this.spillStorage = options.spill;
    this.tables = options.tables;
    this.segmentBytes = options.segmentBytes ?? segmentBytesFor(options.memory.totalBytes);
  }

  /** Sets `bytes` and `start` to a record; they hold until the next call of anything. `units` is its size in the index. */
  locate(location: number, units: number): void {
    const segment = this.segments[location >>> OFFSET_BITS] as Segment;
    const offset = (location & OFFSET_MASK) * UNIT_BYTES;
    if (segment.buffer !== undefined) {
      this.bytes = segment.buffer;
      this.start = offset;
      return;
    }
    this.coldReads++;
    const length = units * UNIT_BYTES;
    const into = length <= SCRATCH_BYTES ? this.scratch.subarray(0, length) : new Uint8Array(length);
    segment.read(offset, into);
    this.bytes = into;
    this.start = 0;
  }

  /** Whether the record at `location` has the key that `body` begins with. As `locate`. */
  hasKey(location: number, units: number, body: Uint8Array, keyLength: number): boolean {
    this.locate(location, units);
    const { bytes } = this;
    const at = this.start + HEADER_BYTES;
    for (let i = 0; i < keyLength; i++) if (bytes[at + i] !== body[i]) return false;
    return true;
  }

  /** A reader of the value of the record that `locate` found; of the body without a length of the key. */
  reader(units: number, keyLength = 0): BinaryReader {
    return new BinaryReader(this.bytes.subarray(this.start + HEADER_BYTES + keyLength, this.start + units * UNIT_BYTES));
  }

  isInMemory(location: number): boolean {
    return this.segments[location >>> OFFSET_BITS]?.buffer !== undefined;
  }

  /** Identifies a segment for ever; a location does so only while it is live. */
  segmentIdOf(location: number): number {
    return this.segments[location >>> OFFSET_BITS]?.id ?? 0;
  }

  locationOf(segment: Segment, offset: number): number {
    return (segment.slot << OFFSET_BITS) | (offset / UNIT_BYTES);
  }

  canOverwrite(location: number): boolean {
    const segment = this.segments[location >>> OFFSET_BITS] as Segment;
    return segment.epoch === this.epoch && segment.buffer !== undefined;
  }

  /** Writes `bytes[from .. to)` over the body of a record, from `position` on; it must fit. */
  overwrite(location: number, position: number, bytes: Uint8Array, from: number, to: number): void {
    const segment = this.segments[location >>> OFFSET_BITS] as Segment;
    const at = (location & OFFSET_MASK) * UNIT_BYTES + HEADER_BYTES + position;
    copyBytes(bytes, from, segment.buffer as Uint8Array, at, to - from);
  }

  /**
   * Appends a record and counts it as live. Spills other segments if it must.
   * @throws MillraceError `FILE_SYSTEM_FAILED`, `STATE_FAILED` if the log is full
   */
  append(table: number, tag: number, units: number, body: Uint8Array): number {
    const segment = this.room(units);
    const at = segment.used;
    const words = segment.words as Int32Array;
    const word = at >>> 2;
    words[word + TABLE_WORD] = table;
    words[word + UNITS_WORD] = units;
    words[word + TAG_WORD] = tag;
    copyBytes(body, 0, segment.buffer as Uint8Array, at + HEADER_BYTES, body.length);
    return this.finishAppend(segment, at, units);
  }

  /** Appends a copy of a record with its header, as of `table`. */
  appendCopy(table: number, units: number, from: Uint8Array, start: number): number {
    const segment = this.room(units);
    const at = segment.used;
    copyBytes(from, start, segment.buffer as Uint8Array, at, units * UNIT_BYTES);
    (segment.words as Int32Array)[(at >>> 2) + TABLE_WORD] = table;
    return this.finishAppend(segment, at, units);
  }

  /** A record is not live any more. */
  forget(location: number, units: number): void {
    const segment = this.segments[location >>> OFFSET_BITS] as Segment;
    segment.live -= units * UNIT_BYTES;
    if (segment.live === 0 && segment !== this.tail) this.retire(segment);
  }

  /** Begins a new epoch: no byte that is there changes from now on. Returns what there is; `release` it once. */
  freeze(): FrozenLog {
    this.epoch++;
    this.pendingSnapshots++;
    const { tail } = this;
    // A tail that is half full is sealed; less than that is copied, so that frequent snapshots leave no small segments.
    const copied = tail !== undefined && tail.used < (tail.buffer as Uint8Array).length / 2 ? tail : undefined;
    if (tail !== undefined && copied === undefined) this.seal(tail);
    else if (copied !== undefined) this.renew(copied);
    const sources: (SegmentSource | undefined)[] = [];
    const pinned: Segment[] = [];
    for (const segment of this.segments) {
      if (segment === undefined || segment.dead) continue;
      if (segment === this.tail) {
        if (segment.used > 0) sources[segment.slot] = new SegmentCopy(segment);
        continue;
      }
      segment.pins++;
      pinned.push(segment);
      sources[segment.slot] = segment;
    }
    let released = false;
    return {
      sources,
      release: () => {
        if (released) return;
        released = true;
        this.pendingSnapshots--;
        for (const segment of pinned) if (--segment.pins === 0 && segment.dead) this.free(segment);
      },
    };
  }

  /** While `body` runs, locations that were live at its start can be read. */
  iterate(body: () => void): void {
    this.iterations++;
    try {
      body();
    } finally {
      if (--this.iterations === 0) {
        for (const segment of this.deadWhileIterating.splice(0)) if (segment.pins === 0) this.free(segment);
      }
    }
  }

  /** Takes over `used` bytes of records, as `fill` gives them portion by portion from the front. */
  async adopt(used: number, tables: RecordTables, fill: (position: number, into: Uint8Array) => Promise<void>): Promise<Segment> {
    // As large as any other if it is at all full: then its buffer is taken over when it is spilled, and none waits for collection.
    const isFull = used > this.segmentBytes / 2 && used <= this.segmentBytes;
    const segment = this.begin(isFull ? this.segmentBytes : Math.max(used, MIN_SEGMENT_BYTES), tables, ADOPTED);
    const buffer = segment.buffer as Uint8Array;
    for (let position = 0; position < used; position += SCRATCH_BYTES * 4) {
      await fill(position, buffer.subarray(position, Math.min(used, position + SCRATCH_BYTES * 4)));
    }
    segment.used = used;
    this.inMemory.push(segment);
    return segment;
  }

  /** After `adopt`, and all of its live records counted. */
  dropIfDead(segment: Segment): void {
    if (segment.live === 0) this.retire(segment);
  }

  get liveBytes(): number {
    let live = 0;
    for (const segment of this.segments) live += segment?.live ?? 0;
    return live;
  }

  /** Of all segments, garbage included. */
  get usedBytes(): number {
    let used = 0;
    for (const segment of this.segments) used += segment?.used ?? 0;
    return used;
  }

  /** The sealed segment with the least live share, for compaction; none unless garbage is more than half of the log. */
  mostlyGarbage(): Segment | undefined {
    let used = 0;
    let live = 0;
    let best: Segment | undefined;
    for (const segment of this.segments) {
      if (segment === undefined || segment.dead || segment === this.tail) continue;
      used += segment.used;
      live += segment.live;
      if (best === undefined || segment.live * best.used < best.live * segment.used) best = segment;
    }
    return used > 2 * live + 2 * this.segmentBytes ? best : undefined;
  }

  /** The first sealed segment from a slot on. */
  sealedFrom(slot: number): Segment | undefined {
    for (let i = slot; i < this.segments.length; i++) {
      const segment = this.segments[i];
      if (segment !== undefined && !segment.dead && segment !== this.tail) return segment;
    }
    return undefined;
  }

  /** Frees memory by moving segments to disk; the tail stays. */
  spill(bytes: number): void {
    for (let freed = 0; freed < bytes; ) {
      const buffer = this.spillOldest();
      if (buffer === undefined) {
        for (const spare of this.spareBuffers.splice(0)) this.memory.release(spare.length);
        return;
      }
      this.memory.release(buffer.length);
      freed += buffer.length;
    }
  }

  dispose(): void {
    for (const segment of this.segments) segment?.file?.delete();
    this.segments.length = 1;
    this.inMemory = [];
    this.spareBuffers.length = 0;
    this.tail = undefined;
  }

  private finishAppend(segment: Segment, at: number, units: number): number {
    const bytes = units * UNIT_BYTES;
    segment.used = at + bytes;
    segment.live += bytes;
    this.credit += bytes;
    return this.locationOf(segment, at);
  }

  /** A segment with room at its end. */
  private room(units: number): Segment {
    const bytes = units * UNIT_BYTES;
    const { tail } = this;
    if (tail !== undefined && tail.used + bytes <= (tail.buffer as Uint8Array).length) return tail;
    if (bytes > this.segmentBytes) {
      const own = this.begin(bytes, this.tables);
      this.inMemory.push(own);
      return own;
    }
    if (tail !== undefined) this.seal(tail);
    this.tail = this.begin(this.segmentBytes, this.tables);
    return this.tail;
  }

  private seal(tail: Segment): void {
    this.tail = undefined;
    if (tail.live === 0) this.retire(tail);
    else this.inMemory.push(tail);
  }

  /** The tail goes on in the new epoch: what it holds is overwritten as before, and the copy is the snapshot's. */
  private renew(tail: Segment): void {
    const next = new Segment(tail.slot, tail.id, this.epoch, tail.tables, tail.buffer as Uint8Array);
    next.used = tail.used;
    next.live = tail.live;
    this.segments[tail.slot] = next;
    this.tail = next;
  }

  private begin(bytes: number, tables: RecordTables, epoch = this.epoch): Segment {
    const slot = this.freeSlots.pop() ?? this.segments.length;
    if (slot >= MAX_SEGMENTS) {
      this.freeSlots.push(slot);
      throw new MillraceError(
        'STATE_FAILED',
        `The state of ${this.name} on one subtask does not fit in ${MAX_SEGMENTS - 1} segments of ${this.segmentBytes} bytes. Raise the parallelism, or the managed memory: segments are a ${SEGMENTS_IN_MEMORY}th of it, at most ${MAX_SEGMENT_BYTES} bytes.`,
        { context: { operator: this.name } },
      );
    }
    const segment = new Segment(slot, this.nextId++, epoch, tables, this.takeBuffer(bytes));
    this.segments[slot] = segment;
    return segment;
  }

  private takeBuffer(bytes: number): Uint8Array {
    if (bytes !== this.segmentBytes) {
      const rounded = Math.ceil(bytes / UNIT_BYTES) * UNIT_BYTES;
      this.memory.reserve(rounded);
      return new Uint8Array(rounded);
    }
    const spare = this.spareBuffers.pop();
    if (spare !== undefined) return spare;
    while (!this.memory.tryReserve(bytes)) {
      const buffer = this.spillOldest();
      if (buffer?.length === bytes) return buffer;
      if (buffer !== undefined) {
        this.memory.release(buffer.length);
        continue;
      }
      this.memory.reserve(bytes);
      break;
    }
    return new Uint8Array(bytes);
  }

  /** Moves the oldest segment in memory to disk, and returns its buffer; `undefined` if there is none. */
  private spillOldest(): Uint8Array | undefined {
    const segment = this.inMemory.shift();
    if (segment === undefined) return undefined;
    const file = this.spillStorage.create(`${this.name}-${segment.id}`);
    const buffer = segment.buffer as Uint8Array;
    try {
      file.append(buffer.subarray(0, segment.used));
    } catch (error) {
      file.delete();
      this.inMemory.unshift(segment);
      throw error;
    }
    this.spilledBytes += segment.used;
    segment.file = file;
    segment.buffer = undefined;
    segment.words = undefined;
    return buffer;
  }

  /** Nothing in a segment is live any more. */
  private retire(segment: Segment): void {
    if (segment.dead) return;
    segment.dead = true;
    if (this.iterations > 0) this.deadWhileIterating.push(segment);
    else if (segment.pins === 0) this.free(segment);
  }

  private free(segment: Segment): void {
    if (this.iterations > 0) {
      this.deadWhileIterating.push(segment);
      return;
    }
    invariant(segment.live === 0 && segment.pins === 0, `segment ${segment.id} is freed while it is needed`);
    if (this.segments[segment.slot] !== segment) return;
    this.segments[segment.slot] = undefined;
    this.freeSlots.push(segment.slot);
    segment.file?.delete();
    const { buffer } = segment;
    if (buffer === undefined) return;
    const place = this.inMemory.indexOf(segment);
    if (place >= 0) this.inMemory.splice(place, 1);
    if (buffer.length === this.segmentBytes && this.spareBuffers.length < SPARE_BUFFERS) this.spareBuffers.push(buffer);
    else this.memory.release(buffer.length);
  }
}

/** All segments at one moment, by slot. */
export interface FrozenLog {
  readonly sources: readonly (SegmentSource | undefined)[];
  release(): void;
}

/** What the tail held. */
export class SegmentCopy implements SegmentSource {
  readonly id: number;
  readonly used: number;
  private readonly bytes: Uint8Array;

  constructor(segment: Segment) {
    this.id = segment.id;
    this.used = segment.used;
    this.bytes = (segment.buffer as Uint8Array).slice(0, segment.used);
  }

  read(position: number, into: Uint8Array): void {
    into.set(this.bytes.subarray(position, position + into.length));
  }
}

/** A power of two. */
function segmentBytesFor(memoryBytes: number): number {
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, memoryBytes / SEGMENTS_IN_MEMORY)));
  return Math.min(Math.max(wanted, MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES / 2);
}

/** `subarray` and `set` cost more than a loop up to about here. */
const SHORT_COPY = 96;

export function copyBytes(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length <= SHORT_COPY) {
    for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
  } else {
    to.set(from.subarray(start, start + length), at);
  }
}
