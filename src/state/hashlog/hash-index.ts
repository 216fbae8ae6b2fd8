/**
 * A hash table from keys to the locations of their records in the log: 12 bytes an entry, off the heap.
 *
 * Extendible hashing (R. Fagin et al., 1979): a directory of pages, chosen by the upper bits of the hash; within a page, linear
 * probing. A full page is split in two, or doubled while it is small, so growth never moves more than one page (1,024
 * entries), and a snapshot copies nothing: it keeps the pages as they are, and a page is copied when it is next changed.
 *
 * An entry is the tag of the key, the location of its record and the record's size in units. The tag is 32 bits of hash, of
 * which the remainder by the number of key groups is the key group of the key; so an entry is enough to move a key to another
 * subtask. Keys are compared in the records: equal tags decide nothing.
 */
import type { FrozenPages } from './frozen-index.ts';
import type { RecordLog } from './record-log.ts';
import { HEADER_BYTES, UNIT_BYTES } from './segment.ts';

/** Words of an entry: tag, location, units. */
export const ENTRY_WORDS = 3;
const FIRST_ENTRIES = 4;
const PAGE_ENTRIES = 1024;
/** Deeper, pages are doubled instead of split: more keys than that have one tag. */
const MAX_DEPTH = 20;

export class Page {
  entries: Int32Array;
  count = 0;
  /** Upper bits of the hash that all of its entries share. */
  readonly depth: number;
  /** The epoch of the log in which `entries` became its own. */
  epoch: number;

  constructor(entries: number, depth: number, epoch: number) {
    this.entries = new Int32Array(entries * ENTRY_WORDS);
    this.depth = depth;
    this.epoch = epoch;
  }

  get capacity(): number {
    return this.entries.length / ENTRY_WORDS;
  }
}

/** The upper bits choose the page, the lower ones the place in it. Tags of one subtask have a few remainders only. */
export function hashOfTag(tag: number): number {
  let hash = Math.imul(tag ^ (tag >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

export function pageOfHash(hash: number, depth: number): number {
  return depth === 0 ? 0 : hash >>> (32 - depth);
}

export class HashIndex {
  /** The number of entries. */
  count = 0;
  /** Where the record is that `find` or `put` came to. */
  location = 0;
  units = 0;
  /** The number in the records' headers. */
  readonly table: number;
  private readonly log: RecordLog;
  private depth = 0;
  private directory: Page[];
  private bytes = 0;
  private page: Page;
  private place = 0;

  constructor(log: RecordLog, table: number) {
    this.log = log;
    this.table = table;
    this.page = this.newPage(FIRST_ENTRIES, 0);
    this.directory = [this.page];
  }

  /**
   * Looks a key up: `body` begins with its `keyLength` bytes. A record that is at `known` is taken for the key's without
   * looking. Sets `location` and `units`.
   */
  find(tag: number, body: Uint8Array, keyLength: number, known = 0): boolean {
    const hash = hashOfTag(tag);
    const page = this.directory[pageOfHash(hash, this.depth)] as Page;
    const { entries } = page;
    const mask = page.capacity - 1;
    this.page = page;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const at = place * ENTRY_WORDS;
      const location = entries[at + 1] as number;
      if (location !== 0) {
        if (entries[at] !== tag) continue;
        const units = entries[at + 2] as number;
        if (location !== known && !this.log.hasKey(location, units, body, keyLength)) continue;
        this.location = location;
        this.units = units;
      }
      this.place = place;
      return location !== 0;
    }
  }

  /** Whether there is an entry with this tag and location. Sets `units`. */
  holds(tag: number, location: number): boolean {
    const hash = hashOfTag(tag);
    const page = this.directory[pageOfHash(hash, this.depth)] as Page;
    const { entries } = page;
    const mask = page.capacity - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const at = place * ENTRY_WORDS;
      const found = entries[at + 1] as number;
      if (found === 0) return false;
      if (found !== location || entries[at] !== tag) continue;
      this.page = page;
      this.place = place;
      this.location = location;
      this.units = entries[at + 2] as number;
      return true;
    }
  }

  /**
   * Sets the record of a key to `body`, which is the key and the value. With `room` above 1, a record that does not fit in
   * its old place gets that many times the space. Sets `location` and `units`.
   */
  put(tag: number, body: Uint8Array, keyLength: number, room = 1, known = 0): void {
    this.store(this.find(tag, body, keyLength, known), tag, body, keyLength, room);
  }

  /** As `put`, after `find` said whether the key was `found`. */
  store(found: boolean, tag: number, body: Uint8Array, keyLength: number, room = 1): void {
    const size = HEADER_BYTES + body.length;
    const { log } = this;
    if (!found) {
      const units = Math.ceil(size / UNIT_BYTES);
      this.insert(tag, log.append(this.table, tag, units, body), units);
      return;
    }
    const { location, units } = this;
    if (size <= units * UNIT_BYTES && log.canOverwrite(location)) {
      log.overwrite(location, keyLength, body, keyLength, body.length);
      return;
    }
    const wanted = Math.ceil((size * room) / UNIT_BYTES);
    this.setPlace(log.append(this.table, tag, wanted, body), wanted);
    log.forget(location, units);
  }

  /** An entry for a key that has none; the record counts as live already. Sets `location` and `units`. */
  insert(tag: number, location: number, units: number): void {
    const hash = hashOfTag(tag);
    let page = this.directory[pageOfHash(hash, this.depth)] as Page;
    while ((page.count + 1) * 5 > page.capacity * 4) page = this.makeRoom(page, hash);
    this.own(page);
    const { entries } = page;
    const mask = page.capacity - 1;
    let place = hash & mask;
    while (entries[place * ENTRY_WORDS + 1] !== 0) place = (place + 1) & mask;
    entries[place * ENTRY_WORDS] = tag;
    page.count++;
    this.count++;
    this.page = page;
    this.place = place;
    this.setPlace(location, units);
  }

  /** Points the entry that `holds` or `find` came to elsewhere. */
  setPlace(location: number, units: number): void {
    const { page } = this;
    this.own(page);
    const at = this.place * ENTRY_WORDS;
    page.entries[at + 1] = location;
    page.entries[at + 2] = units;
    this.location = location;
    this.units = units;
  }

  /** Removes the entry that `holds` or `find` came to, and forgets its record. */
  removeFound(): void {
    const { page, location, units } = this;
    this.own(page);
    const { entries } = page;
    const mask = page.capacity - 1;
    let hole = this.place;
    for (let next = (hole + 1) & mask; entries[next * ENTRY_WORDS + 1] !== 0; next = (next + 1) & mask) {
      const wanted = hashOfTag(entries[next * ENTRY_WORDS] as number) & mask;
      // Whether `wanted` lies cyclically behind the hole: then the entry can stay.
      if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
      entries.copyWithin(hole * ENTRY_WORDS, next * ENTRY_WORDS, (next + 1) * ENTRY_WORDS);
      hole = next;
    }
    entries.fill(0, hole * ENTRY_WORDS, (hole + 1) * ENTRY_WORDS);
    page.count--;
    this.count--;
    this.log.forget(location, units);
  }

  remove(tag: number, body: Uint8Array, keyLength: number, known = 0): boolean {
    const found = this.find(tag, body, keyLength, known);
    if (found) this.removeFound();
    return found;
  }

  /** Forgets all records, and gives the memory back. */
  clear(): void {
    for (const page of this.pages()) {
      const { entries } = page;
      for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
        if (entries[at + 1] !== 0) this.log.forget(entries[at + 1] as number, entries[at + 2] as number);
      }
    }
    this.count = 0;
    this.log.memory.release(this.bytes);
    this.bytes = 0;
    this.depth = 0;
    this.page = this.newPage(FIRST_ENTRIES, 0);
    this.directory = [this.page];
  }

  /** Gives the memory back; the index must not be used afterwards. */
  dispose(): void {
    this.clear();
    this.log.memory.release(this.bytes);
    this.bytes = 0;
  }

  /** The locations of all records, ascending: in the order in which the log can be read. */
  locations(): Uint32Array {
    const found = new Uint32Array(this.count);
    let count = 0;
    for (const page of this.pages()) {
      const { entries } = page;
      for (let at = 1; at < entries.length; at += ENTRY_WORDS) if (entries[at] !== 0) found[count++] = entries[at] as number;
    }
    return found.sort();
  }

  /** Entry by entry while keys change: some may be missed, some come twice, and some be gone (see `holds`) when they come. */
  *cursor(): Generator<{ readonly tag: number; readonly location: number }, void> {
    for (let i = 0; i < this.directory.length; i++) {
      const page = this.directory[i] as Page;
      if (page === this.directory[i - 1]) continue;
      for (let at = 0; at < page.entries.length; at += ENTRY_WORDS) {
        const location = page.entries[at + 1] as number;
        if (location === 0) continue;
        yield { tag: page.entries[at] as number, location };
        // When an entry is removed, the next one may take its place.
        if (page.entries[at + 1] !== location) at -= ENTRY_WORDS;
      }
    }
  }

  /** All entries at this moment; later changes do not show. Only between `freeze` and `release` of the log. */
  freeze(): FrozenPages {
    return { depth: this.depth, count: this.count, pages: this.directory.map((page) => page.entries) };
  }

  private *pages(): Generator<Page, void> {
    for (let i = 0; i < this.directory.length; ) {
      const page = this.directory[i] as Page;
      yield page;
      i += 2 ** (this.depth - page.depth);
    }
  }

  /** Before a page is changed: a snapshot may hold it. */
  private own(page: Page): void {
    const { log } = this;
    if (page.epoch === log.epoch) return;
    if (log.pendingSnapshots > 0) page.entries = page.entries.slice();
    page.epoch = log.epoch;
  }

  /** Makes room in a full page; returns the page that `hash` belongs to now. */
  private makeRoom(page: Page, hash: number): Page {
    if (page.capacity < PAGE_ENTRIES || page.depth === MAX_DEPTH) {
      const larger = this.newPage(page.capacity * 2, page.depth);
      this.fill(page, () => larger);
      this.replace(page, larger, larger, hash);
      return larger;
    }
    if (page.depth === this.depth) {
      this.directory = this.directory.flatMap((each) => [each, each]);
      this.depth++;
    }
    const depth = page.depth + 1;
    const [low, high] = [this.newPage(page.capacity, depth), this.newPage(page.capacity, depth)];
    this.fill(page, (each) => (((each >>> (32 - depth)) & 1) === 0 ? low : high));
    this.replace(page, low, high, hash);
    return this.directory[pageOfHash(hash, this.depth)] as Page;
  }

  private fill(from: Page, pageOf: (hash: number) => Page): void {
    const { entries } = from;
    for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
      if (entries[at + 1] === 0) continue;
      const hash = hashOfTag(entries[at] as number);
      const page = pageOf(hash);
      const mask = page.capacity - 1;
      let place = hash & mask;
      while (page.entries[place * ENTRY_WORDS + 1] !== 0) place = (place + 1) & mask;
      page.entries[place * ENTRY_WORDS] = entries[at] as number;
      page.entries[place * ENTRY_WORDS + 1] = entries[at + 1] as number;
      page.entries[place * ENTRY_WORDS + 2] = entries[at + 2] as number;
      page.count++;
    }
  }

  /** Puts two pages (or one) in the places of `page` in the directory. */
  private replace(page: Page, low: Page, high: Page, hash: number): void {
    const span = 2 ** (this.depth - page.depth);
    const first = Math.floor(pageOfHash(hash, this.depth) / span) * span;
    for (let i = 0; i < span; i++) this.directory[first + i] = i < span / 2 ? low : high;
    const bytes = page.entries.byteLength;
    this.bytes -= bytes;
    this.log.memory.release(bytes);
  }

  private newPage(entries: number, depth: number): Page {
    const page = new Page(entries, depth, this.log.epoch);
    const bytes = page.entries.byteLength;
    this.log.memory.reserve(bytes);
    this.bytes += bytes;
    return page;
  }
}
